#include "state/story.h"

#include "base/text.h"
#include "state/story_cause.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NUMBERS_MAX                                                                                     \
    4096 /* more than any loader takes (image.h's limits are lower); later ones count too */

/*
 * What loaders ask for on the way to what they find; seen on the wire (docs/clients.md).
 * pxelinux: UUID, 01-MAC, hex addresses from 8 digits down to 1, default; its library beside itself and in
 * five other folders. VMware's mboot: DIR/01-MAC/boot.cfg, and DIR/DIR/boot.cfg when -c names a folder.
 * shim and GRUB: revocation lists and module lists.
 */
static const char *const normal_misses[] = {
    "*pxelinux.cfg/*",
    "*ldlinux.c32",
    "*ldlinux.e32",
    "*ldlinux.e64",
    "*boot.cfg",
    "*revocations_*.efi",
    "*shim_certificate_*.efi",
    "*grub/x86_64-efi/*.lst",
    "*grub/arm64-efi/*.lst",
};

bool story_is_normal_miss(const char *file)
{
    for (size_t i = 0; i < sizeof normal_misses / sizeof normal_misses[0]; i++)
        if (fnmatch(normal_misses[i], file, 0) == 0)
            return true;
    return false;
}

bool story_is_network_boot(const struct boot_event *discover)
{
    return !text_starts(discover->text, "booted system");
}

static bool is_payload(const struct boot_event *event)
{
    return event->role >= BOOT_FILE_KERNEL;
}

/* Which events are a step of the story, which of them are faults. */
static const struct {
    bool step, fault;
} kinds[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_DISCOVER] = {.step = true},
    [BOOT_EVENT_OFFER] = {.step = true},
    [BOOT_EVENT_ACK] = {.step = true},
    [BOOT_EVENT_NAK] = {.step = true, .fault = true},
    [BOOT_EVENT_DECLINE] = {.step = true, .fault = true},
    [BOOT_EVENT_RELEASE] = {.step = true},
    [BOOT_EVENT_UNKNOWN_MACHINE] = {.step = true, .fault = true},
    [BOOT_EVENT_FILE_DONE] = {.step = true},
    [BOOT_EVENT_FILE_FAILED] = {.step = true, .fault = true},
    [BOOT_EVENT_FILE_MISSING] = {.step = true, .fault = true},
    [BOOT_EVENT_FILE_REFUSED] = {.step = true, .fault = true},
    [BOOT_EVENT_PLAN_FAILED] = {.step = true, .fault = true},
    [BOOT_EVENT_BOOTED] = {.step = true},
    [BOOT_EVENT_ONCE] = {.step = true},
    [BOOT_EVENT_AGENT_STEP] = {.step = true},
    [BOOT_EVENT_AGENT_FAILED] = {.step = true, .fault = true},
    [BOOT_EVENT_AGENT_RESTORED] = {.step = true},
    [BOOT_EVENT_AGENT_CHANGE] = {.step = true},
    [BOOT_EVENT_AGENT_CONFLICT] = {.step = true, .fault = true},
};

static void reach(struct story *story, enum story_stage stage)
{
    if (story->stage < stage)
        story->stage = stage;
}

static void add_step(struct story *story, const struct story_event *event, int64_t at_ms, bool fault)
{
    story->steps[story->step_count++] = (struct story_step){event, at_ms, fault};
}

/* What counting files needs beside the story itself. */
struct tally {
    uint8_t seen[FILE_NUMBERS_MAX / 8];
    int64_t first_ms; /* 0: none was asked for yet */
};

static bool count_once(struct tally *tally, uint32_t number)
{
    if (number == 0 || number >= FILE_NUMBERS_MAX)
        return true;
    uint8_t bit = (uint8_t)(1u << number % 8);
    bool is_new = !(tally->seen[number / 8] & bit);
    tally->seen[number / 8] |= bit;
    return is_new;
}

static void tell_file_done(struct story *story, struct tally *tally, const struct story_event *at)
{
    const struct boot_event *event = &at->event;
    if (event->role == BOOT_FILE_LOADER)
        reach(story, STORY_LOADER);
    if (event->role == BOOT_FILE_CONFIG)
        reach(story, STORY_CONFIG);
    if (event->role == BOOT_FILE_LOCAL)
        reach(story, STORY_OWN_DISK);
    if (event->files_expected)
        story->files_expected = event->files_expected;
    if (!is_payload(event) || !count_once(tally, event->file_number))
        return;
    reach(story, STORY_FILES);
    story->files_done++;
    story->bytes += event->bytes;
    if (!tally->first_ms)
        tally->first_ms = at->first_ms - event->duration_ms;
    story->files_ms = event->at_ms - tally->first_ms;
    if (story->stage < STORY_DONE && story->files_expected && story->files_done >= story->files_expected) {
        reach(story, STORY_DONE);
        add_step(story, NULL, event->at_ms, false);
    }
}

static bool has_files(const struct story *story)
{
    return story->stage >= (story->files_expected ? STORY_DONE : STORY_FILES);
}

/* Of machines: after the boot, which is none the worse for it. */
static void tell_agent(struct story *story, const struct story_event *at)
{
    enum boot_event_kind kind = at->event.kind;
    if (kind == BOOT_EVENT_AGENT_STEP || kind == BOOT_EVENT_AGENT_FAILED)
        reach(story, STORY_RESTORING);
    if (kind != BOOT_EVENT_AGENT_RESTORED && kind != BOOT_EVENT_AGENT_FAILED)
        return;
    /* What failed before the agent tried all of it again counts no more. */
    if (story->restored && story->restore_failed &&
        story->restore_failed->last_order < story->restored->last_order)
        story->restore_failed = NULL;
    if (kind == BOOT_EVENT_AGENT_FAILED && !story->restore_failed)
        story->restore_failed = at;
    if (kind == BOOT_EVENT_AGENT_RESTORED) {
        reach(story, STORY_RESTORED);
        if (!story->restored || at->last_order > story->restored->last_order)
            story->restored = at;
    }
}

static void tell_event(struct story *story, struct tally *tally, const struct story_event *at)
{
    const struct boot_event *event = &at->event;
    if (kinds[event->kind].step &&
        !(event->kind == BOOT_EVENT_FILE_MISSING && story_is_normal_miss(event->file)))
        add_step(story, at, at->first_ms, kinds[event->kind].fault);
    if (event->kind == BOOT_EVENT_DISCOVER || event->kind == BOOT_EVENT_UNKNOWN_MACHINE)
        reach(story, STORY_DISCOVER);
    else if (event->kind == BOOT_EVENT_OFFER)
        reach(story, STORY_OFFER);
    else if (event->kind == BOOT_EVENT_ACK)
        reach(story, STORY_ACK);
    else if (event->kind == BOOT_EVENT_BOOTED && has_files(story))
        reach(story, STORY_BOOTED); /* else what runs came from elsewhere */
    else if (event->kind == BOOT_EVENT_FILE_START && is_payload(event) && !tally->first_ms)
        tally->first_ms = at->first_ms;
    else if (event->kind == BOOT_EVENT_FILE_DONE)
        tell_file_done(story, tally, at);
    else if (event->kind >= BOOT_EVENT_AGENT_STEP)
        tell_agent(story, at);
    if (is_payload(event) && event->kind <= BOOT_EVENT_FILE_FAILED &&
        (!story->at_file || at->last_order > story->at_file->last_order))
        story->at_file = at;
    if (event->at_ms > story->last_ms)
        story->last_ms = event->at_ms;
}

int story_tell(const struct story_event *events, size_t count, int64_t now_ms, struct story *out,
               struct error *err)
{
    *out = (struct story){0};
    /* One step an event, and one for "all files". */
    out->steps = calloc(count + 1, sizeof *out->steps);
    if (!out->steps)
        return error_errno(err, ENOMEM, "telling the story of %zu events", count);
    if (count)
        out->started_ms = events[0].first_ms;
    struct tally tally = {0};
    for (size_t i = 0; i < count; i++)
        tell_event(out, &tally, &events[i]);
    story_find_cause(out, events, count, now_ms);
    return 0;
}

void story_fini(struct story *story)
{
    free(story->steps);
    story->steps = NULL;
    story->step_count = 0;
}
