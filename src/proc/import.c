#include "proc/import.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/loaders.h"
#include "proc/message.h"
#include "proc/role.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DESCRIPTION_MAX (4u << 20) /* bytes */

/* What the import process told us. */
struct outcome {
    const struct cli_import_listener *listener;
    struct cli_imported *imported;
    struct digest manifest;
    bool done;
    int stop_fd; /* signalfd: readable when somebody wants us to stop */
};

/* Signals that would end us before the staging folder is removed are read instead. `before` is the mask to
 * put back. One that is ignored (nohup) stays so. */
static int stop_watch(sigset_t *before, struct error *err)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) < 0 || action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "watch signals");
    sigprocmask(SIG_BLOCK, &set, before);
    return fd;
}

/* Waits until there is something to receive; -1: told to stop. */
static int wait_or_stop(int socket, const struct outcome *o, struct error *err)
{
    struct pollfd fds[] = {{o->stop_fd, POLLIN, 0}, {socket, POLLIN, 0}};
    struct signalfd_siginfo info;
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "wait for the import process");
    if (read(o->stop_fd, &info, sizeof info) != sizeof info)
        return 0;
    return error_set(err, "stopped by signal %u (%s): nothing was imported", info.ssi_signo,
                     strsignal((int)info.ssi_signo));
}

/* A file is open before the import process starts; what is in a folder it has to open by itself. */
static int check_folder(const char *source, const struct stat *st, struct error *err)
{
    uid_t uid;
    gid_t gid;
    if (geteuid() != 0)
        return 0;
    role_user(&uid, &gid);
    mode_t bits = st->st_uid == uid ? st->st_mode >> 6 : st->st_gid == gid ? st->st_mode >> 3 : st->st_mode;
    if ((bits & 05) == 05)
        return 0;
    return error_set(err,
                     "folder %s: images are read by a process of user %u, who may not enter it: "
                     "chmod o+rx %s, and o+r what is in it",
                     source, (unsigned)uid, source);
}

static int open_source(const char *source, struct error *err)
{
    struct stat st;
    int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "open %s", source);
    bool known = fstat(fd, &st) == 0;
    if (known && S_ISREG(st.st_mode))
        return fd;
    if (known && S_ISDIR(st.st_mode) && check_folder(source, &st, err) == 0)
        return fd;
    close(fd);
    if (known && S_ISDIR(st.st_mode))
        return -1;
    return error_set(
        err, "%s is neither a file nor a folder: give an ISO, an archive, a disk image or a folder", source);
}

/* Names out of a hostile image are in it, and a terminal is where it goes. */
static void scrub_text(uint8_t *buffer, const struct message *m)
{
    bool line = m->type == MESSAGE_NOTE || m->type == MESSAGE_FAILED;
    if ((line || m->type == MESSAGE_TABLE) && m->size)
        text_scrub((char *)buffer, m->size - 1, line ? "" : "\n");
}

static int take_description(int fd, struct buf *out, struct error *err)
{
    if (file_read_all(fd, "the description", DESCRIPTION_MAX, out, err) < 0)
        return -1;
    if (out->size)
        text_scrub((char *)out->data, out->size, "\n");
    return 0;
}

static int take_message(struct outcome *o, struct message *m, struct error *err)
{
    cleanup_close int fd = m->fd;
    if (message_check(m, err) < 0)
        return -1;
    if (m->type == MESSAGE_PROGRESS) {
        const struct message_progress *p = m->body;
        o->listener->progress(o->listener->ctx, p->done, p->total);
    } else if (m->type == MESSAGE_NOTE) {
        o->listener->note(o->listener->ctx, m->body);
    } else if (m->type == MESSAGE_TABLE) {
        o->listener->table(o->listener->ctx, m->body);
    } else if (m->type == MESSAGE_FAILED) {
        return error_set(err, "%s", (const char *)m->body);
    } else if (m->type == MESSAGE_IMPORTED && fd >= 0) {
        const struct message_imported *i = m->body;
        o->manifest = i->manifest;
        o->done = true;
        snprintf(o->imported->name, sizeof o->imported->name, "%s", i->name);
        return take_description(fd, &o->imported->description, err);
    }
    return 0;
}

static int listen_to(int socket, struct outcome *o, struct error *err)
{
    cleanup_free uint8_t *buffer = malloc(MESSAGE_SIZE_MAX);
    if (!buffer)
        return error_errno(err, ENOMEM, "import");
    for (;;) {
        struct message m;
        if (wait_or_stop(socket, o, err) < 0)
            return -1;
        int n = message_receive(socket, buffer, &m, err);
        if (n == 0) /* a signal of the terminal ends the child too, maybe before we hear of it */
            return o->done ? 0 : wait_or_stop(socket, o, err);
        if (n > 0)
            scrub_text(buffer, &m);
        if (n < 0 || take_message(o, &m, err) < 0)
            return -1;
    }
}

/* What is asked for. */
struct order {
    const char *source, *name; /* name: NULL when it is made from what is recognised */
    enum cli_import what;
    bool json;
};

static int run_child(int source_fd, int staging_fd, const struct order *order, struct outcome *o,
                     struct error *err)
{
    static const char *const words[] = {
        [CLI_IMPORT_IMAGE] = "import", [CLI_IMPORT_INSPECT] = "inspect", [CLI_IMPORT_LOADER] = "loader"};
    const char *source = order->source;
    const char *slash = strrchr(source, '/'); /* messages name the file, and then what is inside it */
    const char *name = slash && slash[1] ? slash + 1 : source;
    const char *const args[] = {words[order->what], order->json ? "json" : "text", name,
                                order->name ? order->name : "", NULL};
    struct error how;
    int pair[2];
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "start the import process");
    int fds[] = {pair[1], source_fd, staging_fd};
    int result = role_spawn("import", fds, 3, args, &pid, err);
    close(pair[1]);
    if (result < 0) {
        close(pair[0]);
        return -1;
    }
    result = listen_to(pair[0], o, err);
    close(pair[0]);
    if (result < 0)
        kill(pid, SIGKILL); /* it failed, or spoke out of turn: nothing it does now counts */
    if (role_wait(pid, "import", &how) < 0 && result == 0)
        result = error_set(err, "%s: nothing was imported", how.text);
    if (result == 0 && !o->done)
        result = error_set(err, "the import process ended without a result: nothing was imported");
    return result;
}

static int inspect_source(int source_fd, const struct order *order, struct outcome *o, struct error *err)
{
    cleanup_close int empty = role_empty_folder(err);
    return empty < 0 ? -1 : run_child(source_fd, empty, order, o, err);
}

/* A loader is looked for under the names that chains know. */
static int choose_name(const struct order *order, struct outcome *o, struct error *err)
{
    char name[IMAGE_NAME_MAX], warning[256] = "";
    if (order->what != CLI_IMPORT_LOADER) {
        if (order->name)
            snprintf(o->imported->name, sizeof o->imported->name, "%s", order->name);
        return 0;
    }
    if (loaders_name(o->imported->name, order->name, name, warning, err) < 0)
        return -1;
    if (warning[0])
        o->listener->note(o->listener->ctx, warning);
    memcpy(o->imported->name, name, sizeof name);
    return 0;
}

static int stage_and_publish(struct store *store, int source_fd, const struct order *order, struct outcome *o,
                             struct error *err)
{
    char staging_name[64];
    cleanup_close int staging_fd = -1;
    uid_t uid;
    gid_t gid;
    if (store_staging_make(store, &staging_fd, staging_name, err) < 0)
        return -1;
    role_user(&uid, &gid);
    int result = geteuid() == 0 && fchown(staging_fd, uid, gid) < 0
                     ? error_errno(err, errno, "hand the staging folder to user %u", (unsigned)uid)
                     : run_child(source_fd, staging_fd, order, o, err);
    if (result < 0 || choose_name(order, o, err) < 0) {
        store_staging_drop(store, staging_name);
        return -1;
    }
    return store_publish(store, staging_name, o->imported->name, &o->manifest, err);
}

int import_run_process(int root_fd, const char *source, const char *name, enum cli_import what, bool json,
                       const struct cli_import_listener *listener, struct cli_imported *out,
                       struct error *err)
{
    const struct order order = {source, name, what, json};
    struct outcome o = {.listener = listener, .imported = out};
    struct store *store;
    sigset_t before;
    cleanup_close int source_fd = open_source(source, err);
    if (source_fd < 0 || (name && !image_name_valid(name, err)))
        return -1;
    bool inspect = what == CLI_IMPORT_INSPECT;
    if (!inspect && store_open(root_fd, true, &store, err) < 0)
        return -1;
    int result = o.stop_fd = stop_watch(&before, err);
    if (result >= 0) {
        result = inspect ? inspect_source(source_fd, &order, &o, err)
                         : stage_and_publish(store, source_fd, &order, &o, err);
        close(o.stop_fd);
        sigprocmask(SIG_SETMASK, &before, NULL); /* one that came since is obeyed now */
    }
    if (!inspect)
        store_close(store);
    return result;
}
