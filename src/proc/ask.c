#include "proc/ask.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "proc/message.h"
#include "proc/role.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Paths in sun_path are short; the folder's descriptor makes any depth of --root fit. */
static int connect_server(int root_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" ASK_SOCKET, root_fd);
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return TAKE_FD(fd);
}

pid_t ask_server(int root_fd)
{
    struct ucred who;
    socklen_t size = sizeof who;
    cleanup_close int fd = connect_server(root_fd);
    /* unix(7): of a listening socket these are of the process that called listen(2), the parent. */
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
        return 0;
    return who.pid;
}

/* The state process for one request: its descriptors are the folder and our end's twin. */
static int start_state(int root_fd, pid_t *pid, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "connect a state process");
    const char *const args[] = {"once", NULL};
    int fds[] = {root_fd, pair[1]};
    int result = role_spawn("state", fds, 2, args, pid, err);
    close(pair[1]);
    if (result < 0)
        close(pair[0]);
    return result < 0 ? -1 : pair[0];
}

static int send_ask(int socket, const struct ask *ask, struct error *err)
{
    cleanup_buf struct buf words = BUF_INIT;
    for (size_t i = 0; i < ask->word_count; i++)
        buf_append(&words, ask->words[i], strlen(ask->words[i]) + 1);
    if (words.failed || words.size > MESSAGE_SIZE_MAX)
        return error_set(err, "the request is too long: use a file and `bootherd apply`");
    cleanup_close int body = -1;
    if (ask->body.data && (body = file_sealed("ask", ask->body.data, ask->body.size, err)) < 0)
        return -1;
    struct message m = {.type = MESSAGE_ASK, .body = words.data, .size = words.size, .fd = body};
    int result = message_send(socket, &m, err);
    explicit_bzero(words.data, words.size); /* may hold a password */
    return result;
}

static int receive_answer(int socket, bool server, const struct ask *ask, struct buf *out, struct error *err)
{
    cleanup_free uint8_t *buffer = malloc(MESSAGE_SIZE_MAX);
    if (!buffer)
        return error_errno(err, ENOMEM, "ask the state process");
    for (;;) {
        struct message m;
        int n = message_receive(socket, buffer, &m, err);
        if (n == 0)
            return error_set(
                err, server ? "the server ended before it answered: what it said last is on its output"
                            : "the state process ended before it answered; its last words are above");
        if (n < 0)
            return -1;
        cleanup_close int fd = m.fd;
        if (message_check(&m, err) < 0)
            return -1;
        if (m.type == MESSAGE_NOTE && ask->note)
            ask->note(ask->ctx, m.body);
        if (m.type == MESSAGE_FAILED)
            return error_set(err, "%s", (const char *)m.body);
        if (m.type == MESSAGE_ANSWER)
            return fd < 0 ? 0 : file_read_all(fd, "the answer", ASK_ANSWER_MAX, out, err);
    }
}

int ask_state(int root_fd, const struct ask *ask, struct buf *out, struct error *err)
{
    pid_t pid = -1;
    cleanup_close int socket = connect_server(root_fd);
    if (socket < 0 && (socket = start_state(root_fd, &pid, err)) < 0)
        return -1;
    int result = send_ask(socket, ask, err);
    if (result == 0)
        result = receive_answer(socket, pid < 0, ask, out, err);
    if (pid > 0) {
        close(TAKE_FD(socket)); /* the process for one request ends when we hang up */
        waitpid(pid, NULL, 0);
    }
    return result;
}
