/* A DHCP machine with a small fleet, two interfaces, and clients to play. */
#pragma once

#include "serve/dhcp_machine.h"

#include "dhcp_sample.h"

#define RIG_IP(a, b) ((uint32_t)(10u << 24 | 77u << 16 | (a) << 8 | (b)))
#define RIG_OUR_IP   RIG_IP(0, 1)
#define RIG_POOL     RIG_IP(0, 100) /* to .109 */
#define RIG_START_MS 1800000000000
#define RIG_LEASE_MS 3600000

struct rig {
    struct dhcp_machine *machine;
    struct dhcp_interface interface[2]; /* 0: the network "lab"; 1: 10.88.0.1/24, which no network names */
    struct fleet *fleet;
    int64_t now_ms;
    struct dhcp_boot boot;    /* what a boot ROM of a node is told to boot */
    struct dhcp_boot_ask ask; /* how it was asked for last, */
    struct plan_client ask_client;
    unsigned asks, granted; /* and how often: in all, with `granted` */
    struct dhcp_actions actions;
    struct dhcp_message reply; /* the last answer, decoded */
};

/* What a client sends; zero fields are left out. */
struct rig_client {
    enum dhcp_type type;
    struct mac mac;
    unsigned interface;
    uint32_t requested, server, ciaddr, giaddr, source_ip, subnet;
    uint32_t link;     /* the relay's link selection */
    uint32_t stand_in; /* the relay's address in the server's place (RFC 5107) */
    bool unicast, rom, flag_broadcast;
    const char *class; /* option 60 */
    unsigned arch;     /* option 93, with class */
    bool ipxe;
    bool asks_little;     /* option 55 names the mask alone */
    uint16_t source_port; /* not 0: to port 4011 from here */
    const char *item;     /* option 43, sub-option 71: 4 bytes */
    const char *circuit;  /* the relay's sub-option 1 */
};

void rig_init(struct rig *rig, const char *fleet_yaml); /* NULL: the usual fleet */
void rig_fini(struct rig *rig);
struct mac rig_mac(const char *text);

/* A step with these bytes or this client; false when the packet was refused as malformed. The answer, if one
 * leaves, is decoded into rig->reply. */
bool rig_packet(struct rig *rig, const uint8_t *data, size_t size, unsigned interface, uint32_t source_ip,
                bool unicast);
/* To port 4011. */
bool rig_packet_pxe(struct rig *rig, const uint8_t *data, size_t size, uint32_t source_ip,
                    uint16_t source_port);
bool rig_say(struct rig *rig, const struct rig_client *client);
bool rig_sample(struct rig *rig, const char *name);

/* The disk answers the commit of the last step. */
void rig_commit(struct rig *rig, bool ok);

/* REQUEST, commit, ACK with this address; fails the test otherwise. */
void rig_acked(struct rig *rig, const struct rig_client *client, uint32_t ip);

unsigned rig_reply_type(const struct rig *rig);                                      /* 0: nothing left */
const struct boot_event *rig_told(const struct rig *rig, enum boot_event_kind kind); /* NULL: not told */
