#include "fleet/fleet_yaml.h"
#include "proc/state_agent.h"
#include "state/state_vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1700000000000)

static struct state *state;
static struct state_agents *agents;
static char identity[VM_IDENTITY_MAX];

static void take_event(void *ctx, const struct boot_event *event)
{
    struct error err;
    if (memchr(event->text, 0, sizeof event->text) == NULL ||
        memchr(event->file, 0, sizeof event->file) == NULL)
        abort();
    if (state_event(state, event, NULL, &err) < 0)
        abort();
}

static void set_up(void)
{
    static const char yaml[] =
        "nodes:\n  n1: {mac: 02:00:00:00:00:01, datastores: [{label: vms, nfs: 'nas:/srv/vms'}]}\n";
    char folder[] = "/tmp/bootherd-fuzz-XXXXXX", path[64];
    struct state_vm_overlay overlay;
    struct fleet *fleet;
    struct error err;
    if (!mkdtemp(folder))
        abort();
    snprintf(path, sizeof path, "%s/state.db", folder);
    if (state_open(path, &state, &err) < 0 || !(agents = state_agents_new()) ||
        fleet_parse_yaml("fuzz", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &fleet, &err) < 0 ||
        state_fleet_replace(state, fleet, "fuzz", NOW, &err) < 0 ||
        state_vm_overlay(state, "n1", "http://10.77.0.1", NOW, &overlay, &err) < 0)
        abort();
    /* Nothing stays behind: the file is this process's alone from here. */
    unlink(path);
    strcat(path, "-wal");
    unlink(path);
    rmdir(folder);
    memcpy(identity, overlay.identity, sizeof identity);
    state_vm_overlay_fini(&overlay);
}

/* Lines "PATH?QUERY": what the agent of one host says, one after the other. Each is answered in one line, but
 * for the list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state_agent_site site = {.http_port = 80, .now_ms = NOW, .tell = take_event};
    struct error err;
    if (!state)
        set_up();
    site.state = state;
    char *text = strndup((const char *)data, size), *rest = text;
    for (char *line; text && (line = strsep(&rest, "\n"));) {
        struct message_agent_ask ask = {.serial = 1, .server_ip = 0x0a4d0001, .asker = "n1"};
        struct buf answer = BUF_INIT;
        char *query = strchr(line, '?');
        if (query)
            *query++ = 0;
        snprintf(ask.path, sizeof ask.path, "%s/%s", identity, line);
        if (state_agent_answer(agents, &site, &ask, query ? query : "", &answer, &err) < 0 || !answer.size ||
            answer.data[answer.size - 1] != '\n')
            abort();
        if (strncmp(buf_text(&answer), "bootherd|", 9) != 0 && strchr(buf_text(&answer), '\n')[1])
            abort();
        buf_fini(&answer);
    }
    free(text);
    if (state_vm_forget(state, "n1", &err) < 0)
        abort();
    return 0;
}
