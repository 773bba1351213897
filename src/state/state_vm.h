/*
 * What is known of the virtual machines of each host: its inventory in versions, who owns a machine, and when
 * its agent spoke last. The state process keeps it in state.db (vm_host, vm_version, vm_owner) and the
 * current lists in memory; a change is on disk before the function returns, times and counters are written
 * behind with the story. Times are milliseconds since 1970 UTC, given by the caller.
 *
 * A machine is owned by (volume, file). The owner's lease is over STATE_VM_LEASE_MS after its agent's last
 * word, after its last overlay (a host that boots is alive), and after the server began. While it holds
 * nobody else's list has the machine to be started, and nobody's report takes it. A list that is given to a
 * host, in an overlay or by request, makes that host the owner of all that it says to start.
 *
 * Hosts are names: a node that was removed from the fleet keeps its inventory, as an orphan, until it is
 * forgotten.
 */
#pragma once

#include "inventory/vm_identity.h"
#include "inventory/vm_list.h"
#include "inventory/vm_restore.h"
#include "state/state.h"

#define STATE_VM_LEASE_MS     600000
#define STATE_VM_VERSIONS_MAX 50 /* kept a host; the oldest go */
#define STATE_VM_INTERVAL_S   60 /* between an agent's reports */

/* --- reading --- */

struct state_vm_host {
    const char *node;
    bool is_orphan;       /* the fleet has no such node */
    int64_t boot;         /* number of the boot that its agent works in; 0: none yet */
    int64_t began_ms;     /* when that boot's overlay was given first; 0: never */
    int64_t restored_ms;  /* the agent had tried everything; 0: not in this boot */
    const char *restored; /* what it said then: "8 of 9 machines"; "" */
    int64_t word_ms;      /* the agent's last; 0: never */
    int64_t lease_ms;     /* when its lease is over, or was */
    uint64_t wish;        /* grows with an operator's changes: the agent restores again */
    uint64_t wish_taken;  /* what the agent last asked the list of: less than wish, it has not yet */
    uint64_t seq;         /* of the last report taken in this boot; 0: none */
    int64_t report_ms;    /* of that; 0: none */
    uint64_t version;     /* the current one's number; 0: none, the list is empty */
    int64_t version_ms;
    const char *hold;           /* why the last report is not believed yet: "5 of 8 machines gone"; "" */
    const struct vm_list *list; /* wanted, sorted; never NULL. `power` is what is wanted or was seen last */
    size_t store_count;
    const struct vm_store *stores; /* as reported in this boot */
    size_t conflict_count;
    const char *const
        *conflicts; /* lines: "conflict: vms/web1.vmx is on here, and rack02 has it"; "left out: ..." */
};

/* Borrowed until the next call that changes anything here. 1; 0: nothing is known of this host (out is filled
 * with nothing but its name); -1. */
int state_vm_host(struct state *state, const char *node, struct state_vm_host *out, struct error *err);

/* All hosts of which something is known, by name. `each` must not change anything here. */
int state_vm_each(struct state *state, void *ctx,
                  int (*each)(void *ctx, const struct state_vm_host *host, struct error *err),
                  struct error *err);

struct state_vm_version {
    uint64_t number; /* from 1; grows by one */
    int64_t boot;    /* it was made in; 0: none */
    int64_t at_ms;
    const char *who;   /* "agent", "uid 0" */
    const char *why;   /* lines of what changed, as vm_merge's notes, or the operator's command */
    struct slice text; /* the list: vm_list_parse */
};
/* Newest first. All is borrowed until `each` returns; a positive return ends it. */
int state_vm_versions(struct state *state, const char *node, void *ctx,
                      int (*each)(void *ctx, const struct state_vm_version *version, struct error *err),
                      struct error *err);
/* The list of a version; owned. An unknown number is an error that names the ones there are. */
int state_vm_version_list(struct state *state, const char *node, uint64_t number, struct vm_list *out,
                          struct error *err);

struct state_vm_owner {
    char node[FLEET_NAME_MAX];
    int64_t since_ms;
    int64_t lease_ms; /* when the lease is over, or was */
};
/* Who owns what `node` calls by this label and file. 1, 0: nobody, -1. */
int state_vm_owner(struct state *state, const char *node, const char *label, const char *file,
                   struct state_vm_owner *out, struct error *err);

/*
 * What the host would do at a boot now, for people: settings and list are borrowed, `held` is owned. Changes
 * nothing. kind is VM_HOST_NONE: whoever knows the node's image sets it. Fails for a host that is an orphan.
 */
struct state_vm_restore {
    struct vm_restore restore;
    struct fleet_settings settings;
    struct vm_list list;
    struct vm_held *held;
    char **whys;
};
int state_vm_restore(struct state *state, const char *node, int64_t now_ms, struct state_vm_restore *out,
                     struct error *err);
void state_vm_restore_fini(struct state_vm_restore *restore);

/* --- what the operator does; each is one transaction --- */

/*
 * Makes `next` the host's inventory (copied, sorted): a new version, wish + 1, and owner rows: this host's
 * for what is new and free, none of its own for what left. Also with a list that is the current one: then
 * there is no new version, and the agent restores again. What another host owns by lease is taken into the
 * list all the same, and held until then. A host that is neither a node nor known is refused.
 */
int state_vm_change(struct state *state, const char *node, const struct vm_list *next, const char *who,
                    const char *why, int64_t now_ms, struct error *err);

/* The host's inventory, its versions and what it owns. 1; 0: there was none; -1. A host that lives tells what
 * it has with its agent's next report. */
int state_vm_forget(struct state *state, const char *node, struct error *err);

struct state_vm_name {
    const char *label, *file;
};
struct state_vm_move {
    const char *from, *to;
    size_t count;
    const struct state_vm_name *vms; /* of `from`; NULL and 0: all of them */
    bool take;                       /* although `from` may have them still */
    bool dry_run;                    /* checks, and changes nothing */
    const char *who;
    int64_t now_ms;
};
/*
 * Machines from one host to another: a version on both sides, and the owner. Refused, each with the machine
 * and what to do: `to` is no node; it does not have the machine's volume (by any label: the list gets the
 * label that it has there; what lies on a disk of the old host alone goes only with `take`, to the same
 * label); a machine is wanted on and its owner's lease holds, without `take`. *moved: how many.
 */
int state_vm_move(struct state *state, const struct state_vm_move *move, size_t *moved, struct error *err);

/* --- what the server does: proc/state_agent.c, proc/state_role.c --- */

/* A server answers agents from now on: leases hold from here, since hosts may have spoken to nobody. */
void state_vm_serving(struct state *state, int64_t now_ms);

struct state_vm_overlay {
    char identity[VM_IDENTITY_MAX];
    struct buf list; /* the agent's: vm_restore_format */
};
/*
 * For the overlay that the node is given now: the identity of its latest boot, the same as long as that boot
 * goes on. server: "http://10.77.0.1:8080", in front of "/agent/IDENTITY". 1; 0: no agent is wanted (the
 * setting, or neither datastores nor machines); -1.
 */
int state_vm_overlay(struct state *state, const char *node, const char *server, int64_t now_ms,
                     struct state_vm_overlay *out, struct error *err);
void state_vm_overlay_fini(struct state_vm_overlay *overlay);

/* The list that it would have now, for people: with "IDENTITY" in place of one, and nothing is claimed. */
int state_vm_overlay_shown(struct state *state, const char *node, const char *server, int64_t now_ms,
                           struct buf *list, struct error *err);

/*
 * Whose identity it is. asker: the node that holds the lease of the address asked from; "" none: an identity
 * shown by another node is refused. 1: node is filled in; 0: refused, why has the words; -1.
 */
int state_vm_agent(struct state *state, const char *identity, const char *asker, int64_t now_ms,
                   char node[static FLEET_NAME_MAX], char why[static VM_WHY_MAX], struct error *err);

/* The following are for a node that state_vm_agent gave, and count as its agent's word. */

/* The list as it is now, as the overlay has it. */
int state_vm_agent_list(struct state *state, const char *node, const char *identity, const char *server,
                        int64_t now_ms, struct buf *out, struct error *err);

/* A step; the caller tells it to the story. Words that are not known are taken as notes. */
int state_vm_agent_step(struct state *state, const char *node, const char *kind, const char *label,
                        const char *file, const char *text, int64_t now_ms, struct error *err);

/*
 * A whole report. *answer gets what the agent is told: "ok|WISH", "held|WHY" or "bad|WHY"; *changes and
 * *conflicts, a line for people for each that is new, for the story. What is taken is on disk before it
 * returns 0; -1: it could not be, and the agent sends it again.
 */
int state_vm_agent_report(struct state *state, const char *node, struct slice text, int64_t now_ms,
                          struct buf *answer, struct buf *changes, struct buf *conflicts, struct error *err);

/* "ok|WISH", or "report" when that is not the last report taken, or what it said waits for another like it.
 */
int state_vm_agent_alive(struct state *state, const char *node, uint64_t seq, int64_t now_ms,
                         struct buf *answer, struct error *err);
