/*
 * Serves a folder by TFTP and HTTP on loopback through the real servers, for foreign clients to fetch from.
 *
 *   files_driver FOLDER     prints "tftp PORT" and "http PORT", then one line an event, until SIGTERM
 *
 * The first component of a name chooses how boot_files answers:
 *   later/NAME   FOLDER/NAME, 50 ms after it was asked
 *   never/NAME   no answer at all
 *   memory/NAME  FOLDER/NAME, read into memory
 *   short/NAME   FOLDER/NAME, said to be 1000 bytes longer than it is
 *   pieces/NAME  FOLDER/NAME, composed of pieces of 1000 bytes, by turns from the descriptor and from memory
 *   joined/NAME  FOLDER/NAME, zeros up to a multiple of four bytes, FOLDER/NAME again
 *   cut/NAME     the same, and the first is said to be 1000 bytes longer than it is
 *   refused/...  another machine's file
 *   failed/...   should exist, but does not
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/join_file.h"
#include "serve/boot_file.h"
#include "serve/http_io.h"
#include "serve/tftp_io.h"

#define LATER_US     50000
#define MEMORY_LIMIT (64u << 20)
#define PIECE        1000u /* bytes */

struct driver {
    sd_event *loop;
    int folder;
    uint64_t last_handle;
    struct waiting *waiting;
};

struct waiting {
    struct waiting *next;
    struct driver *driver;
    uint64_t handle;
    char name[BOOT_PATH_MAX];
    boot_answer_fn *answer;
    void *answer_ctx;
    sd_event_source *timer; /* NULL: for ever */
};

static struct boot_file *open_file(struct driver *d, const char *name, bool memory, uint64_t more)
{
    cleanup_close int fd = openat(d->folder, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    if (!memory) {
        struct boot_file *f = boot_file_from_fd(TAKE_FD(fd), (uint64_t)st.st_size + more);
        snprintf(f->etag, sizeof f->etag, "\"%llx-%llx\"", (unsigned long long)st.st_ino,
                 (unsigned long long)st.st_size);
        return f;
    }
    cleanup_buf struct buf bytes = BUF_INIT;
    if (file_read_all(fd, name, MEMORY_LIMIT, &bytes, NULL) < 0)
        return NULL;
    return boot_file_from_bytes(bytes.data, bytes.size);
}

static struct boot_file *plain_file(struct driver *d, const char *name)
{
    return open_file(d, name, false, 0);
}

static struct boot_file *memory_file(struct driver *d, const char *name)
{
    return open_file(d, name, true, 0);
}

static struct boot_file *short_file(struct driver *d, const char *name)
{
    return open_file(d, name, false, 1000);
}

static struct boot_file *pieces_file(struct driver *d, const char *name)
{
    struct boot_file *from[] = {plain_file(d, name), memory_file(d, name)}, *f = NULL;
    if (from[0] && from[1]) {
        uint64_t size = from[0]->size;
        size_t count = (size_t)(size / PIECE + 1);
        cleanup_free struct boot_piece *pieces = calloc(count, sizeof *pieces);
        if (!pieces)
            abort();
        for (size_t i = 0; i < count; i++) {
            uint64_t at = i * PIECE;
            pieces[i] = (struct boot_piece){at, size - at < PIECE ? size - at : PIECE,
                                            boot_file_ref(from[i % 2]), at};
        }
        f = boot_file_compose(pieces, count, size);
    }
    boot_file_unref(from[0]);
    boot_file_unref(from[1]);
    return f;
}

static struct boot_file *joined_file(struct driver *d, const char *name)
{
    struct boot_file *f = plain_file(d, name);
    return f ? join_file(boot_file_ref(f), f) : NULL;
}

static struct boot_file *cut_file(struct driver *d, const char *name)
{
    struct boot_file *f = short_file(d, name);
    return f ? join_file(f, memory_file(d, name)) : NULL;
}

static struct boot_file *file_of(struct driver *d, const char *name)
{
    static const struct {
        const char *prefix;
        struct boot_file *(*open)(struct driver *d, const char *name);
    } kinds[] = {{"memory/", memory_file}, {"short/", short_file}, {"pieces/", pieces_file},
                 {"joined/", joined_file}, {"cut/", cut_file},     {"", plain_file}};
    size_t i = 0;
    while (!text_starts(name, kinds[i].prefix))
        i++;
    return kinds[i].open(d, name + strlen(kinds[i].prefix));
}

static void answer_file(struct driver *d, const char *name, boot_answer_fn *answer, void *answer_ctx)
{
    struct boot_file *f = file_of(d, name);
    if (f && text_ends(name, ".cfg"))
        f->role = BOOT_FILE_CONFIG;
    answer(answer_ctx, f ? BOOT_ANSWER_FOUND : BOOT_ANSWER_MISSING, f, f ? "" : "no such file");
}

static struct waiting **waiting_find(struct driver *d, uint64_t handle)
{
    struct waiting **at = &d->waiting;
    while (*at && (*at)->handle != handle)
        at = &(*at)->next;
    return at;
}

static void waiting_drop(struct waiting **at)
{
    struct waiting *w = *at;
    *at = w->next;
    sd_event_source_disable_unref(w->timer);
    free(w);
}

static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct waiting *w = userdata;
    answer_file(w->driver, w->name, w->answer, w->answer_ctx);
    waiting_drop(waiting_find(w->driver, w->handle));
    return 0;
}

static uint64_t wait_for(struct driver *d, const char *name, bool answered, boot_answer_fn *answer,
                         void *answer_ctx)
{
    struct waiting *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *w = (struct waiting){.next = d->waiting,
                          .driver = d,
                          .handle = ++d->last_handle,
                          .answer = answer,
                          .answer_ctx = answer_ctx};
    snprintf(w->name, sizeof w->name, "%s", name);
    if (answered)
        sd_event_add_time_relative(d->loop, &w->timer, CLOCK_MONOTONIC, LATER_US, 1, on_later, w);
    d->waiting = w;
    return w->handle;
}

static uint64_t driver_open(void *ctx, const char *path, const struct boot_asker *asker,
                            boot_answer_fn *answer, void *answer_ctx)
{
    struct driver *d = ctx;
    if (text_starts(path, "later/"))
        return wait_for(d, path + strlen("later/"), true, answer, answer_ctx);
    if (text_starts(path, "never/"))
        return wait_for(d, path, false, answer, answer_ctx);
    if (text_starts(path, "refused/"))
        answer(answer_ctx, BOOT_ANSWER_REFUSED, NULL, "this is the overlay of node rack01");
    else if (text_starts(path, "failed/"))
        answer(answer_ctx, BOOT_ANSWER_FAILED, NULL, "no image");
    else
        answer_file(d, path, answer, answer_ctx);
    return 0;
}

static void driver_cancel(void *ctx, uint64_t handle)
{
    struct driver *d = ctx;
    struct waiting **at = waiting_find(d, handle);
    if (!*at)
        abort(); /* cancelled twice, or after the answer */
    waiting_drop(at);
}

static void driver_tell(void *ctx, const struct boot_event *e)
{
    static const char *const names[BOOT_EVENT_KINDS] = {
        [BOOT_EVENT_FILE_START] = "START",     [BOOT_EVENT_FILE_DONE] = "DONE",
        [BOOT_EVENT_FILE_PROBED] = "PROBED",   [BOOT_EVENT_FILE_FAILED] = "FAILED",
        [BOOT_EVENT_FILE_MISSING] = "MISSING", [BOOT_EVENT_FILE_REFUSED] = "REFUSED",
    };
    struct in_addr ip = {htonl(e->ip)};
    printf("%s %s %llu from %s: %s\n", names[e->kind], e->file, (unsigned long long)e->bytes, inet_ntoa(ip),
           e->text);
}

/* label NULL: nobody needs to be told. */
static int open_port(int type, const char *label)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&any, &size) < 0 ||
        (type == SOCK_DGRAM ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) : listen(fd, 128)) < 0) {
        perror("port");
        exit(1);
    }
    int buffer = 16 << 20; /* as much as proc/interface.c gives; without privileges the default has to do */
    if (type == SOCK_DGRAM)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (label)
        printf("%s %u\n", label, ntohs(any.sin_port));
    return fd;
}

int main(int argc, char **argv)
{
    struct driver d = {.folder = argc == 2 ? open(argv[1], O_DIRECTORY | O_CLOEXEC) : -1};
    if (d.folder < 0) {
        fprintf(stderr, "usage: files_driver FOLDER\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    struct boot_files files = {&d, driver_open, driver_cancel};
    struct boot_events events = {&d, driver_tell};
    struct tftp_io *tftp = NULL;
    struct http_io *http = NULL;
    struct error err;
    if (sd_event_new(&d.loop) < 0 || sd_event_add_signal(d.loop, NULL, SIGTERM, NULL, NULL) < 0)
        return 1;
    struct tftp_sockets sockets = {open_port(SOCK_DGRAM, "tftp"),
                                   {open_port(SOCK_DGRAM, NULL), open_port(SOCK_DGRAM, NULL)}};
    if (tftp_io_new(d.loop, &sockets, &files, &events, &tftp, &err) < 0 ||
        http_io_new(d.loop, open_port(SOCK_STREAM, "http"), NULL, &files, &events, &http, &err) < 0) {
        fprintf(stderr, "files_driver: %s\n", err.text);
        return 1;
    }
    int r = sd_event_loop(d.loop);
    tftp_io_free(tftp);
    http_io_free(http);
    if (d.waiting) {
        fprintf(stderr, "files_driver: an open was neither answered nor cancelled\n");
        r = 1;
    }
    sd_event_unref(d.loop);
    close(d.folder);
    return r < 0 || r == 1;
}
