#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "inventory/vm_merge.h"

/* A host's inventory, and what its last report did to it. */
struct host {
    struct vm_list known;
    bool is_restored;
    int64_t now_ms;
    const char *other; /* who has the machine whose file is `others` */
    const char *others;
    struct vm_merge last; /* without `next` */
    char notes[8192];
    char list[8192]; /* "a:on b:off" */
};

static const char *owner(void *ctx, const struct vm *vm)
{
    struct host *h = ctx;
    return h->others && strcmp(h->others, vm->file) == 0 ? h->other : NULL;
}

static void show(struct host *h)
{
    size_t used = 0;
    h->list[0] = 0;
    for (size_t i = 0; i < h->known.count && used < sizeof h->list - 64; i++)
        used += (size_t)snprintf(h->list + used, sizeof h->list - used, "%s%.20s:%s", i ? " " : "",
                                 h->known.vms[i].file, vm_power_word(h->known.vms[i].power));
}

static void take(struct host *h, struct slice text)
{
    struct vm_report report;
    struct error err;
    if (vm_report_parse(text, &report, &err) < 0)
        fail_msg("%s", err.text);
    struct vm_merge_input in = {.known = &h->known,
                                .report = &report,
                                .is_restored = h->is_restored,
                                .now_ms = h->now_ms,
                                .owner = owner,
                                .ctx = h};
    if (vm_merge(&in, &h->last, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(h->notes, sizeof h->notes, "%s", buf_text(&h->last.notes));
    buf_fini(&h->last.notes);
    vm_list_fini(&h->known);
    h->known = h->last.next;
    vm_report_fini(&report);
    show(h);
}

/* body: lines of stores and machines. A minute goes by. */
static void report(struct host *h, const char *why, const char *body)
{
    struct buf text = BUF_INIT;
    unsigned lines = 1;
    for (const char *p = body; *p; p++)
        lines += *p == '\n';
    buf_format(&text, "report|1|%s\n%send|%u\n", why, body, lines);
    h->now_ms += 60000;
    take(h, buf_slice(&text));
    buf_fini(&text);
}

#define OK     "store|vms|ok|rw\n"
#define FAILED "store|vms|failed|hangs\n"
#define A      "vm|vms|a|A|on|1\n"
#define B      "vm|vms|b|B|on|2\n"
#define C      "vm|vms|c|C|on|3\n"
#define D      "vm|vms|d|D|on|4\n"
#define A_OFF  "vm|vms|a|A|off|1\n"

static void begin(struct host *h, const char *body)
{
    *h = (struct host){.is_restored = true, .now_ms = 1000000};
    report(h, "start", body);
}

static void end(struct host *h)
{
    vm_list_fini(&h->known);
}

/* --- what is new --- */

static void new_ones_are_taken_at_once(void **state)
{
    (void)state;
    struct host h = {.now_ms = 1};
    report(&h, "start",
           OK "vm|vms|d|four|unknown|\nvm|vms|a|two%0Alines|on|\nvm|vms|b|B|off|\nvm|vms|c|C|paused|\n"
              "vm|||on no datastore|on|\n");
    assert_string_equal(h.list, "a:on b:off c:on d:off");
    assert_string_equal(h.notes, "four ([vms] d) is new, off\n"
                                 "two?lines ([vms] a) is new, on\n"
                                 "B ([vms] b) is new, off\n"
                                 "C ([vms] c) is new, on\n");
    assert_int_equal(h.last.added, 4);
    assert_true(h.last.is_changed);
    assert_int_equal(h.known.vms[0].order, 500);
    assert_int_equal(h.known.vms[0].answer, VM_ANSWER_MOVED);
    /* The same again changes nothing. */
    report(&h, "change",
           OK "vm|vms|b|B|off|\nvm|vms|c|C|paused|\nvm|vms|a|two%0Alines|on|\nvm|vms|d|four|unknown|\n");
    assert_string_equal(h.list, "a:on b:off c:on d:off");
    assert_false(h.last.is_changed);
    assert_string_equal(h.notes, "");
    end(&h);
}

static void others_machines_are_left_out(void **state)
{
    (void)state;
    struct host h = {.is_restored = true, .other = "rack02", .others = "b"};
    report(&h, "start", OK A B);
    assert_string_equal(h.list, "a:on");
    assert_int_equal(h.last.conflicts, 1);
    assert_int_equal(h.last.added, 1);
    assert_string_equal(h.notes, "A ([vms] a) is new, on\nB ([vms] b) is rack02's, and not taken\n");
    report(&h, "change", OK A B);
    assert_false(h.last.is_changed);
    h.others = NULL;
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on");
    end(&h);
}

/* --- names --- */

static void names_are_taken_at_once(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A);
    h.is_restored = false;
    report(&h, "change", OK "vm|vms|a|Z|on|1\n");
    assert_string_equal(h.known.vms[0].name, "Z");
    assert_true(h.last.is_changed);
    assert_int_equal(h.last.renamed, 1);
    assert_string_equal(h.notes, "Z ([vms] a) has a new name or id\n");
    report(&h, "change", OK "vm|vms|a|Z|on|9\n");
    assert_string_equal(h.known.vms[0].id, "9");
    assert_true(h.last.is_changed);
    /* A host that cannot tell them. */
    report(&h, "change", OK "vm|vms|a||unknown|\n");
    assert_string_equal(h.list, "a:on");
    assert_string_equal(h.known.vms[0].name, "Z");
    assert_string_equal(h.known.vms[0].id, "9");
    assert_false(h.last.is_changed);
    /* Nor does one that cannot reach the datastore know them. */
    report(&h, "change", FAILED "vm|vms|a|/vmfs/volumes/4f1b/a|unknown|\n");
    assert_string_equal(h.known.vms[0].name, "Z");
    end(&h);
}

static void moved_ones_keep_what_was_set(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK "store|fast|ok|rw\n" A B);
    struct vm *a = vm_list_find(&h.known, "vms", "a");
    a->order = 7;
    a->delay_s = 30;
    a->answer = VM_ANSWER_COPIED;
    a->power = VM_POWER_OFF;
    a->power_fixed = true;
    report(&h, "change", OK "store|fast|ok|rw\n" B "vm|fast|new/a|A|on|1\n");
    assert_string_equal(h.list, "new/a:off b:on");
    assert_string_equal(h.known.vms[0].label, "fast");
    assert_int_equal(h.known.vms[0].order, 7);
    assert_int_equal(h.known.vms[0].delay_s, 30);
    assert_int_equal(h.known.vms[0].answer, VM_ANSWER_COPIED);
    assert_true(h.known.vms[0].power_fixed);
    assert_int_equal(h.last.added, 0);
    assert_int_equal(h.last.removed, 0);
    assert_true(h.last.is_changed);
    assert_string_equal(h.notes, "A ([fast] new/a) was moved here\n");
    end(&h);
}

static void what_is_no_move(void **state)
{
    (void)state;
    struct host h;
    /* The old one is there as well: a copy. */
    begin(&h, OK A);
    report(&h, "change", OK A "vm|vms|copy|A|off|1\n");
    assert_string_equal(h.list, "a:on copy:off");
    end(&h);
    /* Two with its id: nobody knows which it is. */
    begin(&h, OK A);
    report(&h, "change", OK "vm|vms|x|A|on|1\nvm|vms|y|A|on|1\n");
    assert_string_equal(h.list, "a:on x:on y:on");
    end(&h);
    /* No id at all is no id in common. */
    begin(&h, OK "vm|vms|a|A|on|\n");
    report(&h, "change", OK "vm|vms|x|A|on|\n");
    assert_string_equal(h.list, "a:on x:on");
    end(&h);
    /* Another host's. */
    begin(&h, OK A);
    h.other = "rack02";
    h.others = "x";
    report(&h, "change", OK "vm|vms|x|A|on|1\n");
    assert_string_equal(h.list, "a:on");
    assert_int_equal(h.last.conflicts, 1);
    end(&h);
}

static void two_with_one_id_or_name(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK "vm|vms|a|same|on|1\nvm|vms|b|same|off|1\n");
    assert_string_equal(h.list, "a:on b:off");
    /* One of them moved: the first by order stands for both. */
    report(&h, "change", OK "vm|vms|x|same|on|1\n");
    assert_string_equal(h.list, "b:off x:on");
    end(&h);
}

/* --- what is gone --- */

static void a_host_comes_up_empty(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C D);
    h.is_restored = false;
    for (int i = 0; i < 20; i++) {
        report(&h, i ? "change" : "start", OK);
        assert_string_equal(h.list, "a:on b:on c:on d:on");
        assert_false(h.last.is_held);
    }
    for (int i = 0; i < 5; i++)
        report(&h, "change", OK A_OFF);
    assert_string_equal(h.list, "a:on b:on c:on d:on");
    /* What was missing before it had restored counts for nothing afterwards. */
    vm_list_forget_reports(&h.known);
    h.is_restored = true;
    for (int i = 0; i < 20; i++)
        report(&h, "change", OK A);
    assert_string_equal(h.list, "a:on b:on c:on d:on");
    end(&h);
}

static void gone_after_two_reports(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C);
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on c:on");
    assert_false(h.last.is_changed);
    assert_false(h.last.is_held);
    assert_int_equal(h.known.vms[2].missing, 1);
    assert_int_equal(h.known.vms[2].missing_ms, h.now_ms);
    assert_true(vm_merge_waits(&h.known));
    report(&h, "change", OK A B C); /* there again: counted anew */
    assert_int_equal(h.known.vms[2].missing, 0);
    assert_false(vm_merge_waits(&h.known));
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on c:on");
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on");
    assert_int_equal(h.last.removed, 1);
    assert_true(h.last.is_changed);
    assert_string_equal(h.notes, "C ([vms] c) is gone\n");
    end(&h);
}

static void stays_while_its_datastore_is_not_there(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C);
    for (int i = 0; i < 20; i++)
        report(&h, "change", i % 2 ? FAILED A B : "store|other|ok|rw\n" A B);
    assert_string_equal(h.list, "a:on b:on c:on");
    assert_int_equal(h.known.vms[2].missing, 0);
    end(&h);
}

/* A report that cannot tell is none in the row. */
static void in_a_row(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C);
    for (int i = 0; i < 6; i++)
        report(&h, "change", i % 2 ? FAILED A_OFF B : OK A_OFF B);
    assert_string_equal(h.list, "a:on b:on c:on");
    assert_false(vm_merge_waits(&h.known));
    end(&h);
}

static void half_may_go(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C D);
    report(&h, "change", OK A B);
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on");
    report(&h, "change", OK A);
    report(&h, "change", OK A);
    assert_string_equal(h.list, "a:on");
    report(&h, "change", OK);
    report(&h, "change", OK);
    assert_string_equal(h.list, "");
    end(&h);
}

static void more_than_half_must_stay_gone(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C);
    report(&h, "change", OK A);
    int64_t first_ms = h.now_ms;
    while (h.now_ms + 60000 < first_ms + VM_MERGE_HOLD_MS) {
        report(&h, "change", OK A);
        assert_string_equal(h.list, "a:on b:on c:on");
        assert_true(h.last.is_held);
        assert_false(h.last.is_changed);
    }
    report(&h, "change", OK A);
    assert_int_equal(h.now_ms, first_ms + VM_MERGE_HOLD_MS);
    assert_string_equal(h.list, "a:on");
    assert_int_equal(h.last.removed, 2);
    assert_false(h.last.is_held);
    end(&h);
}

/* Of four that are wanted two were seen: those two are more than half of what may go. */
static void half_of_those_that_were_seen(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C D);
    vm_list_forget_reports(&h.known);
    report(&h, "restored", OK A B);
    report(&h, "change", OK);
    report(&h, "change", OK);
    assert_string_equal(h.list, "a:on b:on c:on d:on");
    assert_true(h.last.is_held);
    end(&h);
}

static void held_ones_do_not_go_without_proof(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C);
    report(&h, "change", OK A);
    report(&h, "change", OK A);
    assert_true(h.last.is_held);
    h.now_ms += VM_MERGE_HOLD_MS;
    report(&h, "change", FAILED A);
    assert_string_equal(h.list, "a:on b:on c:on");
    report(&h, "shutdown", OK A);
    assert_string_equal(h.list, "a:on b:on c:on");
    h.is_restored = false;
    report(&h, "change", OK A);
    assert_string_equal(h.list, "a:on b:on c:on");
    end(&h);
}

static void shutdown_takes_nothing(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B C D);
    for (int i = 0; i < 5; i++) {
        report(&h, "shutdown", OK A_OFF B "vm|vms|e|E|on|\n");
        assert_string_equal(h.list, "a:on b:on c:on d:on e:on");
    }
    assert_int_equal(h.known.vms[2].missing, 0);
    assert_int_equal(h.known.vms[0].off, 0);
    end(&h);
}

/* --- power --- */

static void off_after_two_reports(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A B);
    report(&h, "change", OK A_OFF B);
    assert_string_equal(h.list, "a:on b:on");
    assert_false(h.last.is_changed);
    assert_true(vm_merge_waits(&h.known));
    report(&h, "change", OK A B);
    assert_false(vm_merge_waits(&h.known));
    report(&h, "change", OK A_OFF B);
    assert_string_equal(h.list, "a:on b:on");
    report(&h, "change", OK A_OFF B);
    assert_string_equal(h.list, "a:off b:on");
    assert_string_equal(h.notes, "A ([vms] a) is off\n");
    assert_int_equal(h.last.powered, 1);
    assert_true(h.last.is_changed);
    report(&h, "change", OK A B);
    assert_string_equal(h.list, "a:on b:on");
    assert_string_equal(h.notes, "A ([vms] a) is on\n");
    assert_true(h.last.is_changed);
    end(&h);
}

/* A machine that could not be started, since another host has its lock, is to be started at the next boot. */
static void off_only_what_was_on(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A);
    vm_list_forget_reports(&h.known);
    for (int i = 0; i < 20; i++)
        report(&h, "change", OK A_OFF);
    assert_string_equal(h.list, "a:on");
    report(&h, "change", OK A);
    report(&h, "change", OK A_OFF);
    report(&h, "change", OK A_OFF);
    assert_string_equal(h.list, "a:off");
    end(&h);
}

static void on_while_its_datastore_is_not_there(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A);
    for (int i = 0; i < 5; i++)
        report(&h, "change", i % 2 ? FAILED A_OFF : A_OFF);
    assert_string_equal(h.list, "a:on");
    end(&h);
}

static void fixed_power_stays(void **state)
{
    (void)state;
    struct host h;
    begin(&h, OK A "vm|vms|b|B|off|\n");
    h.known.vms[0].power_fixed = h.known.vms[1].power_fixed = true;
    for (int i = 0; i < 3; i++) {
        report(&h, "change", OK A_OFF B);
        assert_string_equal(h.list, "a:on b:off");
    }
    end(&h);
}

static void reason_is_over_when_it_runs(void **state)
{
    (void)state;
    struct host h;
    struct error err;
    begin(&h, OK A B);
    vm_list_forget_reports(&h.known);
    assert_int_equal(vm_set_text(&h.known.vms[0].why, "locked", &err), 0);
    assert_int_equal(vm_set_text(&h.known.vms[1].why, "no file", &err), 0);
    report(&h, "restored", OK A_OFF);
    assert_string_equal(h.known.vms[0].why, "locked");
    report(&h, "change", OK A);
    assert_string_equal(h.known.vms[0].why, "");
    assert_string_equal(h.known.vms[1].why, "no file");
    assert_false(h.last.is_changed);
    end(&h);
}

/* --- many --- */

static void put_many(struct host *h, const char *folder)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "report|1|change\n" OK);
    for (int i = 0; i < 10000; i++)
        buf_format(&text, "vm|vms|%s/web %d|web %d|on|%d\n", folder, i, i, i);
    buf_append_text(&text, "end|10002\n");
    clock_t start = clock();
    take(h, buf_slice(&text));
    /* A tenth of a second with sanitizers; each machine compared with each takes more than ten. */
    assert_true(clock() - start < 3 * CLOCKS_PER_SEC);
    buf_fini(&text);
}

static void ten_thousand(void **state)
{
    (void)state;
    struct host h = {.is_restored = true, .now_ms = 1000};
    put_many(&h, "old");
    assert_int_equal(h.last.added, 10000);
    put_many(&h, "old");
    assert_false(h.last.is_changed);
    put_many(&h, "new");
    assert_int_equal(h.last.renamed, 10000);
    assert_int_equal(h.known.count, 10000);
    report(&h, "change", OK);
    report(&h, "change", OK);
    assert_int_equal(h.known.count, 10000);
    assert_true(h.last.is_held);
    h.now_ms += VM_MERGE_HOLD_MS;
    report(&h, "change", OK);
    assert_int_equal(h.last.removed, 10000);
    assert_int_equal(h.known.count, 0);
    end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_ones_are_taken_at_once),
        cmocka_unit_test(others_machines_are_left_out),
        cmocka_unit_test(names_are_taken_at_once),
        cmocka_unit_test(moved_ones_keep_what_was_set),
        cmocka_unit_test(what_is_no_move),
        cmocka_unit_test(two_with_one_id_or_name),
        cmocka_unit_test(a_host_comes_up_empty),
        cmocka_unit_test(gone_after_two_reports),
        cmocka_unit_test(stays_while_its_datastore_is_not_there),
        cmocka_unit_test(in_a_row),
        cmocka_unit_test(half_may_go),
        cmocka_unit_test(more_than_half_must_stay_gone),
        cmocka_unit_test(half_of_those_that_were_seen),
        cmocka_unit_test(held_ones_do_not_go_without_proof),
        cmocka_unit_test(shutdown_takes_nothing),
        cmocka_unit_test(off_after_two_reports),
        cmocka_unit_test(off_only_what_was_on),
        cmocka_unit_test(on_while_its_datastore_is_not_there),
        cmocka_unit_test(fixed_power_stays),
        cmocka_unit_test(reason_is_over_when_it_runs),
        cmocka_unit_test(ten_thousand),
    };
    return cmocka_run_group_tests_name("inventory/merge", tests, NULL, NULL);
}
