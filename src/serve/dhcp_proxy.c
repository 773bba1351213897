#include "serve/dhcp_proxy.h"

#include "serve/dhcp_sighting.h"

static const char offer_text[] = "boot file only; another server gives the address";

/* The boot file goes out, or the debug log and the story say why there is none. */
static void answer_told(struct dhcp_asker *a, enum boot_event_kind kind, uint32_t ip, const char *text,
                        const struct dhcp_boot *boot)
{
    a->out->has_send = boot->file[0] != '\0';
    if (a->out->has_send || boot->local)
        dhcp_asker_tell_of_node(a, kind, ip, a->out->has_send ? text : boot->text);
    else
        dhcp_asker_note(a, boot->text);
    if (boot->failed)
        dhcp_asker_tell_of_node(a, BOOT_EVENT_PLAN_FAILED, ip, boot->text);
}

static void discover(struct dhcp_asker *a)
{
    struct dhcp_boot boot;
    if (!a->client.boots) {
        dhcp_asker_note(a, "a booted system: another server gives it its address");
        return;
    }
    dhcp_asker_answer(a, DHCP_OFFER, 0, &boot, &a->out->send);
    dhcp_asker_tell_stranger(a, "");
    dhcp_asker_tell_of_node(a, BOOT_EVENT_DISCOVER, 0, a->client.text);
    answer_told(a, BOOT_EVENT_OFFER, 0, offer_text, &boot);
}

/* Theirs to answer, but what it asks for is what it will have. */
static void request(struct dhcp_asker *a)
{
    uint32_t ip = a->requested ? a->requested : a->message->ciaddr;
    if (a->packet->broadcast || a->message->giaddr)
        dhcp_sighting_put(a->m->sightings, &a->m->addresses, &a->place, ip);
    dhcp_asker_note(a, "for another server to answer");
    if (a->message->ciaddr)
        return; /* a renewal is no step of a boot */
    if (!a->client.boots) {
        dhcp_asker_tell_of_node(a, BOOT_EVENT_BOOTED, ip, a->client.text);
        return;
    }
    dhcp_asker_tell_of_node(a, BOOT_EVENT_REQUEST, ip, "");
    if (a->client.takes_offer) { /* nothing else will be heard of it before it boots */
        struct dhcp_boot boot;
        dhcp_asker_boot(a, true, ip, &boot);
    }
}

int dhcp_proxy_packet(struct dhcp_asker *a, struct error *err)
{
    if (a->type == DHCP_DISCOVER)
        discover(a);
    else if (a->type == DHCP_REQUEST)
        request(a);
    else
        dhcp_asker_note(a, "for the server that gives the addresses");
    return 0;
}

int dhcp_proxy_ask(struct dhcp_asker *a, struct error *err)
{
    struct dhcp_boot boot;
    char text[BOOT_EVENT_TEXT_MAX];
    uint32_t ip = a->packet->source_ip;
    if (ip == 0)
        return error_set(err, "a request to port 4011 from 0.0.0.0: there is no address to answer to");
    if ((a->type != DHCP_REQUEST && a->type != DHCP_INFORM) || !a->client.boots) {
        dhcp_asker_note(a, "port 4011 is for the REQUEST or INFORM of a boot ROM");
        return 0;
    }
    if (a->server && !dhcp_asker_chose_us(a)) {
        dhcp_asker_note(a, "it asks another server");
        return 0;
    }
    if (fleet_network_is_proxy(a->place.network) && (!a->message->ciaddr || a->message->ciaddr == ip))
        dhcp_sighting_put(a->m->sightings, &a->m->addresses, &a->place, ip);
    dhcp_asker_answer(a, DHCP_ACK, ip, &boot, &a->out->send);
    dhcp_asker_tell_stranger(a, "");
    dhcp_asker_boot_text(&boot, text);
    answer_told(a, BOOT_EVENT_ACK, ip, text, &boot);
    return 0;
}
