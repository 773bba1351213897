/* Events as text, and boots in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/boots.h"
#include "state/event_text.h"

#include <stdio.h>
#include <string.h>

struct told {
    size_t count;
    struct story_event event[4];
};

static int note(void *ctx, const struct story_event *event, struct error *err)
{
    struct told *told = ctx;
    if (told->count == 4)
        return error_set(err, "enough");
    told->event[told->count++] = *event;
    return 0;
}

static void text_of_events(void **state)
{
    static const char once[] = "[4,\"file-done\",\"module\",\"image/a/\\\"b\\\\\",\"\xc3\xa9\",3,8,18446744,"
                               "3100,\"10.77.0.11\",1700000009000]";
    struct story_event event = {.event = {.kind = BOOT_EVENT_FILE_DONE,
                                          .role = BOOT_FILE_MODULE,
                                          .at_ms = 1700000009000,
                                          .ip = 0x0a4d000b,
                                          .file_number = 3,
                                          .files_expected = 8,
                                          .bytes = 18446744,
                                          .duration_ms = 3100,
                                          .file = "image/a/\"b\\",
                                          .text = "\xc3\xa9"},
                                .first_ms = 1700000009000,
                                .times = 1,
                                .first_order = 4,
                                .last_order = 4};
    struct buf out = BUF_INIT;
    event_text_format(&event, &out);
    assert_string_equal(buf_text(&out), once);
    event.times = 2;
    event.last_order = 9;
    event.first_ms = 5;
    event.event.bytes = UINT64_MAX;
    buf_clear(&out);
    buf_append_text(&out, "[");
    event_text_format(&event, &out);
    assert_non_null(strstr(buf_text(&out), ",8,-1,3100,\"10.77.0.11\",1700000009000,2,9,5]"));
    buf_append_text(&out, ",");
    buf_append_text(&out, once);
    buf_append_text(&out, "]");
    struct told told = {0};
    struct error err;
    assert_int_equal(event_text_parse(buf_text(&out), &told, note, &err), 0);
    assert_int_equal(told.count, 2);
    const struct story_event *at = &told.event[0];
    assert_int_equal(at->event.kind, BOOT_EVENT_FILE_DONE);
    assert_int_equal(at->event.role, BOOT_FILE_MODULE);
    assert_string_equal(at->event.file, "image/a/\"b\\");
    assert_string_equal(at->event.text, "\xc3\xa9");
    assert_true(at->event.bytes == UINT64_MAX);
    assert_int_equal(at->event.ip, 0x0a4d000b);
    assert_int_equal(at->times, 2);
    assert_int_equal(at->first_order, 4);
    assert_int_equal(at->last_order, 9);
    assert_int_equal(at->first_ms, 5);
    assert_int_equal(told.event[1].times, 1);
    assert_int_equal(told.event[1].first_ms, 1700000009000);
    buf_fini(&out);
}

static void bad_text(void **state)
{
#define HEAD "[[1,\"ack\",\"file\","
    static const char *const bad[] = {
        "",
        "[",
        "[]]",
        "[] ",
        "{}",
        "[[]]",
        "[[1]]",
        "[[-1,\"ack\",\"file\",\"\",\"\",0,0,0,0,\"\",0]]",
        "[[4294967296,\"ack\",\"file\",\"\",\"\",0,0,0,0,\"\",0]]",
        "[[1,\"nack\",\"file\",\"\",\"\",0,0,0,0,\"\",0]]",
        "[[1,\"ack\",\"folder\",\"\",\"\",0,0,0,0,\"\",0]]",
        HEAD "\"\",\"\",0,0,0,0,\"10.0.0\",0]]",
        HEAD "\"\",\"\",0,0,0,-1,\"\",0]]",
        HEAD "\"\",\"\",0,0,99999999999999999999,0,\"\",0]]",
        HEAD "\"\",\"\",0,0,0,0,\"\",-1]]",
        HEAD "\"\",\"\",0,0,0,0,\"\",0,0,1,1]]",
        HEAD "\"\",\"\",0,0,0,0,\"\",0,2]]",
        HEAD "\"\\n\",\"\",0,0,0,0,\"\",0]]",
        HEAD "\"\\",
        HEAD "\"open",
        HEAD "\"\",\"\",0,0,0,0,\"\",0],]",
        HEAD "\"\",\"\",0,0,0,0,\"\",0][",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct told told = {0};
        struct error err;
        if (event_text_parse(bad[i], &told, note, &err) == 0)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(err.text, "event list, byte "));
    }
    /* A text that is longer than any that is kept. */
    char text[700] = HEAD "\"";
    size_t used = strlen(text);
    memset(text + used, 'x', BOOT_EVENT_FILE_MAX);
    strcpy(text + used + BOOT_EVENT_FILE_MAX, "\",\"\",0,0,0,0,\"\",0]]");
    struct told told = {0};
    struct error err;
    assert_int_equal(event_text_parse(text, &told, note, &err), -1);
    memmove(text + used, text + used + 1, strlen(text + used)); /* one less fits */
    assert_int_equal(event_text_parse(text, &told, note, &err), 0);
}

static void whats(void **state)
{
    struct what_table *table = what_table_new();
    struct what ack = {BOOT_EVENT_ACK, "", "lease only"}, shifted = {BOOT_EVENT_ACK, "lease", " only"};
    size_t empty = what_bytes(table);
    uint32_t number = what_take(table, &ack);
    assert_int_equal(what_take(table, &ack), number);
    uint32_t other = what_take(table, &shifted);
    assert_int_not_equal(other, number);
    assert_string_equal(what_get(table, other).text, " only");
    what_drop(table, number);
    assert_string_equal(what_get(table, number).text, "lease only");
    what_drop(table, number);
    what_drop(table, other);
    assert_int_equal(what_bytes(table), empty);
    uint32_t numbers[5000];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            char name[32];
            snprintf(name, sizeof name, "file%u", i);
            struct what what = {BOOT_EVENT_FILE_DONE, name, ""};
            numbers[i] = what_take(table, &what);
            assert_true(numbers[i] > 0 && numbers[i] <= 5001); /* used again */
        }
        for (unsigned i = 0; i < 5000; i++) {
            char name[32];
            snprintf(name, sizeof name, "file%u", i);
            assert_string_equal(what_get(table, numbers[i]).file, name);
        }
        for (unsigned i = 0; i < 5000; i++)
            what_drop(table, numbers[(i * 7) % 5000]);
    }
    assert_int_equal(what_bytes(table), empty);
    what_table_free(table);
}

static int64_t add(struct boot_events *events, struct what_table *table, enum boot_event_kind kind,
                   unsigned i, uint32_t order)
{
    struct boot_event event = {.kind = kind, .at_ms = order};
    struct error err;
    snprintf(event.file, sizeof event.file, "%u", i);
    return boot_events_add(events, table, &event, order, &err);
}

static void events_of_a_boot(void **state)
{
    struct what_table *table = what_table_new();
    struct boot_events events = {0};
    for (unsigned i = 0; i < BOOT_EVENTS_MAX; i++)
        assert_int_equal(add(&events, table, BOOT_EVENT_FILE_MISSING, i, i + 1), 1);
    boot_events_set_written(&events);
    assert_int_equal(boot_events_unwritten(&events, 0), BOOT_PARTS_MAX);
    /* No room for more, not even for counting; but the end is always told. */
    assert_int_equal(add(&events, table, BOOT_EVENT_FILE_MISSING, 2000, 2001), 0);
    assert_int_equal(add(&events, table, BOOT_EVENT_FILE_MISSING, 3, 2002), 0);
    assert_int_equal(boot_events_unwritten(&events, 0), BOOT_PARTS_MAX);
    assert_int_equal(add(&events, table, BOOT_EVENT_BOOTED, 0, 2003), 1);
    assert_int_equal(boot_events_unwritten(&events, 0), 2000 / 16);
    assert_int_equal(add(&events, table, BOOT_EVENT_BOOTED, 0, 2004), 2);
    for (unsigned i = 1; i < 100; i++) /* nor does it go beyond its parts */
        add(&events, table, BOOT_EVENT_BOOTED, i, 2004 + i);
    assert_int_equal(events.count, BOOT_PARTS_MAX * BOOT_PART_EVENTS);
    struct story_event event;
    boot_events_get(&events, table, 2000, &event);
    assert_int_equal(event.times, 2);
    assert_int_equal(event.first_order, 2003);
    assert_int_equal(event.last_order, 2004);
    boot_events_fini(&events, table);
    assert_int_equal(what_bytes(table), 0);
    what_table_free(table);
}

static void changed_boot(struct boots *boots, uint64_t key)
{
    struct boot boot = {.id = (int64_t)key};
    struct open_boot *open = boots_add(boots, key, &boot);
    assert_int_equal(add(&open->events, boots->whats, BOOT_EVENT_DISCOVER, 0, 1), 1);
    boots_changed(boots, open);
    boots_trim(boots, 4);
}

static void limits(void **state)
{
    struct boots *boots = boots_new();
    struct boot boot = {.id = 1};
    struct open_boot *first = boots_add(boots, 1, &boot);
    boots_changed(boots, first);
    boot.id = 2;
    struct open_boot *second = boots_add(boots, 1, &boot); /* of the same machine; the first waits on */
    assert_ptr_equal(boots_find(boots, 1), second);
    assert_ptr_equal(boots->first_waiting, first);
    boots_changed(boots, second);
    boots_written(boots, first); /* and is gone with it */
    assert_ptr_equal(boots->first_waiting, second);
    assert_int_equal(boots->count, 1);
    boots_written(boots, second);
    assert_ptr_equal(boots_find(boots, 1), second);
    for (uint64_t key = 2; key <= 120000; key++) {
        changed_boot(boots, key);
        while (key < 80000 && boots->first_waiting)
            boots_written(boots, boots->first_waiting);
    }
    boots_trim(boots, SIZE_MAX);
    assert_true(boots->bytes > BOOTS_BYTES_MAX / 2 && boots->bytes <= BOOTS_BYTES_MAX);
    assert_null(boots_find(boots, 1));
    assert_non_null(boots_find(boots, 79999));
    /* What waits goes only beyond twice the limit. */
    assert_non_null(boots_find(boots, 80001));
    for (uint64_t key = 120001; key <= 300000; key++)
        changed_boot(boots, key);
    assert_true(boots->bytes > BOOTS_BYTES_MAX && boots->bytes <= 2 * (size_t)BOOTS_BYTES_MAX);
    assert_null(boots_find(boots, 80001));
    assert_ptr_equal(boots->first_waiting, boots->oldest);
    boots_free(boots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_events),   cmocka_unit_test(bad_text), cmocka_unit_test(whats),
        cmocka_unit_test(events_of_a_boot), cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
