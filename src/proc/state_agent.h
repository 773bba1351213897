/* What hosts' agents say and ask (docs/agent.md), answered from the inventory; their steps are told to the
 * story. */
#pragma once

#include "base/buf.h"
#include "proc/message.h"
#include "state/state.h"

struct state_agents; /* what is kept between requests: parts of reports */

struct state_agents *state_agents_new(void); /* NULL when memory runs out */
void state_agents_free(struct state_agents *agents);

struct state_agent_site {
    struct state *state;
    unsigned http_port;
    int64_t now_ms;
    void *ctx;
    void (*tell)(void *ctx, const struct boot_event *event);
};

/* Whether answering it may change the database: then the transaction that is open is ended before. */
bool state_agent_writes(const struct message_agent_ask *ask);

/* Always appends an answer; an error is one of the server, for its log. */
int state_agent_answer(struct state_agents *agents, const struct state_agent_site *site,
                       const struct message_agent_ask *ask, const char *query, struct buf *answer,
                       struct error *err);

/* "http://10.77.0.1:8080" */
#define STATE_AGENT_SERVER_MAX 40
const char *state_agent_server(uint32_t ip, unsigned port, char out[static STATE_AGENT_SERVER_MAX]);
