#include "base/text.h"
#include "state/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 5 /* the last cell, the verdict, is as long as it is */

struct row {
    char cell[COLUMNS][FLEET_NAME_MAX];
    char verdict[STORY_CAUSE_MAX + 64];
};

struct table {
    int64_t now_ms;
    size_t count, capacity;
    struct row *rows; /* owned */
    struct buf unknown;
};

static uint32_t entry_ip(const struct status_entry *entry)
{
    return entry->boot.ip || !entry->node ? entry->boot.ip : entry->node->ip;
}

static const char *entry_image(const struct fleet *fleet, const struct status_entry *entry)
{
    if (entry->story.outcome == STORY_TO_DISK && entry->has_boot)
        return "local disk";
    if (entry->boot.image[0])
        return entry->boot.image;
    const char *image = entry->node ? fleet_effective(fleet, entry->node).image : NULL;
    return image ? image : "-";
}

static const char *format_ago(int64_t now_ms, int64_t at_ms, char out[static FLEET_NAME_MAX])
{
    char text[TEXT_DURATION_MAX];
    snprintf(out, FLEET_NAME_MAX, "%s ago", text_duration_ms(now_ms > at_ms ? now_ms - at_ms : 0, text));
    return out;
}

/* "; restored 8 of 9 machines, vms/x.vmx: locked", "; restoring: datastore vms not mounted: ...". */
static void format_restore(const struct story *story, char *out, size_t size)
{
    out[0] = 0;
    if (story->restored)
        snprintf(out, size, "; restored %s", story->restored->event.text);
    else if (story->stage == STORY_RESTORING)
        snprintf(out, size, "; restoring%s%.*s", story->cause[0] ? ": " : "", STORY_CAUSE_MAX - 1,
                 story->cause);
}

/* "booted in 37.9 s", "running, attempt 3", "stopped: why". */
static void format_verdict(const struct status_entry *entry, char *out, size_t size)
{
    char took[TEXT_DURATION_MAX], attempt[32] = "", restore[STORY_CAUSE_MAX + 32];
    const struct boot *boot = &entry->boot;
    if (!entry->has_boot) {
        snprintf(out, size, "not seen yet");
        return;
    }
    format_restore(&entry->story, restore, sizeof restore);
    if (boot->attempt > 1)
        snprintf(attempt, sizeof attempt, ", attempt %u", boot->attempt);
    if (entry->story.outcome == STORY_STOPPED)
        snprintf(out, size, "stopped%s: %s", attempt, entry->story.cause);
    else if (entry->story.outcome == STORY_FINISHED)
        snprintf(out, size, "booted in %s%s%s", text_duration_ms(boot->booted_ms - boot->started_ms, took),
                 attempt, restore);
    else if (entry->story.outcome == STORY_TO_DISK)
        snprintf(out, size, "sent to its own disk%s%s", entry->story.cause[0] ? ", " : "",
                 entry->story.cause);
    else if (entry->story.outcome == STORY_ELSEWHERE)
        snprintf(out, size, "runs, but was not booted from here");
    else
        snprintf(out, size, "%s%s", story_outcome_word(entry->story.outcome), attempt);
}

static struct row *new_row(struct table *table, struct error *err)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        struct row *rows = reallocarray(table->rows, capacity, sizeof *rows);
        if (!rows) {
            error_errno(err, ENOMEM, "a table of %zu nodes", capacity);
            return NULL;
        }
        table->rows = rows;
        table->capacity = capacity;
    }
    return &table->rows[table->count++];
}

struct listing {
    struct state *state;
    struct table table;
};

static int add_node(void *ctx, const struct status_entry *entry, struct error *err)
{
    struct listing *listing = ctx;
    struct row *row = new_row(&listing->table, err);
    if (!row)
        return -1;
    char ip[IP4_TEXT_SIZE], label[STORY_LABEL_MAX], ago[FLEET_NAME_MAX];
    uint32_t address = entry_ip(entry);
    int64_t at_ms = entry->boot.booted_ms ? entry->boot.booted_ms : entry->boot.last_ms;
    snprintf(row->cell[0], sizeof row->cell[0], "%s", entry->node->name);
    snprintf(row->cell[1], sizeof row->cell[1], "%s", address ? ip4_format(address, ip) : "-");
    snprintf(row->cell[2], sizeof row->cell[2], "%s", entry_image(listing->state->fleet, entry));
    snprintf(row->cell[3], sizeof row->cell[3], "%s",
             entry->has_boot ? story_reached(&entry->story, label) : "-");
    snprintf(row->cell[4], sizeof row->cell[4], "%s",
             entry->has_boot ? format_ago(listing->table.now_ms, at_ms, ago) : "-");
    format_verdict(entry, row->verdict, sizeof row->verdict);
    return 0;
}

static int add_unknown(void *ctx, const struct status_entry *entry, struct error *err)
{
    struct listing *listing = ctx;
    struct buf *out = &listing->table.unknown;
    char ip[IP4_TEXT_SIZE], ago[FLEET_NAME_MAX], add[STATUS_ADD_MAX], label[STORY_LABEL_MAX];
    const struct boot *boot = &entry->boot;
    if (!out->size)
        buf_append_text(out, "Machines that are no node's:\n");
    status_add_command(boot, add);
    buf_format(out, "  %s  %s  %s, %s%s%s\n", boot->machine, boot->ip ? ip4_format(boot->ip, ip) : "-",
               story_reached(&entry->story, label), format_ago(listing->table.now_ms, boot->last_ms, ago),
               add[0] ? "; to add it: " : "", add);
    return 0;
}

static void print_table(const struct table *table, struct buf *out)
{
    static const char *const heads[COLUMNS] = {"NODE", "ADDRESS", "IMAGE", "STEP", "WHEN"};
    int width[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        width[c] = (int)strlen(heads[c]);
        for (size_t i = 0; i < table->count; i++)
            if ((int)strlen(table->rows[i].cell[c]) > width[c])
                width[c] = (int)strlen(table->rows[i].cell[c]);
    }
    for (size_t c = 0; c < COLUMNS; c++)
        buf_format(out, "%-*s  ", width[c], heads[c]);
    buf_append_text(out, "STATE\n");
    for (size_t i = 0; i < table->count; i++) {
        for (size_t c = 0; c < COLUMNS; c++)
            buf_format(out, "%-*s  ", width[c], table->rows[i].cell[c]);
        buf_format(out, "%s\n", table->rows[i].verdict);
    }
}

static int list(struct state *state, const char *range, int64_t now_ms, struct buf *out, struct error *err)
{
    struct listing listing = {.state = state, .table = {.now_ms = now_ms}};
    struct status_visitor visitor = {&listing, add_node, add_unknown};
    int result = status_visit(state, range, now_ms, &visitor, err);
    if (result == 0) {
        if (listing.table.count)
            print_table(&listing.table, out);
        else if (!range)
            buf_append_text(out, "No nodes yet. To add one: bootherd node set NAME --mac MAC\n");
        if (listing.table.unknown.size)
            buf_format(out, "\n%s", buf_text(&listing.table.unknown));
    }
    free(listing.table.rows);
    buf_fini(&listing.table.unknown);
    return result;
}

struct telling {
    struct state *state;
    int64_t now_ms;
    struct buf *out;
};

static void tell_step(const struct story *story, const struct story_step *step, struct buf *out)
{
    char since[TEXT_DURATION_MAX], label[STORY_LABEL_MAX], detail[STORY_TEXT_MAX];
    int64_t after_ms = step->at_ms - story->started_ms;
    text_duration_ms(after_ms > 0 ? after_ms : 0, since);
    if (!step->event) {
        buf_format(out, "%12s  %c %-13s  %s\n", since, ' ', "all files", story_files_detail(story, detail));
        return;
    }
    const struct boot_event *event = &step->event->event;
    buf_format(out, "%12s  %c %-13s  %s", since, step->fault ? '!' : ' ',
               story_label(event, story->files_expected, label), story_detail(event, detail));
    if (step->event->times > 1)
        buf_format(out, " (%u times)", step->event->times);
    buf_append_text(out, "\n");
}

static int tell_machine(void *ctx, const struct status_entry *entry, struct error *err)
{
    struct telling *telling = ctx;
    struct buf *out = telling->out;
    char label[STORY_LABEL_MAX], text[STORY_CAUSE_MAX + 64], ip[IP4_TEXT_SIZE], time[TEXT_TIME_MAX],
        ago[FLEET_NAME_MAX];
    uint32_t address = entry_ip(entry);
    buf_format(out, "%s  %s  %s\n", entry->node ? entry->node->name : entry->boot.machine,
               address ? ip4_format(address, ip) : "-", entry_image(telling->state->fleet, entry));
    if (entry->has_boot) {
        buf_format(out, "boot of %s (%s), %s\n\n", text_time_utc(entry->boot.started_ms, time),
                   format_ago(telling->now_ms, entry->boot.started_ms, ago), entry->boot.machine);
        for (size_t i = 0; i < entry->story.step_count; i++)
            tell_step(&entry->story, &entry->story.steps[i], out);
        buf_append_text(out, "\n");
    }
    format_verdict(entry, text, sizeof text);
    buf_append_text(out, text);
    /* The file on its way is no step yet. */
    if (entry->has_boot && entry->story.outcome == STORY_RUNNING && entry->story.at_file)
        buf_format(out, ", %s", story_reached(&entry->story, label));
    buf_append_text(out, "\n");
    return 0;
}

int state_status_text(struct state *state, const char *range, int64_t now_ms, struct buf *out,
                      struct error *err)
{
    struct telling telling = {state, now_ms, out};
    struct status_visitor visitor = {&telling, tell_machine, tell_machine};
    int result = status_is_single(range) ? status_visit(state, range, now_ms, &visitor, err)
                                         : list(state, range, now_ms, out, err);
    if (result == 0 && out->failed)
        return error_errno(err, ENOMEM, "writing the status");
    return result;
}
