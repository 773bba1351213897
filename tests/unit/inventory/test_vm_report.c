#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/vm_report.h"

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* --- parts --- */

static int part(struct vm_parts *parts, uint64_t seq, uint32_t number, uint32_t total, const char *text,
                struct buf *whole)
{
    struct error err;
    return vm_parts_add(parts, seq, number, total, slice_of(text), whole, &err);
}

static void parts_in_any_order(void **state)
{
    (void)state;
    struct vm_parts parts = {0};
    struct buf whole = BUF_INIT;
    assert_int_equal(part(&parts, 1, 3, 3, "cc", &whole), 0);
    assert_int_equal(part(&parts, 1, 1, 3, "a", &whole), 0);
    assert_int_equal(part(&parts, 1, 3, 3, "cc", &whole), 0); /* repeated */
    assert_int_equal(part(&parts, 1, 1, 3, "a", &whole), 0);
    assert_int_equal(part(&parts, 1, 2, 3, "bb", &whole), 1);
    assert_string_equal(buf_text(&whole), "abbcc");
    buf_clear(&whole);
    assert_int_equal(part(&parts, 2, 1, 1, "alone", &whole), 1);
    assert_string_equal(buf_text(&whole), "alone");
    vm_parts_fini(&parts);
    buf_fini(&whole);
}

static void another_report_begins_anew(void **state)
{
    (void)state;
    struct vm_parts parts = {0};
    struct buf whole = BUF_INIT;
    assert_int_equal(part(&parts, 1, 1, 2, "old", &whole), 0);
    assert_int_equal(part(&parts, 2, 2, 2, "new2", &whole), 0);
    assert_int_equal(part(&parts, 2, 1, 2, "new1", &whole), 1);
    assert_string_equal(buf_text(&whole), "new1new2");
    buf_clear(&whole);
    assert_int_equal(part(&parts, 3, 1, 2, "x", &whole), 0);
    assert_int_equal(part(&parts, 3, 2, 3, "y", &whole), 0);
    assert_int_equal(part(&parts, 3, 1, 3, "x", &whole), 0);
    assert_int_equal(part(&parts, 3, 3, 3, "z", &whole), 1);
    assert_string_equal(buf_text(&whole), "xyz");
    vm_parts_fini(&parts);
    buf_fini(&whole);
}

static void parts_refused(void **state)
{
    (void)state;
    struct vm_parts parts = {0};
    struct buf whole = BUF_INIT;
    struct error err;
    static const uint8_t big[VM_REPORT_PART_MAX + 1];
    assert_int_equal(part(&parts, 1, 0, 1, "a", &whole), -1);
    assert_int_equal(part(&parts, 1, 2, 1, "a", &whole), -1);
    assert_int_equal(part(&parts, 1, 1, 0, "a", &whole), -1);
    assert_int_equal(part(&parts, 1, 1, 4097, "a", &whole), -1);
    assert_int_equal(part(&parts, 1, 1, 1, "", &whole), -1);
    assert_int_equal(vm_parts_add(&parts, 1, 1, 1, (struct slice){big, sizeof big}, &whole, &err), -1);
    /* 1398 parts of 6000 bytes are 8,388,000 bytes; one more is over 8 MiB. */
    struct slice most = {big, VM_REPORT_PART_MAX};
    for (uint32_t i = 1; i <= 1398; i++)
        assert_int_equal(vm_parts_add(&parts, 1, i, 4096, most, &whole, &err), 0);
    assert_int_equal(vm_parts_add(&parts, 1, 1398, 4096, most, &whole, &err), 0);
    assert_int_equal(vm_parts_add(&parts, 1, 1399, 4096, most, &whole, &err), -1);
    assert_string_equal(err.text, "a report of more than 8 MiB");
    vm_parts_fini(&parts);
    buf_fini(&whole);
}

/* --- the whole --- */

static void whole_report(void **state)
{
    (void)state;
    struct vm_report r;
    struct error err;
    const char *text = "report|7|restored\n"
                       "store|vms|ok|rw\n"
                       "store|iso|ok|ro\n"
                       "store|slow disk|failed|hangs%0Asince 10:00\n"
                       "news|from|the future\n"
                       "vm|vms|web [1]/a%7Cb.vmx|web [1]%0A100%25|on|52 1a\n"
                       "vm|vms|web2.vmx|web [1]%0A100%25|paused|\n"
                       "vm|||by hand Zürich|on|\n"
                       "vm|||by hand Zürich|off|\n"
                       "vm|vms|web2.vmx|renamed|off|id\n"
                       "end|10\n";
    if (vm_report_parse(slice_of(text), &r, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(r.seq, 7);
    assert_int_equal(r.why, VM_REPORT_RESTORED);
    assert_int_equal(r.list.store_count, 3);
    const struct vm_store *stores = r.list.stores;
    assert_string_equal(stores[0].label, "vms");
    assert_true(stores[0].ok);
    assert_false(stores[0].read_only);
    assert_true(stores[1].read_only);
    assert_string_equal(stores[2].label, "slow disk");
    assert_false(stores[2].ok);
    assert_string_equal(stores[2].why, "hangs?since 10:00");
    assert_int_equal(r.list.count, 4);
    assert_string_equal(r.list.vms[0].file, "web [1]/a|b.vmx");
    assert_string_equal(r.list.vms[0].name, "web [1]\n100%");
    assert_string_equal(r.list.vms[0].id, "52 1a");
    assert_int_equal(r.list.vms[0].power, VM_POWER_ON);
    /* Told twice: the later counts. */
    assert_string_equal(r.list.vms[1].name, "renamed");
    assert_string_equal(r.list.vms[1].id, "id");
    assert_int_equal(r.list.vms[1].power, VM_POWER_OFF);
    assert_string_equal(r.list.vms[3].name, "by hand Zürich");
    vm_report_fini(&r);
}

static void bad(const char *text, const char *error)
{
    struct vm_report r;
    struct error err;
    assert_int_equal(vm_report_parse(slice_of(text), &r, &err), -1);
    assert_string_equal(err.text, error);
}

static void bad_reports(void **state)
{
    (void)state;
    bad("", "report, line 0: it was cut short: its last line is not end|LINES");
    bad("report|1|start\n", "report, line 1: it was cut short: its last line is not end|LINES");
    bad("report|1|start\nvm|vms|a|a|o", "report, line 2: a machine's power is on, off, paused or unknown");
    bad("report|1|start\nvm|vms|a|a|on|\nend|1\n",
        "report, line 3: its end does not fit: lines were lost on the way");
    bad("report|1|start\nend|\n", "report, line 2: its end does not fit: lines were lost on the way");
    bad("report|1|start\nend|1\nvm|vms|a|a|on|\n",
        "report, line 2: its end does not fit: lines were lost on the way");
    bad("report|1|begin\nend|1\n", "report, line 1: a report is of start, restored, change or shutdown");
    bad("report|-1|start\nend|1\n", "report, line 1: it does not begin with report|SEQ|WHY");
    bad("end|0\n", "report, line 1: it does not begin with report|SEQ|WHY");
    bad("vm|vms|a|a|on|\nend|1\n", "report, line 1: it does not begin with report|SEQ|WHY");
    bad("report|1|start\nvm|vms|../a|a|on|\nend|2\n", "report, line 2: '../a' is no file below a datastore: "
                                                      "write its path without '/' at the start and '..'");
    bad("report|1|start\nvm|vms|a%|a|on|\nend|2\n",
        "report, line 2: a '%' without two hex digits behind it, or %00");
    bad("report|1|start\nstore|vms|fine|rw\nend|2\n", "report, line 2: a datastore is ok or failed");
}

/* What is told twice has the same limits. */
static void bad_second(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    struct vm_report r;
    struct error err;
    buf_append_text(&text, "report|1|start\nvm|vms|a|a|on|\nvm|vms|a|");
    for (int i = 0; i < VM_NAME_MAX; i++)
        buf_append_text(&text, "x");
    buf_append_text(&text, "|on|\nend|3\n");
    assert_int_equal(vm_report_parse(buf_slice(&text), &r, &err), -1);
    buf_fini(&text);
}

static void ten_thousand(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    struct vm_report r;
    struct error err;
    buf_append_text(&text, "report|1|change\n");
    for (int i = 0; i < 10000; i++)
        buf_format(&text, "vm|vms|web %d/web.vmx|web|on|%d\n", i, i);
    struct buf more = BUF_INIT;
    buf_append(&more, text.data, text.size);
    buf_append_text(&more, "vm|vms|more|more|on|\nend|10002\n");
    buf_append_text(&text, "end|10001\n");
    assert_int_equal(vm_report_parse(buf_slice(&text), &r, &err), 0);
    assert_int_equal(r.list.count, 10000);
    vm_report_fini(&r);
    assert_int_equal(vm_report_parse(buf_slice(&more), &r, &err), -1);
    assert_string_equal(err.text, "report, line 10002: more than 10000 machines on one host");
    buf_fini(&text);
    buf_fini(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_in_any_order), cmocka_unit_test(another_report_begins_anew),
        cmocka_unit_test(parts_refused),      cmocka_unit_test(whole_report),
        cmocka_unit_test(bad_reports),        cmocka_unit_test(bad_second),
        cmocka_unit_test(ten_thousand),
    };
    return cmocka_run_group_tests_name("inventory/report", tests, NULL, NULL);
}
