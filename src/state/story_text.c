#include "state/story.h"

#include "base/net.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const char *const stages[] = {
    [STORY_NOTHING] = "nothing", [STORY_DISCOVER] = "discover",   [STORY_OFFER] = "offer",
    [STORY_ACK] = "ack",         [STORY_LOADER] = "loader",       [STORY_CONFIG] = "config",
    [STORY_FILES] = "files",     [STORY_DONE] = "done",           [STORY_BOOTED] = "booted",
    [STORY_OWN_DISK] = "local",  [STORY_RESTORING] = "restoring", [STORY_RESTORED] = "restored",
};

static const char *const reached[] = {
    [STORY_NOTHING] = "seen",      [STORY_DISCOVER] = "DISCOVER",   [STORY_OFFER] = "OFFER",
    [STORY_ACK] = "ACK",           [STORY_LOADER] = "loader",       [STORY_CONFIG] = "config",
    [STORY_FILES] = "files",       [STORY_DONE] = "all files",      [STORY_BOOTED] = "booted",
    [STORY_OWN_DISK] = "own disk", [STORY_RESTORING] = "restoring", [STORY_RESTORED] = "restored",
};

static const char *const outcomes[] = {
    [STORY_RUNNING] = "running", [STORY_FINISHED] = "booted", [STORY_ELSEWHERE] = "elsewhere",
    [STORY_TO_DISK] = "local",   [STORY_STOPPED] = "stopped",
};

/* In the database, too. */
static const char *const roles[] = {
    [BOOT_FILE_OTHER] = "file",      [BOOT_FILE_LOADER] = "loader", [BOOT_FILE_CONFIG] = "config",
    [BOOT_FILE_LOCAL] = "local",     [BOOT_FILE_KERNEL] = "kernel", [BOOT_FILE_MODULE] = "module",
    [BOOT_FILE_OVERLAY] = "overlay",
};

/* In the database: never changed. */
static const char *const kinds[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_DISCOVER] = "discover",
    [BOOT_EVENT_OFFER] = "offer",
    [BOOT_EVENT_REQUEST] = "request",
    [BOOT_EVENT_ACK] = "ack",
    [BOOT_EVENT_NAK] = "nak",
    [BOOT_EVENT_DECLINE] = "decline",
    [BOOT_EVENT_RELEASE] = "release",
    [BOOT_EVENT_INFORM] = "inform",
    [BOOT_EVENT_UNKNOWN_MACHINE] = "unknown-machine",
    [BOOT_EVENT_FILE_START] = "file-start",
    [BOOT_EVENT_FILE_DONE] = "file-done",
    [BOOT_EVENT_FILE_PROBED] = "file-probed",
    [BOOT_EVENT_FILE_FAILED] = "file-failed",
    [BOOT_EVENT_FILE_MISSING] = "file-missing",
    [BOOT_EVENT_FILE_REFUSED] = "file-refused",
    [BOOT_EVENT_PLAN_FAILED] = "plan-failed",
    [BOOT_EVENT_BOOTED] = "booted",
    [BOOT_EVENT_ONCE] = "once",
    [BOOT_EVENT_AGENT_STEP] = "agent-step",
    [BOOT_EVENT_AGENT_FAILED] = "agent-failed",
    [BOOT_EVENT_AGENT_RESTORED] = "agent-restored",
    [BOOT_EVENT_AGENT_CHANGE] = "agent-change",
    [BOOT_EVENT_AGENT_CONFLICT] = "agent-conflict",
};

/* NULL: files are labelled by their role. */
static const char *const labels[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_DISCOVER] = "DISCOVER",
    [BOOT_EVENT_OFFER] = "OFFER",
    [BOOT_EVENT_REQUEST] = "REQUEST",
    [BOOT_EVENT_ACK] = "ACK",
    [BOOT_EVENT_NAK] = "NAK",
    [BOOT_EVENT_DECLINE] = "DECLINE",
    [BOOT_EVENT_RELEASE] = "RELEASE",
    [BOOT_EVENT_INFORM] = "INFORM",
    [BOOT_EVENT_UNKNOWN_MACHINE] = "unknown",
    [BOOT_EVENT_FILE_MISSING] = "missing",
    [BOOT_EVENT_FILE_REFUSED] = "refused",
    [BOOT_EVENT_PLAN_FAILED] = "no plan",
    [BOOT_EVENT_BOOTED] = "booted",
    [BOOT_EVENT_ONCE] = "once",
    [BOOT_EVENT_AGENT_STEP] = "restore",
    [BOOT_EVENT_AGENT_FAILED] = "restore",
    [BOOT_EVENT_AGENT_RESTORED] = "restored",
    [BOOT_EVENT_AGENT_CHANGE] = "machines",
    [BOOT_EVENT_AGENT_CONFLICT] = "conflict",
};

const char *story_stage_word(enum story_stage stage)
{
    return stages[stage];
}

const char *story_outcome_word(enum story_outcome outcome)
{
    return outcomes[outcome];
}

const char *story_kind_word(enum boot_event_kind kind)
{
    return kinds[kind];
}

const char *story_role_word(enum boot_file_role role)
{
    return roles[role];
}

static int find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (words[i][0] == word[0] && strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

bool story_parse_kind(const char *word, enum boot_event_kind *out)
{
    int found = find_word(kinds, BOOT_EVENT_KINDS, word);
    *out = found < 0 ? 0 : (enum boot_event_kind)found;
    return found >= 0;
}

bool story_parse_role(const char *word, enum boot_file_role *out)
{
    int found = find_word(roles, sizeof roles / sizeof roles[0], word);
    *out = found < 0 ? 0 : (enum boot_file_role)found;
    return found >= 0;
}

const char *story_label(const struct boot_event *event, uint32_t files_expected,
                        char out[static STORY_LABEL_MAX])
{
    if (labels[event->kind])
        snprintf(out, STORY_LABEL_MAX, "%s", labels[event->kind]);
    else if (event->file_number && files_expected)
        snprintf(out, STORY_LABEL_MAX, "%s %u/%u", roles[event->role], event->file_number, files_expected);
    else if (event->file_number)
        snprintf(out, STORY_LABEL_MAX, "%s %u", roles[event->role], event->file_number);
    else
        snprintf(out, STORY_LABEL_MAX, "%s", roles[event->role]);
    return out;
}

const char *story_reached(const struct story *story, char out[static STORY_LABEL_MAX])
{
    if (story->stage >= STORY_CONFIG && story->stage < STORY_DONE && story->at_file)
        return story_label(&story->at_file->event, story->files_expected, out);
    snprintf(out, STORY_LABEL_MAX, "%s", reached[story->stage]);
    return out;
}

/* "41.2 MB in 3.1 s (13.3 MB/s)"; a transfer of no measurable time has no rate. */
static void format_amount(uint64_t bytes, int64_t duration_ms, char *out, size_t size)
{
    char amount[TEXT_SIZE_MAX], duration[TEXT_DURATION_MAX], rate[TEXT_SIZE_MAX];
    text_size(bytes, amount);
    text_duration_ms(duration_ms > 0 ? duration_ms : 0, duration);
    if (duration_ms > 0 && bytes <= UINT64_MAX / 1000)
        snprintf(out, size, "%s in %s (%s/s)", amount, duration,
                 text_size(bytes * 1000 / (uint64_t)duration_ms, rate));
    else
        snprintf(out, size, "%s in %s", amount, duration);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void detail_file(const struct boot_event *event, char out[static STORY_TEXT_MAX])
{
    char amount[TEXT_SIZE_MAX + TEXT_DURATION_MAX + TEXT_SIZE_MAX + 16];
    if (event->kind == BOOT_EVENT_FILE_DONE) {
        format_amount(event->bytes, event->duration_ms, amount, sizeof amount);
        snprintf(out, STORY_TEXT_MAX, "%s  %s", base_name(event->file), amount);
    } else if (event->kind == BOOT_EVENT_FILE_FAILED) {
        snprintf(out, STORY_TEXT_MAX, "%s  broke off after %s: %s", base_name(event->file),
                 text_size(event->bytes, amount), event->text[0] ? event->text : "no reason was given");
    } else {
        snprintf(out, STORY_TEXT_MAX, "%s%s%s", event->file, event->text[0] ? "  " : "", event->text);
    }
}

const char *story_detail(const struct boot_event *event, char out[static STORY_TEXT_MAX])
{
    char ip[IP4_TEXT_SIZE];
    if (event->kind >= BOOT_EVENT_AGENT_STEP)
        snprintf(out, STORY_TEXT_MAX, "%s", event->text);
    else if (event->kind >= BOOT_EVENT_FILE_START && event->kind <= BOOT_EVENT_FILE_REFUSED)
        detail_file(event, out);
    else if (event->ip && event->text[0])
        snprintf(out, STORY_TEXT_MAX, "%s, %s", ip4_format(event->ip, ip), event->text);
    else
        snprintf(out, STORY_TEXT_MAX, "%s", event->ip ? ip4_format(event->ip, ip) : event->text);
    return out;
}

const char *story_files_detail(const struct story *story, char out[static STORY_TEXT_MAX])
{
    char amount[TEXT_SIZE_MAX + TEXT_DURATION_MAX + TEXT_SIZE_MAX + 16];
    format_amount(story->bytes, story->files_ms, amount, sizeof amount);
    snprintf(out, STORY_TEXT_MAX, "%u file%s, %s", story->files_done, story->files_done == 1 ? "" : "s",
             amount);
    return out;
}
