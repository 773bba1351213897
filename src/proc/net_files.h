/*
 * What the names of boot_file.h mean: the store, the fleet and the plan behind the two doors. Overlays come
 * from the state process; everything else is answered at once.
 */
#pragma once

#include "base/zones.h"
#include "fleet/fleet.h"
#include "proc/image_cache.h"
#include "proc/message.h"
#include "serve/boot_file.h"
#include "serve/dhcp_io.h"

#define NET_FILES_PENDING_MAX  4096 /* overlays asked for and not answered yet */
#define NET_AGENTS_PENDING_MAX 1024 /* requests of agents, likewise */

struct net_files;

/* What it asks of the process around it. */
struct net_files_host {
    void *ctx;
    unsigned http_port, https_port; /* for URLs; 0: no HTTPS */
    const struct fleet *(*fleet)(void *ctx);
    int64_t (*now_ms)(void *ctx);  /* of a clock that does not go back */
    int64_t (*wall_ms)(void *ctx); /* since 1970, for what nodes boot by the calendar */
    /* The hardware address that holds this address by a lease of ours; false when none does. */
    bool (*mac_of)(void *ctx, uint32_t ip, struct mac *mac);
    /* Asks for an overlay; net_files_overlay is called with the serial later. */
    int (*ask_overlay)(void *ctx, uint64_t serial, const char *node, const struct digest *manifest,
                       uint32_t server_ip, struct error *err);
    /* Hands on what an agent says or asks; net_files_agent is called with the serial later. */
    int (*ask_agent)(void *ctx, const struct message_agent_ask *ask, const char *query, struct error *err);
    const struct zones *zones; /* borrowed */
};

/* cache and host are borrowed. */
int net_files_new(struct image_cache *cache, const struct net_files_host *host, struct net_files **out,
                  struct error *err);
void net_files_free(struct net_files *files);

struct boot_files net_files_door(struct net_files *files);

/* host.fleet gives another one from now on, or the same with changes. */
void net_files_fleet_changed(struct net_files *files);

/* The state process's answer: fd (taken; -1 on failure) of an archive, or why there is none. */
void net_files_overlay(struct net_files *files, uint64_t serial, int fd, const char *why);

/* The state process's answer to an agent: fd (taken; -1: it could not be kept). */
void net_files_agent(struct net_files *files, uint64_t serial, int fd);

/* What came of a boot so far: the next one of this machine may go another way. event->mac is known, or zero.
 */
void net_files_event(struct net_files *files, const struct boot_event *event);

/* What DHCP tells a client to boot (dhcp_host.boot). */
void net_files_boot(struct net_files *files, const struct dhcp_boot_ask *ask, struct dhcp_boot *out);
