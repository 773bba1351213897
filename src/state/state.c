#include "state/boot.h"
#include "state/schema.h"
#include "state/vm_hosts.h"

#include <errno.h>
#include <stdlib.h>

int state_open(const char *path, struct state **out, struct error *err)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return error_errno(err, ENOMEM, "%s", path);
    state->boots = boots_new();
    if (!state->boots)
        error_errno(err, ENOMEM, "%s", path);
    if (!state->boots || db_open(path, schema_migrations, schema_migration_count, &state->db, err) < 0 ||
        state_fleet_load(state, err) < 0 || boot_count(state, &state->last_boot, &state->unknown, err) < 0 ||
        vm_hosts_load(state, err) < 0) {
        state_close(state);
        return -1;
    }
    *out = state;
    return 0;
}

void state_close(struct state *state)
{
    if (!state)
        return;
    struct error ignored; /* who wants to know flushes before */
    if (state->boots && state->vms && !db_in_transaction(state->db))
        state_flush_all(state, &ignored);
    db_close(state->db);
    boots_free(state->boots);
    vm_hosts_free(state->vms);
    free(state->prune);
    lease_holds_fini(&state->holds);
    buf_fini(&state->text);
    fleet_free(state->fleet);
    free(state);
}

int state_begin(struct state *state, struct error *err)
{
    return db_begin(state->db, err);
}

int state_commit(struct state *state, struct error *err)
{
    return db_commit(state->db, err);
}

void state_rollback(struct state *state)
{
    db_rollback(state->db);
    state->holds.is_known = false; /* rows may be back */
}

const char *inside_ip(uint32_t ip, char out[static IP4_TEXT_SIZE])
{
    return ip ? ip4_format(ip, out) : NULL;
}
