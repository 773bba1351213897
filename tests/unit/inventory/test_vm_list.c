#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/vm_list.h"

/* vm_list_add copies. */
static char *lend(const char *text)
{
    char *out;
    memcpy(&out, &text, sizeof out);
    return out;
}

static struct vm make(const char *label, const char *file, const char *name)
{
    return (struct vm){
        .label = lend(label), .file = lend(file), .name = lend(name), .order = VM_ORDER_DEFAULT};
}

static void add(struct vm_list *list, const char *label, const char *file, const char *name)
{
    struct error err;
    struct vm vm = make(label, file, name);
    if (vm_list_add(list, &vm, &err) < 0)
        fail_msg("%s", err.text);
}

static void refused(const char *label, const char *file, const char *error)
{
    struct vm_list list = {0};
    struct error err;
    struct vm vm = make(label, file, "n");
    assert_int_equal(vm_list_add(&list, &vm, &err), -1);
    assert_true(strncmp(err.text, error, strlen(error)) == 0);
    assert_int_equal(list.count, 0);
    vm_list_fini(&list);
}

static void refusals(void **state)
{
    (void)state;
    char text[VM_FILE_MAX + 1];
    refused("vms", "/etc/passwd", "'/etc/passwd' is no file below");
    refused("vms", "../x", "'../x' is no file below");
    refused("vms", "a/../../x", "'a/../../x' is no file below");
    refused("vms", "a/..", "'a/..' is no file below");
    refused("vms", "a\nb", "a machine's file with a control character (0x0a)");
    refused("v\tms", "a", "a datastore's label with a control character (0x09)");
    refused("v/ms", "a", "'v/ms' is no label");
    struct vm_list list = {0};
    struct error err;
    memset(text, 'x', sizeof text);
    text[VM_FILE_MAX] = 0;
    struct vm vm = make("vms", text, "n");
    assert_int_equal(vm_list_add(&list, &vm, &err), -1);
    text[VM_FILE_MAX - 1] = 0;
    assert_int_equal(vm_list_add(&list, &vm, &err), 0);
    vm = make(text, "a", "n");
    assert_int_equal(vm_list_add(&list, &vm, &err), -1);
    vm = make("vms", "a", text);
    assert_int_equal(vm_list_add(&list, &vm, &err), -1);
    /* Two dots in a name climb nowhere. */
    add(&list, "vms", "a..b/..c/d..", "n");
    assert_int_equal(list.count, 2);
    vm_list_fini(&list);
}

static void found(void **state)
{
    (void)state;
    struct vm_list list = {0};
    add(&list, "vms", "web 1/web [1].vmx", "one");
    add(&list, "vm", "sb", "two");
    add(&list, "vms", "b", "two");
    assert_string_equal(vm_list_find(&list, "vms", "web 1/web [1].vmx")->name, "one");
    assert_ptr_equal(vm_list_find(&list, "vm", "sb"), &list.vms[1]);
    assert_ptr_equal(vm_list_find(&list, "vms", "b"), &list.vms[2]);
    assert_null(vm_list_find(&list, "", ""));
    assert_null(vm_list_find(&list, "vm", "b"));
    assert_true(vm_list_remove(&list, "vm", "sb"));
    assert_false(vm_list_remove(&list, "vm", "sb"));
    assert_ptr_equal(vm_list_find(&list, "vms", "b"), &list.vms[1]);
    vm_list_fini(&list);
}

static void sorted(void **state)
{
    (void)state;
    struct vm_list list = {0};
    add(&list, "b", "1", "");
    add(&list, "a", "2", "");
    add(&list, "a", "10", "");
    add(&list, "c", "first", "");
    add(&list, "a", "last", "");
    list.vms[3].order = 1;
    list.vms[4].order = 999999;
    vm_list_sort(&list);
    static const char *const files[] = {"first", "10", "2", "1", "last"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(list.vms[i].file, files[i]);
    vm_list_fini(&list);
}

#define LINES                                                                                                \
    "vm|vms|web 1/web%7C1.vmx|two%0Alines 100%25|paused|7|30|copied|42 "                                     \
    "1d|fixed|2:3:2:1700000000000:locked: "                                                                  \
    "ask\n"                                                                                                  \
    "vm|||lost Zürich|unknown|500|0|none|||0:0:0:0:\n"

static void as_text(void **state)
{
    (void)state;
    struct vm_list list = {0}, again;
    struct buf out = BUF_INIT;
    struct error err;
    struct vm one = {.label = lend("vms"),
                     .file = lend("web 1/web|1.vmx"),
                     .name = lend("two\nlines 100%"),
                     .id = lend("42 1d"),
                     .power = VM_POWER_PAUSED,
                     .power_fixed = true,
                     .order = 7,
                     .delay_s = 30,
                     .answer = VM_ANSWER_COPIED,
                     .was_seen = true,
                     .was_on = true,
                     .missing = 3,
                     .off = 2,
                     .missing_ms = 1700000000000,
                     .why = lend("locked: ask")};
    struct vm two = {
        .name = lend("lost Zürich"), .power = VM_POWER_UNKNOWN, .order = 500, .answer = VM_ANSWER_NONE};
    assert_int_equal(vm_list_add(&list, &one, &err), 0);
    assert_int_equal(vm_list_add(&list, &two, &err), 0);
    vm_list_format(&list, &out);
    assert_string_equal(buf_text(&out), LINES);
    assert_int_equal(vm_list_parse(buf_slice(&out), &again, &err), 0);
    buf_clear(&out);
    vm_list_format(&again, &out);
    assert_string_equal(buf_text(&out), LINES);
    assert_true(again.vms[0].was_seen && again.vms[0].was_on);
    buf_fini(&out);
    vm_list_fini(&list);
    vm_list_fini(&again);
}

static void bad_text(const char *text, const char *error)
{
    struct vm_list list;
    struct error err;
    assert_int_equal(vm_list_parse((struct slice){(const uint8_t *)text, strlen(text)}, &list, &err), -1);
    assert_true(strncmp(err.text, error, strlen(error)) == 0);
}

#define GOOD "vm|vms|a|n|on|1|0|moved|||0:0:0:0:\n"

static void bad_texts(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "what|is|this\n",
        "\n",
        "vm|vms|b|n|of|1|0|moved|||0:0:0:0:\n",
        "vm|vms|b|n|on|1000000|0|moved|||0:0:0:0:\n",
        "vm|vms|b|n|on|1|86401|moved|||0:0:0:0:\n",
        "vm|vms|b|n|on|1|0|gone|||0:0:0:0:\n",
        "vm|vms|b|n|on|1|0|moved|||0:0:0:\n",
        "vm|vms|b|n|on|1|0|moved|||3:0:0:0:\n",
        "vm|vms|b|n|on|1|0|moved|||0:0:-1:0:\n",
        "vm|vms|b%|n|on|1|0|moved|||0:0:0:0:\n",
        GOOD,
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[256];
        snprintf(text, sizeof text, GOOD "%s", lines[i]);
        bad_text(text, "line 2: ");
    }
    bad_text(GOOD GOOD, "line 2: [vms] a is there twice");
}

/* Whatever a report may bring can be kept: all fields as long as can be, all bytes encoded. */
static void longest_line(void **state)
{
    (void)state;
    static char label[VM_LABEL_MAX], file[VM_FILE_MAX], name[VM_NAME_MAX], id[VM_ID_MAX], why[VM_WHY_MAX];
    struct vm_list list = {0}, again;
    struct buf out = BUF_INIT;
    struct error err;
    struct vm vm = {.label = label, .file = file, .name = name, .id = id, .why = why};
    memset(label, '%', sizeof label - 1);
    memset(file, '|', sizeof file - 1);
    memset(name, '\n', sizeof name - 1);
    memset(id, '%', sizeof id - 1);
    memset(why, 0x7f, sizeof why - 1);
    assert_int_equal(vm_list_add(&list, &vm, &err), 0);
    vm_list_format(&list, &out);
    if (vm_list_parse(buf_slice(&out), &again, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(again.vms[0].why, why);
    assert_string_equal(again.vms[0].file, file);
    vm_list_fini(&list);
    vm_list_fini(&again);
    buf_fini(&out);
}

static void ten_thousand(void **state)
{
    (void)state;
    struct vm_list list = {0}, copy, again;
    struct buf out = BUF_INIT;
    struct error err;
    char file[64];
    for (int i = 0; i < VM_LIST_MAX; i++) {
        snprintf(file, sizeof file, "web %d/web %d.vmx", i, i);
        add(&list, "vms", file, "the same name");
    }
    struct vm more = make("vms", "more", "m");
    assert_int_equal(vm_list_add(&list, &more, &err), -1);
    assert_string_equal(err.text, "more than 10000 machines on one host");
    assert_int_equal(vm_list_copy(&list, &copy, &err), 0);
    vm_list_fini(&list);
    vm_list_sort(&copy);
    vm_list_format(&copy, &out);
    assert_int_equal(vm_list_parse(buf_slice(&out), &again, &err), 0);
    for (int i = 0; i < VM_LIST_MAX; i++) {
        snprintf(file, sizeof file, "web %d/web %d.vmx", i, i);
        assert_string_equal(vm_list_find(&again, "vms", file)->file, file);
    }
    assert_null(vm_list_find(&again, "vms", "web 10000/web 10000.vmx"));
    vm_list_fini(&copy);
    vm_list_fini(&again);
    buf_fini(&out);
}

static void words(void **state)
{
    (void)state;
    enum vm_power power = VM_POWER_OFF;
    enum vm_answer answer = VM_ANSWER_MOVED;
    assert_true(vm_power_parse("paused", &power));
    assert_int_equal(power, VM_POWER_PAUSED);
    assert_false(vm_power_parse("On", &power));
    assert_true(vm_answer_parse("none", &answer));
    assert_int_equal(answer, VM_ANSWER_NONE);
    assert_false(vm_answer_parse("", &answer));
    assert_string_equal(vm_power_word(VM_POWER_UNKNOWN), "unknown");
    assert_string_equal(vm_answer_word(VM_ANSWER_COPIED), "copied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals), cmocka_unit_test(found),        cmocka_unit_test(sorted),
        cmocka_unit_test(as_text),  cmocka_unit_test(bad_texts),    cmocka_unit_test(ten_thousand),
        cmocka_unit_test(words),    cmocka_unit_test(longest_line),
    };
    return cmocka_run_group_tests_name("inventory/list", tests, NULL, NULL);
}
