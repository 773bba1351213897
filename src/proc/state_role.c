#include "proc/state_role.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "fleet/fleet_yaml.h"
#include "proc/channel.h"
#include "proc/net_role.h"
#include "proc/overlay_images.h"
#include "proc/overlay_job.h"
#include "proc/role.h"
#include "proc/state_agent.h"
#include "proc/state_ask.h"
#include "proc/state_policy.h"
#include "state/state_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>

#define FD_ROOT      3
#define FD_ASKER     4
#define FD_CONTROL   4
#define FD_NET       5
#define FD_PARENT    6
#define LOCK_WAIT_MS 10000

/* The story is written in pieces of a millisecond or so: in a storm a twentieth of the time, otherwise
 * seldom. */
#define FLUSH_BUSY_US  20000
#define FLUSH_QUIET_US 100000

/* Nobody reads more, and printing a line costs more than all else that an event does here. */
#define LINES_MAX 200
#define LINES_MS  100

struct state_process {
    sd_event *loop;
    struct state *state;
    struct store *store; /* NULL while ROOT/images does not exist */
    struct zones *zones;
    struct overlay_images images;
    struct state_agents *agents;
    struct channel *net; /* NULL when serving one request only */
    bool net_is_behind;  /* it has missed a change of the fleet */
    struct channel *parent;
    bool once;
    unsigned http_port, https_port; /* of the server, for what it tells of itself */
    size_t interface_count;
    struct dhcp_interface interfaces[NET_INTERFACES_MAX];
    bool batch_failed;
    size_t unseen_lines; /* of the live story, since the last that was printed */
    size_t lines;        /* printed since lines_ms */
    int64_t lines_ms;
    sd_event_source *flush_timer;
    bool flush_failed; /* and was told */
    size_t once_count;
    char booted_once[STATE_ONCE_MAX]
                    [FLEET_NAME_MAX]; /* nodes that booted once; their setting is changed soon */
    size_t token_count;
    uint64_t tokens[CHANNEL_BATCH_MAX]; /* leases of this batch, answered when it is on disk */
};

/* --- towards net --- */

static int net_send_text(struct state_process *p, enum message_type type, const struct buf *text,
                         struct error *err)
{
    cleanup_close int fd = file_sealed("fleet", text->data, text->size, err);
    struct message m = {.type = type, .fd = fd};
    return fd < 0 ? -1 : channel_send(p->net, &m, err);
}

static int net_send_fleet(struct state_process *p, struct error *err)
{
    cleanup_buf struct buf yaml = BUF_INIT;
    if (fleet_format_yaml(state_fleet(p->state), FLEET_WITHOUT_SECRETS, &yaml, err) < 0)
        return -1;
    return net_send_text(p, MESSAGE_FLEET, &yaml, err);
}

/* A change that could not be sent is in the whole that follows. */
static int net_send_change(struct state_process *p, const struct buf *change, struct error *err)
{
    int result =
        p->net_is_behind ? net_send_fleet(p, err) : net_send_text(p, MESSAGE_FLEET_CHANGE, change, err);
    p->net_is_behind = result < 0;
    return result;
}

static int net_send_lease(void *ctx, const struct lease *lease)
{
    struct state_process *p = ctx;
    struct message m = {.type = MESSAGE_LEASE_KNOWN, .body = lease, .size = sizeof *lease, .fd = -1};
    struct error err;
    return channel_send(p->net, &m, &err);
}

static int net_begin(struct state_process *p, struct error *err)
{
    struct message start = {.type = MESSAGE_START, .fd = -1};
    if (net_send_fleet(p, err) < 0)
        return error_wrap(err, "hand the fleet to the net process");
    if (state_leases(p->state, p, net_send_lease, err) < 0)
        return -1;
    return channel_send(p->net, &start, err);
}

static int make_overlay(struct state_process *p, const struct message_overlay_ask *ask, struct buf *archive,
                        struct error *err)
{
    const struct fleet_node *node = fleet_node_by_name(state_fleet(p->state), ask->node);
    if (!node || !p->store)
        return error_set(err, "node %s is gone", ask->node);
    const struct image *image;
    if (overlay_images_get(&p->images, p->store, &ask->manifest, &image, err) < 0)
        return -1;
    char server[STATE_AGENT_SERVER_MAX];
    struct state_vm_overlay agent;
    state_agent_server(ask->server_ip, p->http_port, server);
    int has_agent = state_vm_overlay(p->state, node->name, server, clock_wall_ms(), &agent, err);
    if (has_agent < 0)
        return -1;
    int result = overlay_job(FD_ROOT, state_fleet(p->state), node, image,
                             has_agent ? buf_text(&agent.list) : NULL, archive, NULL, err);
    state_vm_overlay_fini(&agent);
    return result;
}

static int answer_overlay(struct state_process *p, const struct message_overlay_ask *ask, struct error *err)
{
    cleanup_buf struct buf archive = BUF_INIT;
    struct error why = {0};
    struct message_overlay answer = {.serial = ask->serial};
    cleanup_close int fd = -1;
    if (make_overlay(p, ask, &archive, &why) == 0)
        fd = file_sealed("overlay", archive.data, archive.size, &why);
    answer.ok = fd >= 0;
    snprintf(answer.text, sizeof answer.text, "%.511s", answer.ok ? "" : why.text);
    struct message m = {.type = MESSAGE_OVERLAY, .body = &answer, .size = sizeof answer, .fd = fd};
    return channel_send(p->net, &m, err);
}

/* Nobody may be reading what serve prints: leases and boots go on, and what was left out is told later. */
static void print_live(struct state_process *p, const struct boot_event *event, const char *line)
{
    time_t seconds = (time_t)(event->at_ms / 1000);
    struct tm parts;
    char time_text[16] = "";
    if (!file_takes_now(STDOUT_FILENO)) {
        p->unseen_lines++;
        return;
    }
    if (p->unseen_lines)
        printf("(%zu lines were not printed: nobody took them, or they were too many to read; bootherd "
               "status has it all)\n",
               p->unseen_lines);
    p->lines++;
    p->unseen_lines = 0;
    if (localtime_r(&seconds, &parts))
        strftime(time_text, sizeof time_text, "%H:%M:%S", &parts);
    printf("%s  %s\n", time_text, line);
    fflush(stdout);
}

static void take_event(void *ctx, const struct boot_event *event)
{
    struct state_process *p = ctx;
    char line[STATE_LINE_MAX];
    bool is_shown = p->lines < LINES_MAX;
    struct error problem;
    int result = state_event(p->state, event, is_shown ? line : NULL, &problem);
    if (result < 0)
        log_error("%s", problem.text);
    else if (result > 0 && is_shown)
        print_live(p, event, line);
    else if (result > 0)
        p->unseen_lines++;
    if (p->once_count < STATE_ONCE_MAX && state_used_once(p->state, event, p->booted_once[p->once_count]))
        p->once_count++;
}

/* Told as a part of their boots; a node that did not fit in boots once more. */
static void end_once(struct state_process *p)
{
    cleanup_buf struct buf change = BUF_INIT;
    struct error err;
    size_t count = p->once_count;
    if (!count)
        return;
    p->once_count = 0;
    if (state_policy_once(p->state, p->booted_once, count, clock_wall_ms(), &change, &err) < 0 ||
        (change.size && net_send_change(p, &change, &err) < 0)) {
        log_error("%s", err.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct fleet_node *node = fleet_node_by_name(state_fleet(p->state), p->booted_once[i]);
        struct boot_event event = {.kind = BOOT_EVENT_ONCE, .at_ms = clock_wall_ms()};
        char line[STATE_LINE_MAX];
        if (!node || !node->mac_count)
            continue;
        event.mac = node->macs[0];
        snprintf(event.text, sizeof event.text, "boot was once and is local from now on");
        if (state_event(p->state, &event, line, &err) > 0)
            print_live(p, &event, line);
    }
}

static void net_event(struct state_process *p, const struct message *m)
{
    struct boot_event event;
    message_event_get(m, &event);
    take_event(p, &event);
}

/* The first lease of a batch begins its transaction. */
static void net_lease(struct state_process *p, const struct message_lease *lease)
{
    struct error problem;
    bool is_first = !p->token_count;
    p->tokens[p->token_count++] = lease->token;
    if (!is_first && p->batch_failed)
        return; /* which was told */
    p->batch_failed = (is_first && state_begin(p->state, &problem) < 0) ||
                      state_lease_put(p->state, &lease->lease, &problem) < 0;
    if (p->batch_failed)
        log_error("%s: no ACK is sent until this is mended", problem.text);
}

/* One transaction, one sync, for all that arrived together; only then are the leases confirmed. */
static void confirm_leases(struct state_process *p)
{
    struct error err;
    if (!p->batch_failed && state_commit(p->state, &err) < 0) {
        log_error("%s: no ACK is sent until this is mended", err.text);
        p->batch_failed = true;
    }
    if (p->batch_failed)
        state_rollback(p->state);
    for (size_t i = 0; i < p->token_count; i++) {
        struct message_committed body = {p->tokens[i], !p->batch_failed};
        struct message m = {.type = MESSAGE_COMMITTED, .body = &body, .size = sizeof body, .fd = -1};
        if (channel_send(p->net, &m, &err) < 0)
            log_error("%s", err.text);
    }
}

/* What is accepted is on disk before it is answered, whatever leases are gathered. */
static int net_agent(struct state_process *p, const struct message *m, struct error *err)
{
    const struct message_agent_ask *ask = m->body;
    struct message_agent body = {.serial = ask->serial};
    struct state_agent_site site = {p->state, p->http_port, clock_wall_ms(), p, take_event};
    cleanup_buf struct buf text = BUF_INIT;
    cleanup_close int fd = -1;
    struct error why;
    if (p->token_count && state_agent_writes(ask)) {
        confirm_leases(p);
        p->token_count = 0;
    }
    if (state_agent_answer(p->agents, &site, ask, message_agent_query(m), &text, &why) < 0)
        log_error("%s", why.text);
    if ((fd = file_sealed("answer", text.data, text.size, &why)) < 0)
        log_error("%s", why.text);
    struct message answer = {.type = MESSAGE_AGENT, .body = &body, .size = sizeof body, .fd = fd};
    return channel_send(p->net, &answer, err);
}

static int net_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct state_process *p = ctx;
    if (m->type == MESSAGE_LEASE && p->token_count < CHANNEL_BATCH_MAX) {
        net_lease(p, m->body);
        return 0;
    }
    if (m->type == MESSAGE_EVENT) {
        net_event(p, m);
        return 0;
    }
    if (m->type == MESSAGE_OVERLAY_ASK)
        return answer_overlay(p, m->body, err);
    if (m->type == MESSAGE_AGENT_ASK)
        return net_agent(p, m, err);
    return error_set(err, "the net process sent a message of type %u, which is not its to send",
                     (unsigned)m->type);
}

static void net_batch(void *ctx, struct channel *channel, bool begins)
{
    struct state_process *p = ctx;
    if (begins)
        p->token_count = 0;
    else if (p->token_count)
        confirm_leases(p);
}

/* The story is written here and not with the leases, whose ACKs wait for their transaction. */
static int flush_story(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct state_process *p = userdata;
    struct error err;
    int64_t now_ms = clock_monotonic_ms();
    end_once(p);
    int result = state_flush(p->state, now_ms, STATE_FLUSH_BOOTS, &err);
    if (result < 0 && !p->flush_failed)
        log_error("%s: what is told by status may be lost when this process ends", err.text);
    p->flush_failed = result < 0;
    if (now_ms - p->lines_ms >= LINES_MS) {
        p->lines = 0;
        p->lines_ms = now_ms;
    }
    sd_event_source_set_time_relative(source, result > 0 ? FLUSH_BUSY_US : FLUSH_QUIET_US);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

/* net and parent never go before us: without them there is nothing to serve. */
static void peer_gone(void *ctx, struct channel *channel, const struct error *why)
{
    struct state_process *p = ctx;
    if (why)
        log_error("%s", why->text);
    sd_event_exit(p->loop, why ? 1 : 0);
}

/* --- towards commands --- */

struct asker {
    struct state_process *process;
    struct channel *channel;
    char who[32];
};

static void asker_note(void *ctx, const char *line)
{
    struct asker *asker = ctx;
    struct message m = {.type = MESSAGE_NOTE, .body = line, .size = strlen(line) + 1, .fd = -1};
    struct error err;
    channel_send(asker->channel, &m, &err); /* a command that hung up is told nothing */
}

/* images/ appears with the first import, maybe long after the server started. */
static void store_refresh(struct state_process *p)
{
    struct error ignored;
    if (!p->store && store_open(FD_ROOT, false, &p->store, &ignored) < 0)
        p->store = NULL;
}

static int run_ask(struct asker *asker, struct message *m, struct buf *out, struct error *err)
{
    struct state_process *p = asker->process;
    const char *words[MESSAGE_WORDS_MAX];
    size_t count;
    cleanup_buf struct buf body = BUF_INIT, change = BUF_INIT;
    store_refresh(p);
    if (message_words(m, words, &count, err) < 0 ||
        (m->fd >= 0 && file_read_all(m->fd, "the request", FLEET_YAML_MAX, &body, err) < 0))
        return -1;
    struct state_asker ask = {
        .state = p->state,
        .store = p->store,
        .root_fd = FD_ROOT,
        .zones = p->zones,
        .who = asker->who,
        .now_ms = clock_wall_ms(),
        .interface_count = p->interface_count,
        .interfaces = p->interfaces,
        .http_port = p->http_port,
        .https_port = p->https_port,
        .change = &change,
        .ctx = asker,
        .note = asker_note,
    };
    if (state_ask(&ask, words, count, buf_slice(&body), out, err) < 0)
        return -1;
    return change.size && p->net ? net_send_change(p, &change, err) : 0;
}

static int asker_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct asker *asker = ctx;
    cleanup_buf struct buf out = BUF_INIT;
    cleanup_close int fd = -1;
    struct error why = {0};
    if (m->type != MESSAGE_ASK)
        return error_set(err, "a command sent a message of type %u, which is not its to send",
                         (unsigned)m->type);
    int result = run_ask(asker, m, &out, &why);
    if (result == 0 && out.size)
        result = fd = file_sealed("answer", out.data, out.size, &why);
    struct message answer = {.type = MESSAGE_ANSWER, .fd = fd};
    if (result < 0)
        answer = (struct message){
            .type = MESSAGE_FAILED, .body = why.text, .size = strlen(why.text) + 1, .fd = -1};
    return channel_send(channel, &answer, err);
}

static void asker_gone(void *ctx, struct channel *channel, const struct error *why)
{
    struct asker *asker = ctx;
    if (asker->process->once)
        sd_event_exit(asker->process->loop, 0);
    channel_free(channel);
    free(asker);
}

/* Takes fd. */
static int asker_new(struct state_process *p, int fd, struct error *err)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    struct asker *asker = calloc(1, sizeof *asker);
    if (!asker || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        int code = asker ? errno : ENOMEM;
        free(asker);
        close(fd);
        return error_errno(err, code, "answer a command");
    }
    asker->process = p;
    snprintf(asker->who, sizeof asker->who, "uid %u", (unsigned)peer.uid);
    struct channel_handler handler = {.ctx = asker, .message = asker_message, .gone = asker_gone};
    if (channel_new(p->loop, fd, &handler, &asker->channel, err) < 0) {
        free(asker);
        return -1;
    }
    return 0;
}

static int control_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct error err;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0 && asker_new(userdata, client, &err) < 0)
        log_error("%s", err.text);
    return 0;
}

/* --- the process --- */

/* One state process per --root: the database has one writer. A command that comes while another works waits a
 * little. */
static int lock_root(struct error *err)
{
    int fd = openat(FD_ROOT, "state.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "open state.lock below --root");
    int64_t give_up = clock_monotonic_ms() + LOCK_WAIT_MS;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_monotonic_ms() > give_up)
            return error_set(err,
                             "another bootherd process keeps the database of this --root locked: is a server "
                             "running that does not answer? See who holds state.lock with fuser");
        usleep(20000);
    }
    return 0; /* kept open, and locked, for the life of the process */
}

/* The parent, a service manager or the kernel, when the parent is gone, says TERM: the story is written
 * first. */
static int end_in_order(struct state_process *p, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int r = sd_event_add_signal(p->loop, NULL, SIGTERM, NULL, NULL); /* exits the loop */
    return r < 0 ? error_errno(err, -r, "watch signals") : 0;
}

static int serve_open(struct state_process *p, struct error *err)
{
    struct channel_handler net = {
        .ctx = p, .gathers = true, .message = net_message, .batch = net_batch, .gone = peer_gone};
    struct channel_handler parent = {.ctx = p, .message = net_message, .gone = peer_gone};
    struct message ready = {.type = MESSAGE_READY, .fd = -1};
    if (end_in_order(p, err) < 0)
        return -1;
    state_vm_serving(p->state, clock_wall_ms());
    int r = sd_event_add_io(p->loop, NULL, FD_CONTROL, EPOLLIN, control_io, p);
    if (r < 0)
        return error_errno(err, -r, "listen for commands");
    r = sd_event_add_time_relative(p->loop, &p->flush_timer, CLOCK_MONOTONIC, FLUSH_QUIET_US, 1, flush_story,
                                   p);
    if (r < 0)
        return error_errno(err, -r, "write the story");
    if (channel_new(p->loop, FD_NET, &net, &p->net, err) < 0 ||
        channel_new(p->loop, FD_PARENT, &parent, &p->parent, err) < 0 || net_begin(p, err) < 0)
        return -1;
    return channel_send(p->parent, &ready, err);
}

static int state_process_open(struct state_process *p, struct error *err)
{
    int r = sd_event_default(&p->loop);
    if (r < 0)
        return error_errno(err, -r, "event loop");
    role_raise_files();
    role_return_memory();
    p->zones = zones_read(clock_wall_ms() / 1000);
    if (!p->zones)
        return error_errno(err, ENOMEM, "time zones");
    if (role_drop(FD_ROOT, err) < 0)
        return -1;
    if (fchdir(FD_ROOT) < 0)
        return error_errno(err, errno, "enter the --root folder");
    if (lock_root(err) < 0 || state_open("state.db", &p->state, err) < 0)
        return -1;
    store_refresh(p);
    if (!p->once && !(p->agents = state_agents_new()))
        return error_errno(err, ENOMEM, "state");
    return p->once ? asker_new(p, FD_ASKER, err) : serve_open(p, err);
}

static void tell_failure(const struct state_process *p, const struct error *why)
{
    if (!p->once) {
        message_send_failed(FD_PARENT, why);
        return;
    }
    /* Linux resets a connection that is closed with a question unread, and the answer would be lost. */
    cleanup_free uint8_t *question = malloc(MESSAGE_SIZE_MAX);
    struct message m;
    struct error ignored;
    if (question && message_receive(FD_ASKER, question, &m, &ignored) > 0 && m.fd >= 0)
        close(m.fd);
    message_send_failed(FD_ASKER, why);
}

/* "once", or "serve", the ports of HTTP and HTTPS, and net's arguments for the interfaces. */
static int parse_arguments(struct state_process *p, int argc, char **argv, struct error *err)
{
    uint64_t ports[2] = {0};
    p->once = argc > 1 && strcmp(argv[1], "once") == 0;
    for (int i = 2; i < argc && i < 4; i++)
        if (!text_u64(argv[i], 0, UINT16_MAX, &ports[i - 2]))
            return error_set(err, "state: \"%s\" is no port", argv[i]);
    p->http_port = (unsigned)ports[0];
    p->https_port = (unsigned)ports[1];
    for (int i = 4; i < argc && p->interface_count < NET_INTERFACES_MAX; i++)
        if (net_interface_parse(argv[i], &p->interfaces[p->interface_count++], err) < 0)
            return -1;
    return 0;
}

int state_role(int argc, char **argv)
{
    cleanup_free struct state_process *p = calloc(1, sizeof *p);
    struct error err;
    if (!p)
        return 1;
    int result = parse_arguments(p, argc, argv, &err);
    log_init("state", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    tzset(); /* reads /etc/localtime, which is out of reach behind the new root folder */
    if (!p->once)
        signal(SIGINT, SIG_IGN); /* ctrl-c goes to the whole group; the parent decides */
    if (result < 0 || state_process_open(p, &err) < 0) {
        tell_failure(p, &err);
        return 1;
    }
    int status = sd_event_loop(p->loop);
    if (state_flush_all(p->state, &err) < 0)
        log_error("%s: the last of the story is lost", err.text);
    sd_event_source_unref(p->flush_timer);
    channel_free(p->net);
    channel_free(p->parent);
    overlay_images_fini(&p->images);
    state_agents_free(p->agents);
    store_close(p->store);
    state_close(p->state);
    zones_free(p->zones);
    sd_event_unref(p->loop);
    return status ? 1 : 0;
}
