#include "inventory/vm_report.h"

#include "base/text.h"
#include "inventory/vm_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- parts --- */

void vm_parts_fini(struct vm_parts *parts)
{
    for (uint32_t i = 0; i < parts->total; i++)
        buf_fini(&parts->part[i]);
    free(parts->part);
    *parts = (struct vm_parts){0};
}

static int parts_begin(struct vm_parts *parts, uint64_t seq, uint32_t total, struct error *err)
{
    vm_parts_fini(parts);
    parts->part = calloc(total, sizeof *parts->part);
    if (!parts->part)
        return error_errno(err, ENOMEM, "a report in %u parts", total);
    parts->seq = seq;
    parts->total = total;
    return 0;
}

int vm_parts_add(struct vm_parts *parts, uint64_t seq, uint32_t number, uint32_t total, struct slice text,
                 struct buf *whole, struct error *err)
{
    if (!total || total > VM_REPORT_PARTS_MAX || !number || number > total)
        return error_set(err, "part %u of %u: a report has at most %d", number, total, VM_REPORT_PARTS_MAX);
    if (!text.size || text.size > VM_REPORT_PART_MAX)
        return error_set(err, "a part of %zu bytes; it has 1 to %d", text.size, VM_REPORT_PART_MAX);
    if ((parts->seq != seq || parts->total != total) && parts_begin(parts, seq, total, err) < 0)
        return -1;
    struct buf *part = &parts->part[number - 1];
    if (!part->size) {
        if (parts->bytes + text.size > VM_REPORT_MAX)
            return error_set(err, "a report of more than %u MiB", VM_REPORT_MAX >> 20);
        buf_append(part, text.data, text.size);
        if (part->failed)
            return error_errno(err, ENOMEM, "a report");
        parts->bytes += text.size;
        parts->have++;
    }
    if (parts->have < total)
        return 0;
    for (uint32_t i = 0; i < total; i++)
        buf_append(whole, parts->part[i].data, parts->part[i].size);
    vm_parts_fini(parts);
    return whole->failed ? error_errno(err, ENOMEM, "a report") : 1;
}

/* --- reading --- */

static const char *const why_words[] = {[VM_REPORT_START] = "start",
                                        [VM_REPORT_RESTORED] = "restored",
                                        [VM_REPORT_CHANGE] = "change",
                                        [VM_REPORT_SHUTDOWN] = "shutdown"};

static char *lend(const char *text)
{
    char *out;
    memcpy(&out, &text, sizeof out);
    return out;
}

static int read_head(struct vm_report *r, const struct vm_line *line, struct error *err)
{
    if (strcmp(line->field[0], "report") != 0 || !text_u64(line->field[1], 1, INT64_MAX, &r->seq))
        return error_set(err, "it does not begin with report|SEQ|WHY");
    for (size_t i = 0; i < sizeof why_words / sizeof why_words[0]; i++) {
        if (strcmp(line->field[2], why_words[i]) != 0)
            continue;
        r->why = (enum vm_report_why)i;
        return 0;
    }
    return error_set(err, "a report is of start, restored, change or shutdown");
}

static int read_store(struct vm_report *r, const struct vm_line *line, struct error *err)
{
    bool ok = strcmp(line->field[2], "ok") == 0;
    if (!ok && strcmp(line->field[2], "failed") != 0)
        return error_set(err, "a datastore is ok or failed");
    char why[VM_WHY_MAX];
    text_printable(line->field[3], strlen(line->field[3]), why, sizeof why);
    struct vm_store store = {.label = lend(line->field[1]),
                             .ok = ok,
                             .read_only = ok && strcmp(line->field[3], "ro") == 0,
                             .why = ok ? NULL : why};
    return vm_list_add_store(&r->list, &store, err);
}

/* Of two lines for one machine the later counts. Machines on no datastore are told apart by name. */
static int read_vm(struct vm_report *r, const struct vm_line *line, struct error *err)
{
    const char *const *f = line->field;
    struct vm vm = {.label = lend(f[1]),
                    .file = lend(f[2]),
                    .name = lend(f[3]),
                    .id = lend(f[5]),
                    .order = VM_ORDER_DEFAULT};
    if (!vm_power_parse(f[4], &vm.power))
        return error_set(err, "a machine's power is on, off, paused or unknown");
    struct vm *before = *vm.label && *vm.file ? vm_list_find(&r->list, vm.label, vm.file) : NULL;
    if (!before)
        return vm_list_add(&r->list, &vm, err);
    if (strlen(vm.name) >= VM_NAME_MAX || strlen(vm.id) >= VM_ID_MAX)
        return error_set(err, "a machine's name or id is too long");
    before->power = vm.power;
    return vm_set_text(&before->name, vm.name, err) < 0 || vm_set_text(&before->id, vm.id, err) < 0 ? -1 : 0;
}

static int read_line(struct vm_report *r, const struct vm_line *line, unsigned number, struct error *err)
{
    if (number == 1)
        return read_head(r, line, err);
    if (strcmp(line->field[0], "store") == 0)
        return read_store(r, line, err);
    return strcmp(line->field[0], "vm") == 0 ? read_vm(r, line, err) : 0;
}

int vm_report_parse(struct slice text, struct vm_report *out, struct error *err)
{
    struct vm_line line;
    uint64_t told;
    unsigned number = 0;
    int more;
    *out = (struct vm_report){0};
    while ((more = vm_line_next(&text, &line, err)) > 0) {
        if (number && strcmp(line.field[0], "end") == 0) {
            if (text_u64(line.field[1], 0, UINT32_MAX, &told) && told == number && !text.size)
                return 0;
            more = error_set(err, "its end does not fit: lines were lost on the way");
            break;
        }
        if (read_line(out, &line, ++number, err) < 0)
            break;
    }
    if (more == 0)
        error_set(err, "it was cut short: its last line is not end|LINES");
    vm_report_fini(out);
    return error_wrap(err, "report, line %u", number + (more < 0));
}

void vm_report_fini(struct vm_report *report)
{
    vm_list_fini(&report->list);
}
