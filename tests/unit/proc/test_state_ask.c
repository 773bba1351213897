#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../store/sample.h"
#include "base/cleanup.h"
#include "proc/state_ask.h"
#include "proc/state_policy.h"

static char root[64];
static int root_fd;
static struct store *store;
static struct state *database;
static struct error err;
static struct zones *zones;
static struct buf out = BUF_INIT;
static char notes[4096];
static bool changed;

static void take_note(void *ctx, const char *line)
{
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%s\n", line);
}

static int ask_body(const char *body, size_t count, const char *const *words)
{
    struct state_asker asker = {.state = database,
                                .store = store,
                                .root_fd = root_fd,
                                .zones = zones,
                                .who = "test",
                                .now_ms = 1000,
                                .note = take_note};
    struct buf change = BUF_INIT;
    struct slice slice = {(const uint8_t *)body, body ? strlen(body) : 0};
    buf_clear(&out);
    notes[0] = 0;
    err.text[0] = 0;
    asker.change = &change;
    int result = state_ask(&asker, words, count, slice, &out, &err);
    changed = change.size > 0;
    buf_fini(&change);
    return result;
}

#define LIST(...)           ((const char *const[]){__VA_ARGS__})
#define COUNT(...)          (sizeof LIST(__VA_ARGS__) / sizeof(char *))
#define ask(...)            ask_body(NULL, COUNT(__VA_ARGS__), LIST(__VA_ARGS__))
#define ask_with(body, ...) ask_body(body, COUNT(__VA_ARGS__), LIST(__VA_ARGS__))

static void check_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in \"%s\"", part, text);
}

static void set(const char *name, const char *mac)
{
    if (ask("node-set", name, "mac", mac, "image", "one") < 0)
        fail_msg("%s", err.text);
}

static void wrong_requests(void **state)
{
    static const struct {
        const char *words[5];
        size_t count;
        const char *says;
    } cases[] = {
        {{"frob"}, 1, "request frob is unknown"},
        {{""}, 0, "(none)"},
        {{"node-set"}, 1, "a name is needed"},
        {{"node-set", "n1", "mac"}, 3, "pairs of key and value"},
        {{"node-set", "n1", "imgae", "x"}, 4, "image"},
        {{"node-set", "n[1-", "image", "x"}, 4, "n[1-"},
        {{"node-remove"}, 1, "the name of a node is needed"},
        {{"node-remove", "n1", "n2"}, 3, "the name of a node is needed"},
        {{"node-remove", "n7"}, 2, "there is no node n7"},
        {{"explain", "text", "n7", "bios", ""}, 5, "there is no node n7"},
        {{"explain", "text"}, 2, "are needed"},
        {{"image-users"}, 1, "the name of an image is needed"},
        {{"apply", "f.yaml"}, 2, "f.yaml is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask_body(NULL, cases[i].count, cases[i].words), -1);
        check_holds(err.text, cases[i].says);
        assert_false(changed);
    }
    assert_int_equal(state_fleet(database)->node_count, 0);
}

static void setting_and_removing(void **state)
{
    set("n[1-3]", "02:00:00:00:00:01,02:00:00:00:00:02,02:00:00:00:00:03");
    assert_true(changed);
    check_holds(buf_text(&out), "+ node n3");
    set("n2", "02:00:00:00:00:02");
    assert_false(changed);
    assert_string_equal(buf_text(&out), "no change\n");
    assert_int_equal(ask("node-set", "n1", "mac", "02:00:00:00:00:02"), -1); /* n2's */
    check_holds(err.text, "n2");
    assert_int_equal(ask("node-remove", "n[2-9]"), -1);
    check_holds(err.text, "nothing was removed");
    assert_int_equal(state_fleet(database)->node_count, 3);
    assert_int_equal(ask("node-remove", "n[2-3]"), 0);
    assert_int_equal(state_fleet(database)->node_count, 1);
    assert_int_equal(ask("profile-set", "p", "image", "one"), 0);
    assert_int_equal(ask("node-set", "n1", "profile", "p", "image", ""), 0);
    assert_int_equal(ask("profile-remove", "p"), -1);
    assert_true(state_fleet(database)->profile_count == 1);
    assert_int_equal(ask("image-users", "one"), 0);
    assert_string_equal(buf_text(&out), "profile p\n");
}

static void roles(void **state)
{
    set("n1", "02:00:00:00:00:01");
    assert_int_equal(ask("node-set", "n1", "between", "19:00-06:00", "days", "mon-fri", "time_zone", "UTC"),
                     0);
    assert_int_equal(ask("next-boot", "text", "n1", ""), 0); /* 1970-01-01 00:00:01 was a Thursday */
    assert_string_equal(buf_text(&out),
                        "next boot: image one until Thu 06:00 (between 19:00-06:00 mon-fri, UTC); "
                        "then the local disk\n");
    assert_int_equal(ask("next-boot", "text", "n1", "2026-11-28 12:00"), 0);
    assert_string_equal(buf_text(&out),
                        "next boot: the local disk until Mon 19:00 (outside 19:00-06:00 mon-fri, UTC); "
                        "then image one\n");
    assert_int_equal(ask("next-boot", "json", "n1", "2026-11-28T12:00"), 0);
    check_holds(buf_text(&out), "\"boots\": \"local\"");
    check_holds(buf_text(&out), "\"until\": \"2026-11-30T19:00:00Z\"");
    check_holds(buf_text(&out), "\"since\": \"2026-11-28T06:00:00Z\"");
    check_holds(buf_text(&out), "\"then\": \"image\"");
    assert_int_equal(ask("explain", "text", "n1", "bios", "2026-11-28 12:00"), 0);
    check_holds(buf_text(&out), "boots the local disk until Mon 19:00");
    check_holds(buf_text(&out), "LOCALBOOT 0");
    assert_null(strstr(buf_text(&out), "files in load order"));
    assert_int_equal(ask("explain", "text", "n1", "bios", "2026-11-27 23:00"), 0);
    check_holds(buf_text(&out), "files in load order");
    assert_int_equal(ask("explain", "json", "n1", "uefi", "2026-11-28 12:00"), 0);
    check_holds(buf_text(&out), "\"image\": null");
    assert_int_equal(ask("node-set", "n1", "image", "", "boot", "local", "between", "", "days", ""), 0);
    assert_string_equal(notes, ""); /* it needs no image */
    assert_int_equal(ask("explain", "text", "n1", "", ""), 0);
    check_holds(buf_text(&out), "boots the local disk (boot is local)");
    check_holds(buf_text(&out), "arm64      an address, and no boot file\n");
}

static void roles_that_cannot_be(void **state)
{
    static const struct {
        const char *words[8];
        size_t count;
        const char *says;
    } cases[] = {
        {{"node-set", "n1", "boot", "lokal"}, 4, "lokal"},
        {{"node-set", "n1", "boot", "once", "between", "19:00-06:00"}, 6, "leave one of them out"},
        {{"node-set", "n1", "between", "19-6"}, 4, "write 19:00-06:00"},
        {{"node-set", "n1", "days", "mon"}, 4, "add between"},
        {{"node-set", "n1", "between", "19:00-06:00", "days", "monday"}, 6, "mon-fri"},
        {{"node-set", "n1", "time_zone", "Europe/Atlantis"}, 4, "node n1: time_zone: there is no time zone"},
        {{"profile-set", "p", "time_zone", "Mars"}, 4, "profile p: time_zone"},
        {{"node-set", "n1", "time_zone", "../../etc/passwd"}, 4, "in no time zone's name"},
        {{"next-boot", "text", "n1", "tomorrow"}, 4, "write one as '2026-11-24 07:00'"},
        {{"next-boot", "text", "n1", "2026-13-24 07:00"}, 4, "is no time"},
        {{"next-boot", "text", "n1", "2026-11-24 07:00 x"}, 4, "is no time"},
        {{"next-boot", "text", "n7", ""}, 4, "there is no node n7"},
        {{"next-boot", "text"}, 2, "are needed"},
        {{"explain", "text", "n1", "bios", "noon"}, 5, "is no time"},
    };
    static const char yaml[] = "nodes:\n  n1: {mac: 02:00:00:00:00:01, time_zone: Europe/Atlantis}\n";
    set("n1", "02:00:00:00:00:01");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask_body(NULL, cases[i].count, cases[i].words), -1);
        check_holds(err.text, cases[i].says);
        assert_false(changed);
    }
    assert_int_equal(ask_with(yaml, "apply", "f.yaml", "dry-run"), -1);
    check_holds(err.text, "node n1: time_zone");
    if (zones_count(zones) > 100) {
        assert_int_equal(ask("node-set", "n1", "time_zone", "Europe/Wienna"), -1);
        check_holds(err.text, "did you mean Europe/Vienna?");
        assert_int_equal(ask("node-set", "n1", "time_zone", "Europe/Vienna"), 0);
    }
}

/* bootherd's own change: audited as such, and none for who is not `once` any more. */
static void once_is_used_up(void **state)
{
    char names[3][FLEET_NAME_MAX] = {"n1", "n2", "gone"};
    cleanup_buf struct buf change = BUF_INIT;
    set("n[1-2]", "02:00:00:00:00:01,02:00:00:00:00:02");
    assert_int_equal(ask("profile-set", "install", "boot", "once"), 0);
    assert_int_equal(ask("node-set", "n1", "profile", "install"), 0);
    assert_int_equal(state_policy_once(database, names, 3, 5000, &change, &err), 0);
    check_holds(buf_text(&change), "boot: local");
    assert_string_equal(fleet_node_by_name(state_fleet(database), "n1")->settings.boot, "local");
    assert_null(fleet_node_by_name(state_fleet(database), "n2")->settings.boot);
    assert_string_equal(fleet_profile_by_name(state_fleet(database), "install")->settings.boot, "once");
}

static void apply_and_dump(void **state)
{
    static const char yaml[] = "nodes:\n  n1: {mac: 02:00:00:00:00:01, image: one}\n";
    assert_int_equal(ask_with(yaml, "apply", "f.yaml", "dry-run"), 0);
    assert_false(changed);
    assert_int_equal(state_fleet(database)->node_count, 0);
    assert_int_equal(ask_with(yaml, "apply", "f.yaml"), 0);
    assert_true(changed);
    assert_int_equal(ask("dump"), 0);
    cleanup_buf struct buf dump = BUF_INIT;
    buf_append(&dump, out.data, out.size);
    assert_int_equal(ask_with(buf_text(&dump), "apply", "dump"), 0);
    assert_string_equal(buf_text(&out), "no change\n");
    assert_int_equal(ask_with("# nothing\n---\n", "apply", "f.yaml"), -1);
    assert_int_equal(ask_with("nodes:\n  n1: {imgae: x}\n", "apply", "f.yaml"), -1);
    check_holds(err.text, "f.yaml:2:");
    assert_int_equal(state_fleet(database)->node_count, 1);
    assert_int_equal(ask_with("nodes: {}\n", "apply", "f.yaml"), 0);
    assert_int_equal(state_fleet(database)->node_count, 0);
}

/* The plain word is hashed for what the image can check, and is nowhere afterwards. */
static void passwords(void **state)
{
    assert_int_equal(
        ask("node-set", "n1", "mac", "02:00:00:00:00:01", "image", "one", "password", "walnut 4"), 0);
    check_holds(notes, "MD5");
    const struct fleet_node *n = fleet_node_by_name(state_fleet(database), "n1");
    assert_int_equal(strncmp(n->settings.root_hash, "$6$", 3), 0);
    assert_int_equal(strncmp(n->settings.root_hash_weak, "$1$", 3), 0);
    assert_null(strstr(buf_text(&out), "$6$"));
    assert_int_equal(
        ask("node-set", "n2", "mac", "02:00:00:00:00:02", "image", "later", "password", "walnut 4"), 0);
    check_holds(notes, "not in the store yet");
    n = fleet_node_by_name(state_fleet(database), "n2");
    assert_true(!n->settings.root_hash_weak || !n->settings.root_hash_weak[0]);
    check_holds(notes, "n2 cannot boot yet: image later is not in the store");
    assert_int_equal(ask("dump"), 0);
    assert_null(strstr(buf_text(&out), "walnut"));
    assert_int_equal(ask("explain", "text", "02-00-00-00-00-01", "bios", ""), 0);
    check_holds(buf_text(&out), "node/n1/mod.tgz");
    assert_int_equal(ask("explain", "text", "n1", "uefi", ""), -1);
    assert_int_equal(ask("explain", "text", "n1", "frob", ""), -1);
    check_holds(err.text, "firmware frob is unknown");
}

static void missing_files(void **state)
{
    set("n[1-4]", "52:54:00:00:00:01,52:54:00:00:00:02,52:54:00:00:00:03,52:54:00:00:00:04");
    assert_int_equal(ask("node-set", "n[1-2]", "files", "extra"), 0);
    assert_int_equal(ask("node-set", "n3", "files", "there"), 0);
    assert_int_equal(mkdirat(root_fd, "files", 0755) | mkdirat(root_fd, "files/there", 0755), 0);
    assert_int_equal(ask("files-missing"), 0);
    assert_string_equal(buf_text(&out), "extra\n");
    assert_int_equal(mkdirat(root_fd, "files/extra", 0755), 0);
    assert_int_equal(ask("files-missing"), 0);
    assert_string_equal(buf_text(&out), "");
    assert_int_equal(ask("dump", "without-secrets"), 0);
    assert_null(strstr(buf_text(&out), "extra"));
    check_holds(buf_text(&out), "n3:");
}

static int setup(void **state)
{
    char path[96];
    struct digest manifest;
    root_fd = sample_root(root);
    zones = zones_read(0);
    snprintf(path, sizeof path, "%s/state.db", root);
    return root_fd < 0 || store_open(root_fd, true, &store, &err) < 0 ||
                   sample_publish(store, "one", &sample_one, &manifest, &err) < 0 ||
                   state_open(path, &database, &err) < 0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    state_close(database);
    zones_free(zones);
    store_close(store);
    buf_fini(&out);
    sample_root_free(root, root_fd);
    return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(wrong_requests),       test(setting_and_removing), test(apply_and_dump), test(roles),
        test(roles_that_cannot_be), test(once_is_used_up),      test(missing_files),  test(passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
