#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proc/doctor_firewall.h"

/* Rules as `nft -j list ruleset` of nftables 1.0.6 prints them. */
#define CHAIN(name, more)                                                                                    \
    "{\"chain\": {\"family\": \"ip\", \"table\": \"f\", \"name\": \"" name "\", \"handle\": 1" more "}}"
#define BASE(policy)                                                                                         \
    CHAIN("input", ", \"type\": \"filter\", \"hook\": \"input\", \"prio\": 0, \"policy\": \"" policy "\"")
#define RULE_OF(chain, expressions)                                                                          \
    "{\"rule\": {\"family\": \"ip\", \"table\": \"f\", \"chain\": \"" chain                                  \
    "\", \"handle\": 2, \"expr\": [" expressions "]}}"
#define RULE(expressions)        RULE_OF("input", expressions)
#define MATCH(op, left, right)   "{\"match\": {\"op\": \"" op "\", \"left\": " left ", \"right\": " right "}}"
#define PAYLOAD(protocol, field) "{\"payload\": {\"protocol\": \"" protocol "\", \"field\": \"" field "\"}}"
#define META(key)                "{\"meta\": {\"key\": \"" key "\"}}"
#define UDP(right)               MATCH("==", PAYLOAD("udp", "dport"), right)
#define TCP(right)               MATCH("==", PAYLOAD("tcp", "dport"), right)
#define IIF(right)               MATCH("==", META("iifname"), right)
#define STATE(list)              MATCH("in", "{\"ct\": {\"key\": \"state\"}}", list)
#define ACCEPT                   "{\"accept\": null}"
#define DROP                     "{\"drop\": null}"
#define JUMP                     "{\"jump\": {\"target\": \"sub\"}}"
#define GOTO                     "{\"goto\": {\"target\": \"sub\"}}"
#define RETURN                   "{\"return\": null}"
#define LIMIT                    "{\"limit\": {\"rate\": 3, \"burst\": 5, \"per\": \"second\"}}"
#define COUNTER                  "{\"counter\": {\"packets\": 0, \"bytes\": 0}}"
#define SUB                      CHAIN("sub", "")
#define PORTS                                                                                                \
    "{\"set\": {\"family\": \"ip\", \"name\": \"ports\", \"table\": \"f\", \"type\": \"inet_service\", "     \
    "\"handle\": 7, \"flags\": [\"interval\"], \"elem\": [{\"range\": [60, 70]}, {\"elem\": {\"val\": "      \
    "4011, \"comment\": \"x\"}}]}}"
#define EMPTY                                                                                                \
    "{\"set\": {\"family\": \"ip\", \"name\": \"none\", \"table\": \"f\", \"type\": \"inet_service\", "      \
    "\"handle\": 8}}"
#define VMAP                                                                                                 \
    "{\"vmap\": {\"key\": " PAYLOAD(                                                                         \
        "udp", "dport") ", \"data\": {\"set\": [[67, {\"accept\": null}], [69, {\"drop\": null}]]}}}"

static const struct doctor_inbound dhcp = {"e0", false, 67}, tftp = {"e0", false, 69},
                                   pxe = {"e0", false, 4011}, http = {"e0", true, 80};

static enum doctor_verdict judge(const char *objects, const struct doctor_inbound *packet)
{
    char chain[DOCTOR_CHAIN_MAX];
    struct buf text = BUF_INIT;
    json_error_t why;
    buf_format(&text, "{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}}, %s]}", objects);
    json_t *ruleset = json_loads(buf_text(&text), 0, &why);
    if (!ruleset)
        fail_msg("%s in %s", why.text, buf_text(&text));
    enum doctor_verdict verdict = doctor_firewall(ruleset, packet, chain);
    assert_string_equal(chain, verdict == DOCTOR_LETS_IN ? "" : "ip f input");
    json_decref(ruleset);
    buf_fini(&text);
    return verdict;
}

static const struct {
    const char *objects;
    const struct doctor_inbound *packet;
    enum doctor_verdict verdict;
} cases[] = {
    {BASE("accept"), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop"), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(ACCEPT), &dhcp, DOCTOR_LETS_IN},
    {BASE("accept") "," RULE(DROP), &dhcp, DOCTOR_DROPS},
    {BASE("accept") "," RULE("{\"reject\": {\"type\": \"icmp\", \"expr\": \"port-unreachable\"}}"), &dhcp,
     DOCTOR_DROPS},
    {BASE("drop") "," RULE(COUNTER "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    /* ports */
    {BASE("drop") "," RULE(UDP("67") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(UDP("67") "," ACCEPT), &tftp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(TCP("67") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(UDP("80") "," ACCEPT), &http, DOCTOR_DROPS},
    {BASE("drop") "," RULE(TCP("{\"range\": [80, 90]}") "," ACCEPT), &http, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(TCP("{\"range\": [81, 90]}") "," ACCEPT), &http, DOCTOR_DROPS},
    {BASE("drop") "," RULE(UDP("{\"set\": [67, 69]}") "," ACCEPT), &tftp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(UDP("{\"set\": [67, {\"range\": [68, 70]}]}") "," ACCEPT), &tftp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(UDP("{\"set\": [67, 68]}") "," ACCEPT), &tftp, DOCTOR_DROPS},
    {BASE("drop") "," PORTS "," RULE(UDP("\"@ports\"") "," ACCEPT), &tftp, DOCTOR_LETS_IN},
    {BASE("drop") "," PORTS "," RULE(UDP("\"@ports\"") "," ACCEPT), &pxe, DOCTOR_LETS_IN},
    {BASE("drop") "," EMPTY "," RULE(UDP("\"@none\"") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(UDP("\"@gone\"") "," ACCEPT), &dhcp, DOCTOR_MAY_DROP},
    {BASE("accept") "," RULE(MATCH("!=", PAYLOAD("udp", "dport"), "67") "," DROP), &tftp, DOCTOR_DROPS},
    {BASE("accept") "," RULE(MATCH("!=", PAYLOAD("udp", "dport"), "67") "," DROP), &dhcp, DOCTOR_LETS_IN},
    {BASE("accept") "," RULE(MATCH("!=", PAYLOAD("udp", "dport"), "67") "," DROP), &http, DOCTOR_LETS_IN},
    {BASE("accept") "," RULE(MATCH("==", PAYLOAD("ip6", "nexthdr"), "17") "," DROP), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(MATCH("==", PAYLOAD("ip", "protocol"), "\"udp\"") "," ACCEPT), &dhcp,
     DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(MATCH("==", PAYLOAD("th", "dport"), "67") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    /* where it comes in */
    {BASE("drop") "," RULE(IIF("\"e0\"") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(IIF("\"lo\"") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(IIF("\"e*\"") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(IIF("{\"set\": [\"e1\", \"e2\"]}") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(MATCH("==", META("l4proto"), "\"tcp\"") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(MATCH("==", META("l4proto"), "{\"set\": [\"tcp\", \"udp\"]}") "," ACCEPT), &dhcp,
     DOCTOR_LETS_IN},
    /* what has been before */
    {BASE("drop") "," RULE(STATE("[\"established\", \"related\"]") "," ACCEPT), &dhcp, DOCTOR_DROPS},
    {BASE("accept") "," RULE(STATE("\"invalid\"") "," DROP), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," RULE(STATE("[\"new\", \"untracked\"]") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    /* what is not known */
    {BASE("drop") "," RULE(LIMIT "," ACCEPT), &dhcp, DOCTOR_MAY_DROP},
    {BASE("drop") "," RULE(MATCH("==", PAYLOAD("ip", "saddr"), "\"10.0.0.1\"") "," ACCEPT), &dhcp,
     DOCTOR_MAY_DROP},
    {BASE("drop") "," RULE("{\"xt\": {\"type\": \"match\", \"name\": \"multiport\"}}," ACCEPT), &dhcp,
     DOCTOR_MAY_DROP},
    {BASE("drop") "," RULE(LIMIT "," DROP), &dhcp, DOCTOR_DROPS},
    {BASE("drop") "," RULE(LIMIT "," ACCEPT) "," RULE(ACCEPT), &dhcp, DOCTOR_LETS_IN},
    /* chains */
    {BASE("drop") "," SUB "," RULE(JUMP) "," RULE_OF("sub", UDP("67") "," ACCEPT), &dhcp, DOCTOR_LETS_IN},
    {BASE("drop") "," SUB "," RULE(JUMP) "," RULE_OF("sub", UDP("67") "," RETURN) "," RULE(ACCEPT), &dhcp,
     DOCTOR_LETS_IN},
    {BASE("drop") "," SUB "," RULE(GOTO) "," RULE_OF("sub", UDP("67") "," RETURN) "," RULE(ACCEPT), &dhcp,
     DOCTOR_DROPS},
    {BASE("accept") "," SUB "," RULE(JUMP) "," RULE_OF("sub", JUMP), &dhcp, DOCTOR_MAY_DROP}, /* a loop */
    {BASE("drop") "," RULE(VMAP), &dhcp, DOCTOR_LETS_IN},
    {BASE("accept") "," RULE(VMAP), &tftp, DOCTOR_DROPS},
    {BASE("accept") "," RULE(VMAP), &pxe, DOCTOR_LETS_IN},
    {BASE("accept") "," RULE("{\"vmap\": {\"key\": " PAYLOAD("udp", "dport") ", \"data\": \"@m\"}}"), &pxe,
     DOCTOR_MAY_DROP},
    /* chains that are not on the way */
    {CHAIN("out", ", \"type\": \"filter\", \"hook\": \"output\", \"prio\": 0, \"policy\": \"drop\""), &dhcp,
     DOCTOR_LETS_IN},
    {SUB "," RULE_OF("sub", DROP), &dhcp, DOCTOR_LETS_IN},
};

static void rules(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum doctor_verdict got = judge(cases[i].objects, cases[i].packet);
        if (got != cases[i].verdict)
            fail_msg("case %zu: %d, wanted %d: %s", i, got, cases[i].verdict, cases[i].objects);
    }
}

/* A packet must get through all base chains; one that is no ruleset stops nobody. */
static void several_chains(void **state)
{
    static const char both[] =
        "{\"nftables\": [{\"chain\": {\"family\": \"inet\", \"table\": \"a\", \"name\": \"x\", \"type\": "
        "\"filter\", \"hook\": \"input\", \"policy\": \"accept\"}}, {\"chain\": {\"family\": \"ip\", "
        "\"table\": "
        "\"b\", \"name\": \"y\", \"type\": \"filter\", \"hook\": \"prerouting\", \"policy\": \"drop\"}}, "
        "{\"chain\": {\"family\": \"netdev\", \"table\": \"c\", \"name\": \"z\", \"type\": \"filter\", "
        "\"hook\": "
        "\"ingress\", \"dev\": \"e1\", \"policy\": \"drop\"}}, {\"rule\": {\"family\": \"inet\", \"table\": "
        "\"b\", \"chain\": \"y\", \"expr\": [{\"accept\": null}]}}]}";
    static const char *const odd[] = {"{}", "[]", "{\"nftables\": 3}",
                                      "{\"nftables\": [1, {\"chain\": 2}, null]}"};
    char chain[DOCTOR_CHAIN_MAX];
    json_t *ruleset = json_loads(both, 0, NULL);
    assert_int_equal(doctor_firewall(ruleset, &dhcp, chain), DOCTOR_DROPS);
    assert_string_equal(chain, "ip b y");
    json_decref(ruleset);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        ruleset = json_loads(odd[i], 0, NULL);
        assert_int_equal(doctor_firewall(ruleset, &dhcp, chain), DOCTOR_LETS_IN);
        json_decref(ruleset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(several_chains),
    };
    return cmocka_run_group_tests_name("proc/doctor_firewall", tests, NULL, NULL);
}
