/* The story of hand-made boots. The orders are what clients were seen to do on the wire; the causes are the
 * issue's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/net.h"
#include "state/story.h"

#define EVENTS_MAX 64
#define CLIENT     "PXE, BIOS, iPXE ROM"

struct tape {
    struct story_event event[EVENTS_MAX];
    size_t count;
    uint32_t order;
};

/* Adds an event as the database keeps it: a repeat is counted in the first one's row. */
static void add(struct tape *tape, struct boot_event event)
{
    tape->order++;
    for (size_t i = 0; i < tape->count; i++) {
        struct story_event *at = &tape->event[i];
        if (at->event.kind == event.kind && strcmp(at->event.file, event.file) == 0 &&
            strcmp(at->event.text, event.text) == 0) {
            at->event = event;
            at->times++;
            at->last_order = tape->order;
            return;
        }
    }
    assert_true(tape->count < EVENTS_MAX);
    tape->event[tape->count++] = (struct story_event){event, event.at_ms, 1, tape->order, tape->order};
}

static void say(struct tape *tape, int64_t at_ms, enum boot_event_kind kind, uint32_t ip, const char *text)
{
    struct boot_event event = {.kind = kind, .at_ms = at_ms, .ip = ip};
    strcpy(event.text, text);
    add(tape, event);
}

static struct boot_event of_file(int64_t at_ms, enum boot_event_kind kind, enum boot_file_role role,
                                 const char *file)
{
    struct boot_event event = {.kind = kind, .at_ms = at_ms, .role = role, .ip = 0x0a4d000b};
    strcpy(event.file, file);
    return event;
}

static void fetch(struct tape *tape, int64_t from_ms, int64_t to_ms, enum boot_file_role role,
                  const char *file, uint32_t number, uint64_t bytes)
{
    struct boot_event start = of_file(from_ms, BOOT_EVENT_FILE_START, role, file);
    start.file_number = number;
    add(tape, start);
    struct boot_event done = of_file(to_ms, BOOT_EVENT_FILE_DONE, role, file);
    done.file_number = number;
    done.bytes = bytes;
    done.duration_ms = to_ms - from_ms;
    if (role == BOOT_FILE_CONFIG)
        done.files_expected = 4;
    add(tape, done);
}

static void dhcp(struct tape *tape)
{
    say(tape, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(tape, 1001, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(tape, 2000, BOOT_EVENT_DISCOVER, 0, CLIENT); /* iPXE sends each twice, 1 s apart */
    say(tape, 2001, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(tape, 5000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(tape, 5010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0");
}

static void loader(struct tape *tape)
{
    fetch(tape, 5100, 5200, BOOT_FILE_LOADER, "pxelinux.0", 0, 42000);
    fetch(tape, 5300, 5400, BOOT_FILE_LOADER, "ldlinux.c32", 0, 120000);
}

static void config(struct tape *tape)
{
    add(tape, of_file(5450, BOOT_EVENT_FILE_MISSING, BOOT_FILE_CONFIG,
                      "pxelinux.cfg/564d8a90-0000-0000-0000-000000000000"));
    fetch(tape, 5500, 5510, BOOT_FILE_CONFIG, "pxelinux.cfg/01-52-54-00-12-34-56", 0, 300);
    fetch(tape, 5600, 5650, BOOT_FILE_LOADER, "mboot.c32", 0, 30000);
    fetch(tape, 5650, 5700, BOOT_FILE_LOADER, "libcom32.c32", 0, 180000);
}

static void modules(struct tape *tape, unsigned count)
{
    static const char *const files[] = {"image/0123456789ab/vmkboot.gz", "image/0123456789ab/vmk.gz",
                                        "image/0123456789ab/sys.vgz", "node/rack01/mod.tgz"};
    static const enum boot_file_role roles[] = {BOOT_FILE_KERNEL, BOOT_FILE_MODULE, BOOT_FILE_MODULE,
                                                BOOT_FILE_OVERLAY};
    for (unsigned i = 0; i < count; i++)
        fetch(tape, 6000 + 1000 * i, 7000 + 1000 * i, roles[i], files[i], i + 1, 10000000);
}

static struct story tell(const struct tape *tape, int64_t now_ms)
{
    struct story story;
    struct error err;
    assert_int_equal(story_tell(tape->event, tape->count, now_ms, &story, &err), 0);
    return story;
}

static void expect(const struct tape *tape, int64_t now_ms, enum story_outcome outcome, const char *reached,
                   const char *cause)
{
    struct story story = tell(tape, now_ms);
    char label[STORY_LABEL_MAX];
    assert_string_equal(story_reached(&story, label), reached);
    if (story.outcome != outcome || (cause ? !strstr(story.cause, cause) : story.cause[0] != 0))
        fail_msg("outcome %d, cause: %s", story.outcome, story.cause);
    story_fini(&story);
}

static void whole_boot(void **state)
{
    struct tape tape = {0};
    dhcp(&tape);
    loader(&tape);
    config(&tape);
    modules(&tape, 4);
    say(&tape, 30000, BOOT_EVENT_DISCOVER, 0, "booted system, udhcp 1.35.0");
    say(&tape, 30010, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 30020, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(&tape, 30030, BOOT_EVENT_ACK, 0x0a4d000b, "lease only");
    say(&tape, 30030, BOOT_EVENT_BOOTED, 0x0a4d000b, "");
    struct story story = tell(&tape, 99000);
    static const char *const steps[] = {
        "DISCOVER",   "OFFER",      "ACK",        "loader",      "loader",    "config",   "loader", "loader",
        "kernel 1/4", "module 2/4", "module 3/4", "overlay 4/4", "all files", "DISCOVER", "ACK",    "booted",
    };
    assert_int_equal(story.step_count, sizeof steps / sizeof steps[0]);
    for (size_t i = 0; i < story.step_count; i++) {
        char label[STORY_LABEL_MAX];
        const struct story_step *step = &story.steps[i];
        assert_string_equal(step->event ? story_label(&step->event->event, story.files_expected, label)
                                        : "all files",
                            steps[i]);
        assert_false(step->fault);
    }
    assert_int_equal(story.steps[0].event->times, 2);
    assert_int_equal(story.steps[1].at_ms, 1001);
    assert_int_equal(story.stage, STORY_BOOTED);
    assert_int_equal(story.outcome, STORY_FINISHED);
    assert_int_equal(story.files_done, 4);
    assert_int_equal(story.bytes, 40000000);
    assert_int_equal(story.files_ms, 4000);
    assert_int_equal(story.steps[12].at_ms, 10000);
    assert_string_equal(story.cause, "");
    char text[STORY_TEXT_MAX];
    assert_string_equal(story_detail(&story.steps[10].event->event, text),
                        "sys.vgz  10.0 MB in 1.0 s (10.0 MB/s)");
    assert_string_equal(story_detail(&story.steps[2].event->event, text), "10.77.0.11, boot file pxelinux.0");
    assert_string_equal(story_files_detail(&story, text), "4 files, 40.0 MB in 4.0 s (10.0 MB/s)");
    story_fini(&story);
}

static void check_restore(const struct tape *tape, enum story_stage stage, const char *restored,
                          const char *cause)
{
    struct story story = tell(tape, 99000);
    assert_int_equal(story.outcome, STORY_FINISHED);
    assert_int_equal(story.stage, stage);
    if (restored)
        assert_string_equal(story.restored->event.text, restored);
    else
        assert_null(story.restored);
    assert_string_equal(story.cause, cause);
    story_fini(&story);
}

/* Machines that do not start make the boot no worse; who hears its agent knows that it runs. */
static void a_restore(void **state)
{
    struct tape tape = {0};
    char label[STORY_LABEL_MAX], text[STORY_TEXT_MAX];
    dhcp(&tape);
    loader(&tape);
    config(&tape);
    modules(&tape, 4);
    say(&tape, 40000, BOOT_EVENT_AGENT_STEP, 0, "mounted vms");
    check_restore(&tape, STORY_RESTORING, NULL, "");
    say(&tape, 41000, BOOT_EVENT_AGENT_FAILED, 0, "vms/x.vmx not on: locked");
    check_restore(&tape, STORY_RESTORING, NULL, "vms/x.vmx not on: locked");
    say(&tape, 42000, BOOT_EVENT_AGENT_RESTORED, 0, "8 of 9 machines");
    check_restore(&tape, STORY_RESTORED, "8 of 9 machines", "vms/x.vmx not on: locked");
    say(&tape, 50000, BOOT_EVENT_AGENT_CHANGE, 0, "web is new");
    check_restore(&tape, STORY_RESTORED, "8 of 9 machines", "vms/x.vmx not on: locked");
    struct story story = tell(&tape, 99000);
    const struct story_step *failed = &story.steps[story.step_count - 3];
    assert_true(failed->fault);
    assert_string_equal(story_label(&failed->event->event, 4, label), "restore");
    assert_string_equal(story_detail(&failed->event->event, text), "vms/x.vmx not on: locked");
    story_fini(&story);
    /* The operator has it restored again. */
    say(&tape, 60000, BOOT_EVENT_AGENT_RESTORED, 0, "9 of 9 machines");
    check_restore(&tape, STORY_RESTORED, "9 of 9 machines", "");
    say(&tape, 70000, BOOT_EVENT_AGENT_FAILED, 0, "iso not mounted: timeout");
    check_restore(&tape, STORY_RESTORED, "9 of 9 machines", "iso not mounted: timeout");
}

/* Storm control holds the OFFER for less than half a minute. */
static void held(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0,
        CLIENT "; its OFFER waits: 64 machines are loading (118.0 MB a second)");
    expect(&tape, 35999, STORY_RUNNING, "DISCOVER", NULL);
    expect(&tape, 36000, STORY_STOPPED, "DISCOVER", "did not wait for its OFFER: PXE, BIOS");
    say(&tape, 29000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(&tape, 29001, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    expect(&tape, 30000, STORY_RUNNING, "OFFER", NULL);
}

/* Each prefix of a boot: fine while it is fresh, stopped with its cause once nothing more came. */
static void silence(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    expect(&tape, 3000, STORY_RUNNING, "DISCOVER", NULL);
    expect(&tape, 11000, STORY_STOPPED, "DISCOVER", "it was offered no address: PXE, BIOS");
    say(&tape, 1001, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    expect(&tape, 11000, STORY_RUNNING, "OFFER", NULL);
    expect(&tape, 11001, STORY_STOPPED, "OFFER", "did not take the offer of 10.77.0.11: another DHCP server");
    say(&tape, 2000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    expect(&tape, 12000, STORY_STOPPED, "OFFER", "was not acknowledged");
    say(&tape, 2010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0");
    expect(&tape, 12000, STORY_RUNNING, "ACK", NULL);
    expect(&tape, 12010, STORY_STOPPED, "ACK", "UDP port 69");
    loader(&tape);
    expect(&tape, 35399, STORY_RUNNING, "loader", NULL);
    expect(&tape, 35400, STORY_STOPPED, "loader", "asked for no configuration");
    config(&tape);
    expect(&tape, 35700, STORY_STOPPED, "config", "asked for no kernel");
    modules(&tape, 3);
    expect(&tape, 38999, STORY_RUNNING, "module 3/4", NULL);
    expect(&tape, 39000, STORY_STOPPED, "module 3/4", "asked for nothing after module 3/4, image/");
    modules(&tape, 4);
    expect(&tape, 129999, STORY_RUNNING, "all files", NULL);
    expect(&tape, 130000, STORY_STOPPED, "all files", "look at the machine's console");
}

/* Another server gives the address: what can be known of it is what was overheard. */
static void proxy(void **state)
{
    static const char told[] = "boot file only; another server gives the address";
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, "PXE, UEFI x86-64");
    say(&tape, 1001, BOOT_EVENT_OFFER, 0, told);
    expect(&tape, 2000, STORY_RUNNING, "OFFER", NULL);
    expect(&tape, 11001, STORY_STOPPED, "OFFER", "took no address from the DHCP server of its network");
    say(&tape, 4000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    expect(&tape, 5000, STORY_RUNNING, "OFFER", NULL);
    expect(&tape, 14001, STORY_STOPPED, "OFFER", "has its address (10.77.0.11) from another DHCP server");
    struct tape at_once = tape; /* BIOS and iPXE go on by the offer */
    loader(&at_once);
    expect(&at_once, 16000, STORY_RUNNING, "loader", NULL);
    config(&at_once);
    modules(&at_once, 4);
    expect(&at_once, 11000, STORY_RUNNING, "all files", NULL);
    say(&at_once, 30000, BOOT_EVENT_BOOTED, 0x0a4d000b, "booted system");
    expect(&at_once, 99000, STORY_FINISHED, "booted", NULL);
    say(&tape, 5000, BOOT_EVENT_ACK, 0x0a4d000b, "boot file loader/grub-amd64/shimx64.efi");
    expect(&tape, 6000, STORY_RUNNING, "ACK", NULL);
    expect(&tape, 15001, STORY_STOPPED, "ACK", "(10.77.0.11) but did not ask for its boot file: TFTP");
    say(&tape, 5500, BOOT_EVENT_OFFER, 0, told); /* it begins anew */
    expect(&tape, 15501, STORY_STOPPED, "ACK", "(10.77.0.11) but did not ask");
    say(&tape, 20000, BOOT_EVENT_BOOTED, 0x0a4d000b, "booted system");
    expect(&tape, 21000, STORY_STOPPED, "ACK", "a system runs on it (10.77.0.11), but its files were not");
}

static void http_boot(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, "HTTP Boot, UEFI x86-64");
    say(&tape, 1001, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 5000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(&tape, 5010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file http://10.77.0.1/node/rack01/boot.img");
    expect(&tape, 15011, STORY_STOPPED, "ACK", "HTTP does not reach this server");
}

static void no_configuration(void **state)
{
    struct tape tape = {0};
    dhcp(&tape);
    loader(&tape);
    static const char *const tries[] = {"564d8a90-0000-0000-0000-000000000000", "01-52-54-00-12-34-56",
                                        "0A4D000B", "0A4D000", "default"};
    for (unsigned i = 0; i < 5; i++) {
        char name[64] = "pxelinux.cfg/";
        strcat(name, tries[i]);
        add(&tape, of_file(5500 + i, BOOT_EVENT_FILE_MISSING, BOOT_FILE_CONFIG, name));
    }
    expect(&tape, 10000, STORY_RUNNING, "loader", NULL);
    expect(&tape, 11000, STORY_STOPPED, "loader", "found none (pxelinux.cfg/default was its last try)");
    struct story story = tell(&tape, 11000);
    assert_int_equal(story.step_count, 5); /* DISCOVER, OFFER, ACK, two loader files: misses are no steps */
    story_fini(&story);
}

static void broken_module(void **state)
{
    struct tape tape = {0};
    dhcp(&tape);
    loader(&tape);
    config(&tape);
    modules(&tape, 2);
    struct boot_event start = of_file(8000, BOOT_EVENT_FILE_START, BOOT_FILE_MODULE, "image/a/sys.vgz");
    start.file_number = 3;
    add(&tape, start);
    expect(&tape, 200000, STORY_RUNNING, "module 3/4", NULL); /* a slow transfer is not a stop */
    struct boot_event failed = start;
    failed.kind = BOOT_EVENT_FILE_FAILED;
    failed.at_ms = 9000;
    failed.bytes = 12000000;
    strcpy(failed.text, "the client said: disk full (error 3)");
    add(&tape, failed);
    expect(&tape, 14000, STORY_STOPPED, "module 3/4",
           "module 3/4 (image/a/sys.vgz) broke off after 12.0 MB: the client said: disk full "
           "(error 3)");
    start.at_ms = 15000;
    add(&tape, start); /* it tries again */
    expect(&tape, 60000, STORY_RUNNING, "module 3/4", NULL);
    failed.at_ms = 16000;
    add(&tape, failed);
    expect(&tape, 60000, STORY_STOPPED, "module 3/4", "broke off");
}

static void faults(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(&tape, 1000, BOOT_EVENT_UNKNOWN_MACHINE, 0, "bootherd node set NAME --mac 52:54:00:12:34:56");
    expect(&tape, 1000, STORY_STOPPED, "DISCOVER", "to add it: bootherd node set NAME --mac");

    tape = (struct tape){0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(&tape, 1000, BOOT_EVENT_PLAN_FAILED, 0,
        "node rack01 has no image: bootherd node set rack01 --image NAME");
    expect(&tape, 1000, STORY_STOPPED, "DISCOVER", "node rack01 has no image");
    say(&tape, 2000, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0"); /* it was given one meanwhile */
    expect(&tape, 2001, STORY_RUNNING, "ACK", NULL);

    tape = (struct tape){0};
    dhcp(&tape);
    loader(&tape);
    config(&tape);
    struct boot_event refused =
        of_file(6000, BOOT_EVENT_FILE_REFUSED, BOOT_FILE_OVERLAY, "node/rack02/mod.tgz");
    strcpy(refused.text, "it belongs to rack02");
    add(&tape, refused);
    expect(&tape, 11000, STORY_STOPPED, "config", "node/rack02/mod.tgz, which was refused: it belongs to");

    tape = (struct tape){0};
    dhcp(&tape);
    loader(&tape);
    config(&tape);
    add(&tape, of_file(6000, BOOT_EVENT_FILE_MISSING, BOOT_FILE_OTHER, "vmkbot.gz"));
    expect(&tape, 11000, STORY_STOPPED, "config", "vmkbot.gz, which is not there");

    tape = (struct tape){0};
    dhcp(&tape);
    say(&tape, 6000, BOOT_EVENT_DECLINE, 0x0a4d000b, "");
    expect(&tape, 6000, STORY_STOPPED, "ACK", "found its address 10.77.0.11 in use");

    tape = (struct tape){0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, CLIENT);
    say(&tape, 1100, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 1200, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(&tape, 1300, BOOT_EVENT_ACK, 0x0a4d000b, "lease only");
    expect(&tape, 11300, STORY_STOPPED, "ACK", "nothing to boot: lease only");
}

/* OVMF asks the size, breaks off, asks again; mboot.efi asks every size first; the plan's count is unknown.
 */
static void uefi(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, "PXE, UEFI x86-64");
    say(&tape, 1010, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 5000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(&tape, 5010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file esx/mboot.efi");
    add(&tape, of_file(5100, BOOT_EVENT_FILE_PROBED, BOOT_FILE_LOADER, "esx/mboot.efi"));
    expect(&tape, 15100, STORY_STOPPED, "ACK", "did not fetch it");
    fetch(&tape, 5200, 5300, BOOT_FILE_LOADER, "esx/mboot.efi", 0, 200000);
    add(&tape, of_file(5400, BOOT_EVENT_FILE_MISSING, BOOT_FILE_CONFIG, "esx/01-52-54-00-12-34-56/boot.cfg"));
    fetch(&tape, 5500, 5510, BOOT_FILE_CONFIG, "esx/boot.cfg", 0, 300);
    tape.event[tape.count - 1].event.files_expected = 0;
    add(&tape, of_file(5600, BOOT_EVENT_FILE_PROBED, BOOT_FILE_KERNEL, "esx/b.b00"));
    fetch(&tape, 5700, 6700, BOOT_FILE_KERNEL, "esx/b.b00", 1, 1000000);
    fetch(&tape, 6700, 8700, BOOT_FILE_MODULE, "esx/s.v00", 2, 2000000);
    expect(&tape, 60000, STORY_RUNNING, "module 2", NULL);
    expect(&tape, 128700, STORY_STOPPED, "module 2", "it got all it asked for, esx/s.v00 last");
    say(&tape, 70000, BOOT_EVENT_BOOTED, 0x0a4d000b, "");
    expect(&tape, 500000, STORY_FINISHED, "booted", NULL);
}

static void nothing(void **state)
{
    struct tape tape = {0};
    expect(&tape, 1000, STORY_RUNNING, "seen", NULL);
    say(&tape, 1000, BOOT_EVENT_BOOTED, 0x0a4d000b, "udhcp"); /* first seen when it runs already */
    expect(&tape, 999999, STORY_ELSEWHERE, "seen", NULL);
}

/* A system asks for its address in the end, but it is not the one that was to be booted. */
static void another_system(void **state)
{
    struct tape tape = {0};
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, "PXE, BIOS");
    say(&tape, 1010, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 5000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    say(&tape, 5010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0");
    struct tape silent = tape;
    say(&silent, 90000, BOOT_EVENT_BOOTED, 0x0a4d000b, "udhcp");
    expect(&silent, 90000, STORY_STOPPED, "ACK", "a firewall stand before UDP port 69");
    fetch(&tape, 5100, 5200, BOOT_FILE_LOADER, "pxelinux.0", 0, 40000);
    fetch(&tape, 5300, 5310, BOOT_FILE_CONFIG, "pxelinux.cfg/01-52-54-00-12-34-56", 0, 300);
    fetch(&tape, 5400, 5500, BOOT_FILE_KERNEL, "vmkboot.gz", 1, 1000000);
    expect(&tape, 6000, STORY_RUNNING, "kernel 1/4", NULL);
    say(&tape, 90000, BOOT_EVENT_BOOTED, 0x0a4d000b, "udhcp");
    expect(&tape, 90000, STORY_STOPPED, "kernel 1/4", "may have started from its disk");
}

/* Sent to its own disk: over when the loader has what sends it there, or at once without a loader. */
static void own_disk(void **state)
{
    struct tape tape = {0}, alone = {0};
    char label[STORY_LABEL_MAX];
    say(&tape, 1000, BOOT_EVENT_DISCOVER, 0, "PXE, BIOS");
    say(&tape, 1010, BOOT_EVENT_OFFER, 0x0a4d000b, "");
    say(&tape, 5000, BOOT_EVENT_REQUEST, 0x0a4d000b, "");
    alone = tape;
    say(&tape, 5010, BOOT_EVENT_ACK, 0x0a4d000b, "boot file pxelinux.0: local disk, outside 19:00-06:00");
    expect(&tape, 5020, STORY_RUNNING, "ACK", NULL);
    expect(&tape, 90000, STORY_STOPPED, "ACK", "did not ask for its boot file");
    fetch(&tape, 5100, 5200, BOOT_FILE_LOADER, "pxelinux.0", 0, 40000);
    expect(&tape, 90000, STORY_STOPPED, "loader", "asked for no configuration");
    fetch(&tape, 5300, 5310, BOOT_FILE_LOCAL, "pxelinux.cfg/01-52-54-00-12-34-56", 0, 300);
    struct story story = tell(&tape, 9000000);
    assert_int_equal(story.outcome, STORY_TO_DISK);
    assert_string_equal(story.cause, "outside 19:00-06:00");
    assert_string_equal(story_reached(&story, label), "own disk");
    assert_string_equal(story_outcome_word(story.outcome), "local");
    assert_string_equal(story_stage_word(story.stage), "local");
    story_fini(&story);
    say(&tape, 90000, BOOT_EVENT_BOOTED, 0x0a4d000b, "dhclient");
    expect(&tape, 90000, STORY_TO_DISK, "own disk", "outside 19:00-06:00");
    say(&alone, 5010, BOOT_EVENT_ACK, 0x0a4d000b,
        "no boot file: local disk, boot is local; nothing here sends this");
    expect(&alone, 5020, STORY_TO_DISK, "ACK", "boot is local");
    struct tape beside = {0}; /* another server gives the address, and we say nothing */
    say(&beside, 1000, BOOT_EVENT_DISCOVER, 0, "PXE, BIOS");
    say(&beside, 1010, BOOT_EVENT_OFFER, 0,
        "no boot file: local disk, boot is local; nothing here sends this");
    expect(&beside, 90000, STORY_TO_DISK, "OFFER", "boot is local");
}

static void hostile_words(void **state)
{
    struct tape tape = {0};
    dhcp(&tape);
    struct boot_event event = of_file(6000, BOOT_EVENT_FILE_FAILED, BOOT_FILE_OTHER, "");
    memset(event.file, '{', sizeof event.file - 1);
    memset(event.text, '%', sizeof event.text - 1);
    event.duration_ms = INT64_MIN;
    event.bytes = UINT64_MAX;
    event.file_number = UINT32_MAX;
    add(&tape, event);
    struct story story = tell(&tape, 20000);
    char label[STORY_LABEL_MAX], text[STORY_TEXT_MAX];
    assert_int_equal(story.outcome, STORY_STOPPED);
    assert_non_null(strstr(story.cause, "%%%%"));
    story_label(&event, UINT32_MAX, label);
    story_detail(&event, text);
    event.kind = BOOT_EVENT_FILE_DONE;
    event.duration_ms = 1;
    story_detail(&event, text);
    story_fini(&story);
}

static void misses(void **state)
{
    assert_true(story_is_normal_miss("pxelinux.cfg/0A4D"));
    assert_true(story_is_normal_miss("boot/isolinux/ldlinux.c32"));
    assert_true(story_is_normal_miss("esx5/esx5/boot.cfg"));
    assert_false(story_is_normal_miss("mboot.c32"));
    assert_false(story_is_normal_miss("image/0123456789ab/sys.vgz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_boot),
        cmocka_unit_test(a_restore),
        cmocka_unit_test(held),
        cmocka_unit_test(silence),
        cmocka_unit_test(proxy),
        cmocka_unit_test(http_boot),
        cmocka_unit_test(no_configuration),
        cmocka_unit_test(broken_module),
        cmocka_unit_test(faults),
        cmocka_unit_test(uefi),
        cmocka_unit_test(nothing),
        cmocka_unit_test(another_system),
        cmocka_unit_test(own_disk),
        cmocka_unit_test(hostile_words),
        cmocka_unit_test(misses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
