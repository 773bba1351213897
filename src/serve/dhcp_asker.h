/*
 * Inside dhcp_machine: the server's memory, one packet on its way through it, and what is told and answered
 * in either mode of a network. The steps are in dhcp_machine.c (we give addresses) and dhcp_proxy.c (another
 * server does).
 */
#pragma once

#include "serve/dhcp_address.h"
#include "serve/dhcp_client.h"
#include "serve/dhcp_machine.h"
#include "serve/dhcp_stranger.h"
#include "serve/dhcp_waiting.h"

struct dhcp_machine {
    struct dhcp_addresses addresses; /* its tables are owned here */
    struct lease_table *sightings;   /* owned; dhcp_sighting.h */
    struct dhcp_waiting *waiting;    /* owned */
    struct dhcp_strangers strangers;
    dhcp_boot_fn *boot;
    void *boot_ctx;
    int64_t last_ms; /* to notice that the clock went back */
};

struct dhcp_asker {
    struct dhcp_machine *m;
    const struct dhcp_packet *packet;
    const struct dhcp_message *message;
    struct dhcp_actions *out;
    enum dhcp_type type;
    uint32_t requested, server; /* options 50 and 54; 0: absent */
    struct dhcp_place place;
    struct fleet_network derived;
    struct dhcp_client client;
    char no_network[BOOT_EVENT_TEXT_MAX];
};

void dhcp_asker_init(struct dhcp_asker *a, struct dhcp_machine *m, const struct dhcp_packet *packet,
                     const struct dhcp_message *message, int64_t now_ms);

/* Option 54 names us, or the relay that stands for us (RFC 5107). */
bool dhcp_asker_chose_us(const struct dhcp_asker *a);

/* Why nothing is sent, for the debug log. */
void dhcp_asker_note(struct dhcp_asker *a, const char *text);

void dhcp_asker_event(const struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text,
                      struct boot_event *out);

/* Unknown machines are told of by dhcp_asker_tell_stranger alone, unless they hold a lease: they may be a
 * flood. */
void dhcp_asker_tell(struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text);
void dhcp_asker_tell_of_node(struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text);
/* `why` it is offered nothing although it would be: "" otherwise. */
void dhcp_asker_tell_stranger(struct dhcp_asker *a, const char *why);

const char *dhcp_asker_hostname(const struct dhcp_asker *a);

/* What it is to boot from this server; ip: the address it has or is offered, 0 for none yet. */
void dhcp_asker_boot(const struct dhcp_asker *a, bool granted, uint32_t ip, struct dhcp_boot *out);

/* What an ACK with a boot file is told as. */
void dhcp_asker_boot_text(const struct dhcp_boot *boot, char out[static BOOT_EVENT_TEXT_MAX]);

/* Fills `send` with the answer, and `boot` with what the machine is told to boot. ip: as above. */
void dhcp_asker_answer(const struct dhcp_asker *a, enum dhcp_type type, uint32_t ip, struct dhcp_boot *boot,
                       struct dhcp_send *send);
