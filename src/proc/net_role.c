#include "proc/net_role.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "fleet/fleet_change.h"
#include "proc/certificate.h"
#include "proc/channel.h"
#include "proc/net_files.h"
#include "proc/net_storm.h"
#include "proc/role.h"
#include "serve/http_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FD_IMAGES    3
#define FD_STATE     4
#define FD_PARENT    5
#define FD_INTERFACE 6
#define SWEEP_MS     60000
#define EVENTS_MAX   (16u << 20) /* bytes waiting for state, from where on events are left out */

struct net_process {
    sd_event *loop;
    struct channel *state;
    struct channel *parent;
    struct fleet *fleet;
    struct zones *zones;
    struct image_cache *cache;
    struct net_files *files;
    struct net_storm *storm;
    struct boot_files door;
    struct boot_events events;
    struct dhcp_host dhcp_host;
    struct dhcp_io *dhcp;
    size_t interface_count;
    struct dhcp_interface interfaces[NET_INTERFACES_MAX];
    struct tftp_io *tftp[NET_INTERFACES_MAX];
    struct http_io *http[NET_INTERFACES_MAX];
    struct http_io *https[NET_INTERFACES_MAX];
    bool has_https;
    bool started;
    uint64_t events_lost; /* since the last time it was told */
};

/* --- what the servers ask of us --- */

static const struct fleet *host_fleet(void *ctx)
{
    return ((struct net_process *)ctx)->fleet;
}

static int64_t host_now(void *ctx)
{
    return clock_monotonic_ms();
}

static int64_t host_wall(void *ctx)
{
    return clock_wall_ms();
}

static bool host_mac_of(void *ctx, uint32_t ip, struct mac *mac)
{
    struct net_process *p = ctx;
    const struct lease *lease = p->dhcp ? dhcp_io_lease_by_ip(p->dhcp, ip) : NULL;
    if (!lease)
        return false;
    *mac = lease->mac;
    return true;
}

/* A message that state does not take means state is gone; its channel tells, and we end. */
static void tell_state(struct net_process *p, enum message_type type, const void *body, size_t size)
{
    struct message m = {.type = type, .body = body, .size = size, .fd = -1};
    struct error err;
    if (channel_send(p->state, &m, &err) < 0) {
        log_error("%s", err.text);
        sd_event_exit(p->loop, 1);
    }
}

static int host_ask_overlay(void *ctx, uint64_t serial, const char *node, const struct digest *manifest,
                            uint32_t server_ip, struct error *err)
{
    struct net_process *p = ctx;
    struct message_overlay_ask ask = {.serial = serial, .manifest = *manifest, .server_ip = server_ip};
    snprintf(ask.node, sizeof ask.node, "%s", node);
    tell_state(p, MESSAGE_OVERLAY_ASK, &ask, sizeof ask);
    return 0;
}

static int host_ask_agent(void *ctx, const struct message_agent_ask *ask, const char *query,
                          struct error *err)
{
    struct net_process *p = ctx;
    cleanup_buf struct buf body = BUF_INIT;
    buf_append(&body, ask, sizeof *ask);
    buf_append(&body, query, strlen(query) + 1);
    if (body.failed)
        return error_errno(err, ENOMEM, "asking for an agent");
    tell_state(p, MESSAGE_AGENT_ASK, body.data, body.size);
    return 0;
}

static void host_boot(void *ctx, const struct dhcp_boot_ask *ask, struct dhcp_boot *out)
{
    struct net_process *p = ctx;
    if (!net_storm_waits(p->storm, ask, out))
        net_files_boot(p->files, ask, out);
}

static void host_commit(void *ctx, uint64_t token, const struct lease *lease)
{
    struct message_lease body = {.token = token, .lease = *lease};
    tell_state(ctx, MESSAGE_LEASE, &body, sizeof body);
}

/*
 * The servers know addresses; whose they are is known here. A flood of packets makes events faster than state
 * can keep them: leases go on, the story has a gap.
 */
static void host_event(void *ctx, const struct boot_event *event)
{
    struct net_process *p = ctx;
    struct boot_event e = *event;
    e.at_ms = clock_wall_ms();
    if (mac_is_zero(&e.mac) && e.ip)
        host_mac_of(p, e.ip, &e.mac);
    net_files_event(p->files, &e);
    net_storm_event(p->storm, &e);
    if (channel_waiting(p->state) > EVENTS_MAX) {
        p->events_lost++;
        return;
    }
    uint8_t body[MESSAGE_EVENT_MAX];
    tell_state(p, MESSAGE_EVENT, body, message_event_put(&e, body));
}

static uint64_t host_sent(void *ctx)
{
    const struct net_process *p = ctx;
    uint64_t sent = 0;
    for (size_t i = 0; i < p->interface_count && p->started; i++)
        sent += tftp_io_sent(p->tftp[i]) + http_io_sent(p->http[i]) +
                (p->has_https ? http_io_sent(p->https[i]) : 0);
    return sent;
}

static void host_again(void *ctx, const struct storm_packet *packet)
{
    dhcp_io_again(((struct net_process *)ctx)->dhcp, packet);
}

/* --- messages --- */

static int take_fleet(struct net_process *p, struct message *m, struct error *err)
{
    cleanup_buf struct buf yaml = BUF_INIT;
    struct fleet *next;
    if (m->fd < 0 || file_read_all(m->fd, "the fleet", FLEET_YAML_MAX, &yaml, err) < 0 ||
        fleet_parse_yaml("the fleet from the state process", buf_slice(&yaml), &next, err) < 0)
        return -1;
    fleet_free(p->fleet);
    p->fleet = next;
    net_files_fleet_changed(p->files);
    return 0;
}

static int take_change(struct net_process *p, struct message *m, struct error *err)
{
    cleanup_buf struct buf change = BUF_INIT;
    if (m->fd < 0 || file_read_all(m->fd, "the change of the fleet", FLEET_YAML_MAX, &change, err) < 0)
        return -1;
    net_files_fleet_changed(p->files);
    return fleet_change_apply(p->fleet, buf_slice(&change), err);
}

/* The descriptor of certificate and key; those of the sockets follow. */
static int https_fd(const struct net_process *p)
{
    return FD_INTERFACE + (int)p->interface_count * NET_FDS_PER_INTERFACE;
}

static int start_https(struct net_process *p, struct error *err)
{
    cleanup_buf struct buf pem = BUF_INIT;
    cleanup_close int fd = https_fd(p);
    if (file_read_all(fd, "certificate and key", CERTIFICATE_PEM_MAX, &pem, err) < 0)
        return -1;
    const char *certificate = buf_text(&pem), *key = certificate + strlen(certificate) + 1;
    if (key >= certificate + pem.size)
        return error_set(err, "certificate and key did not come whole");
    struct http_tls tls = {certificate, key};
    for (size_t i = 0; i < p->interface_count; i++)
        if (http_io_new(p->loop, fd + 1 + (int)i, &tls, &p->door, &p->events, &p->https[i], err) < 0)
            return error_wrap(err, "HTTPS");
    return 0;
}

static int start_servers(struct net_process *p, struct error *err)
{
    struct message ready = {.type = MESSAGE_READY, .fd = -1};
    if (p->has_https && start_https(p, err) < 0)
        return -1;
    for (size_t i = 0; i < p->interface_count; i++) {
        int fd = FD_INTERFACE + (int)i * NET_FDS_PER_INTERFACE;
        struct tftp_sockets tftp = {.requests = fd + 2};
        for (int k = 0; k < TFTP_PORTS; k++)
            tftp.transfers[k] = fd + 5 + k;
        if (tftp_io_new(p->loop, &tftp, &p->door, &p->events, &p->tftp[i], err) < 0 ||
            http_io_new(p->loop, fd + 3, NULL, &p->door, &p->events, &p->http[i], err) < 0)
            return -1;
    }
    p->started = true;
    return channel_send(p->parent, &ready, err);
}

static int state_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct net_process *p = ctx;
    if (m->type == MESSAGE_FLEET)
        return take_fleet(p, m, err);
    if (m->type == MESSAGE_FLEET_CHANGE && p->started)
        return take_change(p, m, err);
    if (m->type == MESSAGE_LEASE_KNOWN && !p->started) {
        dhcp_io_load(p->dhcp, m->body);
        return 0;
    }
    if (m->type == MESSAGE_START && !p->started && p->fleet)
        return start_servers(p, err);
    if (m->type == MESSAGE_COMMITTED) {
        const struct message_committed *c = m->body;
        dhcp_io_committed(p->dhcp, c->token, c->ok);
        return 0;
    }
    if (m->type == MESSAGE_OVERLAY) {
        const struct message_overlay *o = m->body;
        net_files_overlay(p->files, o->serial, TAKE_FD(m->fd), o->text);
        return 0;
    }
    if (m->type == MESSAGE_AGENT) {
        const struct message_agent *a = m->body;
        net_files_agent(p->files, a->serial, TAKE_FD(m->fd));
        return 0;
    }
    return error_set(err, "the state process sent a message of type %u out of turn", (unsigned)m->type);
}

static int parent_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    return error_set(err, "the parent process sent a message, which it never does");
}

static void peer_gone(void *ctx, struct channel *channel, const struct error *why)
{
    struct net_process *p = ctx;
    if (why)
        log_error("%s", why->text);
    sd_event_exit(p->loop, why ? 1 : 0);
}

static int sweep(sd_event_source *source, uint64_t now_us, void *userdata)
{
    struct net_process *p = userdata;
    if (p->events_lost)
        log_error(
            "%llu events came too fast to be kept: somebody floods the boot network, or the disk is slow",
            (unsigned long long)p->events_lost);
    p->events_lost = 0;
    image_cache_sweep(p->cache, clock_monotonic_ms());
    sd_event_source_set_time_relative(source, (uint64_t)SWEEP_MS * 1000);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

/* --- the process --- */

void net_interface_format(const struct dhcp_interface *interface, char out[static 80])
{
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE];
    snprintf(out, 80, "%s,%d,%s,%s,%u", interface->name, interface->index, mac_format(&interface->mac, mac),
             ip4_format(interface->ip, ip), interface->prefix);
}

int net_interface_parse(const char *text, struct dhcp_interface *out, struct error *err)
{
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE];
    *out = (struct dhcp_interface){0};
    if (sscanf(text, "%15[^,],%d,%17[^,],%15[^,],%u", out->name, &out->index, mac, ip, &out->prefix) != 5 ||
        !mac_parse(mac, &out->mac) || !ip4_parse(ip, &out->ip) || out->prefix > 32)
        return error_set(err, "net: \"%s\" describes no interface", text);
    return 0;
}

static int parse_interfaces(struct net_process *p, int argc, char **argv, struct error *err)
{
    for (int i = 1; i < argc && p->interface_count < NET_INTERFACES_MAX; i++) {
        if (strcmp(argv[i], NET_HTTPS) == 0) {
            p->has_https = true;
            return 0;
        }
        struct dhcp_interface *interface = &p->interfaces[p->interface_count];
        if (net_interface_parse(argv[i], interface, err) < 0)
            return -1;
        interface->udp_fd = FD_INTERFACE + (int)p->interface_count * NET_FDS_PER_INTERFACE;
        interface->packet_fd = interface->udp_fd + 1;
        interface->pxe_fd = interface->udp_fd + 4;
        p->interface_count++;
    }
    return 0;
}

/* The parent chose it; every interface has the same. */
static unsigned port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) < 0 ? 0 : ntohs(address.sin_port);
}

static int open_servers(struct net_process *p, struct error *err)
{
    struct net_files_host host = {.ctx = p,
                                  .http_port = port_of(FD_INTERFACE + 3),
                                  .https_port = p->has_https ? port_of(https_fd(p) + 1) : 0,
                                  .fleet = host_fleet,
                                  .now_ms = host_now,
                                  .wall_ms = host_wall,
                                  .mac_of = host_mac_of,
                                  .ask_overlay = host_ask_overlay,
                                  .ask_agent = host_ask_agent,
                                  .zones = p->zones};
    const struct net_storm_host storm = {p, host_fleet, host_sent, host_again};
    struct channel_handler state = {.ctx = p, .gathers = true, .message = state_message, .gone = peer_gone};
    struct channel_handler parent = {.ctx = p, .message = parent_message, .gone = peer_gone};
    p->events = (struct boot_events){p, host_event};
    p->dhcp_host = (struct dhcp_host){p, host_fleet, host_boot, host_commit, p->events};
    p->fleet = fleet_new();
    if (!p->fleet || fleet_finish(p->fleet, err) < 0)
        return error_errno(err, ENOMEM, "net");
    if (image_cache_new(FD_IMAGES, &p->cache, err) < 0 || net_files_new(p->cache, &host, &p->files, err) < 0)
        return -1;
    if (net_storm_new(p->loop, &storm, &p->storm, err) < 0)
        return -1;
    p->door = net_files_door(p->files);
    if (dhcp_io_new(p->loop, p->interfaces, p->interface_count, &p->dhcp_host, &p->dhcp, err) < 0 ||
        channel_new(p->loop, FD_STATE, &state, &p->state, err) < 0)
        return -1;
    int r =
        sd_event_add_time_relative(p->loop, NULL, CLOCK_MONOTONIC, (uint64_t)SWEEP_MS * 1000, 0, sweep, p);
    if (r < 0)
        return error_errno(err, -r, "timer");
    return channel_new(p->loop, FD_PARENT, &parent, &p->parent, err);
}

static int net_process_open(struct net_process *p, int argc, char **argv, struct error *err)
{
    int r = sd_event_default(&p->loop);
    if (r < 0)
        return error_errno(err, -r, "event loop");
    role_raise_files();
    role_return_memory();
    p->zones = zones_read(clock_wall_ms() / 1000); /* out of reach behind the new root folder */
    if (!p->zones)
        return error_errno(err, ENOMEM, "time zones");
    if (role_drop(FD_IMAGES, err) < 0 || parse_interfaces(p, argc, argv, err) < 0)
        return -1;
    return open_servers(p, err);
}

static void net_process_close(struct net_process *p)
{
    for (size_t i = 0; i < p->interface_count; i++) {
        tftp_io_free(p->tftp[i]);
        http_io_free(p->http[i]);
        http_io_free(p->https[i]);
    }
    dhcp_io_free(p->dhcp);
    net_files_free(p->files);
    net_storm_free(p->storm);
    image_cache_free(p->cache);
    channel_free(p->state);
    channel_free(p->parent);
    fleet_free(p->fleet);
    zones_free(p->zones);
    sd_event_unref(p->loop);
}

int net_role(int argc, char **argv)
{
    cleanup_free struct net_process *p = calloc(1, sizeof *p);
    struct error err;
    log_init("net", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* ctrl-c goes to the whole group; the parent decides */
    if (!p)
        return 1;
    if (net_process_open(p, argc, argv, &err) < 0) {
        message_send_failed(FD_PARENT, &err);
        return 1;
    }
    int status = sd_event_loop(p->loop);
    net_process_close(p);
    return status ? 1 : 0;
}
