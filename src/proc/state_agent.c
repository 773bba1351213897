#include "proc/state_agent.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "inventory/vm_line.h"
#include "proc/state_agent_parts.h"
#include "state/state_vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct state_agents {
    struct state_agent_parts *parts;
};

/* One request. */
struct talk {
    struct state_agents *agents;
    const struct state_agent_site *site;
    const struct message_agent_ask *ask;
    const char *query;
    char identity[VM_IDENTITY_MAX];
    char node[FLEET_NAME_MAX];
    const char *rest; /* of the path, behind the word */
    struct buf *answer;
    struct error *err;
};

struct state_agents *state_agents_new(void)
{
    struct state_agents *agents = calloc(1, sizeof *agents);
    if (agents && !(agents->parts = state_agent_parts_new())) {
        free(agents);
        return NULL;
    }
    return agents;
}

void state_agents_free(struct state_agents *agents)
{
    if (agents)
        state_agent_parts_free(agents->parts);
    free(agents);
}

const char *state_agent_server(uint32_t ip, unsigned port, char out[static STATE_AGENT_SERVER_MAX])
{
    char text[IP4_TEXT_SIZE], number[8] = "";
    if (port != 80)
        snprintf(number, sizeof number, ":%u", port & 0xffff);
    snprintf(out, STATE_AGENT_SERVER_MAX, "http://%s%s", ip4_format(ip, text), number);
    return out;
}

/* --- the story --- */

static void tell(const struct talk *t, enum boot_event_kind kind, const char *file, const char *text)
{
    const struct fleet_node *node = fleet_node_by_name(state_fleet(t->site->state), t->node);
    if (!node || !node->mac_count)
        return; /* no boot of it is known either */
    struct boot_event event = {.kind = kind, .at_ms = t->site->now_ms, .mac = node->macs[0]};
    snprintf(event.file, sizeof event.file, "%.*s", (int)sizeof event.file - 1, file);
    snprintf(event.text, sizeof event.text, "%.*s", (int)sizeof event.text - 1, text);
    t->site->tell(t->site->ctx, &event);
}

static void tell_lines(const struct talk *t, enum boot_event_kind kind, struct buf *lines)
{
    char *rest = NULL, *text = (char *)(uintptr_t)buf_text(lines);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        tell(t, kind, "", line);
}

/* --- list, alive --- */

static int answer_list(struct talk *t)
{
    char server[STATE_AGENT_SERVER_MAX];
    state_agent_server(t->ask->server_ip, t->site->http_port, server);
    return state_vm_agent_list(t->site->state, t->node, t->identity, server, t->site->now_ms, t->answer,
                               t->err);
}

static int answer_alive(struct talk *t)
{
    uint64_t seq;
    if (!text_u64(t->query, 0, INT64_MAX, &seq))
        seq = 0; /* of no report */
    return state_vm_agent_alive(t->site->state, t->node, seq, t->site->now_ms, t->answer, t->err);
}

/* --- steps --- */

/* {file}: LABEL/FILE. What is not known is told as it came. */
static const struct step_kind {
    const char *word;
    enum boot_event_kind kind;
    const char *before, *after; /* of LABEL or LABEL/FILE; then ": TEXT" where there is one */
} step_kinds[] = {
    {"start", BOOT_EVENT_AGENT_STEP, "agent started", ""},
    {"offline", BOOT_EVENT_AGENT_FAILED, "no server answered: it works from its overlay", ""},
    {"mounted", BOOT_EVENT_AGENT_STEP, "mounted ", ""},
    {"mount-failed", BOOT_EVENT_AGENT_FAILED, "", " not mounted"},
    {"ready", BOOT_EVENT_AGENT_STEP, "management service answers", ""},
    {"registered", BOOT_EVENT_AGENT_STEP, "", " registered"},
    {"register-failed", BOOT_EVENT_AGENT_FAILED, "", " not registered"},
    {"on", BOOT_EVENT_AGENT_STEP, "", " on"},
    {"on-failed", BOOT_EVENT_AGENT_FAILED, "", " not on"},
    {"answered", BOOT_EVENT_AGENT_STEP, "", " had a question, answered"},
    {"held", BOOT_EVENT_AGENT_FAILED, "", " held"},
    {"restored", BOOT_EVENT_AGENT_RESTORED, "", ""},
    {"note", BOOT_EVENT_AGENT_STEP, "", ""},
};

static const struct step_kind *find_step(const char *word)
{
    const size_t count = sizeof step_kinds / sizeof step_kinds[0];
    for (size_t i = 0; i < count; i++)
        if (strcmp(step_kinds[i].word, word) == 0)
            return &step_kinds[i];
    return &step_kinds[count - 1];
}

/* ", vms/x.vmx: locked": the first of what does not run. */
static int add_failed(const struct talk *t, struct buf *out)
{
    struct state_vm_host host;
    if (state_vm_host(t->site->state, t->node, &host, t->err) < 0)
        return -1;
    for (size_t i = 0; i < host.list->count; i++) {
        const struct vm *vm = &host.list->vms[i];
        if (!vm->why || !vm->why[0])
            continue;
        buf_format(out, ", %s/%s: %s", vm->label, vm->file, vm->why);
        break;
    }
    return 0;
}

static int tell_step(const struct talk *t, const struct vm_line *line)
{
    const struct step_kind *kind = find_step(line->field[0]);
    const char *label = line->field[1], *file = line->field[2], *text = line->field[3];
    cleanup_buf struct buf name = BUF_INIT, words = BUF_INIT;
    buf_format(&name, "%s%s%s", label, label[0] && file[0] ? "/" : "", file);
    if (kind->before[0] || kind->after[0])
        buf_format(&words, "%s%s%s%s", kind->before, buf_text(&name), kind->after, text[0] ? ": " : "");
    buf_append_text(&words, text);
    if (kind->kind == BOOT_EVENT_AGENT_RESTORED && add_failed(t, &words) < 0)
        return -1;
    tell(t, kind->kind, buf_text(&name), buf_text(&words));
    return 0;
}

static int answer_step(struct talk *t)
{
    cleanup_buf struct buf text = BUF_INIT;
    cleanup_free struct vm_line *line = malloc(sizeof *line);
    struct error why;
    if (!line)
        return error_errno(t->err, ENOMEM, "a step of %s", t->node);
    bool ok = vm_query_decode(t->query, &text);
    struct slice slice = buf_slice(&text);
    if (!ok || vm_line_next(&slice, line, &why) <= 0) {
        buf_append_text(t->answer, "bad|a step is KIND|LABEL|FILE|TEXT\n");
        return 0;
    }
    const char *const *f = line->field;
    if (state_vm_agent_step(t->site->state, t->node, f[0], f[1], f[2], f[3], t->site->now_ms, t->err) < 0 ||
        tell_step(t, line) < 0)
        return -1;
    buf_append_text(t->answer, "ok\n");
    return 0;
}

/* --- reports --- */

/* "SEQ/PART/PARTS" */
static bool parse_part(const char *rest, uint64_t *seq, uint64_t *number, uint64_t *total)
{
    char word[3][24];
    int used = 0;
    return sscanf(rest, "%23[0-9]/%23[0-9]/%23[0-9]%n", word[0], word[1], word[2], &used) == 3 &&
           !rest[used] && text_u64(word[0], 1, INT64_MAX, seq) &&
           text_u64(word[1], 1, VM_REPORT_PARTS_MAX, number) &&
           text_u64(word[2], 1, VM_REPORT_PARTS_MAX, total) && *number <= *total;
}

static int take_report(struct talk *t, const struct buf *whole)
{
    cleanup_buf struct buf changes = BUF_INIT, conflicts = BUF_INIT;
    if (state_vm_agent_report(t->site->state, t->node, buf_slice(whole), t->site->now_ms, t->answer, &changes,
                              &conflicts, t->err) < 0)
        return -1;
    tell_lines(t, BOOT_EVENT_AGENT_CHANGE, &changes);
    tell_lines(t, BOOT_EVENT_AGENT_CONFLICT, &conflicts);
    return 0;
}

static int answer_report(struct talk *t)
{
    cleanup_buf struct buf text = BUF_INIT, whole = BUF_INIT;
    uint64_t seq, number, total;
    struct error why;
    if (!parse_part(t->rest, &seq, &number, &total) || !vm_query_decode(t->query, &text)) {
        buf_append_text(t->answer, "bad|a report is report/SEQ/PART/PARTS?TEXT\n");
        return 0;
    }
    switch (state_agent_parts_add(t->agents->parts, t->node, seq, (uint32_t)number, (uint32_t)total,
                                  buf_slice(&text), &whole, &why)) {
    case STATE_AGENT_WHOLE:
        return take_report(t, &whole);
    case STATE_AGENT_MORE:
        buf_append_text(t->answer, "more\n");
        return 0;
    case STATE_AGENT_AGAIN:
        buf_append_text(t->answer, "again\n");
        return 0;
    case STATE_AGENT_BAD:
        break;
    }
    buf_format(t->answer, "bad|%s\n", why.text);
    return 0;
}

/* --- requests --- */

static const struct verb {
    const char *word;
    bool writes;
    int (*answer)(struct talk *t);
} verbs[] = {
    {"alive", false, answer_alive},
    {"list", true, answer_list},
    {"report", true, answer_report},
    {"step", false, answer_step},
};

/* "IDENTITY/WORD" or "IDENTITY/WORD/REST". */
static const struct verb *find_verb(const char *path, char identity[static VM_IDENTITY_MAX],
                                    const char **rest)
{
    size_t size = strcspn(path, "/");
    snprintf(identity, VM_IDENTITY_MAX, "%.*s", size < VM_IDENTITY_MAX ? (int)size : 0, path);
    const char *word = path + size + (path[size] == '/');
    size_t word_size = strcspn(word, "/");
    *rest = word + word_size + (word[word_size] == '/');
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strlen(verbs[i].word) == word_size && memcmp(verbs[i].word, word, word_size) == 0)
            return &verbs[i];
    return NULL;
}

bool state_agent_writes(const struct message_agent_ask *ask)
{
    char identity[VM_IDENTITY_MAX];
    const char *rest;
    const struct verb *verb = find_verb(ask->path, identity, &rest);
    return verb && verb->writes;
}

static int answer(struct talk *t)
{
    char why[VM_WHY_MAX];
    const struct verb *verb = find_verb(t->ask->path, t->identity, &t->rest);
    int known =
        state_vm_agent(t->site->state, t->identity, t->ask->asker, t->site->now_ms, t->node, why, t->err);
    if (known == 0)
        buf_format(t->answer, "refused|%s\n", why);
    if (known <= 0)
        return known;
    if (verb)
        return verb->answer(t);
    buf_append_text(t->answer, "bad|ask for list, step, report or alive\n");
    return 0;
}

int state_agent_answer(struct state_agents *agents, const struct state_agent_site *site,
                       const struct message_agent_ask *ask, const char *query, struct buf *out,
                       struct error *err)
{
    struct talk t = {.agents = agents, .site = site, .ask = ask, .query = query, .answer = out, .err = err};
    if (answer(&t) == 0 && !out->failed)
        return 0;
    buf_clear(out);
    buf_append_text(out, "bad|the server could not keep it: see its log\n");
    return out->failed ? error_errno(err, ENOMEM, "answering an agent") : -1;
}
