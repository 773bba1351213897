/* Machines on the command line: what is meant, what is refused, how names are shown; what differs in two
 * lists. */
#include "proc/vm_diff.h"
#include "proc/vm_health.h"
#include "proc/vm_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static struct vm machine(const char *name, const char *label, const char *file)
{
    return (struct vm){.label = text(label),
                       .file = text(file),
                       .name = text(name),
                       .id = text(""),
                       .why = text(""),
                       .power = VM_POWER_OFF,
                       .order = VM_ORDER_DEFAULT};
}

static void add(struct vm_list *list, const char *name, const char *label, const char *file)
{
    struct error err = {0};
    struct vm vm = machine(name, label, file);
    if (vm_list_add(list, &vm, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_parse(void **state)
{
    struct vm_target target;
    struct error err;
    assert_int_equal(vm_target_parse("rack[01-03]", &target, &err), 0);
    assert_int_equal(target.hosts.count, 3);
    assert_null(target.machine);
    vm_target_fini(&target);
    assert_int_equal(vm_target_parse("rack[01-02]/[vms] a/b c.vmx", &target, &err), 0);
    assert_int_equal(target.hosts.count, 2);
    assert_string_equal(target.hosts.names[1], "rack02");
    assert_string_equal(target.machine, "[vms] a/b c.vmx");
    vm_target_fini(&target);
    assert_int_equal(vm_target_parse("h//etc/passwd", &target, &err), 0);
    assert_string_equal(target.machine, "/etc/passwd");
    vm_target_fini(&target);
    assert_int_equal(vm_target_parse("h/", &target, &err), -1);
    assert_int_equal(vm_target_parse("/x", &target, &err), -1);
    assert_int_equal(vm_target_parse("", &target, &err), -1);
    assert_int_equal(vm_target_parse("h[1-/x", &target, &err), -1);
}

static void test_place(void **state)
{
    char label[VM_LABEL_MAX], file[VM_FILE_MAX], longest[VM_LABEL_MAX + 16];
    assert_true(vm_place_parse("[my vms] web 1/[x] y.vmx", label, file));
    assert_string_equal(label, "my vms");
    assert_string_equal(file, "web 1/[x] y.vmx");
    static const char *const bad[] = {"", "[", "[vms]", "[vms] ", "[] x", "vms x", "[vms]x", "[vms x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(vm_place_parse(bad[i], label, file));
    memset(longest, 'l', sizeof longest);
    longest[0] = '[';
    strcpy(longest + VM_LABEL_MAX, "] x"); /* VM_LABEL_MAX - 1 bytes within */
    assert_true(vm_place_parse(longest, label, file));
    assert_int_equal(strlen(label), VM_LABEL_MAX - 1);
    strcpy(longest + VM_LABEL_MAX, "l] x");
    assert_false(vm_place_parse(longest, label, file));
}

static void shows(const char *name, const char *wanted)
{
    struct buf out = BUF_INIT;
    vm_name_put(&out, name);
    assert_string_equal(buf_text(&out), wanted);
    buf_fini(&out);
}

static void test_shown(void **state)
{
    shows("", "");
    shows("web 1", "web 1");
    shows("a\nb", "a\\nb");
    shows("\x1b[31m", "\\x1b[31m");
    shows("a\\nb", "a\\\\nb"); /* told from a line end */
    shows("w\xc3\xa9"
          "b",
          "w\xc3\xa9"
          "b");
    shows("w\xe9"
          "b",
          "w\\xe9b"); /* Latin 1 */
    shows("\xc2\x9b"
          "2J",
          "\\xc2\\x9b2J"); /* a C1 control: another escape sequence to a terminal */
    shows("\r\t\x7f", "\\x0d\\x09\\x7f");
    shows("a\\", "a\\\\");
}

static void test_find(void **state)
{
    struct vm_list list = {0};
    struct error err;
    add(&list, "dup", "vms", "x/dup.vmx");
    add(&list, "dup", "vms", "y/dup.vmx");
    add(&list, "web1", "vms", "w.vmx");
    add(&list, "[vms] w.vmx", "vms", "trap.vmx");
    add(&list, "a\nb", "vms", "n.vmx");
    add(&list, "/etc/passwd", "vms", "p.vmx");
    add(&list, "", "vms", "noname.vmx");
    assert_string_equal(vm_target_find(&list, "h", "web1", &err)->file, "w.vmx");
    assert_string_equal(vm_target_find(&list, "h", "a\nb", &err)->file, "n.vmx");
    assert_string_equal(vm_target_find(&list, "h", "a\\nb", &err)->file, "n.vmx");
    assert_string_equal(vm_target_find(&list, "h", "/etc/passwd", &err)->file, "p.vmx");
    assert_string_equal(vm_target_find(&list, "h", "[vms] y/dup.vmx", &err)->file, "y/dup.vmx");
    assert_string_equal(vm_target_find(&list, "h", "[vms] noname.vmx", &err)->file, "noname.vmx");
    /* where it is beats what it is called */
    assert_string_equal(vm_target_find(&list, "h", "[vms] w.vmx", &err)->file, "w.vmx");
    assert_null(vm_target_find(&list, "h", "dup", &err));
    assert_non_null(strstr(err.text, "2 machines of h"));
    assert_non_null(strstr(err.text, "\"h/[vms] x/dup.vmx\", \"h/[vms] y/dup.vmx\""));
    assert_null(vm_target_find(&list, "h", "wbe1", &err));
    assert_non_null(strstr(err.text, "did you mean web1?"));
    assert_null(vm_target_find(&list, "h", "none of\nthem", &err));
    assert_null(strchr(err.text, '\n'));
    vm_list_fini(&list);
}

static void test_many_of_one_name(void **state)
{
    struct vm_list list = {0};
    struct error err;
    for (unsigned i = 0; i < 1000; i++) {
        char file[16];
        snprintf(file, sizeof file, "%u.vmx", i);
        add(&list, "dup", "vms", file);
    }
    assert_null(vm_target_find(&list, "h", "dup", &err));
    assert_non_null(strstr(err.text, "1000 machines"));
    assert_non_null(strstr(err.text, "and 994 more"));
    vm_list_fini(&list);
}

static void test_diff(void **state)
{
    struct vm_list before = {0}, after = {0};
    struct buf out = BUF_INIT;
    add(&before, "same", "vms", "s.vmx");
    add(&before, "gone", "vms", "g.vmx");
    add(&before, "web\n1", "vms", "w.vmx");
    add(&after, "same", "vms", "s.vmx");
    add(&after, "web\n1", "vms", "w.vmx");
    add(&after, "new", "iso", "n.vmx");
    struct vm *web = vm_list_find(&after, "vms", "w.vmx");
    web->power = VM_POWER_ON;
    web->power_fixed = true;
    web->order = 7;
    web->missing = 3; /* nobody's setting */
    assert_int_equal(vm_diff(&before, &after, &out), 3);
    assert_string_equal(buf_text(&out), "gone ([vms] g.vmx) is forgotten\n"
                                        "web\\n1 ([vms] w.vmx): power off (auto) -> on, order 500 -> 7\n"
                                        "new ([iso] n.vmx) is new: power off (auto), order 500\n");
    buf_clear(&out);
    assert_int_equal(vm_diff(&after, &after, &out), 0);
    assert_int_equal(out.size, 0);
    buf_fini(&out);
    vm_list_fini(&before);
    vm_list_fini(&after);
}

/* A machine that an older version brings back was not seen lately, whatever that version says of then. */
static void test_carry_seen(void **state)
{
    struct vm_list now = {0}, old = {0};
    struct error err;
    add(&now, "both", "vms", "b.vmx");
    add(&old, "both", "vms", "b.vmx");
    add(&old, "back", "vms", "k.vmx");
    vm_list_find(&now, "vms", "b.vmx")->was_seen = true;
    vm_list_find(&now, "vms", "b.vmx")->off = 1;
    struct vm *back = vm_list_find(&old, "vms", "k.vmx");
    back->was_seen = true;
    back->missing = 1;
    back->missing_ms = 5;
    assert_int_equal(vm_set_text(&back->why, "locked", &err), 0);
    assert_int_equal(vm_diff_carry_seen(&now, &old, &err), 0);
    assert_true(vm_list_find(&old, "vms", "b.vmx")->was_seen);
    assert_int_equal(vm_list_find(&old, "vms", "b.vmx")->off, 1);
    assert_false(back->was_seen);
    assert_int_equal(back->missing, 0);
    assert_int_equal(back->missing_ms, 0);
    assert_string_equal(back->why, "");
    vm_list_fini(&now);
    vm_list_fini(&old);
}

static void health(const struct state_vm_host *host, const struct vm *vm, const char *held, const char *word,
                   const char *why, const char *seen)
{
    struct vm_health out;
    vm_health_of(host, vm, held, &out);
    assert_string_equal(out.word, word);
    assert_string_equal(out.why, why);
    assert_string_equal(out.seen, seen);
}

static void test_health(void **state)
{
    struct vm_store stores[] = {{text("ok"), true, false, text("")},
                                {text("vms"), false, false, text("hangs")}};
    struct state_vm_host host = {.node = "h", .boot = 0};
    struct vm vm = machine("web1", "vms", "w.vmx");
    vm.power = VM_POWER_ON;
    health(&host, &vm, NULL, "unseen", "its host has not booted yet", "-");
    host.boot = 4;
    health(&host, &vm, NULL, "unseen", "not reported since the host's boot", "-");
    vm.was_seen = true;
    health(&host, &vm, NULL, "ok", "", "on");
    vm.off = 1;
    health(&host, &vm, NULL, "off", "though it is wanted on", "off");
    vm.why = text("locked");
    health(&host, &vm, NULL, "failed", "locked", "off");
    vm.missing = 2;
    vm.missing_ms = 1000;
    health(&host, &vm, NULL, "missing", "since 1970-01-01T00:00:01Z", "-");
    host.stores = stores;
    host.store_count = 2;
    health(&host, &vm, NULL, "unreachable", "datastore vms is not mounted: hangs", "-");
    health(&host, &vm, "rack02 has it until 14:03 UTC", "held", "rack02 has it until 14:03 UTC", "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_many_of_one_name),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_carry_seen),
        cmocka_unit_test(test_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
