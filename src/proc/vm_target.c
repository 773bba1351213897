#include "proc/vm_target.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX 6 /* machines of one name that an error lists */

int vm_target_parse(const char *text, struct vm_target *out, struct error *err)
{
    const char *slash = strchr(text, '/');
    *out = (struct vm_target){.machine = slash ? slash + 1 : NULL};
    if (slash && !slash[1])
        return error_set(err, "%s: a machine's name is missing behind the '/'; a host alone has none", text);
    cleanup_free char *hosts = strndup(text, slash ? (size_t)(slash - text) : strlen(text));
    if (!hosts)
        return error_errno(err, ENOMEM, "find a machine");
    return range_parse(hosts, &out->hosts, err);
}

void vm_target_fini(struct vm_target *target)
{
    range_fini(&target->hosts);
}

bool vm_place_parse(const char *text, char label[static VM_LABEL_MAX], char file[static VM_FILE_MAX])
{
    const char *end = text[0] == '[' ? strstr(text, "] ") : NULL;
    if (!end || end == text + 1 || !end[2] || end - text > VM_LABEL_MAX || strlen(end + 2) >= VM_FILE_MAX)
        return false;
    snprintf(label, VM_LABEL_MAX, "%.*s", (int)(end - text - 1), text + 1);
    snprintf(file, VM_FILE_MAX, "%s", end + 2);
    return true;
}

void vm_name_put(struct buf *out, const char *text)
{
    for (size_t left = strlen(text); left;) {
        size_t valid = text_valid(text, left, "");
        const char *backslash = memchr(text, '\\', valid);
        if (backslash)
            valid = (size_t)(backslash - text);
        buf_append(out, text, valid);
        text += valid;
        left -= valid;
        if (!left)
            return;
        if (*text == '\n' || *text == '\\')
            buf_append_text(out, *text == '\n' ? "\\n" : "\\\\");
        else
            buf_format(out, "\\x%02x", (unsigned)(unsigned char)*text);
        text++;
        left--;
    }
}

void vm_place_put(struct buf *out, const struct vm *vm)
{
    if (!vm->label[0] && !vm->file[0]) {
        buf_append_text(out, "-");
        return;
    }
    buf_append_text(out, "[");
    vm_name_put(out, vm->label);
    buf_append_text(out, "] ");
    vm_name_put(out, vm->file);
}

/* --- finding --- */

static bool is_named(const struct vm *vm, const char *name)
{
    return strcmp(vm->name, name) == 0;
}

static bool is_shown_as(const struct vm *vm, const char *name)
{
    cleanup_buf struct buf shown = BUF_INIT;
    vm_name_put(&shown, vm->name);
    if (strcmp(buf_text(&shown), name) == 0)
        return true;
    buf_clear(&shown);
    vm_place_put(&shown, vm);
    return strcmp(buf_text(&shown), name) == 0;
}

/* How many match; *first is the first of them. */
static size_t count_matches(const struct vm_list *list, bool (*matches)(const struct vm *, const char *),
                            const char *name, struct vm **first)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (matches(&list->vms[i], name) && count++ == 0)
            *first = &list->vms[i];
    return count;
}

static int refuse_several(const struct vm_list *list, bool (*matches)(const struct vm *, const char *),
                          const char *host, const char *name, size_t count, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    size_t told = 0;
    vm_name_put(&text, name);
    buf_format(&text, " is the name of %zu machines of %s; say which:", count, host);
    for (size_t i = 0; i < list->count && told < TOLD_MAX; i++) {
        if (!matches(&list->vms[i], name))
            continue;
        buf_format(&text, "%s \"%s/", told++ ? "," : "", host);
        vm_place_put(&text, &list->vms[i]);
        buf_append_text(&text, "\"");
    }
    if (told < count)
        buf_format(&text, ", and %zu more", count - told);
    return error_set(err, "%s", buf_text(&text));
}

static int refuse_none(const struct vm_list *list, const char *host, const char *name, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    const struct vm *near = NULL;
    unsigned least = 3;
    for (size_t i = 0; i < list->count; i++) {
        unsigned distance = text_distance(list->vms[i].name, name, 2);
        if (distance < least) {
            least = distance;
            near = &list->vms[i];
        }
    }
    buf_format(&text, "%s has no machine ", host);
    vm_name_put(&text, name);
    if (near) {
        buf_append_text(&text, "; did you mean ");
        vm_name_put(&text, near->name);
        buf_append_text(&text, "?");
    } else {
        buf_format(&text, ": bootherd vm list %s names them", host);
    }
    return error_set(err, "%s", buf_text(&text));
}

struct vm *vm_target_find(const struct vm_list *list, const char *host, const char *machine,
                          struct error *err)
{
    static bool (*const ways[])(const struct vm *, const char *) = {is_named, is_shown_as};
    char label[VM_LABEL_MAX], file[VM_FILE_MAX];
    struct vm *found = NULL;
    if (vm_place_parse(machine, label, file) && (found = vm_list_find(list, label, file)))
        return found;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        size_t count = count_matches(list, ways[i], machine, &found);
        if (count == 1)
            return found;
        if (count > 1) {
            refuse_several(list, ways[i], host, machine, count, err);
            return NULL;
        }
    }
    refuse_none(list, host, machine, err);
    return NULL;
}
