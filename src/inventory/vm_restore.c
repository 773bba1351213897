#include "inventory/vm_restore.h"

#include "inventory/vm_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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
