#include "proc/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 5 /* in one finding */

/* In the order of the report, as far as it goes. */
static const struct {
    const char *name;
    void (*run)(const struct doctor_facts *facts, struct doctor_report *report);
} checks[] = {
    {"interface", doctor_check_interface}, {"dhcp", doctor_check_dhcp},
    {"port", doctor_check_port},           {"firewall", doctor_check_firewall},
    {"address", doctor_check_address},     {"network", doctor_check_network},
    {"folder", doctor_check_folder},       {"clock", doctor_check_clock},
    {"image", doctor_check_image},         {"loader", doctor_check_loader},
    {"node", doctor_check_node},
};

static const char *const levels[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_WARNING] = "warning", [DOCTOR_FAULT] = "fault"};

void doctor_find(struct doctor_report *report, enum doctor_level level, const char *format, ...)
{
    struct doctor_finding finding = {.level = level, .check = report->check};
    va_list args;
    if (report->count == report->capacity) {
        size_t capacity = report->capacity ? 2 * report->capacity : 32;
        void *more = realloc(report->finding, capacity * sizeof finding);
        if (!more) {
            report->failed = true;
            return;
        }
        report->finding = more;
        report->capacity = capacity;
    }
    va_start(args, format);
    int size = vasprintf(&finding.what, format, args);
    va_end(args);
    if (size < 0) {
        report->failed = true;
        return;
    }
    char *line = strchr(finding.what, '\n');
    if (line) {
        *line = 0;
        finding.fix = line + 1;
    }
    report->finding[report->count++] = finding;
}

void doctor_some_add(struct doctor_some *some, const char *name)
{
    if (some->count++ < NAMES_MAX)
        buf_format(&some->names, "%s%s", some->names.size ? ", " : "", name);
}

const char *doctor_some_text(struct doctor_some *some)
{
    if (some->count > NAMES_MAX)
        buf_format(&some->names, " and %zu more", some->count - NAMES_MAX);
    return buf_text(&some->names);
}

void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        report->check = checks[i].name;
        checks[i].run(facts, report);
    }
}

void doctor_report_fini(struct doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free(report->finding[i].what);
    free(report->finding);
    *report = (struct doctor_report){0};
}

size_t doctor_count(const struct doctor_report *report, enum doctor_level level)
{
    size_t count = 0;
    for (size_t i = 0; i < report->count; i++)
        count += report->finding[i].level == level;
    return count;
}

static void print_count(struct buf *out, size_t count, const char *one, const char *before)
{
    buf_format(out, "%s%zu %s%s", before, count, one, count == 1 ? "" : "s");
}

int doctor_text(struct doctor_report *report, struct buf *out, struct error *err)
{
    for (int level = DOCTOR_FAULT; level >= DOCTOR_OK; level--)
        for (size_t i = 0; i < report->count; i++) {
            const struct doctor_finding *f = &report->finding[i];
            if ((int)f->level != level)
                continue;
            buf_format(out, "%-8s %s\n", levels[level], f->what);
            if (f->fix)
                buf_format(out, "         fix: %s\n", f->fix);
        }
    print_count(out, doctor_count(report, DOCTOR_FAULT), "fault", "");
    print_count(out, doctor_count(report, DOCTOR_WARNING), "warning", ", ");
    print_count(out, doctor_count(report, DOCTOR_NOTE), "note", ", ");
    buf_format(out, "; %zu well\n", doctor_count(report, DOCTOR_OK));
    return report->failed || out->failed ? error_errno(err, ENOMEM, "doctor") : 0;
}

static json_t *json_of(const struct doctor_report *report)
{
    json_t *findings = json_array();
    for (int level = DOCTOR_FAULT; level >= DOCTOR_OK; level--)
        for (size_t i = 0; i < report->count; i++) {
            const struct doctor_finding *f = &report->finding[i];
            if ((int)f->level == level)
                json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s?}", "level", levels[level],
                                                          "check", f->check, "what", f->what, "fix", f->fix));
        }
    return json_pack("{s:I, s:I, s:I, s:o}", "faults", (json_int_t)doctor_count(report, DOCTOR_FAULT),
                     "warnings", (json_int_t)doctor_count(report, DOCTOR_WARNING), "notes",
                     (json_int_t)doctor_count(report, DOCTOR_NOTE), "findings", findings);
}

int doctor_json(struct doctor_report *report, struct buf *out, struct error *err)
{
    json_t *root = json_of(report);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (text)
        buf_format(out, "%s\n", text);
    json_decref(root);
    free(text);
    return !text || report->failed || out->failed ? error_errno(err, ENOMEM, "doctor") : 0;
}
