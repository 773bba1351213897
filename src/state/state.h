/*
 * State: the database and everything that is decided by it. The only writer of ROOT/state.db. No sockets: the
 * state process (proc/) carries messages in and out.
 *
 * Files: db (SQLite: open, migrations, prepared statements) and schema, state_fleet (the fleet, one object a
 * row), state_lease, state_boot (events into boots, in memory: boots, boot_events, what), state_flush
 * (writing them) and boot (their rows; event_text: an event as text), story (pure: a boot's events -> its
 * steps, where it is, with story_cause: why it stopped), status (which machines), status_text, status_json.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fleet/fleet.h"
#include "serve/boot_event.h"
#include "serve/lease.h"

struct state;

/*
 * path: "/state.db" inside the state process's root; made when missing, readable by its owner only. Runs
 * missing migrations. The file is held exclusively until state_close: a second process waits 5 s and is then
 * refused (EBUSY). A foreign, damaged or newer file is refused (EILSEQ, ENOTSUP) and left as it is.
 */
int state_open(const char *path, struct state **out, struct error *err);
void state_close(struct state *state);

/*
 * Batches: all leases put between begin and commit are on disk when commit returns, or none is; they share
 * one sync. A lease outside a batch commits by itself. After an error in a batch, roll it back. Events are no
 * part of batches: what happened has happened.
 */
int state_begin(struct state *state, struct error *err);
int state_commit(struct state *state, struct error *err);
void state_rollback(struct state *state);

/* --- fleet --- */

/* The current fleet, finished; borrowed, valid until the next replace. Its generation counts replacements. */
const struct fleet *state_fleet(const struct state *state);
uint64_t state_fleet_generation(const struct state *state);

/* Makes `next` (finished; taken on success) the fleet, in one transaction, outside a batch. `who` and the
 * difference go to the audit table. */
int state_fleet_replace(struct state *state, struct fleet *next, const char *who, int64_t now_ms,
                        struct error *err);

/* --- leases --- */

int state_lease_put(struct state *state, const struct lease *lease, struct error *err);
int state_leases(struct state *state, void *ctx, int (*each)(void *ctx, const struct lease *lease),
                 struct error *err);

/* --- the story --- */

/*
 * Records an event, in memory; state_flush writes it. Returns 1 when it is worth a line of what `serve`
 * prints live, 0 when it is not, or -1. `line`, if not NULL, gets that line ("rack01  module 3/8
 * sys.vgz  41.2 MB in 3.1 s (13.3 MB/s)"), or "".
 */
#define STATE_LINE_MAX 512
int state_event(struct state *state, const struct boot_event *event, char line[STATE_LINE_MAX],
                struct error *err);

/* Whether this event, which state_event was told, ends the one boot of a node whose setting boot is once: all
 * files are fetched. Gives its name. */
bool state_used_once(struct state *state, const struct boot_event *event,
                     char node_name[static FLEET_NAME_MAX]);

/*
 * Writes what state_event told a second ago or earlier, in a transaction of its own that does not wait for
 * the disk, and prunes; at most `most` boots, those that wait longest first, so that leases do not wait for
 * the story. now_ms: of a clock that never jumps, the same at each call. Returns 1 when more is due, 0, or -1
 * (the next call tries again). To be called a few times a second, outside batches. A crash loses what was not
 * written, a power failure also what the disk had not taken yet; leases never.
 */
#define STATE_FLUSH_BOOTS 64 /* a millisecond or so of work: a good `most` between batches of leases */
int state_flush(struct state *state, int64_t now_ms, size_t most, struct error *err);

/* Writes all there is. state_close does it, too, but keeps its errors to itself. */
int state_flush_all(struct state *state, struct error *err);

/*
 * The story of the latest boot of each node and of unknown machines: for people, or as JSON (its keys:
 * status_json.c). range: NULL for all, a node range, or a MAC; a single name or MAC is told step by step. A
 * boot that stopped says where and since when: `now_ms` decides.
 */
int state_status_text(struct state *state, const char *range, int64_t now_ms, struct buf *out,
                      struct error *err);
int state_status_json(struct state *state, const char *range, int64_t now_ms, struct buf *out,
                      struct error *err);
