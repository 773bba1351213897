/* Request "vm", in process: each verb, as text and JSON, what is refused, and that what is refused changes
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../store/sample.h"
#include "base/cleanup.h"
#include "proc/state_ask.h"
#include "state/state_vm.h"

#include <jansson.h>

static char root[64];
static int root_fd;
static struct store *store;
static struct state *database;
static struct zones *zones;
static struct error err;
static struct buf out = BUF_INIT;

static void take_note(void *ctx, const char *line)
{
}

static int ask_words(size_t count, const char *const *words)
{
    struct buf change = BUF_INIT;
    struct state_asker asker = {.state = database,
                                .store = store,
                                .root_fd = root_fd,
                                .zones = zones,
                                .who = "test",
                                .now_ms = 1000,
                                .change = &change,
                                .note = take_note};
    buf_clear(&out);
    err.text[0] = 0;
    int result = state_ask(&asker, words, count, (struct slice){0}, &out, &err);
    buf_fini(&change);
    return result;
}

#define LIST(...)   ((const char *const[]){__VA_ARGS__})
#define COUNT(...)  (sizeof LIST(__VA_ARGS__) / sizeof(char *))
#define ask(...)    ask_words(COUNT(__VA_ARGS__), LIST(__VA_ARGS__))
#define does(...)   holds_after(ask(__VA_ARGS__))
#define fails(...)  assert_int_equal(ask(__VA_ARGS__), -1)
#define holds(part) check_holds(buf_text(&out), part)
#define says(part)  check_holds(err.text, part)

static void holds_after(int result)
{
    if (result < 0)
        fail_msg("%s", err.text);
}

static void check_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in \"%s\"", part, text);
}

/* The answer; the caller's. */
static json_t *answer(void)
{
    json_t *json = json_loads(buf_text(&out), 0, NULL);
    assert_non_null(json);
    return json;
}

static void add(const char *target, const char *place, const char *power)
{
    does("vm", "set", "text", target, "add", place, "power", power);
}

static void reading(void **state)
{
    does("vm", "list", "text", "");
    holds("no virtual machines are known");
    add("n1/web 1", "[vms] web 1/web 1.vmx", "on");
    add("n1/two\nlines", "[vms] t.vmx", "off");
    does("vm", "list", "text", "n[1-2]");
    holds("two\\nlines");
    does("vm", "list", "json", "");
    json_t *json = answer();
    assert_int_equal(json_array_size(json), 1);
    const json_t *machines = json_object_get(json_array_get(json, 0), "machines");
    assert_string_equal(json_string_value(json_object_get(json_array_get(machines, 0), "name")),
                        "two\nlines");
    json_decref(json);
    does("vm", "show", "text", "n1");
    holds("machines      2");
    does("vm", "show", "json", "n1/web 1");
    json = answer();
    assert_string_equal(json_string_value(json_object_get(json, "power")), "on");
    assert_true(json_is_true(json_object_get(json, "power_fixed")));
    json_decref(json);
    does("vm", "history", "text", "n1");
    holds("vm set: two\\nlines ([vms] t.vmx) is new: power off");
    does("vm", "history", "json", "n1", "version", "1");
    json = answer();
    assert_int_equal(json_array_size(json), 1);
    json_decref(json);
}

static void refused(void **state)
{
    static const struct {
        const char *words[8];
        size_t count;
        const char *says;
    } cases[] = {
        {{"vm"}, 1, "what to do"},
        {{"vm", "list", "text"}, 3, "what to do"},
        {{"vm", "list", "text", "", "odd"}, 5, "what to do"},
        {{"vm", "dance", "text", ""}, 4, "vm dance is unknown"},
        {{"vm", "list", "text", "n7"}, 4, "there is no node n7"},
        {{"vm", "list", "text", "n1/x"}, 4, "is a machine"},
        {{"vm", "list", "json", "n[1-7]"}, 4, "there is no node n4"},
        {{"vm", "show", "text", "n[1-2]"}, 4, "of one host"},
        {{"vm", "show", "json", "n1/x"}, 4, "no machine x"},
        {{"vm", "show", "text", ""}, 4, ""},
        {{"vm", "history", "text", "n1/x"}, 4, "whole list"},
        {{"vm", "history", "text", "n1", "version", "7"}, 6, "7"},
        {{"vm", "history", "text", "n1", "version", "x"}, 6, "--version x"},
        {{"vm", "set", "text", "n1/web"}, 4, "nothing to set"},
        {{"vm", "set", "text", "n1", "name", "x"}, 6, "one machine"},
        {{"vm", "set", "text", "n1/web", "name", ""}, 6, "1 to"},
        {{"vm", "set", "text", "n1/web", "power", "paused"}, 6, "on, off or auto"},
        {{"vm", "set", "text", "n1/web", "delay", "86401"}, 6, "0 to 86400"},
        {{"vm", "set", "json", "n[1-2]/web", "order", "1"}, 6, "n2 has no machine web"},
        {{"vm", "set", "text", "n1", "add", "[vms] web.vmx"}, 6, "already"},
        {{"vm", "set", "text", "n1", "add", "[vms] ../web.vmx"}, 6, ".."},
        {{"vm", "move", "text", "n1"}, 4, "where to"},
        {{"vm", "move", "text", "n1/x", "to", "n2"}, 6, "no machine x"},
        {{"vm", "move", "text", "n1", "to", "n7"}, 6, "n7"},
        {{"vm", "move", "text", "n7", "to", "n1"}, 6, "n7"},
        {{"vm", "restore", "text", "n1/web"}, 4, "of which version"},
        {{"vm", "restore", "text", "n1", "version", "7"}, 6, "7"},
        {{"vm", "restore", "text", "n1/x", "version", "1"}, 6, "no machine x"},
        {{"vm", "restore", "json", "n7", "dry-run", ""}, 6, "n7"},
        {{"vm", "forget", "text", "n1/x"}, 4, "no machine x"},
        {{"vm", "forget", "text", "n7"}, 4, "there is no node n7"},
    };
    struct state_vm_host host;
    add("n1/web", "[vms] web.vmx", "on");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (ask_words(cases[i].count, cases[i].words) == 0)
            fail_msg("case %zu (%s) is taken", i, cases[i].says);
        says(cases[i].says);
        assert_int_equal(state_vm_host(database, "n1", &host, &err), 1);
        assert_int_equal(host.version, 1);
        assert_int_equal(host.wish, 1);
    }
}

static void dry_runs(void **state)
{
    static const char *const formats[] = {"text", "json"};
    struct state_vm_host host;
    add("n1/web", "[vms] web.vmx", "off");
    for (size_t i = 0; i < 2; i++) {
        does("vm", "set", formats[i], "n1/web", "order", "3", "dry-run", "");
        holds("order 500 -> 3");
        does("vm", "move", formats[i], "n1/web", "to", "n2", "dry-run", "");
        holds("-> n2");
        does("vm", "forget", formats[i], "n1", "dry-run", "");
        holds("is forgotten");
        does("vm", "restore", formats[i], "n1", "version", "1", "dry-run", "");
        assert_int_equal(state_vm_host(database, "n1", &host, &err), 1);
        assert_int_equal(host.version, 1);
        assert_int_equal(host.wish, 1);
        assert_int_equal(host.list->count, 1);
    }
}

static void changing(void **state)
{
    struct state_vm_host host;
    add("n1/web", "[vms] web.vmx", "on");
    add("n1/db", "[vms] db.vmx", "off");
    does("vm", "set", "json", "n1", "order", "7", "answer", "copied");
    holds("order 500 -> 7, answer moved -> copied");
    does("vm", "set", "text", "n1", "order", "7");
    assert_string_equal(buf_text(&out), "n1: no change\n");
    does("vm", "move", "json", "n1/web", "to", "n2");
    does("vm", "show", "text", "n2/web");
    holds("owner         n2");
    does("vm", "move", "text", "n[1-2]", "to", "n3");
    assert_string_equal(buf_text(&out), "n1/db ([vms] db.vmx) -> n3\nn2/web ([vms] web.vmx) -> n3\n");
    does("vm", "forget", "text", "n3/web");
    does("vm", "restore", "text", "n1", "version", "3");
    assert_int_equal(state_vm_host(database, "n1", &host, &err), 1);
    assert_int_equal(host.list->count, 2);
    assert_int_equal(host.list->vms[0].order, 7);
    uint64_t version = host.version, wish = host.wish;
    does("vm", "restore", "json", "n1");
    assert_int_equal(state_vm_host(database, "n1", &host, &err), 1);
    assert_int_equal(host.version, version);
    assert_int_equal(host.wish, wish + 1);
}

static void orphans(void **state)
{
    add("n1/web", "[vms] web.vmx", "on");
    does("node-remove", "n1");
    does("vm", "list", "text", "");
    holds("n1: no node any more");
    fails("vm", "restore", "text", "n1");
    does("vm", "forget", "text", "n1");
    fails("vm", "show", "text", "n1");
    does("vm", "list", "text", "");
    holds("no virtual machines are known");
}

static int setup(void **state)
{
    char path[96];
    root_fd = sample_root(root);
    zones = zones_read(0);
    snprintf(path, sizeof path, "%s/state.db", root);
    if (root_fd < 0 || store_open(root_fd, true, &store, &err) < 0 || state_open(path, &database, &err) < 0)
        return -1;
    return ask("node-set", "n[1-3]", "mac", "02:00:00:00:00:01,02:00:00:00:00:02,02:00:00:00:00:03",
               "datastores", "vms=nas:/srv/vms");
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
        test(reading), test(refused), test(dry_runs), test(changing), test(orphans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
