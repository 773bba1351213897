#include "serve/dhcp_machine.h"

#include "serve/dhcp_asker.h"
#include "serve/dhcp_network.h"
#include "serve/dhcp_proxy.h"
#include "serve/dhcp_reply.h"
#include "serve/dhcp_sighting.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTYPE_ETHERNET 1

int dhcp_machine_new(const struct dhcp_interface *interfaces, size_t count, dhcp_boot_fn *boot, void *ctx,
                     uint64_t seed, struct dhcp_machine **out, struct error *err)
{
    if (count > DHCP_INTERFACES_MAX)
        return error_set(err, "%zu interfaces; %u can be served at once", count, DHCP_INTERFACES_MAX);
    struct dhcp_machine *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, "out of memory");
    m->boot = boot;
    m->boot_ctx = ctx;
    for (size_t i = 0; i < count; i++)
        m->addresses.own[m->addresses.own_count++] = interfaces[i].ip;
    m->addresses.leases = lease_table_new(LEASE_TABLE_MAX, seed);
    m->addresses.offers = lease_table_new(DHCP_OFFERS_MAX, seed);
    m->sightings = lease_table_new(DHCP_SIGHTINGS_MAX, seed);
    m->waiting = dhcp_waiting_new();
    if (!m->addresses.leases || !m->addresses.offers || !m->sightings || !m->waiting) {
        dhcp_machine_free(m);
        return error_set(err, "out of memory");
    }
    *out = m;
    return 0;
}

void dhcp_machine_free(struct dhcp_machine *m)
{
    if (!m)
        return;
    lease_table_free(m->addresses.leases);
    lease_table_free(m->addresses.offers);
    lease_table_free(m->sightings);
    dhcp_waiting_free(m->waiting);
    free(m);
}

void dhcp_machine_load(struct dhcp_machine *m, const struct lease *lease, int64_t now_ms)
{
    const struct lease *there = lease_table_by_ip(m->addresses.leases, lease->ip);
    if (lease->ip == 0 || lease->state == LEASE_OFFERED || lease->state == LEASE_HEARD ||
        (there && there->start_ms > lease->start_ms))
        return;
    lease_table_put(m->addresses.leases, lease, now_ms);
}

const struct lease *dhcp_machine_lease_by_ip(const struct dhcp_machine *m, uint32_t ip, int64_t now_ms)
{
    const struct lease *lease = dhcp_sighting_by_ip(m->sightings, ip, now_ms);
    if (lease)
        return lease;
    lease = lease_table_by_ip(m->addresses.leases, ip);
    return lease && lease->state == LEASE_BOUND && lease_is_held(lease, now_ms) ? lease : NULL;
}

size_t dhcp_machine_size(const struct dhcp_machine *m)
{
    return lease_table_count(m->addresses.leases) + lease_table_count(m->addresses.offers) +
           lease_table_count(m->sightings) + dhcp_waiting_count(m->waiting);
}

/* A clock that goes back makes leases last longer, which harms nobody; what holds addresses back, or was only
 * heard, must not. */
static void clock_follow(struct dhcp_machine *m, int64_t now_ms)
{
    if (now_ms < m->last_ms) {
        lease_table_set_back(m->addresses.offers, m->last_ms - now_ms);
        lease_table_set_back(m->addresses.leases, m->last_ms - now_ms);
        lease_table_set_back(m->sightings, m->last_ms - now_ms);
    }
    m->last_ms = now_ms;
}

/* Nothing to offer: the story says why. */
static void discover_unanswered(struct dhcp_asker *a, const char *why)
{
    char text[BOOT_EVENT_TEXT_MAX];
    snprintf(text, sizeof text, "%.100s; %.150s", a->client.text, why);
    if (a->type == DHCP_DISCOVER)
        dhcp_asker_tell_of_node(a, BOOT_EVENT_DISCOVER, 0, text);
    dhcp_asker_note(a, why);
}

static int discover(struct dhcp_asker *a, struct error *err)
{
    char why[BOOT_EVENT_TEXT_MAX];
    struct dhcp_boot boot;
    uint32_t ip = dhcp_address_choose(&a->m->addresses, &a->place, a->requested);
    if (!ip || !dhcp_address_hold(&a->m->addresses, &a->place, ip)) {
        dhcp_address_why(&a->m->addresses, &a->place, why, sizeof why);
        dhcp_asker_tell_stranger(a, a->place.network->pool_first ? why : "");
        discover_unanswered(a, why);
        return 0;
    }
    dhcp_asker_tell_stranger(a, "");
    dhcp_asker_answer(a, DHCP_OFFER, ip, &boot, &a->out->send);
    if (boot.waits) {
        discover_unanswered(a, boot.text);
        return 0;
    }
    dhcp_asker_tell_of_node(a, BOOT_EVENT_DISCOVER, 0, a->client.text);
    a->out->has_send = true;
    dhcp_asker_tell_of_node(a, BOOT_EVENT_OFFER, ip, "");
    if (boot.failed)
        dhcp_asker_tell_of_node(a, BOOT_EVENT_PLAN_FAILED, ip, boot.text);
    return 0;
}

static void refuse(struct dhcp_asker *a, uint32_t ip, const char *why)
{
    struct dhcp_terms terms = {.type = DHCP_NAK, .hostname = "", .message = why};
    dhcp_reply_make(&terms, a->packet, a->message, &a->out->send);
    a->out->has_send = true;
    dhcp_asker_tell_of_node(a, BOOT_EVENT_NAK, ip, why);
    dhcp_asker_note(a, why);
}

/* What the ACK will be told as. A renewal is no step of a boot: nothing. */
static void answer_event(const struct dhcp_asker *a, uint32_t ip, const struct dhcp_boot *boot,
                         struct dhcp_answer *answer)
{
    char text[BOOT_EVENT_TEXT_MAX];
    bool booted = a->place.node && !a->client.boots;
    answer->tells = a->message->ciaddr == 0;
    if (booted)
        snprintf(text, sizeof text, "%s", a->client.text);
    else if (boot->file[0] || boot->local)
        dhcp_asker_boot_text(boot, text);
    else
        snprintf(text, sizeof text, "lease only");
    dhcp_asker_event(a, booted ? BOOT_EVENT_BOOTED : BOOT_EVENT_ACK, ip, text, &answer->event);
}

/* The address is theirs: first onto the disk, then the ACK (dhcp_machine_committed). */
static void grant(struct dhcp_asker *a, uint32_t ip)
{
    struct dhcp_boot boot;
    struct lease lease = {.mac = a->place.mac,
                          .ip = ip,
                          .state = LEASE_BOUND,
                          .start_ms = a->place.now_ms,
                          .expires_ms = a->place.now_ms + (int64_t)a->place.network->lease_seconds * 1000};
    snprintf(lease.hostname, sizeof lease.hostname, "%s", dhcp_asker_hostname(a));
    const struct lease *old = dhcp_machine_lease_by_ip(a->m, ip, a->place.now_ms);
    if (old && mac_equal(&old->mac, &lease.mac))
        lease.start_ms = old->start_ms;
    if (!dhcp_address_hold(&a->m->addresses, &a->place, ip)) {
        dhcp_asker_note(a, "too many addresses are on offer");
        return;
    }
    struct dhcp_answer *answer = dhcp_waiting_find(a->m->waiting, &a->place.mac, ip);
    if (!answer) {
        dhcp_waiting_drop(a->m->waiting, &a->place.mac);
        answer = dhcp_waiting_add(a->m->waiting, &a->place.mac, ip, a->place.now_ms, &a->out->token);
        if (!answer) {
            dhcp_asker_note(a, "too many requests wait for the disk");
            return;
        }
        answer->lease = lease;
        a->out->lease = lease;
        a->out->has_commit = true;
        if (a->message->ciaddr == 0)
            dhcp_asker_tell_of_node(a, BOOT_EVENT_REQUEST, ip, "");
    }
    dhcp_asker_answer(a, DHCP_ACK, ip, &boot, &answer->send);
    answer_event(a, ip, &boot, answer);
}

/* RFC 2131, section 4.3.2: the state the client is in is told by which of 54, 50 and ciaddr are there. */
static int request(struct dhcp_asker *a, struct error *err)
{
    bool selecting = a->server != 0;
    bool renewing = !selecting && a->requested == 0;
    uint32_t ip = a->requested ? a->requested : a->message->ciaddr;
    if (ip == 0)
        return error_set(err, "a REQUEST with neither option 50 nor ciaddr asks for no address");
    if (selecting && !dhcp_asker_chose_us(a)) {
        const struct fleet_network *network = a->place.network;
        const struct lease *offer =
            lease_table_by_mac(a->m->addresses.offers, &a->place.mac, network->subnet, network->prefix);
        if (offer)
            lease_table_remove(a->m->addresses.offers, offer->ip);
        dhcp_asker_note(a, "it chose another server");
        return 0;
    }
    if (!selecting && !dhcp_address_is_ours(&a->m->addresses, &a->place)) {
        dhcp_asker_note(a, "no record of it, and no pool here: another server may know it");
        return 0;
    }
    if (dhcp_address_right(&a->m->addresses, &a->place, ip, !renewing))
        grant(a, ip);
    else if (!dhcp_network_holds(a->place.network, ip))
        refuse(a, ip, "the address is of another network");
    else
        refuse(a, ip, "the address is not this machine's");
    return 0;
}

/* Puts on disk what ended; nothing waits for it. */
static void end_lease(struct dhcp_asker *a, uint32_t ip, enum lease_state state, int64_t expires_ms)
{
    struct lease lease = {
        .mac = a->place.mac, .ip = ip, .state = state, .start_ms = a->place.now_ms, .expires_ms = expires_ms};
    dhcp_address_unhold(&a->m->addresses, &a->place.mac, ip);
    dhcp_waiting_drop(a->m->waiting, &a->place.mac);
    lease_table_put(a->m->addresses.leases, &lease, a->place.now_ms);
    a->out->lease = lease;
    a->out->token = 0;
    a->out->has_commit = true;
}

/* Whether the address is, as far as we know, in this machine's hands or on offer to it. */
static bool address_is_theirs(const struct dhcp_asker *a, uint32_t ip)
{
    const struct lease *lease = lease_table_by_ip(a->m->addresses.leases, ip);
    const struct lease *offer = lease_table_by_ip(a->m->addresses.offers, ip);
    if (lease && lease_is_held(lease, a->place.now_ms))
        return lease->state == LEASE_BOUND && mac_equal(&lease->mac, &a->place.mac);
    return dhcp_address_reserved(&a->place, ip) || (offer && mac_equal(&offer->mac, &a->place.mac));
}

static int decline(struct dhcp_asker *a, struct error *err)
{
    char text[BOOT_EVENT_TEXT_MAX], ip_text[IP4_TEXT_SIZE];
    if (a->requested == 0)
        return error_set(err, "a DECLINE without option 50 names no address");
    if ((a->server && !dhcp_asker_chose_us(a)) || !address_is_theirs(a, a->requested)) {
        dhcp_asker_note(a, "not an address of ours that it has");
        return 0;
    }
    end_lease(a, a->requested, LEASE_DECLINED, a->place.now_ms + DHCP_DECLINE_MS);
    snprintf(text, sizeof text,
             "somebody else answers at %s: find out who; it is not given out for %d minutes",
             ip4_format(a->requested, ip_text), DHCP_DECLINE_MS / 60000);
    dhcp_asker_tell(a, BOOT_EVENT_DECLINE, a->requested, text);
    return 0;
}

static int release(struct dhcp_asker *a, struct error *err)
{
    uint32_t ip = a->message->ciaddr;
    const struct lease *lease = dhcp_machine_lease_by_ip(a->m, ip, a->place.now_ms);
    if ((a->server && !dhcp_asker_chose_us(a)) || !lease || !mac_equal(&lease->mac, &a->place.mac)) {
        dhcp_asker_note(a, "not an address of ours that it has");
        return 0;
    }
    end_lease(a, ip, LEASE_RELEASED, a->place.now_ms);
    dhcp_asker_tell(a, BOOT_EVENT_RELEASE, ip, "");
    return 0;
}

/* RFC 2131, section 4.3.5: the settings without a lease, to the address the client has. */
static int inform(struct dhcp_asker *a, struct error *err)
{
    struct dhcp_boot boot;
    uint32_t ip = a->message->ciaddr;
    if (ip == 0)
        return error_set(err, "an INFORM without ciaddr: there is no address to answer to");
    if (!dhcp_network_holds(a->place.network, ip) || (!a->place.node && !a->place.network->pool_first)) {
        dhcp_asker_note(a, "not for us to answer");
        return 0;
    }
    dhcp_asker_answer(a, DHCP_ACK, 0, &boot, &a->out->send);
    a->out->has_send = true;
    dhcp_asker_tell_of_node(a, BOOT_EVENT_INFORM, ip, "");
    return 0;
}

typedef int step_fn(struct dhcp_asker *a, struct error *err);

static step_fn *const steps[] = {
    [DHCP_DISCOVER] = discover, [DHCP_REQUEST] = request, [DHCP_DECLINE] = decline,
    [DHCP_RELEASE] = release,   [DHCP_INFORM] = inform,
};

/* The checks that make a message one of an Ethernet client's. */
static int message_check(const struct dhcp_message *message, uint8_t *type, struct error *err)
{
    static const uint8_t none[MAC_SIZE];
    if (message->op != DHCP_OP_REQUEST)
        return error_set(err, "a server's reply, sent to the server port");
    if (message->htype != HTYPE_ETHERNET || message->hlen != MAC_SIZE)
        return error_set(err, "hardware type %u with addresses of %u bytes; only Ethernet is served",
                         message->htype, message->hlen);
    if ((message->chaddr[0] & 1) || memcmp(message->chaddr, none, MAC_SIZE) == 0)
        return error_set(err, "chaddr is not a machine's hardware address");
    if (!dhcp_get_u8(message, DHCP_OPTION_TYPE, type))
        return error_set(err, "no option 53: plain BOOTP is not served");
    if (*type >= sizeof steps / sizeof steps[0] || !steps[*type])
        return error_set(err, "message type %u is not a client's", *type);
    return 0;
}

int dhcp_machine_packet(struct dhcp_machine *m, const struct dhcp_packet *packet, int64_t now_ms,
                        struct dhcp_actions *out, struct error *err)
{
    struct dhcp_message message;
    struct dhcp_asker asker = {.out = out};
    uint8_t type = 0;
    memset(out, 0, offsetof(struct dhcp_actions, note) + 1);
    clock_follow(m, now_ms);
    if (dhcp_message_decode(packet->data, packet->size, &message, err) < 0 ||
        message_check(&message, &type, err) < 0)
        return -1;
    dhcp_asker_init(&asker, m, packet, &message, now_ms);
    asker.type = type;
    if (!asker.place.network) {
        discover_unanswered(&asker, asker.no_network);
        return 0;
    }
    if (packet->pxe)
        return dhcp_proxy_ask(&asker, err);
    if (fleet_network_is_proxy(asker.place.network))
        return dhcp_proxy_packet(&asker, err);
    return steps[type](&asker, err);
}

void dhcp_machine_committed(struct dhcp_machine *m, uint64_t token, bool ok, int64_t now_ms,
                            struct dhcp_actions *out)
{
    memset(out, 0, offsetof(struct dhcp_actions, note) + 1);
    clock_follow(m, now_ms);
    struct dhcp_answer *answer = dhcp_waiting_take(m->waiting, token);
    if (!answer)
        return;
    const struct lease *lease = &answer->lease;
    dhcp_address_unhold(&m->addresses, &lease->mac, lease->ip);
    if (!ok) {
        snprintf(out->note, sizeof out->note,
                 "a lease could not be put on disk: no ACK, the client asks again");
    } else if (!lease_table_put(m->addresses.leases, lease, now_ms)) {
        snprintf(out->note, sizeof out->note, "%zu leases are held, which is the limit",
                 (size_t)LEASE_TABLE_MAX);
    } else {
        lease_table_remove(m->sightings, lease->ip); /* of a time when another server gave it */
        out->has_send = true;
        out->send = answer->send;
        if (answer->tells) {
            answer->event.at_ms = now_ms;
            out->tell[out->tell_count++] = answer->event;
        }
    }
    free(answer);
}

void dhcp_machine_tick(struct dhcp_machine *m, int64_t now_ms)
{
    clock_follow(m, now_ms);
    dhcp_waiting_tick(m->waiting, now_ms);
}
