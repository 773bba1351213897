/* Events into boots. */
#include "base/text.h"
#include "fleet/policy.h"
#include "state/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than come by one event: so memory gets below its limit again. */
#define TRIM_PER_EVENT 4

/* When an event is worth a line: never, the first time in a boot, always. */
enum worth {
    NEVER,
    FIRST,
    ALWAYS
};
static const enum worth worths[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_DISCOVER] = FIRST,
    [BOOT_EVENT_OFFER] = FIRST,
    [BOOT_EVENT_REQUEST] = NEVER,
    [BOOT_EVENT_ACK] = FIRST,
    [BOOT_EVENT_NAK] = FIRST,
    [BOOT_EVENT_DECLINE] = FIRST,
    [BOOT_EVENT_RELEASE] = ALWAYS,
    [BOOT_EVENT_INFORM] = NEVER,
    [BOOT_EVENT_UNKNOWN_MACHINE] = FIRST,
    [BOOT_EVENT_FILE_START] = NEVER,
    [BOOT_EVENT_FILE_DONE] = ALWAYS,
    [BOOT_EVENT_FILE_PROBED] = NEVER,
    [BOOT_EVENT_FILE_FAILED] = ALWAYS,
    [BOOT_EVENT_FILE_MISSING] = FIRST,
    [BOOT_EVENT_FILE_REFUSED] = FIRST,
    [BOOT_EVENT_PLAN_FAILED] = FIRST,
    [BOOT_EVENT_BOOTED] = FIRST,
    [BOOT_EVENT_ONCE] = ALWAYS,
    [BOOT_EVENT_AGENT_STEP] = FIRST,
    [BOOT_EVENT_AGENT_FAILED] = FIRST,
    [BOOT_EVENT_AGENT_RESTORED] = FIRST,
    [BOOT_EVENT_AGENT_CHANGE] = ALWAYS,
    [BOOT_EVENT_AGENT_CONFLICT] = FIRST,
};

/*
 * A loader that does its own DHCP (iPXE after the ROM) belongs to the boot that fetched it. A machine that
 * already had its configuration, though, has started anew.
 */
static bool begins_boot(const struct boot *last, const struct fleet_node *node,
                        const struct boot_event *event)
{
    if ((last->node[0] != 0) != (node != NULL))
        return true;
    if (event->kind != BOOT_EVENT_DISCOVER || !story_is_network_boot(event))
        return false;
    return last->config_ms || last->booted_ms || llabs(event->at_ms - last->last_ms) >= BOOT_GAP_MS;
}

static uint32_t attempt_after(const struct boot *last, const struct fleet_node *node, int64_t now_ms)
{
    bool is_retry =
        node && last && last->node[0] && !last->booted_ms && now_ms - last->last_ms < BOOT_LOOP_MS;
    return is_retry ? last->attempt + 1 : 1;
}

/* Makes a boot of the machine that the event names; `last` is gone after it. */
static struct open_boot *begin_boot(struct state *state, const struct fleet_node *node,
                                    const struct boot *last, const struct boot_event *event,
                                    struct error *err)
{
    struct boot boot = {.id = state->last_boot + 1,
                        .started_ms = event->at_ms,
                        .last_ms = event->at_ms,
                        .attempt = attempt_after(last, node, event->at_ms)};
    uint64_t key = boot_key(&event->mac, event->ip);
    const struct open_boot *before = boot_recall(state, key, err);
    if (!before)
        return NULL;
    uint32_t machine_boots = before->machine_boots;
    boot_machine(key, boot.machine);
    if (node) {
        const char *image = fleet_effective(state->fleet, node).image;
        snprintf(boot.node, sizeof boot.node, "%s", node->name);
        snprintf(boot.image, sizeof boot.image, "%s", image ? image : "");
    }
    struct open_boot *open = boots_add(state->boots, key, &boot);
    if (!open) {
        error_errno(err, ENOMEM, "beginning a boot");
        return NULL;
    }
    state->last_boot = boot.id;
    open->machine_boots = machine_boots + 1;
    open->is_new = true;
    open->is_loaded = true;
    return open;
}

/* The latest boot of the node, by whichever of its cards, or of the machine. Its id may be 0. */
static struct open_boot *find_latest(struct state *state, const struct fleet_node *node,
                                     const struct boot_event *event, struct error *err)
{
    if (!node)
        return boot_recall(state, boot_key(&event->mac, event->ip), err);
    struct open_boot *latest = NULL;
    for (size_t i = 0; i < node->mac_count; i++) {
        struct open_boot *open = boot_recall(state, boot_key(&node->macs[i], 0), err);
        if (!open)
            return NULL;
        if (!latest || open->boot.id > latest->boot.id)
            latest = open;
    }
    return latest;
}

static struct open_boot *find_boot(struct state *state, const struct fleet_node *node,
                                   const struct boot_event *event, struct error *err)
{
    struct open_boot *latest = find_latest(state, node, event, err);
    if (!latest)
        return NULL;
    if (latest->boot.id && !begins_boot(&latest->boot, node, event))
        return boot_load(state, latest, err) < 0 ? NULL : latest;
    return begin_boot(state, node, latest->boot.id ? &latest->boot : NULL, event, err);
}

/* There nothing more is heard of it. */
static bool is_sent_to_disk(const struct boot_event *event)
{
    if (event->kind == BOOT_EVENT_FILE_DONE)
        return event->role == BOOT_FILE_LOCAL;
    return (event->kind == BOOT_EVENT_ACK || event->kind == BOOT_EVENT_OFFER) &&
           !text_starts(event->text, "boot file") && strstr(event->text, BOOT_EVENT_LOCAL);
}

static void advance(struct boot *boot, const struct boot_event *event)
{
    bool is_transfer = event->kind == BOOT_EVENT_FILE_START || event->kind == BOOT_EVENT_FILE_DONE;
    boot->last_ms = event->at_ms;
    if (event->ip)
        boot->ip = event->ip;
    if (is_transfer && event->role >= BOOT_FILE_CONFIG && !boot->config_ms)
        boot->config_ms = event->at_ms;
    if (event->kind == BOOT_EVENT_FILE_DONE && event->files_expected)
        boot->files_expected = event->files_expected;
    bool is_over =
        event->kind == BOOT_EVENT_BOOTED || event->kind >= BOOT_EVENT_AGENT_STEP || is_sent_to_disk(event);
    if (is_over && !boot->booted_ms)
        boot->booted_ms = event->at_ms;
}

/* The last file's line tells of all of them. */
static int append_total(struct state *state, const struct boot *boot, const struct boot_event *event,
                        char *line, struct error *err)
{
    struct story_event *events;
    struct story story;
    size_t count;
    char text[STORY_TEXT_MAX];
    /* Loaders fetch in order: reading the whole boot for the last file only keeps a boot storm cheap. */
    if (event->kind != BOOT_EVENT_FILE_DONE || !boot->files_expected ||
        event->file_number != boot->files_expected)
        return 0;
    if (boot_read_events(state, boot, &events, &count, err) < 0)
        return -1;
    int result = story_tell(events, count, event->at_ms, &story, err);
    if (result == 0 && story.step_count && !story.steps[story.step_count - 1].event) {
        size_t used = strlen(line);
        snprintf(line + used, STATE_LINE_MAX - used, "; all %s", story_files_detail(&story, text));
    }
    if (result == 0)
        story_fini(&story);
    free(events);
    return result;
}

static bool is_worth_line(const struct boot_event *event, int64_t times)
{
    if (event->kind == BOOT_EVENT_FILE_MISSING && story_is_normal_miss(event->file))
        return false;
    return worths[event->kind] == ALWAYS || (worths[event->kind] == FIRST && times == 1);
}

static int format_line(struct state *state, const struct boot *boot, const struct boot_event *event,
                       char line[static STATE_LINE_MAX], struct error *err)
{
    char label[STORY_LABEL_MAX], detail[STORY_TEXT_MAX], took[TEXT_DURATION_MAX];
    story_label(event, boot->files_expected, label);
    story_detail(event, detail);
    int used = snprintf(line, STATE_LINE_MAX, "%-12s  %-12s  %s", boot->node[0] ? boot->node : boot->machine,
                        label, detail);
    if (event->kind == BOOT_EVENT_BOOTED && !boot->config_ms && used < STATE_LINE_MAX)
        snprintf(line + used, STATE_LINE_MAX - (size_t)used, "; it was not booted from here");
    if (event->kind == BOOT_EVENT_BOOTED && boot->config_ms && used < STATE_LINE_MAX)
        snprintf(line + used, STATE_LINE_MAX - (size_t)used, ", %s after its first DISCOVER",
                 text_duration_ms(event->at_ms - boot->started_ms, took));
    return append_total(state, boot, event, line, err);
}

static int64_t clamp_time(int64_t ms)
{
    return ms < 0 ? 0 : ms > STORY_TIME_MAX ? STORY_TIME_MAX : ms;
}

/* File names and texts come from clients, and the rest from a process that reads hostile packets: what is
 * kept and shown is printable and can be reckoned with. */
static void clean(const struct boot_event *event, struct boot_event *out)
{
    *out = *event;
    out->at_ms = clamp_time(event->at_ms);
    out->duration_ms = clamp_time(event->duration_ms);
    text_printable(event->file, strnlen(event->file, sizeof event->file), out->file, sizeof out->file);
    text_printable(event->text, strnlen(event->text, sizeof event->text), out->text, sizeof out->text);
}

int state_event(struct state *state, const struct boot_event *event, char line[STATE_LINE_MAX],
                struct error *err)
{
    struct boot_event cleaned;
    if (line)
        line[0] = 0;
    if (event->kind >= BOOT_EVENT_KINDS || event->role > BOOT_FILE_OVERLAY)
        return error_set(err, "an event of kind %d, role %d, does not exist", (int)event->kind,
                         (int)event->role);
    clean(event, &cleaned);
    const struct fleet_node *node = fleet_node_by_mac(state->fleet, &event->mac);
    struct open_boot *open = find_boot(state, node, &cleaned, err);
    if (!open)
        return -1;
    struct boot *boot = &open->boot;
    int64_t times = boot_events_add(&open->events, state->boots->whats, &cleaned, ++boot->told, err);
    if (times < 0)
        return -1;
    boot->kept = open->events.count;
    advance(boot, &cleaned);
    boots_changed(state->boots, open);
    boots_trim(state->boots, TRIM_PER_EVENT);
    if (!is_worth_line(&cleaned, times))
        return 0;
    return line && format_line(state, boot, &cleaned, line, err) < 0 ? -1 : 1;
}

/* Whether all files of its boot are fetched. */
static bool is_complete(struct state *state, const struct fleet_node *node, const struct boot_event *event)
{
    struct error ignored;
    struct story_event *events;
    struct story story;
    size_t count;
    const struct open_boot *open = find_latest(state, node, event, &ignored);
    if (!open || !open->boot.files_expected ||
        boot_read_events(state, &open->boot, &events, &count, &ignored) < 0)
        return false;
    bool complete = story_tell(events, count, event->at_ms, &story, &ignored) == 0;
    if (complete) {
        complete = story.stage >= STORY_DONE && story.stage <= STORY_BOOTED;
        story_fini(&story);
    }
    free(events);
    return complete;
}

bool state_used_once(struct state *state, const struct boot_event *event,
                     char node_name[static FLEET_NAME_MAX])
{
    if (event->kind != BOOT_EVENT_FILE_DONE || event->role < BOOT_FILE_KERNEL)
        return false;
    const struct fleet_node *node = fleet_node_by_mac(state->fleet, &event->mac);
    if (!node)
        return false;
    struct fleet_settings settings = fleet_effective(state->fleet, node);
    if (!policy_is_once(&settings) || !is_complete(state, node, event))
        return false;
    snprintf(node_name, FLEET_NAME_MAX, "%s", node->name);
    return true;
}
