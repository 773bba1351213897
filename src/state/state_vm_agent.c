/* What agents are given, and what they say. */
#include "state/state_vm.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "inventory/vm_merge.h"
#include "state/boot.h"
#include "state/vm_owners.h"
#include "state/vm_versions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void state_vm_serving(struct state *state, int64_t now_ms)
{
    state->vms->serving_ms = now_ms;
}

/* --- the list --- */

/* It is to start them, so that nobody else may: a row for each that has none of its own. */
static int claim(struct state *state, struct vm_host *host, const struct state_vm_restore *plan,
                 int64_t now_ms, struct error *err)
{
    struct vm_volumes volumes;
    bool own = false, begun = false;
    int result = 0;
    vm_volumes_init(&volumes, state, host->node);
    for (size_t i = 0; result >= 0 && i < plan->list.count; i++) {
        struct vm_owner owner;
        result = vm_claim_look(&volumes, &plan->list.vms[i], now_ms, &owner, err);
        if (result != VM_FREE && result != VM_LEFT)
            continue;
        if (!begun && (result = vm_begin(state, &own, err)) < 0)
            break;
        begun = true;
        result = vm_owner_put(&volumes, &plan->list.vms[i], host->row.version, now_ms, err);
    }
    return begun ? vm_end(state, own, result, err) : result;
}

/* host NULL: for people, nothing is claimed. */
static int write_list(struct state *state, const char *node, struct vm_host *host, const char *identity,
                      const char *server, int64_t now_ms, struct buf *out, struct error *err)
{
    struct state_vm_restore plan;
    char url[128 + VM_IDENTITY_MAX];
    snprintf(url, sizeof url, "%s/agent/%s", server, identity);
    if (state_vm_restore(state, node, now_ms, &plan, err) < 0)
        return -1;
    plan.restore.identity = identity;
    plan.restore.server = url;
    int result = host ? claim(state, host, &plan, now_ms, err) : 0;
    if (result >= 0)
        result = vm_restore_format(&plan.restore, out, err);
    state_vm_restore_fini(&plan);
    return result;
}

/* --- overlays --- */

static bool wants_agent(const struct fleet_settings *settings, const struct vm_host *host)
{
    if (settings->agent && strcmp(settings->agent, "auto") != 0)
        return strcmp(settings->agent, "on") == 0;
    return settings->datastore_count || (host && host->list.count);
}

/* The node's latest boot; where none was seen, one that is given a number here. */
static int boot_now(struct state *state, const struct fleet_node *node, const struct vm_host *host,
                    int64_t *out, struct error *err)
{
    struct boot boot;
    int found = boot_latest_of_node(state, node, &boot, err);
    if (found < 0)
        return -1;
    /* A later one was seen, but not written before the server ended: the agent of that overlay goes on. */
    if (found && boot.id > host->row.boot)
        *out = boot.id;
    else
        *out = host->row.boot ? host->row.boot : state->last_boot + 1;
    return 0;
}

int state_vm_overlay(struct state *state, const char *name, const char *server, int64_t now_ms,
                     struct state_vm_overlay *out, struct error *err)
{
    const struct fleet_node *node = fleet_node_by_name(state->fleet, name);
    *out = (struct state_vm_overlay){0};
    if (!node)
        return error_set(err, "node %s is gone", name);
    struct fleet_settings settings = fleet_effective(state->fleet, node);
    struct vm_host *host = vm_hosts_find(state, name);
    if (host && vm_host_load(state, host, err) < 0)
        return -1;
    if (!wants_agent(&settings, host))
        return 0;
    int64_t boot;
    if ((!host && !(host = vm_hosts_get(state, name, err))) || boot_now(state, node, host, &boot, err) < 0)
        return -1;
    if (boot != host->row.boot)
        vm_host_begin_boot(state, host, boot, now_ms);
    host->row.given_ms = now_ms;
    host->row.wish_taken = host->row.wish;
    vm_host_changed(state, host);
    vm_identity_make(state->vms->secret, name, boot, out->identity);
    if (write_list(state, name, host, out->identity, server, now_ms, &out->list, err) >= 0)
        return 1;
    state_vm_overlay_fini(out);
    return -1;
}

int state_vm_overlay_shown(struct state *state, const char *name, const char *server, int64_t now_ms,
                           struct buf *list, struct error *err)
{
    const struct fleet_node *node = fleet_node_by_name(state->fleet, name);
    struct vm_host *host = vm_hosts_find(state, name);
    if (!node || (host && vm_host_load(state, host, err) < 0))
        return node ? -1 : error_set(err, "node %s is gone", name);
    struct fleet_settings settings = fleet_effective(state->fleet, node);
    if (!wants_agent(&settings, host))
        return 0;
    return write_list(state, name, NULL, "IDENTITY", server, now_ms, list, err) < 0 ? -1 : 1;
}

void state_vm_overlay_fini(struct state_vm_overlay *overlay)
{
    buf_fini(&overlay->list);
}

/* --- identities --- */

static int refuse(char why[static VM_WHY_MAX], const char *text)
{
    snprintf(why, VM_WHY_MAX, "%s", text);
    return 0;
}

/* Whose it is, by the one who shows it or else by the boot's number; NULL: nobody's. */
static const char *find_name(const struct state *state, const char *identity, int64_t boot, const char *asker)
{
    const struct vm_host *host;
    if (asker[0] && vm_identity_check(state->vms->secret, asker, identity))
        return asker;
    host = vm_hosts_of_boot(state, boot);
    return host && vm_identity_check(state->vms->secret, host->node, identity) ? host->node : NULL;
}

int state_vm_agent(struct state *state, const char *identity, const char *asker, int64_t now_ms,
                   char node[static FLEET_NAME_MAX], char why[static VM_WHY_MAX], struct error *err)
{
    int64_t boot = vm_identity_boot(identity);
    const char *name = boot > 0 ? find_name(state, identity, boot, asker) : NULL;
    if (!name)
        return refuse(why, "no boot has this identity");
    if (asker[0] && strcmp(asker, name) != 0)
        return refuse(why, "this is another node's identity");
    if (!fleet_node_by_name(state->fleet, name))
        return refuse(why, "the node was removed from the fleet");
    snprintf(node, FLEET_NAME_MAX, "%s", name);
    struct vm_host *host = vm_hosts_get(state, node, err);
    if (!host || vm_host_load(state, host, err) < 0)
        return -1;
    if (boot < host->row.boot)
        return refuse(why, "this is the identity of an earlier boot");
    /* Nobody makes these up: it was given, and the server ended before it had written so. */
    if (boot > host->row.boot)
        vm_host_begin_boot(state, host, boot, now_ms);
    return 1;
}

/* --- what agents say --- */

static struct vm_host *heard(struct state *state, const char *node, int64_t now_ms)
{
    struct vm_host *host = vm_hosts_find(state, node);
    if (host) {
        host->row.word_ms = now_ms;
        vm_host_changed(state, host);
    }
    return host;
}

static int not_known(const char *node, struct error *err)
{
    return error_set(err, "nothing is known of an agent on %s", node);
}

int state_vm_agent_list(struct state *state, const char *node, const char *identity, const char *server,
                        int64_t now_ms, struct buf *out, struct error *err)
{
    struct vm_host *host = heard(state, node, now_ms);
    if (!host)
        return not_known(node, err);
    if (write_list(state, node, host, identity, server, now_ms, out, err) < 0)
        return -1;
    host->row.wish_taken = host->row.wish;
    return 0;
}

int state_vm_agent_alive(struct state *state, const char *node, uint64_t seq, int64_t now_ms,
                         struct buf *answer, struct error *err)
{
    const struct vm_host *host = heard(state, node, now_ms);
    if (!host)
        return not_known(node, err);
    /* What came before this server began has left its datastores and conflicts with the one before. */
    if (!host->has_report || seq != host->row.seq || vm_merge_waits(&host->list))
        buf_append_text(answer, "report\n");
    else
        buf_format(answer, "ok|%" PRIu64 "\n", host->row.wish);
    return 0;
}

/* What a step says of a machine: why it is not there, or that it is. */
static int note_machine(struct vm_host *host, const char *kind, const char *label, const char *file,
                        const char *text, struct error *err)
{
    static const struct {
        const char *kind;
        bool fails;
    } kinds[] = {
        {"registered", false}, {"on", false}, {"register-failed", true}, {"on-failed", true}, {"held", true},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) != 0)
            continue;
        struct vm *vm = vm_list_find(&host->list, label, file);
        char why[VM_WHY_MAX];
        snprintf(why, sizeof why, "%s", text[0] || !kinds[i].fails ? text : kind);
        return vm ? vm_set_text(&vm->why, kinds[i].fails ? why : "", err) : 0;
    }
    return 0;
}

int state_vm_agent_step(struct state *state, const char *node, const char *kind, const char *label,
                        const char *file, const char *text, int64_t now_ms, struct error *err)
{
    struct vm_host *host = heard(state, node, now_ms);
    if (!host)
        return not_known(node, err);
    if (strcmp(kind, "restored") == 0) {
        host->row.restored_ms = now_ms;
        text_printable(text, strlen(text), host->row.restored, sizeof host->row.restored);
        /* It is said once: were it lost, nothing that goes in this boot would ever be believed. */
        if (vm_host_write_behind(state, host, err) < 0)
            return -1;
    }
    return note_machine(host, kind, label, file, text, err);
}
