/*
 * The status as JSON. Keys are stable: new ones may come, none changes its meaning.
 *
 * {"now": TIME, "now_ms": N, "nodes": [MACHINE...], "unknown": [MACHINE...]}
 * MACHINE: "name" (nodes only), "add" (unknown only: the command, or null), "mac", "address", "image",
 *   "state": "never", "running", "booted", "elsewhere" (what runs was not booted from here) or "stopped",
 *   "step": a stage (story_stage_word), "label": the same for people, "attempt", "started", "last", "booted"
 *   (TIME or null; each also as _ms), "files_done", "files_expected" (0: not known), "bytes", "files_ms",
 *   "restored" (what the host's agent said when it had tried to start all machines, or null), "cause" (null
 * unless stopped; of a booted one, what failed in starting its machines), and "steps" when one machine is
 * asked for.
 *
 * STEP: "kind" (the event's, or "all-files"), "label", "file", "role", "text", "address", "bytes",
 *   "duration_ms", "times", "at", "at_ms" (the first time), "last_ms", "fault".
 *
 * TIME is ISO 8601 in UTC with seconds; _ms are milliseconds since 1970.
 */
#include "base/text.h"
#include "state/status.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct report {
    struct state *state;
    bool has_steps;
    json_t *nodes, *unknown; /* borrowed from the root */
};

/* Text that is not ours may hold anything; JSON takes UTF-8 only. */
static json_t *json_text(const char *text)
{
    char clean[STORY_CAUSE_MAX];
    if (!text || !text[0])
        return json_null();
    text_printable(text, strlen(text), clean, sizeof clean);
    return json_string(clean);
}

static json_t *json_address(uint32_t ip)
{
    char text[IP4_TEXT_SIZE];
    return ip ? json_string(ip4_format(ip, text)) : json_null();
}

/* Puts "KEY": TIME and "KEY_ms": N; null for 0. */
static int put_time(json_t *object, const char *key, int64_t at_ms)
{
    char key_ms[32], text[TEXT_TIME_MAX];
    snprintf(key_ms, sizeof key_ms, "%s_ms", key);
    return json_object_set_new(object, key, at_ms ? json_string(text_time_utc(at_ms, text)) : json_null()) |
           json_object_set_new(object, key_ms, at_ms ? json_integer(at_ms) : json_null());
}

static json_t *json_step(const struct story *story, const struct story_step *step)
{
    char label[STORY_LABEL_MAX] = "all files";
    static const struct story_event none;
    const struct story_event *at = step->event ? step->event : &none;
    const struct boot_event *event = &at->event;
    if (step->event)
        story_label(event, story->files_expected, label);
    json_t *out = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:i, s:b}", "kind",
                            step->event ? story_kind_word(event->kind) : "all-files", "label", label, "file",
                            json_text(event->file), "role", story_role_word(event->role), "text",
                            json_text(event->text), "address", json_address(event->ip), "bytes",
                            (json_int_t)(step->event ? event->bytes : story->bytes), "duration_ms",
                            (json_int_t)(step->event ? event->duration_ms : story->files_ms), "times",
                            step->event ? (int)at->times : 1, "fault", step->fault);
    if (!out)
        return NULL;
    put_time(out, "at", step->at_ms);
    json_object_set_new(out, "last_ms", json_integer(step->event ? event->at_ms : step->at_ms));
    return out;
}

static json_t *json_steps(const struct story *story)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < story->step_count; i++)
        json_array_append_new(steps, json_step(story, &story->steps[i]));
    return steps;
}

static const char *machine_mac(const struct status_entry *entry, char out[static MAC_TEXT_SIZE])
{
    struct mac mac;
    if (entry->has_boot && mac_parse(entry->boot.machine, &mac))
        return mac_format(&mac, out);
    return entry->node && entry->node->mac_count ? mac_format(&entry->node->macs[0], out) : NULL;
}

static json_t *json_machine(const struct report *report, const struct status_entry *entry)
{
    char mac[MAC_TEXT_SIZE], label[STORY_LABEL_MAX];
    const struct boot *boot = &entry->boot;
    const struct story *story = &entry->story;
    const char *image = boot->image;
    uint32_t ip = boot->ip;
    if (entry->has_boot && story->outcome == STORY_TO_DISK)
        image = "";
    else if (!image[0] && entry->node)
        image = fleet_effective(report->state->fleet, entry->node).image;
    if (!ip && entry->node)
        ip = entry->node->ip;
    json_t *out = json_pack(
        "{s:o, s:o, s:o, s:s, s:s, s:o, s:i, s:i, s:i, s:I, s:I, s:o}", "mac",
        json_text(machine_mac(entry, mac)), "address", json_address(ip), "image", json_text(image), "state",
        entry->has_boot ? story_outcome_word(story->outcome) : "never", "step",
        story_stage_word(story->stage), "label",
        entry->has_boot ? json_text(story_reached(story, label)) : json_null(), "attempt", (int)boot->attempt,
        "files_done", (int)story->files_done, "files_expected", (int)story->files_expected, "bytes",
        (json_int_t)story->bytes, "files_ms", (json_int_t)story->files_ms, "cause", json_text(story->cause));
    if (!out)
        return NULL;
    put_time(out, "started", boot->started_ms);
    put_time(out, "last", boot->last_ms);
    put_time(out, "booted", boot->booted_ms);
    json_object_set_new(out, "restored", json_text(story->restored ? story->restored->event.text : NULL));
    if (report->has_steps)
        json_object_set_new(out, "steps", json_steps(story));
    return out;
}

static int add_node(void *ctx, const struct status_entry *entry, struct error *err)
{
    struct report *report = ctx;
    json_t *machine = json_machine(report, entry);
    json_object_set_new(machine, "name", json_text(entry->node->name));
    if (json_array_append_new(report->nodes, machine) != 0)
        return error_errno(err, ENOMEM, "writing the status");
    return 0;
}

static int add_unknown(void *ctx, const struct status_entry *entry, struct error *err)
{
    struct report *report = ctx;
    char add[STATUS_ADD_MAX];
    json_t *machine = json_machine(report, entry);
    json_object_set_new(machine, "add", json_text(status_add_command(&entry->boot, add)));
    if (json_array_append_new(report->unknown, machine) != 0)
        return error_errno(err, ENOMEM, "writing the status");
    return 0;
}

int state_status_json(struct state *state, const char *range, int64_t now_ms, struct buf *out,
                      struct error *err)
{
    struct report report = {state, status_is_single(range), json_array(), json_array()};
    json_t *root = json_pack("{s:o, s:o}", "nodes", report.nodes, "unknown", report.unknown);
    if (!root)
        return error_errno(err, ENOMEM, "writing the status");
    put_time(root, "now", now_ms);
    struct status_visitor visitor = {&report, add_node, add_unknown};
    int result = status_visit(state, range, now_ms, &visitor, err);
    if (result == 0) {
        char *text = json_dumps(root, JSON_INDENT(2));
        if (text) {
            buf_append_text(out, text);
            buf_append_text(out, "\n");
        }
        if (!text || out->failed)
            result = error_errno(err, ENOMEM, "writing the status");
        free(text);
    }
    json_decref(root);
    return result;
}
