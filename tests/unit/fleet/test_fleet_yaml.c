/* A fleet from YAML and back: every key, the positions and texts of errors, and what a dump keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "fleet/fleet_yaml.h"
#include "fleet/password.h"

#include <string.h>

/* openssl passwd -6 -salt abcdefgh secret; openssl passwd -1 -salt abcdefgh secret */
#define HASH_STRONG                                                                                          \
    "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."
#define HASH_WEAK "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"
#define KEY       "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq6vRr2bTgK0DgMlkW3fF5b4zq4yJ0Qz7o5mJbN3x5W ops@lab"

static const char full[] = "# The lab.\n"
                           "networks:\n"
                           "  lab:\n"
                           "    subnet: 10.77.0.0/24\n"
                           "    interface: eth1\n"
                           "    gateway: 10.77.0.1\n"
                           "    dns: [10.77.0.1, 10.77.0.2]\n"
                           "    domain: lab.example.com\n"
                           "    ntp: 10.77.0.1\n"
                           "    pool: 10.77.0.100-10.77.0.199\n"
                           "    lease: 90m\n"
                           "profiles:\n"
                           "  esxi:\n"
                           "    image: esxi-4.0.0-208167\n"
                           "    kernel_options: noACPI vga=normal # slow cards\n"
                           "    root_password_hash: " HASH_STRONG "\n"
                           "    root_password_hash_weak: " HASH_WEAK "\n"
                           "    ssh: yes\n"
                           "    authorized_keys:\n"
                           "      - " KEY "\n"
                           "      - command=\"echo \\\"hi, you\\\"\",no-pty " KEY "\n"
                           "    datastores:\n"
                           "      - {label: vms, nfs: NAS.example.com.:/srv//vms/}\n"
                           "      - label: iso\n"
                           "        nfs: 10.77.0.1:/srv/iso\n"
                           "        read_only: on\n"
                           "      - {label: new, nfs41: \"10.78.0.1,10.77.0.1:/srv/new\", probe: write}\n"
                           "      - {label: local 1, vmfs: on, probe: read}\n"
                           "      - {label: san, iscsi: 10.0.0.5/iqn.2001-04.com.example:Disk1}\n"
                           "    agent: on\n"
                           "    welcome: |\n"
                           "      rack 1: \"don't panic\" # really\n"
                           "\n"
                           "        Gr\xc3\xbc\xc3\x9f"
                           "e\n"
                           "    files: extra\n"
                           "nodes:\n"
                           "  rack[01-03]:\n"
                           "    mac:\n"
                           "      - 52:54:00:12:34:56\n"
                           "      - 52-54-00-12-34-57\n"
                           "      - 5254.0012.3458\n"
                           "    ip: 10.77.0.[11-13]\n"
                           "    profile: esxi\n"
                           "    hostname: esx[1-3]\n"
                           "  spare:\n"
                           "    mac: [52:54:00:aa:00:01, 52:54:00:AA:00:02]\n"
                           "    ssh: off\n"
                           "    welcome: \"one line\"\n"
                           "  bare: {}\n"
                           "  null-one:\n";

static struct fleet *parse(const char *text)
{
    struct fleet *fleet = NULL;
    struct error err;
    if (fleet_parse_yaml("f.yaml", (struct slice){(const uint8_t *)text, strlen(text)}, &fleet, &err) < 0)
        fail_msg("%s", err.text);
    return fleet;
}

static void dump(const struct fleet *fleet, enum fleet_secrets secrets, struct buf *out)
{
    struct error err;
    assert_int_equal(fleet_format_yaml(fleet, secrets, out, &err), 0);
}

static void every_key_is_read(void **state)
{
    struct fleet *f = parse(full);
    const struct fleet_network *n = fleet_network_by_name(f, "lab");
    assert_int_equal(n->subnet, 0x0a4d0000);
    assert_int_equal(n->prefix, 24);
    assert_string_equal(n->interface, "eth1");
    assert_int_equal(n->gateway, 0x0a4d0001);
    assert_int_equal(n->dns_count, 2);
    assert_int_equal(n->dns[1], 0x0a4d0002);
    assert_string_equal(n->domain, "lab.example.com");
    assert_int_equal(n->ntp, 0x0a4d0001);
    assert_int_equal(n->pool_first, 0x0a4d0064);
    assert_int_equal(n->pool_last, 0x0a4d00c7);
    assert_int_equal(n->lease_seconds, 5400);
    const struct fleet_settings *s = &fleet_profile_by_name(f, "esxi")->settings;
    assert_string_equal(s->image, "esxi-4.0.0-208167");
    assert_string_equal(s->kernel_options, "noACPI vga=normal");
    assert_string_equal(s->root_hash, HASH_STRONG);
    assert_string_equal(s->root_hash_weak, HASH_WEAK);
    assert_int_equal(s->ssh, FLEET_ON);
    assert_int_equal(s->key_count, 2);
    assert_string_equal(s->keys[0], KEY);
    assert_string_equal(s->keys[1], "command=\"echo \\\"hi, you\\\"\",no-pty " KEY);
    assert_string_equal(s->agent, "on");
    assert_int_equal(s->datastore_count, 5);
    assert_int_equal(s->datastores[0].kind, FLEET_STORE_NFS);
    assert_string_equal(s->datastores[0].host, "nas.example.com");
    assert_string_equal(s->datastores[0].path, "/srv/vms");
    assert_false(s->datastores[0].read_only);
    assert_string_equal(s->datastores[1].label, "iso");
    assert_true(s->datastores[1].read_only);
    assert_int_equal(s->datastores[2].kind, FLEET_STORE_NFS41);
    assert_string_equal(s->datastores[2].host, "10.77.0.1,10.78.0.1");
    assert_string_equal(s->datastores[2].path, "/srv/new");
    assert_true(s->datastores[2].probe_write);
    assert_int_equal(s->datastores[3].kind, FLEET_STORE_VMFS);
    assert_string_equal(s->datastores[3].label, "local 1");
    assert_string_equal(s->datastores[3].path, "");
    assert_false(s->datastores[3].probe_write);
    assert_int_equal(s->datastores[4].kind, FLEET_STORE_ISCSI);
    assert_string_equal(s->datastores[4].host, "10.0.0.5:3260");
    assert_string_equal(s->datastores[4].path, "iqn.2001-04.com.example:disk1");
    assert_string_equal(s->welcome, "rack 1: \"don't panic\" # really\n\n  Gr\xc3\xbc\xc3\x9f"
                                    "e\n");
    assert_string_equal(s->files, "extra");
    fleet_free(f);
}

static void nodes_of_a_range(void **state)
{
    struct fleet *f = parse(full);
    assert_int_equal(f->node_count, 6);
    assert_string_equal(f->nodes[0].name, "bare");
    assert_string_equal(f->nodes[2].name, "rack01");
    const struct fleet_node *n = fleet_node_by_name(f, "rack03");
    const struct mac mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x58}};
    assert_int_equal(n->ip, 0x0a4d000d);
    assert_ptr_equal(fleet_node_by_mac(f, &mac), n);
    assert_ptr_equal(fleet_node_by_ip(f, 0x0a4d000d), n);
    assert_null(fleet_node_by_ip(f, 0x0a4d000e));
    assert_string_equal(fleet_hostname(n), "esx3");
    struct fleet_settings s = fleet_effective(f, n);
    assert_string_equal(s.image, "esxi-4.0.0-208167");
    n = fleet_node_by_name(f, "spare");
    assert_int_equal(n->mac_count, 2);
    assert_string_equal(fleet_hostname(n), "spare");
    s = fleet_effective(f, n);
    assert_int_equal(s.ssh, FLEET_OFF);
    assert_null(s.image);
    fleet_free(f);
}

static void dump_comes_back(void **state)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct fleet *f = parse(full);
    dump(f, FLEET_WITH_SECRETS, &first);
    struct fleet *again = parse(buf_text(&first));
    dump(again, FLEET_WITH_SECRETS, &second);
    assert_string_equal(buf_text(&first), buf_text(&second));
    struct buf lines = BUF_INIT;
    assert_int_equal(fleet_diff(f, again, &lines), 0);
    assert_int_equal(lines.size, 0);
    buf_fini(&first);
    buf_fini(&second);
    fleet_free(f);
    fleet_free(again);
}

static void dump_without_secrets(void **state)
{
    struct buf text = BUF_INIT;
    struct fleet *f = parse(full);
    dump(f, FLEET_WITHOUT_SECRETS, &text);
    assert_null(strstr(buf_text(&text), HASH_STRONG));
    assert_null(strstr(buf_text(&text), HASH_WEAK));
    assert_null(strstr(buf_text(&text), "ssh-ed25519"));
    assert_null(strstr(buf_text(&text), "extra"));
    struct fleet *net = parse(buf_text(&text));
    assert_int_equal(net->node_count, 6);
    /* What is set stays set, so that a plan comes out the same. */
    const struct fleet_settings *s = &fleet_profile_by_name(net, "esxi")->settings;
    assert_string_equal(s->image, "esxi-4.0.0-208167");
    assert_true(password_hash_valid(s->root_hash, PASSWORD_STRONG));
    assert_true(password_hash_valid(s->root_hash_weak, PASSWORD_WEAK));
    assert_int_equal(s->key_count, 1);
    assert_string_equal(s->files, "hidden");
    const struct fleet_node *node = fleet_node_by_name(net, net->nodes[0].name);
    assert_null(node->settings.root_hash);
    assert_null(node->settings.files);
    buf_fini(&text);
    fleet_free(f);
    fleet_free(net);
}

/* What a reader could take for something else, and what could end a scalar early. */
static const char *const texts[] = {
    "a",
    " a",
    "a ",
    "a\n",
    "a\n\n",
    "\na",
    "\n",
    "a\nb",
    "a\n  b\n",
    "  a\nb\n",
    "\ta\nb\n",
    "a\n \nb\n",
    "a\n\tb",
    "a\n\nb\n",
    "on",
    "NULL",
    "~",
    "12",
    "1e3",
    "0x1f",
    "2026-11-22",
    "12:30:45",
    "a: b",
    "a #b",
    "#a",
    "- a",
    "? a",
    "{a}",
    "[a",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a`",
    "|",
    ">",
    "'",
    "\"",
    "it's \"quoted\"",
    "back\\slash",
    "\\n",
    "a\tb",
    "---",
    "--- a\n---\n",
    "...\n...\n",
    "Gr\xc3\xbc\xc3\x9f"
    "e \xe2\x82\xac \xf0\x9f\x98\x80",
    "line\xe2\x80\xa8separator\nand\xe2\x80\xa9paragraph\n",
    "\xef\xbb\xbf"
    "bom",
    "$6$",
    "a  b",
    "a, b",
    "''''''''''''''''''''''''",
    "key:\n  - x\n",
};

static void texts_survive(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fleet *f = fleet_new();
        struct fleet_node n = {.name = strdup("n"), .settings.welcome = strdup(texts[i])};
        struct error err;
        struct buf text = BUF_INIT;
        assert_int_equal(fleet_put_node(f, &n, &err), 0);
        assert_int_equal(fleet_finish(f, &err), 0);
        dump(f, FLEET_WITH_SECRETS, &text);
        struct fleet *again = parse(buf_text(&text));
        assert_string_equal(fleet_node_by_name(again, "n")->settings.welcome, texts[i]);
        fleet_free(f);
        fleet_free(again);
        buf_fini(&text);
    }
}

/* What people's editors and other programs hand in. */
static void other_shapes(void **state)
{
    static const char *const same[] = {
        "nodes:\n  a:\n    ssh: on\n",
        "\xef\xbb\xbfnodes:\n  a:\n    ssh: on\n",
        "nodes:\r\n  a:\r\n    ssh: on\r\n",
        "{\"nodes\": {\"a\": {\"ssh\": true}}}",
        "%YAML 1.2\n---\nnodes: {a: {ssh: 'Yes'}}\n...\n",
        "networks:\nprofiles: {}\nnodes:\n    a: # the first\n        ssh:   on\n",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct buf text = BUF_INIT;
        struct fleet *f = parse(same[i]);
        dump(f, FLEET_WITH_SECRETS, &text);
        assert_string_equal(buf_text(&text), same[0]);
        fleet_free(f);
        buf_fini(&text);
    }
    static const char *const nothing[] = {"", "\n", "# only this\n", "{}", "---\n", "nodes:\n"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        struct buf text = BUF_INIT;
        struct fleet *f = parse(nothing[i]);
        assert_int_equal(f->node_count, 0);
        dump(f, FLEET_WITH_SECRETS, &text);
        assert_int_equal(text.size, 0);
        fleet_free(f);
    }
}

/* A pool may hold reservations: DHCP steps over them. */
static void allowed(void **state)
{
    fleet_free(parse("networks:\n  lab: {subnet: 10.77.0.0/24, pool: 10.77.0.1-10.77.0.254}\n"
                     "nodes:\n  a: {ip: 10.77.0.100}\n"));
    fleet_free(parse("nodes:\n  a: {ip: 10.77.0.255}\n")); /* no network declared: any may hold it */
    fleet_free(parse("networks:\n  lab: {subnet: 10.77.0.0/24, pool: 10.77.0.9-10.77.0.9, lease: 60}\n"
                     "  lab2: {subnet: 10.77.1.0/24, lease: 365d}\n"));
}

/* Rows of a database, put together under their sections' lines. */
static void objects_one_by_one(void **state)
{
    struct fleet *f = parse(full);
    struct buf whole = BUF_INIT, rows = BUF_INIT;
    dump(f, FLEET_WITH_SECRETS, &whole);
    buf_append_text(&rows, "networks:\n");
    fleet_format_object(FLEET_NETWORK, &f->networks[0], FLEET_WITH_SECRETS, &rows);
    buf_append_text(&rows, "profiles:\n");
    fleet_format_object(FLEET_PROFILE, &f->profiles[0], FLEET_WITH_SECRETS, &rows);
    buf_append_text(&rows, "nodes:\n");
    for (size_t i = 0; i < f->node_count; i++)
        fleet_format_object(FLEET_NODE, &f->nodes[i], FLEET_WITH_SECRETS, &rows);
    assert_string_equal(buf_text(&rows), buf_text(&whole));
    buf_fini(&whole);
    buf_fini(&rows);
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read), cmocka_unit_test(nodes_of_a_range),
        cmocka_unit_test(dump_comes_back),   cmocka_unit_test(dump_without_secrets),
        cmocka_unit_test(texts_survive),     cmocka_unit_test(other_shapes),
        cmocka_unit_test(allowed),           cmocka_unit_test(objects_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
