/* Changes by words, and the lines that tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_set.h"
#include "fleet/fleet_yaml.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq6vRr2bTgK0DgMlkW3fF5b4zq4yJ0Qz7o5mJbN3x5W"

static const char start[] = "networks:\n"
                            "  lab: {subnet: 10.77.0.0/24, dns: [10.77.0.1]}\n"
                            "profiles:\n"
                            "  esxi:\n"
                            "    image: esxi-4.0.0-208167\n"
                            "nodes:\n"
                            "  rack01: {ip: 10.77.0.11, mac: 52:54:00:00:00:01, profile: esxi, welcome: hi}\n"
                            "  rack02: {ip: 10.77.0.12}\n";

static struct fleet *parse(const char *text)
{
    struct fleet *fleet = NULL;
    struct error err;
    if (fleet_parse_yaml("f.yaml", (struct slice){(const uint8_t *)text, strlen(text)}, &fleet, &err) < 0)
        fail_msg("%s", err.text);
    return fleet;
}

static int set(struct fleet *f, const char *name, const char *const *words, struct error *err)
{
    struct fleet_word list[16];
    size_t count = 0;
    for (; words[2 * count]; count++)
        list[count] = (struct fleet_word){words[2 * count], words[2 * count + 1]};
    if (fleet_set_nodes(f, name, list, count, err) < 0)
        return -1;
    return fleet_finish(f, err);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_lines(const struct fleet *before, const struct fleet *after, const char *lines)
{
    struct buf out = BUF_INIT;
    size_t count = fleet_diff(before, after, &out), newlines = 0;
    for (size_t i = 0; i < out.size; i++)
        newlines += out.data[i] == '\n';
    assert_string_equal(buf_text(&out), lines);
    assert_int_equal(count, newlines);
    buf_fini(&out);
}

/* After the words, the difference is these lines. */
static void good(const char *name, const char *const *words, const char *lines)
{
    struct fleet *before = parse(start), *after = fleet_copy(before);
    struct error err;
    if (set(after, name, words, &err) < 0)
        fail_msg("%s", err.text);
    expect_lines(before, after, lines);
    fleet_free(before);
    fleet_free(after);
}

static void bad(const char *name, const char *const *words, const char *error)
{
    struct fleet *f = parse(start);
    struct error err;
    assert_int_equal(set(f, name, words, &err), -1);
    assert_string_equal(err.text, error);
    fleet_free(f);
}

static void one_node(void **state)
{
    good("rack01", WORDS("ip", "10.77.0.21"), "~ node rack01: ip 10.77.0.11 -> 10.77.0.21\n");
    good("rack01", WORDS("ssh", "off", "hostname", "esx1"),
         "~ node rack01: hostname none -> esx1\n~ node rack01: ssh none -> off\n");
    good("rack01", WORDS("mac", "52:54:00:00:00:01,52:54:00:00:00:02"),
         "~ node rack01: mac \"52:54:00:00:00:01\" -> [\"52:54:00:00:00:01\", \"52:54:00:00:00:02\"]\n");
    good("rack01", WORDS("ip", "10.77.0.11"), "");
    good("rack03", WORDS("ip", "10.77.0.13"), "+ node rack03\n");
}

static void unset(void **state)
{
    good("rack01", WORDS("ip", "", "mac", "", "profile", "", "welcome", "", "datastores", "", "ssh", ""),
         "~ node rack01: mac \"52:54:00:00:00:01\" -> none\n"
         "~ node rack01: ip 10.77.0.11 -> none\n"
         "~ node rack01: profile esxi -> none\n"
         "~ node rack01: welcome hi -> none\n");
}

static void ranges(void **state)
{
    good("rack[01-03]", WORDS("ip", "10.77.0.[21-23]"),
         "~ node rack01: ip 10.77.0.11 -> 10.77.0.21\n~ node rack02: ip 10.77.0.12 -> 10.77.0.22\n+ node "
         "rack03\n");
    good("rack[01-02]", WORDS("ip", "10.77.0.31"), /* counts up */
         "~ node rack01: ip 10.77.0.11 -> 10.77.0.31\n~ node rack02: ip 10.77.0.12 -> 10.77.0.32\n");
    good("rack01,rack02", WORDS("mac", "52:54:00:00:00:0a,52:54:00:00:00:0b", "hostname", "a,b"),
         "~ node rack01: mac \"52:54:00:00:00:01\" -> \"52:54:00:00:00:0a\"\n"
         "~ node rack01: hostname none -> a\n"
         "~ node rack02: mac none -> \"52:54:00:00:00:0b\"\n"
         "~ node rack02: hostname none -> b\n");
    good("rack[01-02]", WORDS("profile", "esxi", "ip", ""),
         "~ node rack01: ip 10.77.0.11 -> none\n~ node rack02: ip 10.77.0.12 -> none\n~ node rack02: profile "
         "none -> esxi\n");
}

static void lists(void **state)
{
    struct fleet *f = parse(start);
    struct error err;
    assert_int_equal(set(f, "rack01", WORDS("datastores", "vms=NAS:/srv/vms/,iso=10.77.0.1:/iso:ro"), &err),
                     0);
    const struct fleet_settings *s = &fleet_node_by_name(f, "rack01")->settings;
    assert_int_equal(s->datastore_count, 2);
    assert_string_equal(s->datastores[0].host, "nas");
    assert_string_equal(s->datastores[0].path, "/srv/vms");
    assert_false(s->datastores[0].read_only);
    assert_string_equal(s->datastores[1].path, "/iso");
    assert_true(s->datastores[1].read_only);
    fleet_free(f);
}

/* What is kept of one, as YAML. */
static void stores_as(const char *words, const char *yaml)
{
    struct fleet *f = parse(start);
    struct error err = {0};
    cleanup_buf struct buf text = BUF_INIT;
    if (set(f, "rack01", WORDS("datastores", words), &err) < 0)
        fail_msg("%s: %s", words, err.text);
    fleet_format_object(FLEET_NODE, fleet_node_by_name(f, "rack01"), FLEET_WITH_SECRETS, &text);
    const char *found = strstr(buf_text(&text), "datastores:\n");
    assert_non_null(found);
    assert_memory_equal(found + strlen("datastores:\n"), yaml, strlen(yaml));
    fleet_free(f);
}

static void datastores_of_each_kind(void **state)
{
    stores_as("vms=NAS.:/srv//./vms/.:probe=write",
              "      - {label: vms, nfs: \"nas:/srv/vms\", probe: write}\n");
    stores_as("vms=10.0.0.1:/:probe=read", "      - {label: vms, nfs: \"10.0.0.1:/\"}\n");
    stores_as("vms=nfs:nas:/srv/.hidden/..x", "      - {label: vms, nfs: \"nas:/srv/.hidden/..x\"}\n");
    stores_as("vms=nfs41:nas:/srv:ro", "      - {label: vms, nfs41: \"nas:/srv\", read_only: on}\n");
    stores_as("vms=nfs41:b,A.:/srv,local disk (1)=vmfs", "      - {label: vms, nfs41: \"a,b:/srv\"}\n"
                                                         "      - {label: \"local disk (1)\", vmfs: on}\n");
    stores_as("vms=iscsi:10.0.0.5/IQN.2001-04.com.example:Disk1",
              "      - {label: vms, iscsi: \"10.0.0.5:3260/iqn.2001-04.com.example:disk1\"}\n");
    stores_as("vms=iscsi:10.0.0.5:3261/eui.02004567a425678d:probe=write",
              "      - {label: vms, iscsi: \"10.0.0.5:3261/eui.02004567a425678d\", probe: write}\n");
    /* Hosts that are called like a kind. */
    stores_as("a=nfs41:/srv,b=iscsi:/srv,c=vmfs:/srv",
              "      - {label: a, nfs: \"nfs41:/srv\"}\n      - {label: b, nfs: \"iscsi:/srv\"}\n"
              "      - {label: c, nfs: \"vmfs:/srv\"}\n");
}

static void commas_of_keys(void **state)
{
    struct fleet *f = parse(start);
    struct error err;
    const struct fleet_settings *s;
    /* Commas in a key's options are its own. */
    assert_int_equal(set(f, "rack01",
                         WORDS("authorized_keys", "no-pty,command=\"a,b\" " KEY " me," KEY " you\n" KEY),
                         &err),
                     0);
    s = &fleet_node_by_name(f, "rack01")->settings;
    assert_int_equal(s->key_count, 3);
    assert_string_equal(s->keys[0], "no-pty,command=\"a,b\" " KEY " me");
    assert_string_equal(s->keys[1], KEY " you");
    assert_string_equal(s->keys[2], KEY);
    fleet_free(f);
}

static void networks_and_profiles(void **state)
{
    struct fleet *before = parse(start), *after = fleet_copy(before);
    const struct fleet_word network[] = {{"dns", "10.77.0.2,10.77.0.3"}, {"lease", "2h"}};
    const struct fleet_word profile[] = {{"kernel_options", "a b"}, {"image", ""}};
    const struct fleet_word subnet[] = {{"subnet", "10.78.0.0/24"}};
    assert_int_equal(fleet_set_network(after, "lab", network, 2, NULL), 0);
    assert_int_equal(fleet_set_network(after, "new", subnet, 1, NULL), 0);
    assert_int_equal(fleet_set_profile(after, "esxi", profile, 2, NULL), 0);
    assert_int_equal(fleet_finish(after, NULL), 0);
    expect_lines(before, after,
                 "~ network lab: dns [10.77.0.1] -> [10.77.0.2, 10.77.0.3]\n"
                 "~ network lab: lease 1h -> 2h\n"
                 "+ network new\n"
                 "~ profile esxi: image esxi-4.0.0-208167 -> none\n"
                 "~ profile esxi: kernel_options none -> a b\n");
    expect_lines(after, before,
                 "~ network lab: dns [10.77.0.2, 10.77.0.3] -> [10.77.0.1]\n"
                 "~ network lab: lease 2h -> 1h\n"
                 "- network new\n"
                 "~ profile esxi: image none -> esxi-4.0.0-208167\n"
                 "~ profile esxi: kernel_options a b -> none\n");
    fleet_free(before);
    fleet_free(after);
}

static void secrets_and_long_texts_are_not_shown(void **state)
{
    good("rack01",
         WORDS("root_password_hash_weak", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", "authorized_keys", KEY,
               "files", "extra", "welcome", "a\nb", "datastores", "a=b:/c"),
         "~ node rack01: root_password_hash_weak set\n"
         "~ node rack01: authorized_keys set\n"
         "~ node rack01: datastores set\n"
         "~ node rack01: welcome changed\n"
         "~ node rack01: files set\n");
}

static void refused(void **state)
{
    bad("rack01", WORDS("imge", "x"), "node rack01: unknown key 'imge'; did you mean 'image'?");
    bad("rack[01-02]", WORDS("ip", "10.77.0.[1-3]"),
        "node rack[01-02]: ip: the values are 3, the nodes 2; write one for each");
    bad("rack[01-02]", WORDS("mac", "52:54:00:00:00:0a"),
        "node rack[01-02]: mac: the values are 1, the nodes 2; write one for each");
    bad("rack01", WORDS("ip", "10.77.0.1,10.77.0.2"),
        "node rack01: ip: the values are 2, the nodes 1; write one for each");
    bad("rack01", WORDS("ip", "10.77.0.12"),
        "node rack02: ip: 10.77.0.12 is node rack01's; give each node its own");
    bad("rack[1", WORDS("ip", "10.77.0.12"), "range 'rack[1', character 5: '[' without ']'; close it");
    bad("a/b", WORDS("ip", "10.77.0.13"),
        "node: 'a/b' is no name; write letters, digits, '-', '_' and '.', first a letter or digit");
    bad("rack01", WORDS("welcome", "a\x1b[2J"),
        "node rack01: welcome: a control character at byte 2; take it out");
    bad("rack01", WORDS("welcome", "\xff"),
        "node rack01: welcome: no printable UTF-8 at byte 1; take it out");
    bad("rack01", WORDS("profile", "esx"),
        "node rack01: profile: there is no profile 'esx'; did you mean 'esxi'?");
    bad("rack01", WORDS("datastores", "vms"),
        "node rack01: datastores: 'vms' is no datastore; write label=host:/path, as in "
        "vms=10.77.0.1:/srv/vms");
    bad("rack01", WORDS("datastores", "a=b:/c,"),
        "node rack01: datastores: here is nothing; write {label: vms, nfs: 10.77.0.1:/srv/vms}");
    bad("rack01", WORDS("datastores", "a=b,c:/d"),
        "node rack01: datastores: 'b' is no NFS share; write host:/path, as in 10.77.0.1:/srv/vms");
    bad("rack01", WORDS("datastores", "a=b:/c:probe=often"),
        "node rack01: datastores: probe: 'often' is neither read nor write");
    bad("rack01", WORDS("datastores", "a=vmfs:ro"),
        "node rack01: datastores: a is a VMFS volume, and ESXi mounts none read only");
    bad("rack01", WORDS("agent", "yes"), "node rack01: agent: 'yes' is none of auto, on, off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node),
        cmocka_unit_test(unset),
        cmocka_unit_test(ranges),
        cmocka_unit_test(lists),
        cmocka_unit_test(datastores_of_each_kind),
        cmocka_unit_test(commas_of_keys),
        cmocka_unit_test(networks_and_profiles),
        cmocka_unit_test(secrets_and_long_texts_are_not_shown),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
