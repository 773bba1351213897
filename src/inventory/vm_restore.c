#include "inventory/vm_restore.h"

#include "base/text.h"
#include "fleet/fleet_datastore.h"
#include "inventory/vm_line.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define FOLDER_ESXI  "/vmfs/volumes/"
#define FOLDER_LINUX "/datastores/"
#define WORDS_MAX    2600

/*
 * What the agents run, without what tells them whether it is there already; by NFS 4.1 on Linux for the first
 * of several hosts that answers.
 *
 * Templates: %l label, %h host, %p path, %s host:path, %m rw or ro, %d the datastore's folder on the host, %f
 * the machine's file there, %n its name, each as one word of the shell; %r what makes it read only.
 */
struct commands {
    const char *mount[4]; /* by enum fleet_store_kind; NULL: this kind of host cannot */
    const char *read_only;
    const char *folder;
    const char *registers; /* NULL: starting is all there is */
    const char *start;
    const char *answer; /* NULL: these machines ask nothing */
};

#define LINUX_MOUNTS                                                                                         \
    {                                                                                                        \
        "mount.nfs %s %d -o %m,hard,vers=3", "mount.nfs %s %d -o %m,hard,vers=4.1", NULL,                    \
            "iscsistart -t %p -g 1 -a %h; mount -o %m LABEL=%l %d"                                           \
    }
#define VIM_CMD                                                                                              \
    .registers = "vim-cmd solo/registervm %f", .start = "vim-cmd vmsvc/power.on VMID",                       \
    .answer = "vim-cmd vmsvc/message VMID"

static const struct commands commands[] = {
    [VM_HOST_ESXI4] = {.mount = {"esxcfg-nas -a %l -o %h -s %p%r", NULL, "",
                                 "esxcfg-swiscsi -e; vmkiscsi-tool -D -a %h VMHBA; esxcfg-rescan VMHBA"},
                       .read_only = " -y",
                       .folder = FOLDER_ESXI,
                       VIM_CMD},
    [VM_HOST_ESXI5] =
        {.mount = {"esxcli storage nfs add --host=%h --share=%p --volume-name=%l%r",
                   "esxcli storage nfs41 add --hosts=%h --share=%p --volume-name=%l%r", "",
                   "esxcli iscsi software set --enabled=true; "
                   "esxcli iscsi adapter discovery statictarget add --adapter=VMHBA --address=%h --name=%p; "
                   "esxcli storage core adapter rescan --adapter=VMHBA"},
         .read_only = " --readonly",
         .folder = FOLDER_ESXI,
         VIM_CMD},
    [VM_HOST_XL] = {.mount = LINUX_MOUNTS, .folder = FOLDER_LINUX, .start = "xl create %f"},
    [VM_HOST_VIRSH] = {.mount = LINUX_MOUNTS,
                       .folder = FOLDER_LINUX,
                       .registers = "virsh define %f",
                       .start = "virsh start %n"},
    [VM_HOST_QEMU] = {.mount = LINUX_MOUNTS,
                      .folder = FOLDER_LINUX,
                      .start = "qemu-system-x86_64 -readconfig %f"},
    [VM_HOST_LINUX] = {.mount = LINUX_MOUNTS,
                       .folder = FOLDER_LINUX,
                       .start = "virsh start %n, or qemu-system-x86_64 -readconfig %f"},
};

static const char *const kind_words[] = {"NFS 3", "NFS 4.1", "VMFS", "iSCSI"};

/* --- for the agent --- */

static void put(struct buf *out, size_t *lines, const char *const *fields, size_t count)
{
    vm_line_put(out, fields, count);
    ++*lines;
}
#define PUT(...)                                                                                             \
    put(out, lines, (const char *const[]){__VA_ARGS__},                                                      \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static const char *held_why(const struct vm_restore *restore, const struct vm *vm, size_t *at)
{
    if (*at == restore->held_count || restore->held[*at].vm != vm)
        return NULL;
    return restore->held[(*at)++].why;
}

static void put_head(const struct vm_restore *restore, struct buf *out, size_t *lines)
{
    char wish[24], interval[16];
    snprintf(wish, sizeof wish, "%" PRIu64, restore->wish);
    snprintf(interval, sizeof interval, "%" PRIu32, restore->interval_s);
    PUT("bootherd", "1");
    PUT("boot", restore->identity, restore->node);
    PUT("server", restore->server);
    PUT("wish", wish);
    PUT("interval", interval);
}

static void put_stores(const struct fleet_settings *settings, struct buf *out, size_t *lines)
{
    for (size_t i = 0; i < settings->datastore_count; i++) {
        const struct fleet_datastore *d = &settings->datastores[i];
        PUT("store", d->label, fleet_store_words[d->kind], d->host, d->path, d->read_only ? "ro" : "rw",
            d->probe_write ? "write" : "read");
    }
}

int vm_restore_format(const struct vm_restore *restore, struct buf *out, struct error *err)
{
    size_t count = 0, *lines = &count, held = 0;
    char end[24], delay[16];
    put_head(restore, out, lines);
    put_stores(restore->settings, out, lines);
    for (size_t i = 0; i < restore->list->count; i++) {
        const struct vm *vm = &restore->list->vms[i];
        const char *why = held_why(restore, vm, &held);
        snprintf(delay, sizeof delay, "%" PRIu32, vm->delay_s);
        if (why)
            PUT("held", vm->label, vm->file, vm->name, why);
        else
            PUT("vm", vm->label, vm->file, vm->name, vm->power == VM_POWER_OFF ? "off" : "on", delay,
                vm_answer_word(vm->answer), vm->id);
    }
    snprintf(end, sizeof end, "%zu", count);
    PUT("end", end);
    return out->failed ? error_errno(err, ENOMEM, "the list of %s", restore->node) : 0;
}

/* --- for people --- */

struct step {
    const char *step; /* stable word, for JSON: mount, register, start, off, delay, answer, held */
    const struct vm *vm;
    const struct fleet_datastore *store;
    const char *why;
    char text[1400];
    char command[WORDS_MAX]; /* "": none */
};

typedef int step_fn(void *ctx, const struct step *step, struct error *err);

static void quote_word(const char *text, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (*text && text[strspn(text, plain)] == '\0') {
        buf_append_text(out, text);
        return;
    }
    buf_append_text(out, "'");
    for (; *text; text++) {
        if (*text == '\'')
            buf_append_text(out, "'\\''");
        else
            buf_append(out, text, 1);
    }
    buf_append_text(out, "'");
}

static void put_word(char what, const struct commands *host, const struct step *step, struct buf *out)
{
    const struct fleet_datastore *d = step->store;
    const struct vm *vm = step->vm;
    cleanup_buf struct buf word = BUF_INIT;
    switch (what) {
    case 'l':
        buf_append_text(&word, d->label);
        break;
    case 'h':
        buf_append_text(&word, d->host);
        break;
    case 'p':
        buf_append_text(&word, d->path);
        break;
    case 's':
        buf_format(&word, "%s:%s", d->host, d->path);
        break;
    case 'm':
        buf_append_text(&word, d->read_only ? "ro" : "rw");
        break;
    case 'd':
        buf_format(&word, "%s%s", host->folder, d->label);
        break;
    case 'f':
        buf_format(&word, "%s%s/%s", host->folder, vm->label, vm->file);
        break;
    case 'n':
        buf_append_text(&word, vm->name);
        break;
    default:
        buf_append_text(out, d->read_only ? host->read_only : "");
        return;
    }
    quote_word(buf_text(&word), out);
}

static void make_command(const char *template, const struct commands *host, struct step *step)
{
    cleanup_buf struct buf out = BUF_INIT;
    for (const char *p = template ? template : ""; *p; p++) {
        if (*p == '%' && p[1])
            put_word(*++p, host, step, &out);
        else
            buf_append(&out, p, 1);
    }
    snprintf(step->command, sizeof step->command, "%s", buf_text(&out));
}

static int step_mount(const struct commands *host, const struct fleet_datastore *d, step_fn *each, void *ctx,
                      struct error *err)
{
    struct step step = {.step = "mount", .store = d};
    const char *template = host->mount[d->kind];
    cleanup_buf struct buf place = BUF_INIT;
    fleet_datastore_format(d, &place);
    if (*d->host)
        snprintf(step.text, sizeof step.text, "mount %s (%s, %s%s)", d->label, buf_text(&place),
                 kind_words[d->kind], d->read_only ? ", read only" : "");
    else
        snprintf(step.text, sizeof step.text, "mount %s (%s)", d->label, kind_words[d->kind]);
    if (!template)
        step.why = "this kind of host has no command for it";
    make_command(template, host, &step);
    return each(ctx, &step, err);
}

static int vm_step(const char *word, const char *format, const struct vm *vm, const char *template,
                   const struct commands *host, step_fn *each, void *ctx, struct error *err)
{
    struct step step = {.step = word, .vm = vm};
    char name[VM_NAME_MAX];
    text_printable(vm->name, strlen(vm->name), name, sizeof name);
    snprintf(step.text, sizeof step.text, "%s %s ([%s] %s)", format, name, vm->label, vm->file);
    make_command(template, host, &step);
    return each(ctx, &step, err);
}

static int step_delay(const struct vm *vm, step_fn *each, void *ctx, struct error *err)
{
    struct step step = {.step = "delay", .vm = vm};
    snprintf(step.text, sizeof step.text, "wait %" PRIu32 " s", vm->delay_s);
    return each(ctx, &step, err);
}

static int step_held(const struct vm *vm, const char *why, step_fn *each, void *ctx, struct error *err)
{
    struct step step = {.step = "held", .vm = vm, .why = why};
    char name[VM_NAME_MAX];
    text_printable(vm->name, strlen(vm->name), name, sizeof name);
    snprintf(step.text, sizeof step.text, "leave out %s ([%s] %s)", name, vm->label, vm->file);
    return each(ctx, &step, err);
}

/* As the agent goes: register, and when it is to be on, start it, answer its question, wait. */
static int steps_vm(const struct commands *host, const struct vm *vm, step_fn *each, void *ctx,
                    struct error *err)
{
    if (host->registers && vm_step("register", "register", vm, host->registers, host, each, ctx, err) < 0)
        return -1;
    if (vm->power == VM_POWER_OFF)
        return vm_step("off", "leave off", vm, NULL, host, each, ctx, err);
    if (vm_step("start", "power on", vm, host->start, host, each, ctx, err) < 0)
        return -1;
    if (host->answer && vm->answer != VM_ANSWER_NONE) {
        char text[64];
        snprintf(text, sizeof text, "if asked, answer \"%s\" for", vm_answer_word(vm->answer));
        if (vm_step("answer", text, vm, host->answer, host, each, ctx, err) < 0)
            return -1;
    }
    return vm->delay_s ? step_delay(vm, each, ctx, err) : 0;
}

static int steps(const struct vm_restore *restore, step_fn *each, void *ctx, struct error *err)
{
    const struct commands *host = &commands[restore->kind];
    size_t held = 0;
    if (restore->kind == VM_HOST_NONE)
        return error_set(err, "the system of %s has no agent: it restores nothing", restore->node);
    for (size_t i = 0; i < restore->settings->datastore_count; i++)
        if (step_mount(host, &restore->settings->datastores[i], each, ctx, err) < 0)
            return -1;
    for (size_t i = 0; i < restore->list->count; i++) {
        const struct vm *vm = &restore->list->vms[i];
        const char *why = held_why(restore, vm, &held);
        int result = why ? step_held(vm, why, each, ctx, err) : steps_vm(host, vm, each, ctx, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

#define TEXT_COLUMN 60

static int explain_step(void *ctx, const struct step *step, struct error *err)
{
    struct buf *out = ctx;
    if (step->command[0] || step->why)
        buf_format(out, "%-*s  %s\n", TEXT_COLUMN, step->text, step->why ? step->why : step->command);
    else
        buf_format(out, "%s\n", step->text);
    return out->failed ? error_errno(err, ENOMEM, "the steps of a host") : 0;
}

int vm_restore_explain(const struct vm_restore *restore, struct buf *out, struct error *err)
{
    return steps(restore, explain_step, out, err);
}

static json_t *json_text(const char *text)
{
    char shown[WORDS_MAX];
    json_t *json = json_string(text);
    if (json)
        return json;
    text_printable(text, strlen(text), shown, sizeof shown); /* no UTF-8 */
    return json_string(shown);
}

static int json_step(void *ctx, const struct step *step, struct error *err)
{
    json_t *json = json_object();
    json_object_set_new(json, "step", json_string(step->step));
    if (step->store)
        json_object_set_new(json, "label", json_text(step->store->label));
    if (step->vm) {
        json_object_set_new(json, "label", json_text(step->vm->label));
        json_object_set_new(json, "file", json_text(step->vm->file));
        json_object_set_new(json, "name", json_text(step->vm->name));
        if (strcmp(step->step, "delay") == 0)
            json_object_set_new(json, "seconds", json_integer(step->vm->delay_s));
    }
    if (step->why)
        json_object_set_new(json, "why", json_text(step->why));
    if (step->command[0])
        json_object_set_new(json, "command", json_text(step->command));
    return json_array_append_new(ctx, json) < 0 ? error_errno(err, ENOMEM, "the steps of a host") : 0;
}

int vm_restore_json(const struct vm_restore *restore, struct buf *out, struct error *err)
{
    json_auto_t *array = json_array();
    if (steps(restore, json_step, array, err) < 0)
        return -1;
    char *text = json_dumps(array, JSON_COMPACT);
    if (text)
        buf_append_text(out, text);
    free(text);
    return text && !out->failed ? 0 : error_errno(err, ENOMEM, "the steps of a host");
}
