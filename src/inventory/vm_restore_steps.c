/* What a host does at its next boot, for people: steps, and the commands that its agent (agents) runs. */
#include "inventory/vm_restore.h"

#include "base/text.h"
#include "fleet/fleet_datastore.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER_ESXI  "/vmfs/volumes/"
#define FOLDER_LINUX "/datastores/"

/*
 * What the agents run, without what tells them whether it is there already. Words in capitals the host itself
 * knows. By NFS 4.1 on Linux: the first of several hosts, which is the first that is tried.
 *
 * Templates: %l label, %h host, %a host without the port that iSCSI has anyway, %p path, %s host:path, %m rw
 * or ro, %d the datastore's folder on the host, %f the machine's file there, %c its folder, %u its UUID, each
 * as one word of the shell; %r what makes it read only.
 */
struct commands {
    const char *mount[4]; /* by enum fleet_store_kind; NULL: this kind of host cannot, "": nothing to do */
    const char *read_only;
    const char *folder;
    const char *registers; /* NULL: starting is all there is */
    const char *start;
    const char *answer; /* NULL: these machines ask nothing */
};

#define LINUX_HOST                                                                                           \
    .mount =                                                                                                 \
        {"mount.nfs %s %d -o %m,hard,vers=3", "mount.nfs %s %d -o %m,hard,vers=4.1", NULL,                   \
         "iscsistart -i INITIATOR -t %p -g 1 -a ADDRESS -p PORT; mount -o %m \"$(findfs LABEL=%l)\" %d"},    \
    .read_only = "", .folder = FOLDER_LINUX
#define ESXI_HOST                                                                                            \
    .folder = FOLDER_ESXI, .registers = "vim-cmd solo/registervm %f",                                        \
    .start = "vim-cmd vmsvc/power.on VMID", .answer = "vim-cmd vmsvc/message VMID QUESTION CHOICE"
#define QEMU_START                                                                                           \
    "cd %c && \"qemu-system-$(uname -m)\" -readconfig %f -nodefaults -no-user-config -display none "         \
    "-daemonize"

static const struct commands commands[] = {
    [VM_HOST_ESXI4] = {.mount = {"esxcfg-nas -a %l -o %h -s %p%r", NULL, "",
                                 "esxcfg-swiscsi -e; vmkiscsi-tool -D -a %a VMHBA; esxcfg-rescan VMHBA"},
                       .read_only = " -y",
                       ESXI_HOST},
    [VM_HOST_ESXI5] =
        {.mount = {"esxcli storage nfs add --host=%h --share=%p --volume-name=%l%r",
                   "esxcli storage nfs41 add --hosts=%h --share=%p --volume-name=%l%r", "",
                   "esxcli iscsi software set --enabled=true; "
                   "esxcli iscsi adapter discovery statictarget add --adapter=VMHBA --address=%h --name=%p; "
                   "esxcli storage core adapter rescan --adapter=VMHBA"},
         .read_only = " --readonly",
         ESXI_HOST},
    [VM_HOST_XL] = {LINUX_HOST, .start = "cd %c && xl create %f"},
    [VM_HOST_VIRSH] = {LINUX_HOST, .registers = "virsh -q define %f", .start = "virsh -q start --domain %u"},
    [VM_HOST_QEMU] = {LINUX_HOST, .start = QEMU_START},
    [VM_HOST_LINUX] = {LINUX_HOST, .registers = "virsh -q define %f (where there is virsh)",
                       .start = "virsh -q start --domain %u (or, without virsh: " QEMU_START ")"},
    [VM_HOST_UNKNOWN] =
        {.mount = {"", "", "", ""}, .read_only = "", .folder = "", .registers = "", .start = ""},
};

static const char *const kind_words[] = {"NFS 3", "NFS 4.1", "VMFS", "iSCSI"};

struct step {
    const char *step; /* stable word, for JSON: mount, register, start, off, delay, answer, held */
    const struct vm *vm;
    const struct fleet_datastore *store;
    const char *why;
    struct buf text, command; /* owned; the command may be empty */
};

typedef int step_fn(void *ctx, struct step *step, struct error *err);

struct steps {
    const struct vm_restore *restore;
    const struct commands *host;
    step_fn *each;
    void *ctx;
};

/* --- commands --- */

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

/* "nas:/srv/vms", as mount.nfs wants it. */
static void put_share(const struct fleet_datastore *d, struct buf *word)
{
    int size = (int)strcspn(d->host, ",");
    bool is_ip6 = d->host[0] != '[' && memchr(d->host, ':', (size_t)size);
    buf_format(word, is_ip6 ? "[%.*s]:%s" : "%.*s:%s", size, d->host, d->path);
}

static void put_portal(const struct fleet_datastore *d, struct buf *word)
{
    size_t size = strlen(d->host);
    buf_append(word, d->host, text_ends(d->host, ":3260") ? size - 5 : size);
}

static void put_folder(const char *folder, const struct vm *vm, struct buf *word)
{
    const char *slash = strrchr(vm->file, '/');
    buf_format(word, "%s%s", folder, vm->label);
    if (slash)
        buf_format(word, "/%.*s", (int)(slash - vm->file), vm->file);
}

/* False: there is no such word. */
static bool make_word(char what, const struct commands *host, const struct step *step, struct buf *word)
{
    const struct fleet_datastore *d = step->store;
    const struct vm *vm = step->vm;
    switch (what) {
    case 'l':
        buf_append_text(word, d->label);
        return true;
    case 'h':
        buf_append_text(word, d->host);
        return true;
    case 'a':
        put_portal(d, word);
        return true;
    case 'p':
        buf_append_text(word, d->path);
        return true;
    case 's':
        put_share(d, word);
        return true;
    case 'm':
        buf_append_text(word, d->read_only ? "ro" : "rw");
        return true;
    case 'd':
        buf_format(word, "%s%s", host->folder, d->label);
        return true;
    case 'f':
        buf_format(word, "%s%s/%s", host->folder, vm->label, vm->file);
        return true;
    case 'c':
        put_folder(host->folder, vm, word);
        return true;
    case 'u':
        buf_append_text(word, *vm->id ? vm->id : "UUID");
        return true;
    default:
        return false;
    }
}

static void make_command(const char *template, const struct commands *host, struct step *step)
{
    for (const char *p = template ? template : ""; *p; p++) {
        cleanup_buf struct buf word = BUF_INIT;
        if (*p != '%')
            buf_append(&step->command, p, 1);
        else if (make_word(*++p, host, step, &word))
            quote_word(buf_text(&word), &step->command);
        else if (step->store->read_only)
            buf_append_text(&step->command, host->read_only);
    }
}

/* --- steps --- */

static int give(const struct steps *s, struct step *step, const char *template, struct error *err)
{
    make_command(template, s->host, step);
    int result = step->text.failed || step->command.failed
                     ? error_errno(err, ENOMEM, "the steps of %s", s->restore->node)
                     : s->each(s->ctx, step, err);
    buf_fini(&step->text);
    buf_fini(&step->command);
    return result;
}

static int step_mount(const struct steps *s, const struct fleet_datastore *d, struct error *err)
{
    struct step step = {.step = "mount", .store = d};
    const char *template = s->host->mount[d->kind];
    cleanup_buf struct buf place = BUF_INIT;
    if (*d->host) {
        fleet_datastore_format(d, &place);
        buf_append_text(&place, ", ");
    }
    buf_format(&step.text, "mount %s (%s%s%s%s)", d->label, buf_text(&place), kind_words[d->kind],
               d->read_only ? ", read only" : "", d->probe_write ? ", counts when a write works" : "");
    if (!template)
        step.why = "this kind of host has no command for it";
    return give(s, &step, template, err);
}

static int step_vm(const struct steps *s, const char *word, const char *what, const struct vm *vm,
                   const char *template, struct error *err)
{
    struct step step = {.step = word, .vm = vm};
    char name[VM_NAME_MAX];
    text_printable(vm->name, strlen(vm->name), name, sizeof name);
    buf_format(&step.text, "%s %s ([%s] %s)", what, name, vm->label, vm->file);
    return give(s, &step, template, err);
}

static int step_held(const struct steps *s, const struct vm *vm, const char *why, struct error *err)
{
    struct step step = {.step = "held", .vm = vm, .why = why};
    char name[VM_NAME_MAX];
    text_printable(vm->name, strlen(vm->name), name, sizeof name);
    buf_format(&step.text, "leave out %s ([%s] %s)", name, vm->label, vm->file);
    return give(s, &step, NULL, err);
}

static int step_delay(const struct steps *s, const struct vm *vm, struct error *err)
{
    struct step step = {.step = "delay", .vm = vm};
    buf_format(&step.text, "wait %" PRIu32 " s", vm->delay_s);
    return give(s, &step, NULL, err);
}

/* Registered or left out: what comes first, for all of them. */
static int step_register(const struct steps *s, const struct vm *vm, const char *why, struct error *err)
{
    if (why)
        return step_held(s, vm, why, err);
    return s->host->registers ? step_vm(s, "register", "register", vm, s->host->registers, err) : 0;
}

static int step_start(const struct steps *s, const struct vm *vm, const char *why, struct error *err)
{
    if (why)
        return 0;
    if (vm->power == VM_POWER_OFF)
        return step_vm(s, "off", "leave off", vm, NULL, err);
    if (step_vm(s, "start", "power on", vm, s->host->start, err) < 0)
        return -1;
    if (s->host->answer && vm->answer != VM_ANSWER_NONE) {
        char text[64];
        snprintf(text, sizeof text, "if asked, answer \"%s\" for", vm_answer_word(vm->answer));
        if (step_vm(s, "answer", text, vm, s->host->answer, err) < 0)
            return -1;
    }
    return vm->delay_s ? step_delay(s, vm, err) : 0;
}

static int all_vms(const struct steps *s,
                   int (*step)(const struct steps *, const struct vm *, const char *why, struct error *err),
                   struct error *err)
{
    const struct vm_restore *restore = s->restore;
    size_t held = 0;
    for (size_t i = 0; i < restore->list->count; i++) {
        const struct vm *vm = &restore->list->vms[i];
        const char *why = NULL;
        if (held < restore->held_count && restore->held[held].vm == vm)
            why = restore->held[held++].why;
        if (step(s, vm, why, err) < 0)
            return -1;
    }
    return 0;
}

/* In the agent's order: mounts, all that is to be registered, then what is to be on, one after the other. */
static int all_steps(const struct vm_restore *restore, step_fn *each, void *ctx, struct error *err)
{
    struct steps s = {restore, &commands[restore->kind], each, ctx};
    if (restore->kind == VM_HOST_NONE)
        return error_set(err, "the system of %s has no agent: it restores nothing", restore->node);
    for (size_t i = 0; i < restore->settings->datastore_count; i++)
        if (step_mount(&s, &restore->settings->datastores[i], err) < 0)
            return -1;
    return all_vms(&s, step_register, err) < 0 ? -1 : all_vms(&s, step_start, err);
}

/* --- as text and JSON --- */

#define TEXT_COLUMN 60

static int explain_step(void *ctx, struct step *step, struct error *err)
{
    struct buf *out = ctx;
    const char *text = buf_text(&step->text), *command = buf_text(&step->command);
    if (*command || step->why)
        buf_format(out, "%-*s  %s\n", TEXT_COLUMN, text, step->why ? step->why : command);
    else
        buf_format(out, "%s\n", text);
    return out->failed ? error_errno(err, ENOMEM, "the steps of a host") : 0;
}

int vm_restore_explain(const struct vm_restore *restore, struct buf *out, struct error *err)
{
    return all_steps(restore, explain_step, out, err);
}

/* JSON is UTF-8; files of machines need not be. */
static json_t *json_text(const char *text)
{
    json_t *json = json_string(text);
    char *copy = json ? NULL : strdup(text);
    if (!copy)
        return json;
    text_scrub(copy, strlen(copy), "\n\t");
    json = json_string(copy);
    free(copy);
    return json;
}

static int json_step(void *ctx, struct step *step, struct error *err)
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
    if (step->command.size)
        json_object_set_new(json, "command", json_text(buf_text(&step->command)));
    return json_array_append_new(ctx, json) < 0 ? error_errno(err, ENOMEM, "the steps of a host") : 0;
}

int vm_restore_json(const struct vm_restore *restore, struct buf *out, struct error *err)
{
    json_auto_t *array = json_array();
    if (all_steps(restore, json_step, array, err) < 0)
        return -1;
    char *text = json_dumps(array, JSON_COMPACT);
    if (text)
        buf_append_text(out, text);
    free(text);
    return text && !out->failed ? 0 : error_errno(err, ENOMEM, "the steps of a host");
}
