#include "swarm/address_io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ON_THEIR_WAY_MAX 32 /* both ends may wait for room in the pair otherwise */

struct address_io {
    struct swarm_source source;
    struct swarm_loop *loop;
    int fd;
    void (*done)(void *ctx, const struct address_message *answer);
    void *ctx;
    size_t on_their_way;
    size_t first, count, most; /* of the ring */
    struct address_message ring[];
};

static void send_some(struct address_io *io)
{
    while (io->count && io->on_their_way < ON_THEIR_WAY_MAX) {
        const struct address_message *m = &io->ring[io->first];
        if (send(io->fd, m, sizeof *m, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof *m)
            return;
        io->on_their_way++;
        io->count--;
        io->first = (io->first + 1) % io->most;
    }
}

static void ready(struct swarm_source *s, uint32_t events)
{
    struct address_io *io = (struct address_io *)((char *)s - offsetof(struct address_io, source));
    struct address_message answer;
    ssize_t size;
    while ((size = recv(io->fd, &answer, sizeof answer, MSG_DONTWAIT)) == sizeof answer) {
        io->on_their_way--;
        io->done(io->ctx, &answer);
    }
    if (size == 0) /* the process has ended: without it, there is nothing to be done */
        io->loop->stop = true;
    send_some(io);
}

int address_io_new(struct swarm_loop *loop, int fd, size_t most,
                   void (*done)(void *ctx, const struct address_message *answer), void *ctx,
                   struct address_io **out, struct error *err)
{
    struct address_io *io = calloc(1, sizeof *io + most * sizeof io->ring[0]);
    if (!io)
        return error_errno(err, ENOMEM, "addresses");
    io->source.ready = ready;
    io->loop = loop;
    io->fd = fd;
    io->most = most;
    io->done = done;
    io->ctx = ctx;
    if (swarm_loop_add(loop, fd, EPOLLIN, &io->source, err) < 0) {
        free(io);
        return -1;
    }
    *out = io;
    return 0;
}

void address_io_free(struct address_io *io)
{
    free(io);
}

void address_io_ask(struct address_io *io, uint32_t token, uint32_t ip)
{
    assert(io->count < io->most);
    io->ring[(io->first + io->count++) % io->most] = (struct address_message){.token = token, .ip = ip};
    send_some(io);
}
