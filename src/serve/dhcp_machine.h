/*
 * The DHCP server as pure steps: a packet, a commit or a tick goes in, what is to be done comes out. No
 * sockets, no clock, no disk. RFC 2131, with RFC 3046, 3527, 5107 (relays) and 6842; PXE 2.1 for networks
 * where another server gives the addresses.
 */
#pragma once

#include "serve/dhcp_host.h"

#define DHCP_INTERFACES_MAX 64u
#define DHCP_OFFERS_MAX     16384u /* pool addresses held for an answer, so that a flood has an end */
#define DHCP_OFFER_MS       60000  /* how long: clients ask within seconds, slow ones within 30 */
#define DHCP_DECLINE_MS     600000 /* an address somebody else answers at is left alone so long */
#define DHCP_WAITING_MAX    16384u /* requests waiting for the disk: 10,000 machines at once, and a slow one */
#define DHCP_WAITING_MS     30000  /* by then the client has asked again */

struct dhcp_packet {
    const uint8_t *data; /* UDP payload */
    size_t size;
    const struct dhcp_interface *interface; /* the one it came in by */
    uint32_t source_ip;
    uint16_t source_port;
    bool broadcast;            /* sent to all, not to an address of ours */
    bool pxe;                  /* to port 4011 */
    const struct fleet *fleet; /* the current one, finished */
};

enum dhcp_way {
    DHCP_WAY_RAW,       /* a frame to `mac`: the address does not answer ARP yet */
    DHCP_WAY_BROADCAST, /* to 255.255.255.255 on the interface */
    DHCP_WAY_ROUTED,    /* to `ip` as any datagram */
};

struct dhcp_send {
    enum dhcp_way way;
    int interface_index;
    uint32_t source_ip;
    uint16_t source_port; /* DHCP_PORT_SERVER, or DHCP_PORT_PXE for what was asked there */
    struct mac mac;
    uint32_t ip;
    uint16_t port;
    size_t size;
    uint8_t bytes[DHCP_SIZE_MAX];
};

#define DHCP_TELL_MAX 4
struct dhcp_actions {
    bool has_send;
    struct dhcp_send send;
    bool has_commit;
    uint64_t token; /* 0: nothing waits for this commit */
    struct lease lease;
    size_t tell_count;
    struct boot_event tell[DHCP_TELL_MAX];
    char note[256]; /* for the debug log: why nothing was sent; "" otherwise */
};

/* As in dhcp_host. */
typedef void dhcp_boot_fn(void *ctx, const struct dhcp_boot_ask *ask, struct dhcp_boot *out);

struct dhcp_machine;

/* Copies what it needs of the interfaces. seed: random. */
int dhcp_machine_new(const struct dhcp_interface *interfaces, size_t count, dhcp_boot_fn *boot, void *ctx,
                     uint64_t seed, struct dhcp_machine **out, struct error *err);
void dhcp_machine_free(struct dhcp_machine *m);

/* A lease from disk. When two claim one address, the one that started later counts. */
void dhcp_machine_load(struct dhcp_machine *m, const struct lease *lease, int64_t now_ms);

/* now_ms is the wall clock. Fails for packets that are malformed, in words; nothing is to be done then. */
int dhcp_machine_packet(struct dhcp_machine *m, const struct dhcp_packet *packet, int64_t now_ms,
                        struct dhcp_actions *out, struct error *err);
void dhcp_machine_committed(struct dhcp_machine *m, uint64_t token, bool ok, int64_t now_ms,
                            struct dhcp_actions *out);
void dhcp_machine_tick(struct dhcp_machine *m, int64_t now_ms); /* every few seconds */

/*
 * Who has this address: a lease of ours (LEASE_BOUND), or, in a network where another server gives addresses,
 * what we heard (LEASE_HEARD; dhcp_sighting.h says how far that is to be trusted). NULL: nobody we know.
 */
const struct lease *dhcp_machine_lease_by_ip(const struct dhcp_machine *m, uint32_t ip, int64_t now_ms);

/* For tests of the limits: records of all kinds in memory. */
size_t dhcp_machine_size(const struct dhcp_machine *m);
