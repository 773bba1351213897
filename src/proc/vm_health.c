#include "proc/vm_health.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const struct vm_store *failed_store(const struct state_vm_host *host, const char *label)
{
    for (size_t i = 0; i < host->store_count; i++)
        if (!host->stores[i].ok && strcmp(host->stores[i].label, label) == 0)
            return &host->stores[i];
    return NULL;
}

static const char *seen_power(const struct vm *vm)
{
    if (!vm->was_seen || vm->missing)
        return "-";
    return vm->off ? vm_power_word(VM_POWER_OFF) : vm_power_word(vm->power);
}

void vm_health_of(const struct state_vm_host *host, const struct vm *vm, const char *held,
                  struct vm_health *out)
{
    char time[TEXT_TIME_MAX];
    const struct vm_store *store = failed_store(host, vm->label);
    *out = (struct vm_health){.word = "ok", .seen = seen_power(vm)};
    if (held) {
        out->word = "held";
        snprintf(out->why, sizeof out->why, "%s", held);
    } else if (store) {
        out->word = "unreachable";
        snprintf(out->why, sizeof out->why, "datastore %s is not mounted%s%s", store->label,
                 store->why[0] ? ": " : "", store->why);
    } else if (vm->missing) {
        out->word = "missing";
        snprintf(out->why, sizeof out->why, "since %s", text_time_utc(vm->missing_ms, time));
    } else if (vm->why && vm->why[0]) {
        out->word = "failed";
        snprintf(out->why, sizeof out->why, "%s", vm->why);
    } else if (!vm->was_seen) {
        out->word = "unseen";
        snprintf(out->why, sizeof out->why, "%s",
                 !host->boot ? "its host has not booted yet" : "not reported since the host's boot");
    } else if (vm->off && vm->power == VM_POWER_ON) {
        out->word = "off";
        snprintf(out->why, sizeof out->why, "though it is wanted on");
    }
}
