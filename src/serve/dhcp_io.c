#include "serve/dhcp_io.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/dhcp_inbox_io.h"
#include "serve/dhcp_machine.h"
#include "serve/dhcp_outbox_io.h"
#include "serve/storm.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define TICK_US     5000000 /* far below DHCP_WAITING_MS */
#define COMPLAIN_MS 1000    /* malformed packets and failed sends are told at most this often */

/* Something that goes wrong per packet, told at most once a second, with how often it happened meanwhile. */
struct complaint {
    int64_t told_ms; /* monotonic; 0: never */
    unsigned untold;
};

struct port {
    struct dhcp_io *io;
    struct dhcp_interface interface; /* its descriptors are owned */
    sd_event_source *input, *pxe;
};

struct dhcp_io {
    const struct dhcp_host *host;
    struct dhcp_machine *machine;
    sd_event_source *tick, *flush;
    struct complaint malformed, unsent;
    size_t port_count;
    struct port *ports;         /* owned */
    struct dhcp_inbox *inbox;   /* owned */
    struct dhcp_outbox *outbox; /* owned */
};

/* Whether to tell now; counts otherwise. `before` gets how many went untold. */
static bool complain(struct complaint *c, unsigned *before)
{
    int64_t now_ms = clock_monotonic_ms();
    if (c->told_ms && now_ms - c->told_ms < COMPLAIN_MS) {
        c->untold++;
        return false;
    }
    *before = c->untold;
    c->told_ms = now_ms;
    c->untold = 0;
    return true;
}

static struct port *port_of(struct dhcp_io *io, int interface_index)
{
    for (size_t i = 0; i < io->port_count; i++)
        if (io->ports[i].interface.index == interface_index)
            return &io->ports[i];
    return NULL;
}

static void tell_unsent(void *ctx, const struct dhcp_interface *interface, uint32_t ip, int code)
{
    struct dhcp_io *io = ctx;
    char text[IP4_TEXT_SIZE];
    unsigned before;
    if (complain(&io->unsent, &before))
        log_warning("DHCP answer to %s on %s was not sent: %s (%u more before)", ip4_format(ip, text),
                    interface->name, strerror(code), before);
}

/* The host may answer the commit at once, from within: it comes last. */
static void act(struct dhcp_io *io, const struct dhcp_actions *actions)
{
    const struct dhcp_host *host = io->host;
    const struct port *port = actions->has_send ? port_of(io, actions->send.interface_index) : NULL;
    if (actions->note[0])
        log_debug("DHCP: %s", actions->note);
    for (size_t i = 0; i < actions->tell_count; i++)
        host->events.tell(host->events.ctx, &actions->tell[i]);
    if (port)
        dhcp_outbox_add(io->outbox, &port->interface, &actions->send);
    if (actions->has_commit)
        host->commit(host->ctx, actions->token, &actions->lease);
}

static bool is_broadcast(const struct dhcp_interface *interface, uint32_t destination)
{
    return destination == UINT32_MAX || destination == (interface->ip | ~ip4_mask(interface->prefix));
}

static void packet_in(struct port *port, bool pxe, const struct dhcp_arrival *arrival)
{
    struct dhcp_io *io = port->io;
    struct dhcp_actions actions;
    struct error err;
    char ip[IP4_TEXT_SIZE];
    unsigned before;
    struct dhcp_packet packet = {.data = arrival->data,
                                 .size = arrival->size,
                                 .interface = &port->interface,
                                 .source_ip = arrival->source_ip,
                                 .source_port = arrival->source_port,
                                 .pxe = pxe,
                                 .broadcast = is_broadcast(&port->interface, arrival->destination),
                                 .fleet = io->host->fleet(io->host->ctx)};
    if (dhcp_machine_packet(io->machine, &packet, clock_wall_ms(), &actions, &err) == 0)
        act(io, &actions);
    else if (complain(&io->malformed, &before))
        log_info("malformed DHCP packet from %s on %s: %s (%u more before)", ip4_format(packet.source_ip, ip),
                 port->interface.name, err.text, before);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct port *port = userdata;
    struct dhcp_io *io = port->io;
    struct dhcp_arrival arrival;
    size_t count = dhcp_inbox_read(io->inbox, fd);
    for (size_t i = 0; i < count; i++)
        if (dhcp_inbox_get(io->inbox, i, &arrival) && arrival.interface_index == port->interface.index)
            packet_in(port, fd == port->interface.pxe_fd, &arrival);
    dhcp_outbox_flush(io->outbox);
    return 0;
}

/* The answers that a batch of commits let go. */
static int on_flush(sd_event_source *source, void *userdata)
{
    dhcp_outbox_flush(((struct dhcp_io *)userdata)->outbox);
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct dhcp_io *io = userdata;
    unsigned before;
    dhcp_machine_tick(io->machine, clock_wall_ms());
    if (io->malformed.untold && complain(&io->malformed, &before))
        log_info("%u more malformed DHCP packets", before);
    sd_event_source_set_time_relative(source, TICK_US);
    return 0;
}

static int start(struct dhcp_io *io, sd_event *loop, struct error *err)
{
    for (size_t i = 0; i < io->port_count; i++) {
        struct port *port = &io->ports[i];
        int r = sd_event_add_io(loop, &port->input, port->interface.udp_fd, EPOLLIN, on_input, port);
        if (r >= 0)
            r = sd_event_add_io(loop, &port->pxe, port->interface.pxe_fd, EPOLLIN, on_input, port);
        if (r < 0)
            return error_errno(err, -r, "cannot watch the DHCP sockets on %s", port->interface.name);
    }
    int r = sd_event_add_time_relative(loop, &io->tick, CLOCK_MONOTONIC, TICK_US, 0, on_tick, io);
    if (r < 0 || (r = sd_event_source_set_enabled(io->tick, SD_EVENT_ON)) < 0)
        return error_errno(err, -r, "cannot set the DHCP timer");
    r = sd_event_add_defer(loop, &io->flush, on_flush, io);
    if (r >= 0) /* as soon as the source that is being served returns */
        r = sd_event_source_set_priority(io->flush, SD_EVENT_PRIORITY_IMPORTANT);
    if (r < 0 || (r = sd_event_source_set_enabled(io->flush, SD_EVENT_OFF)) < 0)
        return error_errno(err, -r, "cannot gather DHCP answers");
    return 0;
}

int dhcp_io_new(sd_event *loop, const struct dhcp_interface *interfaces, size_t count,
                const struct dhcp_host *host, struct dhcp_io **out, struct error *err)
{
    struct dhcp_io *io = calloc(1, sizeof *io);
    struct port *ports = calloc(count ? count : 1, sizeof *ports);
    uint64_t seed = 0;
    if (!io || !ports) {
        free(io);
        free(ports);
        return error_set(err, "out of memory");
    }
    io->host = host;
    io->ports = ports;
    io->inbox = dhcp_inbox_new();
    io->outbox = dhcp_outbox_new(tell_unsent, io);
    if (!io->inbox || !io->outbox) {
        dhcp_io_free(io);
        return error_set(err, "out of memory");
    }
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        dhcp_io_free(io);
        return error_errno(err, errno, "getrandom");
    }
    if (dhcp_machine_new(interfaces, count, host->boot, host->ctx, seed, &io->machine, err) < 0) {
        dhcp_io_free(io);
        return error_wrap(err, "DHCP");
    }
    for (; io->port_count < count; io->port_count++)
        ports[io->port_count] = (struct port){.io = io, .interface = interfaces[io->port_count]};
    if (start(io, loop, err) < 0) {
        for (size_t i = 0; i < count; i++) /* they stay the caller's */
            ports[i].interface.udp_fd = ports[i].interface.pxe_fd = ports[i].interface.packet_fd = -1;
        dhcp_io_free(io);
        return -1;
    }
    *out = io;
    return 0;
}

void dhcp_io_free(struct dhcp_io *io)
{
    if (!io)
        return;
    for (size_t i = 0; i < io->port_count; i++) {
        const struct dhcp_interface *interface = &io->ports[i].interface;
        const int fds[] = {interface->udp_fd, interface->pxe_fd, interface->packet_fd};
        sd_event_source_disable_unref(io->ports[i].input);
        sd_event_source_disable_unref(io->ports[i].pxe);
        for (size_t k = 0; k < sizeof fds / sizeof fds[0]; k++)
            if (fds[k] >= 0)
                close(fds[k]);
    }
    sd_event_source_disable_unref(io->tick);
    sd_event_source_disable_unref(io->flush);
    dhcp_inbox_free(io->inbox);
    dhcp_outbox_free(io->outbox);
    dhcp_machine_free(io->machine);
    free(io->ports);
    free(io);
}

void dhcp_io_load(struct dhcp_io *io, const struct lease *lease)
{
    dhcp_machine_load(io->machine, lease, clock_wall_ms());
}

void dhcp_io_committed(struct dhcp_io *io, uint64_t token, bool ok)
{
    struct dhcp_actions actions;
    dhcp_machine_committed(io->machine, token, ok, clock_wall_ms(), &actions);
    act(io, &actions);
    sd_event_source_set_enabled(io->flush, SD_EVENT_ONESHOT);
}

void dhcp_io_again(struct dhcp_io *io, const struct storm_packet *packet)
{
    struct port *port = port_of(io, packet->interface_index);
    if (!port)
        return;
    struct dhcp_arrival arrival = {.data = packet->data,
                                   .size = packet->size,
                                   .source_ip = packet->source_ip,
                                   .source_port = packet->source_port,
                                   .interface_index = packet->interface_index,
                                   .destination = packet->broadcast ? UINT32_MAX : port->interface.ip};
    packet_in(port, false, &arrival);
    sd_event_source_set_enabled(io->flush, SD_EVENT_ONESHOT);
}

const struct lease *dhcp_io_lease_by_ip(const struct dhcp_io *io, uint32_t ip)
{
    return dhcp_machine_lease_by_ip(io->machine, ip, clock_wall_ms());
}
