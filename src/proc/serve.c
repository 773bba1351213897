#include "proc/serve.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "proc/ask.h"
#include "proc/certificate.h"
#include "proc/channel.h"
#include "proc/interface.h"
#include "proc/loaders.h"
#include "proc/net_role.h"
#include "proc/role.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

enum child_kind {
    CHILD_STATE,
    CHILD_NET,
    CHILDREN,
};

struct serve {
    sd_event *loop;
    int root_fd;
    const struct cli_serve_options *options;
    size_t interface_count;
    struct interface_sockets interfaces[NET_INTERFACES_MAX];
    int tls_fd; /* certificate and key for net; -1: no HTTPS */
    int control_fd;
    struct child {
        const char *name;
        pid_t pid; /* 0: not running */
        struct channel *channel;
        bool ready;
    } children[CHILDREN];
    bool stopping;
    bool asked;        /* to stop, by a signal */
    struct error *why; /* set when a child ends by itself */
    bool failed;
    bool blamed; /* `why` names the child that ended first, not one that followed it */
    bool told;   /* a child said why it cannot work: that is in `why` */
};

static bool name_is_any(const char *name, const char *const *list)
{
    while (*list && strcmp(name, *list) != 0)
        list++;
    return *list != NULL;
}

/* A folder of root's that holds other things than ours, "/" or a home folder, is not given away by a slip. */
static int check_ours(int root_fd, struct error *err)
{
    struct stat st;
    if (fstatat(root_fd, "images", &st, 0) == 0 || fstatat(root_fd, "state.db", &st, 0) == 0)
        return 0;
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return error_errno(err, code, "list the --root folder");
    }
    int result = 0;
    for (struct dirent *e; result == 0 && (e = readdir(dir));)
        if (!name_is_any(e->d_name,
                         (const char *const[]){".", "..", "files", CERTIFICATE_DIR, "lost+found", NULL}))
            result = error_set(err,
                               "the --root folder holds %s, which is not bootherd's, and would change its "
                               "owner: choose a folder for bootherd alone",
                               e->d_name);
    closedir(dir);
    return result;
}

int serve_hand_over_root(int root_fd, struct error *err)
{
    uid_t uid;
    gid_t gid;
    struct stat st;
    if (geteuid() != 0)
        return 0;
    role_user(&uid, &gid);
    if (fstat(root_fd, &st) < 0)
        return error_errno(err, errno, "look at the --root folder");
    if (st.st_uid == uid)
        return 0;
    if (st.st_uid != 0)
        return error_set(
            err,
            "the --root folder belongs to user %u, neither to root nor to the user that bootherd's "
            "processes run as (%u): chown it, or choose another folder",
            (unsigned)st.st_uid, (unsigned)uid);
    if (check_ours(root_fd, err) < 0)
        return -1;
    return fchown(root_fd, uid, gid) < 0
               ? error_errno(err, errno, "hand the --root folder to user %u", (unsigned)uid)
               : 0;
}

static int open_interfaces(struct serve *s, struct error *err)
{
    if (s->options->interface_count > NET_INTERFACES_MAX)
        return error_set(err, "at most %d interfaces by one server", NET_INTERFACES_MAX);
    struct interface_ports ports = {s->options->http_port, s->options->https_port};
    for (size_t i = 0; i < s->options->interface_count; i++) {
        if (interface_open(s->options->interfaces[i], &ports, &s->interfaces[i], err) < 0)
            return -1;
        s->interface_count++;
    }
    return 0;
}

/* The key is root's alone: net gets a copy, and no process of ours can read the file. */
static int open_tls(struct serve *s, struct error *err)
{
    cleanup_buf struct buf certificate = BUF_INIT, key = BUF_INIT;
    uint32_t ips[NET_INTERFACES_MAX];
    char warns[256];
    bool made;
    if (!s->options->https_port)
        return 0;
    for (size_t i = 0; i < s->interface_count; i++)
        ips[i] = s->interfaces[i].dhcp.ip;
    if (certificate_get(s->root_fd, ips, s->interface_count, clock_wall_ms() / 1000, &certificate, &key,
                        &made, warns, err) < 0)
        return error_wrap(err, "HTTPS");
    if (made)
        printf("HTTPS: made a certificate, --root/" CERTIFICATE_FILE
               ": enrol it in the firmware and in the iPXE of machines that are to take it\n");
    if (warns[0])
        printf("warning: %s\n", warns);
    buf_append(&certificate, "", 1);
    buf_append(&certificate, key.data, key.size);
    buf_append(&certificate, "", 1);
    s->tls_fd = certificate.failed ? error_errno(err, ENOMEM, "HTTPS")
                                   : file_sealed("tls", certificate.data, certificate.size, err);
    return s->tls_fd < 0 ? -1 : 0;
}

/* One server per --root. Its processes share the lock, so that it lasts until the last of them has ended. */
static int lock_root(struct serve *s, struct error *err)
{
    if (flock(s->root_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return error_errno(err, errno, "lock the --root folder");
    return error_set(err, "a server runs on this --root already: bootherd status shows what it does");
}

static int open_control(struct serve *s, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    unlinkat(s->root_fd, ASK_SOCKET, 0); /* left by one that was killed: nobody answers on it */
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" ASK_SOCKET, s->root_fd);
    s->control_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    int bound =
        s->control_fd < 0 ? -1 : bind(s->control_fd, (const struct sockaddr *)&address, sizeof address);
    umask(before);
    if (bound < 0 || listen(s->control_fd, 64) < 0)
        return error_errno(err, errno, "make " ASK_SOCKET " below --root");
    return 0;
}

static void say_line(void *ctx, const char *line)
{
    printf("%s\n", line);
}

static int sync_loaders(struct serve *s, struct error *err)
{
    struct store *store;
    cleanup_close int system_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (system_fd < 0)
        return error_errno(err, errno, "open /");
    if (store_open(s->root_fd, true, &store, err) < 0)
        return -1;
    int result = loaders_sync(store, system_fd, s, say_line, err);
    store_close(store);
    return result;
}

/* --- children --- */

static void print_ready(struct serve *s)
{
    char ip[IP4_TEXT_SIZE];
    for (size_t i = 0; i < s->interface_count; i++) {
        const struct dhcp_interface *d = &s->interfaces[i].dhcp;
        printf("serving on %s (%s/%u): DHCP, TFTP, HTTP on port %u", d->name, ip4_format(d->ip, ip),
               d->prefix, s->options->http_port);
        if (s->options->https_port)
            printf(", HTTPS on port %u", s->options->https_port);
        printf("\n");
    }
    fflush(stdout);
    sd_notify(0, "READY=1");
}

static int child_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct serve *s = ctx;
    bool all = true;
    if (m->type == MESSAGE_FAILED) {
        s->told = true;
        error_set(s->why, "%s", (const char *)m->body);
        return 0;
    }
    if (m->type != MESSAGE_READY)
        return error_set(err, "a child sent a message of type %u to its parent", (unsigned)m->type);
    for (size_t i = 0; i < CHILDREN; i++) {
        if (s->children[i].channel == channel)
            s->children[i].ready = true;
        all &= s->children[i].ready;
    }
    if (all)
        print_ready(s);
    return 0;
}

/* How the child ended is told by child_ended, which knows more. */
static void child_hung_up(void *ctx, struct channel *channel, const struct error *why)
{
}

static void stop_children(struct serve *s)
{
    s->stopping = true;
    for (size_t i = 0; i < CHILDREN; i++)
        if (s->children[i].pid > 0)
            kill(s->children[i].pid, SIGTERM);
}

/*
 * The others end because one did, and may be reaped before it: with status 0 when the one hung up, or by the
 * TERM that we sent. Any other end is the first.
 */
static void child_blame(struct serve *s, const struct child *child, const siginfo_t *info)
{
    bool exited = info->si_code == CLD_EXITED;
    bool followed = exited ? info->si_status == 0 : s->stopping && info->si_status == SIGTERM;
    if (s->asked && (exited || info->si_status == SIGTERM))
        return;
    if (s->blamed || (s->failed && followed))
        return;
    s->failed = true;
    s->blamed = !followed;
    if (s->told)
        return;
    error_set(s->why,
              exited ? "the %s process ended with status %d: what it said stands above"
                     : "the %s process was ended by signal %d: please report it with the lines above",
              child->name, info->si_status);
}

static int child_ended(sd_event_source *source, const siginfo_t *info, void *userdata)
{
    struct serve *s = userdata;
    bool left = false;
    for (size_t i = 0; i < CHILDREN; i++) {
        if (s->children[i].pid == info->si_pid) {
            s->children[i].pid = 0;
            child_blame(s, &s->children[i], info);
        }
        left |= s->children[i].pid > 0;
    }
    if (left && !s->stopping)
        stop_children(s);
    if (!left)
        sd_event_exit(s->loop, 0);
    return 0;
}

static int told_to_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    struct serve *s = userdata;
    s->asked = true;
    stop_children(s);
    return 0;
}

static int child_start(struct serve *s, enum child_kind kind, const char *name, int *fds, size_t fd_count,
                       size_t parent_at, const char *const *args, struct error *err)
{
    struct child *child = &s->children[kind];
    struct channel_handler handler = {.ctx = s, .message = child_message, .gone = child_hung_up};
    int pair[2];
    child->name = name;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "start the %s process", name);
    fds[parent_at] = pair[1];
    int result = role_spawn(name, fds, fd_count, args, &child->pid, err);
    close(pair[1]);
    if (result < 0) {
        close(pair[0]);
        return -1;
    }
    if (channel_new(s->loop, pair[0], &handler, &child->channel, err) < 0)
        return -1;
    sd_event_source *end;
    int r = sd_event_add_child(s->loop, &end, child->pid, WEXITED, child_ended, s);
    if (r >= 0)
        r = sd_event_source_set_priority(end, SD_EVENT_PRIORITY_IDLE); /* after its last words */
    if (r >= 0)
        r = sd_event_source_set_floating(end, true);
    return r < 0 ? error_errno(err, -r, "watch the %s process", name) : 0;
}

static int start_net(struct serve *s, int images_fd, int state_fd, struct error *err)
{
    char text[NET_INTERFACES_MAX][80];
    const char *args[NET_INTERFACES_MAX + 2] = {0};
    int fds[3 + NET_INTERFACES_MAX * (NET_FDS_PER_INTERFACE + 1) + 1] = {images_fd, state_fd};
    size_t count = 3;
    for (size_t i = 0; i < s->interface_count; i++) {
        const struct interface_sockets *sockets = &s->interfaces[i];
        net_interface_format(&sockets->dhcp, text[i]);
        args[i] = text[i];
        fds[count++] = sockets->dhcp.udp_fd;
        fds[count++] = sockets->dhcp.packet_fd;
        fds[count++] = sockets->tftp.requests;
        fds[count++] = sockets->http_fd;
        fds[count++] = sockets->dhcp.pxe_fd;
        for (size_t k = 0; k < TFTP_PORTS; k++)
            fds[count++] = sockets->tftp.transfers[k];
    }
    if (s->tls_fd >= 0) {
        args[s->interface_count] = NET_HTTPS;
        fds[count++] = s->tls_fd;
        for (size_t i = 0; i < s->interface_count; i++)
            fds[count++] = s->interfaces[i].https_fd;
    }
    return child_start(s, CHILD_NET, "net", fds, count, 2, args, err);
}

static int start_children(struct serve *s, struct error *err)
{
    char http[8], https[8], text[NET_INTERFACES_MAX][80];
    const char *serve_args[NET_INTERFACES_MAX + 4] = {"serve", http, https};
    int pair[2];
    cleanup_close int images_fd = openat(s->root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (images_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "start the server's processes");
    snprintf(http, sizeof http, "%hu", (unsigned short)s->options->http_port);
    snprintf(https, sizeof https, "%hu", (unsigned short)s->options->https_port);
    for (size_t i = 0; i < s->interface_count; i++) {
        net_interface_format(&s->interfaces[i].dhcp, text[i]);
        serve_args[3 + i] = text[i];
    }
    int state_fds[] = {s->root_fd, s->control_fd, pair[0], -1};
    int result = child_start(s, CHILD_STATE, "state", state_fds, 4, 3, serve_args, err);
    if (result == 0)
        result = start_net(s, images_fd, pair[1], err);
    close(pair[0]);
    close(pair[1]);
    return result;
}

static int block_signals(struct serve *s, struct error *err)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before;
        sd_event_source *source = NULL;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue; /* nohup */
        sigaddset(&set, signals[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int r = sd_event_add_signal(s->loop, &source, signals[i], told_to_stop, s);
        /* A service manager signals all of us at once: ours is read before the children's ends. */
        if (r >= 0)
            r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
            r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        if (r < 0)
            return error_errno(err, -r, "watch signals");
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    return 0;
}

static int serve_open(struct serve *s, struct error *err)
{
    int r = sd_event_default(&s->loop);
    if (r < 0)
        return error_errno(err, -r, "event loop");
    /* Commands find the server by its socket: that comes last, since from then on they wait for it. */
    if (serve_hand_over_root(s->root_fd, err) < 0 || lock_root(s, err) < 0 || open_interfaces(s, err) < 0 ||
        open_tls(s, err) < 0 || sync_loaders(s, err) < 0 || block_signals(s, err) < 0 ||
        open_control(s, err) < 0)
        return -1;
    fflush(stdout);
    return start_children(s, err);
}

static void serve_close(struct serve *s)
{
    for (size_t i = 0; i < CHILDREN; i++) {
        if (s->children[i].pid > 0) {
            kill(s->children[i].pid, SIGTERM);
            waitpid(s->children[i].pid, NULL, 0);
        }
        channel_free(s->children[i].channel);
    }
    for (size_t i = 0; i < s->interface_count; i++)
        interface_close(&s->interfaces[i]);
    if (s->tls_fd >= 0)
        close(s->tls_fd);
    if (s->control_fd >= 0) {
        close(s->control_fd);
        unlinkat(s->root_fd, ASK_SOCKET, 0);
    }
    sd_event_unref(s->loop);
}

int serve_run(int root_fd, const char *root, const struct cli_serve_options *options, struct error *err)
{
    struct serve s = {.root_fd = root_fd, .options = options, .control_fd = -1, .tls_fd = -1, .why = err};
    log_init("parent", LOG_LEVEL_INFO);
    int result = serve_open(&s, err);
    if (result == 0) {
        int r = sd_event_loop(s.loop);
        if (r < 0)
            result = error_errno(err, -r, "event loop");
        else if (s.failed)
            result = -1;
    }
    serve_close(&s);
    return result;
}
