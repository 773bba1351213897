/* Events into boots, the live lines, and the status as text and as JSON. */
#include "state_fixture.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#define CLIENT "PXE, BIOS, iPXE ROM"
#define T0     1700000000000 /* 2023-11-14T22:13:20Z */

static const char rack[] =
    "networks: {lab: {subnet: 10.77.0.0/24}}\n"
    "profiles: {esxi: {image: esxi-4.0.0}}\n"
    "nodes:\n"
    "  rack01: {mac: ['52:54:00:00:00:01', '52:54:00:00:01:01'], ip: 10.77.0.11, profile: esxi}\n"
    "  rack02: {mac: '52:54:00:00:00:02', ip: 10.77.0.12, profile: esxi}\n";

static const struct mac rack01 = {{0x52, 0x54, 0, 0, 0, 1}}, rack01_second = {{0x52, 0x54, 0, 0, 1, 1}},
                        rack02 = {{0x52, 0x54, 0, 0, 0, 2}}, stranger = {{0x52, 0x54, 0, 0, 0, 9}};

static struct state *open_rack(void)
{
    struct state *s = open_state();
    set_fleet(s, rack);
    return s;
}

static char line[STATE_LINE_MAX];

static const char *tell(struct state *s, const struct boot_event *event)
{
    struct error err;
    strcpy(line, "?");
    if (state_event(s, event, line, &err) < 0)
        fail_msg("%s", err.text);
    return line;
}

static const char *say(struct state *s, struct mac mac, int64_t at_ms, enum boot_event_kind kind, uint32_t ip,
                       const char *text)
{
    struct boot_event event = {.kind = kind, .at_ms = T0 + at_ms, .mac = mac, .ip = ip};
    strcpy(event.text, text);
    return tell(s, &event);
}

static const char *file(struct state *s, struct mac mac, int64_t at_ms, enum boot_event_kind kind,
                        enum boot_file_role role, const char *name, uint32_t number)
{
    struct boot_event event = {.kind = kind, .at_ms = T0 + at_ms, .mac = mac, .role = role, .ip = 0x0a4d000b};
    strcpy(event.file, name);
    event.file_number = number;
    if (kind == BOOT_EVENT_FILE_DONE) {
        event.bytes = 41200000;
        event.duration_ms = 3100;
        event.files_expected = role == BOOT_FILE_CONFIG ? 2 : 0;
    }
    return tell(s, &event);
}

/* A BIOS boot up to `steps` of its parts. */
static void boot(struct state *s, struct mac mac, int64_t at_ms, int steps)
{
    say(s, mac, at_ms, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(s, mac, at_ms, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(s, mac, at_ms + 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(s, mac, at_ms + 1000, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(s, mac, at_ms + 3000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(s, mac, at_ms + 3000, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0");
    if (steps > 0)
        file(s, mac, at_ms + 4000, BOOT_EVENT_FILE_DONE, BOOT_FILE_LOADER, "pxelinux.0", 0);
    if (steps > 1)
        file(s, mac, at_ms + 5000, BOOT_EVENT_FILE_DONE, BOOT_FILE_CONFIG, "pxelinux.cfg/01-52", 0);
    if (steps > 2)
        file(s, mac, at_ms + 9000, BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, "image/a/vmkboot.gz", 1);
    if (steps > 3)
        file(s, mac, at_ms + 13000, BOOT_EVENT_FILE_DONE, BOOT_FILE_OVERLAY, "node/rack01/mod.tgz", 2);
    if (steps > 4)
        say(s, mac, at_ms + 37900, BOOT_EVENT_BOOTED, 0x0a4d000b, "");
}

static json_t *status_json(struct state *s, const char *range, int64_t at_ms)
{
    struct error err;
    struct buf out = BUF_INIT;
    if (state_status_json(s, range, T0 + at_ms, &out, &err) < 0)
        fail_msg("%s", err.text);
    json_error_t where;
    json_t *root = json_loads(buf_text(&out), 0, &where);
    assert_non_null(root);
    buf_fini(&out);
    return root;
}

static const char *status_text(struct state *s, const char *range, int64_t at_ms, struct buf *out)
{
    struct error err;
    buf_clear(out);
    if (state_status_text(s, range, T0 + at_ms, out, &err) < 0)
        fail_msg("%s", err.text);
    return buf_text(out);
}

static int64_t boots_of(const char *machine)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM boot WHERE machine = '%s'", machine);
    return ask_sqlite(sql);
}

static void lines(void **state)
{
    struct state *s = open_rack();
    assert_string_equal(say(s, rack01, 0, BOOT_EVENT_DISCOVER, 0, CLIENT),
                        "rack01        DISCOVER      PXE, BIOS, iPXE ROM");
    assert_string_equal(say(s, rack01, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT), "");
    assert_string_equal(say(s, rack01, 1000, BOOT_EVENT_OFFER, 0x0a4d000b, ""),
                        "rack01        OFFER         10.77.0.11");
    assert_string_equal(say(s, rack01, 1000, BOOT_EVENT_REQUEST, 0x0a4d000b, ""), "");
    assert_string_equal(say(s, rack01, 1000, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0"),
                        "rack01        ACK           10.77.0.11, boot file pxelinux.0");
    assert_string_equal(
        file(s, rack01, 2000, BOOT_EVENT_FILE_MISSING, BOOT_FILE_CONFIG, "pxelinux.cfg/0A4D000B", 0), "");
    assert_string_equal(file(s, rack01, 2000, BOOT_EVENT_FILE_MISSING, BOOT_FILE_OTHER, "mboot.c3", 0),
                        "rack01        missing       mboot.c3");
    file(s, rack01, 3000, BOOT_EVENT_FILE_DONE, BOOT_FILE_CONFIG, "pxelinux.cfg/01-52", 0);
    assert_string_equal(
        file(s, rack01, 3000, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, "image/a/vmkboot.gz", 1), "");
    assert_string_equal(
        file(s, rack01, 6100, BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, "image/a/vmkboot.gz", 1),
        "rack01        kernel 1/2    vmkboot.gz  41.2 MB in 3.1 s (13.3 MB/s)");
    assert_string_equal(file(s, rack01, 9200, BOOT_EVENT_FILE_DONE, BOOT_FILE_MODULE, "image/a/sys.vgz", 2),
                        "rack01        module 2/2    sys.vgz  41.2 MB in 3.1 s (13.3 MB/s); all 2 files, "
                        "82.4 MB in 6.2 s (13.3 MB/s)");
    assert_string_equal(say(s, rack01, 37900, BOOT_EVENT_BOOTED, 0x0a4d000b, ""),
                        "rack01        booted        10.77.0.11, 37.9 s after its first DISCOVER");
    assert_string_equal(say(s, rack01, 99000, BOOT_EVENT_BOOTED, 0x0a4d000b, ""), "");
    assert_string_equal(
        say(s, stranger, 0, BOOT_EVENT_UNKNOWN_MACHINE, 0, "bootherd node set NAME --mac 52:54:00:00:00:09"),
        "52:54:00:00:00:09  unknown       bootherd node set NAME --mac 52:54:00:00:00:09");
    assert_string_equal(
        file(s, (struct mac){0}, 0, BOOT_EVENT_FILE_REFUSED, BOOT_FILE_OVERLAY, "a\033[2J", 0),
        "address 10.77.0.11  refused       a?[2J");
    state_close(s);
}

/* One boot: doubled DISCOVERs, a loader's own DHCP, the booted system's, renewals for hours. */
static void one_boot(void **state)
{
    struct state *s = open_rack();
    boot(s, rack01, 0, 1);
    say(s, rack01, 8000, BOOT_EVENT_DISCOVER, 0, "PXE, BIOS, iPXE"); /* iPXE as NBP asks again */
    boot(s, rack01, 9000, 4);
    say(s, rack01, 40000, BOOT_EVENT_DISCOVER, 0, "booted system, udhcp 1.35.0");
    say(s, rack01_second, 45000, BOOT_EVENT_BOOTED, 0x0a4d000b, ""); /* by its other card */
    for (int hour = 1; hour < 50; hour++)
        say(s, rack01, hour * 3600000, BOOT_EVENT_ACK, 0x0a4d000b, "lease only");
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event WHERE kind = 'ack'"), 2);
    assert_int_equal(ask_sqlite("SELECT times FROM event WHERE kind = 'ack' AND text = 'lease only'"), 49);
    assert_int_equal(ask_sqlite("SELECT booted_ms FROM boot"), T0 + 45000);
}

/* Boots that were sent to the disk are finished: the next is a first attempt again. */
static void own_disk(void **state)
{
    struct state *s = open_rack();
    cleanup_buf struct buf out = BUF_INIT;
    struct error err;
    for (int i = 0; i < 3; i++) {
        say(s, rack01, i * 60000, BOOT_EVENT_DISCOVER, 0, CLIENT);
        say(s, rack01, i * 60000, BOOT_EVENT_OFFER, 0x0a4d000b, "");
        assert_string_equal(
            say(s, rack01, i * 60000 + 10, BOOT_EVENT_ACK, 0x0a4d000b,
                "boot file pxelinux.0: local disk, outside 19:00-06:00"),
            "rack01        ACK           10.77.0.11, boot file pxelinux.0: local disk, outside "
            "19:00-06:00");
        file(s, rack01, i * 60000 + 5000, BOOT_EVENT_FILE_DONE, BOOT_FILE_LOCAL, "pxelinux.cfg/01-52", 0);
    }
    assert_int_equal(state_status_text(s, "rack[01-02]", T0 + 900000, &out, &err), 0);
    assert_non_null(strstr(buf_text(&out),
                           "local disk  own disk  12 min 55 s ago  sent to its own disk, outside "
                           "19:00-06:00\n"));
    json_t *root = status_json(s, "rack01", 900000);
    json_t *node = json_array_get(json_object_get(root, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "state")), "local");
    assert_int_equal(json_integer_value(json_object_get(node, "attempt")), 1);
    assert_true(json_is_null(json_object_get(node, "image")));
    json_decref(root);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT max(attempt) FROM boot"), 1);
    assert_int_equal(boots_of("52:54:00:00:00:01"), 3);
}

static bool used_once(struct state *s, enum boot_event_kind kind, enum boot_file_role role, uint32_t number)
{
    char name[FLEET_NAME_MAX] = "";
    struct boot_event event = {
        .kind = kind, .at_ms = T0 + 9000, .mac = rack01, .role = role, .file_number = number};
    snprintf(event.file, sizeof event.file, "image/a/%u", number);
    tell(s, &event);
    bool used = state_used_once(s, &event, name);
    assert_string_equal(name, used ? "rack01" : "");
    return used;
}

/* The one boot is over when the last of its files is there, in whatever order they come. */
static void once(void **state)
{
    struct state *s = open_state();
    struct error err;
    struct fleet *fleet = fleet_of("nodes: {rack01: {mac: 52:54:00:00:00:01, image: esxi4, boot: once}}");
    assert_int_equal(state_fleet_replace(s, fleet, "test", T0, &err), 0);
    boot(s, rack01, 0, 2);
    assert_false(used_once(s, BOOT_EVENT_FILE_DONE, BOOT_FILE_MODULE, 2));
    assert_false(used_once(s, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 1));
    assert_false(used_once(s, BOOT_EVENT_FILE_FAILED, BOOT_FILE_KERNEL, 1));
    assert_true(used_once(s, BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, 1));
    fleet = fleet_of("nodes: {rack01: {mac: 52:54:00:00:00:01, image: esxi4, boot: local}}");
    assert_int_equal(state_fleet_replace(s, fleet, "test", T0, &err), 0);
    assert_false(used_once(s, BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, 1));
    state_close(s);
}

static void new_boots(void **state)
{
    struct state *s = open_rack();
    boot(s, rack01, 0, 5);
    boot(s, rack01, 60000, 3);  /* after a finished one; stops at the kernel */
    boot(s, rack01, 80000, 1);  /* it was reset: it had its configuration already */
    boot(s, rack01, 200000, 0); /* after silence */
    boot(s, rack01, 200000 + 7200000, 0);
    json_t *root = status_json(s, "rack01", 200000 + 7200000 + 3000);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(json_object_get(root, "nodes"), 0), "attempt")), 1);
    json_decref(root);
    state_close(s);
    assert_int_equal(boots_of("52:54:00:00:00:01"), 5);
    static const int attempts[] = {1, 1, 2, 3, 1};
    for (int i = 0; i < 5; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "SELECT attempt FROM boot ORDER BY id LIMIT 1 OFFSET %d", i);
        assert_int_equal(ask_sqlite(sql), attempts[i]);
    }
}

static void pruning(void **state)
{
    struct error err;
    struct state *s = open_rack();
    assert_int_equal(state_begin(s, &err), 0);
    for (int i = 0; i < 15; i++)
        boot(s, rack01, i * 100000, 3);
    boot(s, rack02, 0, 3);
    for (int i = 0; i < 1100; i++) {
        struct mac mac = {{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        say(s, mac, i, BOOT_EVENT_DISCOVER, 0, CLIENT);
    }
    /* A client that makes up names fills its own boot only up to a limit. */
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "made-up-%d", i);
        file(s, rack02, 10000 + i, BOOT_EVENT_FILE_MISSING, BOOT_FILE_OTHER, name, 0);
    }
    assert_int_equal(state_commit(s, &err), 0);
    state_close(s);
    assert_int_equal(boots_of("52:54:00:00:00:01"), 10);
    assert_int_equal(boots_of("52:54:00:00:00:02"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot WHERE node IS NULL"), 1000);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot WHERE machine = '02:00:00:00:04:4b'"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event WHERE boot NOT IN (SELECT id FROM boot)"), 0);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event JOIN boot ON boot.id = event.boot WHERE node = "
                                "'rack02'"),
                     2000);
}

/* Leases that cannot be kept do not undo what was seen on the wire. */
static void rollback(void **state)
{
    struct error err;
    struct state *s = open_rack();
    boot(s, rack01, 0, 2);
    assert_int_equal(state_begin(s, &err), 0);
    boot(s, rack01, 100000, 5);
    state_rollback(s);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot"), 2);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event WHERE kind = 'booted'"), 1);
}

static void table(void **state)
{
    struct buf out = BUF_INIT;
    struct state *s = open_state();
    assert_string_equal(status_text(s, NULL, 0, &out),
                        "No nodes yet. To add one: bootherd node set NAME --mac MAC\n");
    set_fleet(s, rack);
    boot(s, rack01, 0, 5);
    say(s, stranger, 38000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    assert_string_equal(
        status_text(s, NULL, 40000, &out),
        "NODE    ADDRESS     IMAGE       STEP    WHEN       STATE\n"
        "rack01  10.77.0.11  esxi-4.0.0  booted  2.1 s ago  booted in 37.9 s\n"
        "rack02  10.77.0.12  esxi-4.0.0  -       -          not seen yet\n"
        "\n"
        "Machines that are no node's:\n"
        "  52:54:00:00:00:09  -  DISCOVER, 2.0 s ago; to add it: bootherd node set NAME --mac "
        "52:54:00:00:00:09 --image IMAGE\n");
    boot(s, rack02, 50000, 3);
    boot(s, rack02, 80000, 3);
    assert_non_null(strstr(status_text(s, "rack[01-02]", 90000, &out),
                           "rack02  10.77.0.11  esxi-4.0.0  kernel 1/2  1.0 s ago   running, attempt 2\n"));
    assert_null(strstr(buf_text(&out), "Machines"));
    assert_non_null(strstr(status_text(s, "rack[01-02]", 200000, &out),
                           "stopped, attempt 2: it asked for nothing after kernel 1/2, image/a/vmkboot.gz"));
    buf_fini(&out);
    state_close(s);
}

static void whole_story(void **state)
{
    struct buf out = BUF_INIT;
    struct state *s = open_rack();
    boot(s, rack01, 0, 4);
    assert_string_equal(
        status_text(s, "rack01", 150000, &out),
        "rack01  10.77.0.11  esxi-4.0.0\n"
        "boot of 2023-11-14T22:13:20Z (2 min 30 s ago), 52:54:00:00:00:01\n"
        "\n"
        "        0 ms    DISCOVER       PXE, BIOS, iPXE ROM (2 times)\n"
        "        0 ms    OFFER          10.77.0.11 (2 times)\n"
        "       3.0 s    ACK            10.77.0.11, boot file pxelinux.0\n"
        "       4.0 s    loader         pxelinux.0  41.2 MB in 3.1 s (13.3 MB/s)\n"
        "       5.0 s    config         01-52  41.2 MB in 3.1 s (13.3 MB/s)\n"
        "       9.0 s    kernel 1/2     vmkboot.gz  41.2 MB in 3.1 s (13.3 MB/s)\n"
        "      13.0 s    overlay 2/2    mod.tgz  41.2 MB in 3.1 s (13.3 MB/s)\n"
        "      13.0 s    all files      2 files, 82.4 MB in 7.1 s (11.6 MB/s)\n"
        "\n"
        "stopped: the kernel got everything, but the booted system did not ask for its address: look at the "
        "machine's console\n");
    assert_string_equal(status_text(s, "rack02", 0, &out), "rack02  10.77.0.12  esxi-4.0.0\nnot seen yet\n");
    say(s, stranger, 0, BOOT_EVENT_DISCOVER, 0, CLIENT);
    assert_non_null(strstr(status_text(s, "52:54:00:00:00:09", 1, &out), "DISCOVER       PXE"));
    struct error err;
    assert_int_equal(state_status_text(s, "rack03", 0, &out, &err), -1);
    assert_int_equal(err.code, ENOENT);
    assert_non_null(strstr(err.text, "there is no node 'rack03'"));
    assert_int_equal(state_status_text(s, "52:54:00:00:00:0a", 0, &out, &err), -1);
    assert_non_null(strstr(err.text, "bootherd node set NAME --mac 52:54:00:00:00:0a"));
    buf_fini(&out);
    state_close(s);
}

static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? "null" : json_string_value(value) ? json_string_value(value) : "no text";
}

static void json(void **state)
{
    struct state *s = open_rack();
    boot(s, rack01, 0, 4);
    say(s, stranger, 38000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(s, stranger, 38000, BOOT_EVENT_UNKNOWN_MACHINE, 0, "x");
    json_t *root = status_json(s, NULL, 200000);
    assert_string_equal(text_of(root, "now"), "2023-11-14T22:16:40Z");
    assert_int_equal(json_integer_value(json_object_get(root, "now_ms")), T0 + 200000);
    json_t *nodes = json_object_get(root, "nodes");
    assert_int_equal(json_array_size(nodes), 2);
    json_t *node = json_array_get(nodes, 0);
    assert_string_equal(text_of(node, "name"), "rack01");
    assert_string_equal(text_of(node, "mac"), "52:54:00:00:00:01");
    assert_string_equal(text_of(node, "address"), "10.77.0.11");
    assert_string_equal(text_of(node, "image"), "esxi-4.0.0");
    assert_string_equal(text_of(node, "state"), "stopped");
    assert_string_equal(text_of(node, "step"), "done");
    assert_string_equal(text_of(node, "label"), "all files");
    assert_string_equal(text_of(node, "started"), "2023-11-14T22:13:20Z");
    assert_int_equal(json_integer_value(json_object_get(node, "last_ms")), T0 + 13000);
    assert_string_equal(text_of(node, "booted"), "null");
    assert_int_equal(json_integer_value(json_object_get(node, "files_done")), 2);
    assert_int_equal(json_integer_value(json_object_get(node, "files_expected")), 2);
    assert_int_equal(json_integer_value(json_object_get(node, "bytes")), 82400000);
    assert_non_null(strstr(text_of(node, "cause"), "console"));
    assert_null(json_object_get(node, "steps"));
    node = json_array_get(nodes, 1);
    assert_string_equal(text_of(node, "state"), "never");
    assert_string_equal(text_of(node, "address"), "10.77.0.12");
    assert_string_equal(text_of(node, "started"), "null");
    json_t *unknown = json_object_get(root, "unknown");
    assert_int_equal(json_array_size(unknown), 1);
    assert_string_equal(text_of(json_array_get(unknown, 0), "add"),
                        "bootherd node set NAME --mac 52:54:00:00:00:09 --image IMAGE");
    json_decref(root);

    root = status_json(s, "rack01", 1);
    json_t *steps = json_object_get(json_array_get(json_object_get(root, "nodes"), 0), "steps");
    assert_int_equal(json_array_size(steps), 8);
    json_t *step = json_array_get(steps, 5);
    assert_string_equal(text_of(step, "kind"), "file-done");
    assert_string_equal(text_of(step, "role"), "kernel");
    assert_string_equal(text_of(step, "label"), "kernel 1/2");
    assert_string_equal(text_of(step, "file"), "image/a/vmkboot.gz");
    assert_string_equal(text_of(step, "at"), "2023-11-14T22:13:29Z");
    assert_int_equal(json_integer_value(json_object_get(step, "bytes")), 41200000);
    assert_int_equal(json_integer_value(json_object_get(step, "duration_ms")), 3100);
    assert_true(json_is_false(json_object_get(step, "fault")));
    step = json_array_get(steps, 7);
    assert_string_equal(text_of(step, "kind"), "all-files");
    assert_string_equal(text_of(step, "file"), "null");
    json_decref(root);
    state_close(s);
}

/* An unknown machine that is added begins its first boot as that node; one that is removed is unknown again.
 */
static void added_and_removed(void **state)
{
    struct buf out = BUF_INIT;
    struct state *s = open_state();
    say(s, rack01, 0, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(s, rack01, 0, BOOT_EVENT_UNKNOWN_MACHINE, 0, "bootherd node set NAME --mac 52:54:00:00:00:01");
    set_fleet(s, rack);
    assert_null(strstr(status_text(s, NULL, 0, &out), "no node's"));
    assert_non_null(strstr(say(s, rack01, 4000, BOOT_EVENT_DISCOVER, 0, CLIENT), "rack01 "));
    assert_non_null(strstr(status_text(s, NULL, 5000, &out), "running\n"));
    set_fleet(s, "");
    assert_string_equal(status_text(s, NULL, 5000, &out),
                        "No nodes yet. To add one: bootherd node set NAME --mac MAC\n");
    say(s, rack01, 8000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    assert_non_null(strstr(status_text(s, NULL, 9000, &out), "  52:54:00:00:00:01  -  DISCOVER"));
    buf_fini(&out);
    state_close(s);
}

static void bad_events(void **state)
{
    struct error err;
    struct state *s = open_rack();
    struct boot_event event = {.kind = BOOT_EVENT_KINDS};
    assert_int_equal(state_event(s, &event, line, &err), -1);
    /* Texts without an end, and values at their limits. */
    memset(&event, 0xff, sizeof event);
    event.kind = BOOT_EVENT_FILE_DONE;
    event.role = BOOT_FILE_MODULE;
    tell(s, &event);
    assert_true(strlen(line) < STATE_LINE_MAX);
    event.at_ms = INT64_MAX;
    event.duration_ms = INT64_MIN;
    tell(s, &event);
    event.kind = BOOT_EVENT_DISCOVER;
    event.at_ms = INT64_MIN;
    event.duration_ms = INT64_MAX;
    memcpy(event.text, CLIENT, sizeof CLIENT);
    tell(s, &event);
    json_decref(status_json(s, "ff:ff:ff:ff:ff:ff", 0));
    struct buf out = BUF_INIT;
    status_text(s, NULL, 0, &out);
    buf_fini(&out);
    state_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines),       TEST(one_boot), TEST(new_boots),         TEST(own_disk),
        TEST(once),        TEST(pruning),  TEST(rollback),          TEST(table),
        TEST(whole_story), TEST(json),     TEST(added_and_removed), TEST(bad_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
