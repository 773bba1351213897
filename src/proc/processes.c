#include "proc/processes.h"

#include "proc/address_role.h"
#include "proc/ask.h"
#include "proc/doctor_run.h"
#include "proc/import.h"
#include "proc/import_role.h"
#include "proc/net_role.h"
#include "proc/role.h"
#include "proc/serve.h"
#include "proc/state_role.h"
#include "proc/swarm.h"

static int processes_ask(int root_fd, const char *const *words, size_t count, struct slice body, void *ctx,
                         void (*note)(void *ctx, const char *line), struct buf *out, struct error *err)
{
    struct ask ask = {words, count, body, ctx, note};
    if (serve_hand_over_root(root_fd, err) < 0)
        return -1;
    return ask_state(root_fd, &ask, out, err);
}

const struct cli_processes proc_processes = {
    .ask = processes_ask,
    .import = import_run_process,
    .serve = serve_run,
    .doctor = doctor_run,
    .swarm = swarm_run,
};

const struct role roles[] = {
    {"addresses", address_role},
    {"import", import_role},
    {"net", net_role},
    {"state", state_role},
};
const size_t role_count = sizeof roles / sizeof roles[0];
