#include "serve/dhcp_asker.h"

#include "serve/dhcp_network.h"
#include "serve/dhcp_reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void dhcp_asker_init(struct dhcp_asker *a, struct dhcp_machine *m, const struct dhcp_packet *packet,
                     const struct dhcp_message *message, int64_t now_ms)
{
    a->m = m;
    a->packet = packet;
    a->message = message;
    dhcp_get_u32(message, DHCP_OPTION_REQUESTED_IP, &a->requested);
    dhcp_get_u32(message, DHCP_OPTION_SERVER, &a->server);
    dhcp_client_read(message, &a->client);
    a->place.fleet = packet->fleet;
    a->place.mac = a->client.plan.mac;
    a->place.now_ms = now_ms;
    a->place.node = fleet_node_by_mac(packet->fleet, &a->place.mac);
    a->place.network = dhcp_network_choose(packet, message, &a->derived, a->no_network, sizeof a->no_network);
    a->client.plan.proxied = a->place.network && fleet_network_is_proxy(a->place.network);
}

bool dhcp_asker_chose_us(const struct dhcp_asker *a)
{
    const struct dhcp_addresses *addresses = &a->m->addresses;
    uint32_t relay;
    for (size_t i = 0; i < addresses->own_count; i++)
        if (addresses->own[i] == a->server)
            return true;
    return dhcp_get_relay_u32(a->message, DHCP_RELAY_SERVER, &relay) && relay == a->server;
}

void dhcp_asker_note(struct dhcp_asker *a, const char *text)
{
    char mac[MAC_TEXT_SIZE];
    snprintf(a->out->note, sizeof a->out->note, "%s from %s: %.200s", dhcp_type_name(a->type),
             mac_format(&a->place.mac, mac), text);
}

void dhcp_asker_event(const struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text,
                      struct boot_event *out)
{
    memset(out, 0, sizeof *out);
    out->kind = kind;
    out->at_ms = a->place.now_ms;
    out->mac = a->place.mac;
    out->ip = ip;
    snprintf(out->text, sizeof out->text, "%s", text);
}

void dhcp_asker_tell(struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text)
{
    assert(a->out->tell_count < DHCP_TELL_MAX);
    dhcp_asker_event(a, kind, ip, text, &a->out->tell[a->out->tell_count++]);
}

void dhcp_asker_tell_of_node(struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text)
{
    if (a->place.node)
        dhcp_asker_tell(a, kind, ip, text);
}

void dhcp_asker_tell_stranger(struct dhcp_asker *a, const char *why)
{
    char mac[MAC_TEXT_SIZE], text[BOOT_EVENT_TEXT_MAX];
    if (a->place.node || !dhcp_stranger_tell(&a->m->strangers, &a->place.mac, a->place.now_ms))
        return;
    snprintf(text, sizeof text, "bootherd node set NAME --mac %s --image IMAGE%s%s%s%.120s",
             mac_format(&a->place.mac, mac), a->client.uuid[0] ? "; its UUID is " : "", a->client.uuid,
             *why ? "; " : "", why);
    dhcp_asker_tell(a, BOOT_EVENT_UNKNOWN_MACHINE, 0, text);
}

const char *dhcp_asker_hostname(const struct dhcp_asker *a)
{
    return a->place.node ? fleet_hostname(a->place.node) : "";
}

void dhcp_asker_boot(const struct dhcp_asker *a, bool granted, uint32_t ip, struct dhcp_boot *out)
{
    struct dhcp_boot_ask ask = {.node = a->place.node,
                                .network = a->place.network,
                                .client = &a->client.plan,
                                .server_ip = a->packet->interface->ip,
                                .client_ip = ip,
                                .granted = granted,
                                .proxy = fleet_network_is_proxy(a->place.network),
                                .packet = a->packet};
    memset(out, 0, sizeof *out);
    a->m->boot(a->m->boot_ctx, &ask, out);
}

/* The host's words start with the boot file, too; those of a failure do not. */
void dhcp_asker_boot_text(const struct dhcp_boot *boot, char out[static BOOT_EVENT_TEXT_MAX])
{
    if (boot->text[0] && !boot->failed)
        snprintf(out, BOOT_EVENT_TEXT_MAX, "%s", boot->text);
    else
        snprintf(out, BOOT_EVENT_TEXT_MAX, "boot file %.200s", boot->file);
}

void dhcp_asker_answer(const struct dhcp_asker *a, enum dhcp_type type, uint32_t ip, struct dhcp_boot *boot,
                       struct dhcp_send *send)
{
    struct dhcp_terms terms = {.type = type,
                               .proxy = a->packet->pxe || fleet_network_is_proxy(a->place.network),
                               .ip = ip,
                               .network = a->place.network,
                               .hostname = dhcp_asker_hostname(a)};
    memset(boot, 0, sizeof *boot);
    if (a->client.boots) {
        dhcp_asker_boot(a, type == DHCP_ACK, ip, boot);
        terms.client = &a->client;
        terms.boot = boot;
    }
    dhcp_reply_make(&terms, a->packet, a->message, send);
}
