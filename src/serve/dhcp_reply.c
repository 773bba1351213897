#include "serve/dhcp_reply.h"

#include "base/wire.h"

#include <string.h>

#define DOMAIN_MAX         253 /* RFC 1035, section 2.3.4, as text */
#define PXE_BOOT_ITEM      71  /* PXE 2.1, table 2-3: type and layer, 2 bytes each */
#define PXE_BOOT_ITEM_SIZE 4u
#define IPXE_NO_PXEDHCP    0xb0 /* ipxe.org/howto/dhcpd: "ipxe.no-pxedhcp" */

/* Clients that send no option 55 get what there is. */
static bool asked_for(const struct dhcp_message *request, enum dhcp_option code)
{
    struct slice asked = request->option[DHCP_OPTION_ASKED];
    return !asked.data || memchr(asked.data, (int)code, asked.size);
}

/* RFC 2131, section 4.3.1, table 3. */
static void header_make(const struct dhcp_terms *terms, const struct dhcp_message *request,
                        struct dhcp_message *reply)
{
    dhcp_message_init(reply, DHCP_OP_REPLY);
    reply->htype = request->htype;
    reply->hlen = request->hlen;
    reply->xid = request->xid;
    reply->flags = request->flags;
    reply->giaddr = request->giaddr;
    memcpy(reply->chaddr, request->chaddr, sizeof reply->chaddr);
    if (terms->type == DHCP_ACK)
        reply->ciaddr = request->ciaddr;
    if (terms->type == DHCP_NAK && request->giaddr)
        reply->flags |= DHCP_FLAG_BROADCAST; /* section 4.3.2: the relay must not trust the address */
    if (terms->proxy && terms->type == DHCP_OFFER)
        reply->flags |= DHCP_FLAG_BROADCAST; /* no address is offered that it could be sent to */
    reply->yiaddr = terms->type == DHCP_NAK || terms->proxy ? 0 : terms->ip;
}

static void lease_put(const struct dhcp_terms *terms, struct dhcp_message *reply)
{
    uint32_t lease = terms->network->lease_seconds;
    dhcp_put_u32(reply, DHCP_OPTION_LEASE, lease);
    dhcp_put_u32(reply, DHCP_OPTION_T1, lease / 2);
    dhcp_put_u32(reply, DHCP_OPTION_T2, (uint32_t)((uint64_t)lease * 7 / 8));
}

static void network_put(const struct dhcp_terms *terms, const struct dhcp_message *request,
                        struct dhcp_message *reply)
{
    const struct fleet_network *network = terms->network;
    uint32_t mask = ip4_mask(network->prefix);
    dhcp_put_u32(reply, DHCP_OPTION_MASK, mask);
    if (network->gateway)
        dhcp_put_u32(reply, DHCP_OPTION_ROUTER, network->gateway);
    if (terms->hostname[0])
        dhcp_put_text(reply, DHCP_OPTION_HOSTNAME, terms->hostname);
    if (asked_for(request, DHCP_OPTION_BROADCAST) && network->prefix < 31)
        dhcp_put_u32(reply, DHCP_OPTION_BROADCAST, network->subnet | ~mask);
    if (asked_for(request, DHCP_OPTION_NTP) && network->ntp)
        dhcp_put_u32(reply, DHCP_OPTION_NTP, network->ntp);
    if (asked_for(request, DHCP_OPTION_DOMAIN) && network->domain && strlen(network->domain) <= DOMAIN_MAX)
        dhcp_put_text(reply, DHCP_OPTION_DOMAIN, network->domain);
    if (asked_for(request, DHCP_OPTION_DNS) && network->dns_count) {
        uint8_t bytes[4 * FLEET_DNS_MAX];
        struct wire_out w = wire_out(bytes, sizeof bytes);
        for (size_t i = 0; i < network->dns_count; i++)
            wire_put_u32(&w, network->dns[i]);
        dhcp_put(reply, DHCP_OPTION_DNS, bytes, wire_written(&w));
    }
}

/*
 * The boot file goes into the `file` field if it fits (shim reads its folder there and nowhere else), and
 * into option 67 for those who ask. There it ends with a NUL, which RFC 2132, section 2, forbids nobody:
 * EDK2 writes one behind the option otherwise, over the next option's code, and hands what is left to the
 * loaders that ask it for the packet.
 */
static void boot_file_put(const struct dhcp_terms *terms, const struct dhcp_message *request,
                          struct dhcp_message *reply)
{
    const char *file = terms->boot->file;
    size_t size = strnlen(file, DHCP_BOOT_FILE_MAX - 1);
    bool fits = size < DHCP_FILE_SIZE; /* with its NUL */
    if (fits)
        memcpy(reply->file, file, size);
    if (!fits || terms->client->plan.http || asked_for(request, DHCP_OPTION_BOOT_FILE))
        dhcp_put(reply, DHCP_OPTION_BOOT_FILE, file, size + 1);
}

/*
 * Option 60 says for whom the answer is. HTTP Boot takes no other (UEFI 2.10, section 24.7.3.1), a proxy's
 * answer is none without it. Where we give the address, PXE must not see it: with 60 and no menu in 43 a
 * client goes and asks on port 4011 before it boots.
 *
 * Option 43 of a proxy: PXE_DISCOVERY_CONTROL = 8, "the boot file is named here: no menu, no search" (PXE
 * 2.1, table 2-3). Not for UEFI's own PXE: EDK2 drops a proxy's offer that has any such sub-option, and asks
 * on port 4011 when there is none. A menu item (71) that was asked for is confirmed instead.
 */
static void class_put(const struct dhcp_terms *terms, const struct dhcp_message *request,
                      struct dhcp_message *reply)
{
    static const uint8_t take_file[] = {6, 1, 8, DHCP_OPTION_END};
    struct slice item = dhcp_get_sub(request, DHCP_OPTION_VENDOR, PXE_BOOT_ITEM);
    if (terms->client->plan.http)
        dhcp_put_text(reply, DHCP_OPTION_CLASS, "HTTPClient");
    if (terms->client->plan.http || !terms->proxy)
        return;
    dhcp_put_text(reply, DHCP_OPTION_CLASS, "PXEClient");
    if (item.size == PXE_BOOT_ITEM_SIZE) {
        uint8_t echo[PXE_BOOT_ITEM_SIZE + 3] = {PXE_BOOT_ITEM, PXE_BOOT_ITEM_SIZE};
        memcpy(echo + 2, item.data, PXE_BOOT_ITEM_SIZE);
        echo[PXE_BOOT_ITEM_SIZE + 2] = DHCP_OPTION_END;
        dhcp_put(reply, DHCP_OPTION_VENDOR, echo, sizeof echo);
    } else if (terms->client->takes_offer) {
        dhcp_put(reply, DHCP_OPTION_VENDOR, take_file, sizeof take_file);
    }
}

static void boot_put(const struct dhcp_terms *terms, uint32_t our_ip, const struct dhcp_message *request,
                     struct dhcp_message *reply)
{
    static const uint8_t no_proxy[] = {IPXE_NO_PXEDHCP, 1, 1};
    char text[IP4_TEXT_SIZE];
    reply->siaddr = our_ip;
    boot_file_put(terms, request, reply);
    class_put(terms, request, reply);
    if (terms->boot->prefix[0]) /* pxelinux reads it, and the ROM that starts pxelinux does not know to ask */
        dhcp_put_text(reply, DHCP_OPTION_PREFIX, terms->boot->prefix);
    if (asked_for(request, DHCP_OPTION_TFTP_SERVER))
        dhcp_put_text(reply, DHCP_OPTION_TFTP_SERVER, ip4_format(our_ip, text));
    if (terms->client->plan.ipxe && !terms->proxy) /* else it waits two seconds for a proxy's offer */
        dhcp_put(reply, DHCP_OPTION_IPXE, no_proxy, sizeof no_proxy);
}

/* What the client or its relay wants to see again, if it is not too long to be meant so. */
static void echo(const struct dhcp_message *request, struct dhcp_message *reply, enum dhcp_option code)
{
    struct slice value = request->option[code];
    if (value.data && value.size <= DHCP_SIZE_DEFAULT)
        dhcp_put(reply, code, value.data, value.size);
}

/* RFC 2131, section 4.1: which way the answer goes. */
static void route(const struct dhcp_terms *terms, const struct dhcp_packet *packet,
                  const struct dhcp_message *request, struct dhcp_send *out)
{
    const struct dhcp_interface *interface = packet->interface;
    out->interface_index = interface->index;
    out->source_ip = interface->ip;
    out->source_port = DHCP_PORT_SERVER;
    out->port = DHCP_PORT_CLIENT;
    memcpy(out->mac.byte, request->chaddr, MAC_SIZE);
    if (packet->pxe) { /* UEFI asks from port 4011 and waits there, iPXE at 68 */
        out->way = DHCP_WAY_ROUTED;
        out->ip = packet->source_ip;
        out->port = packet->source_port;
        out->source_port = DHCP_PORT_PXE;
        return;
    }
    if (request->giaddr) {
        out->way = DHCP_WAY_ROUTED;
        out->ip = request->giaddr;
        out->port = DHCP_PORT_SERVER;
        return;
    }
    bool here = ((request->ciaddr ^ interface->ip) & ip4_mask(interface->prefix)) == 0;
    bool nak_here = terms->type == DHCP_NAK && (packet->broadcast || here);
    if (request->ciaddr && terms->type != DHCP_OFFER && !nak_here) {
        out->way = DHCP_WAY_ROUTED;
        out->ip = request->ciaddr;
    } else if (terms->type == DHCP_NAK || terms->proxy || (request->flags & DHCP_FLAG_BROADCAST)) {
        out->way = DHCP_WAY_BROADCAST;
        out->ip = UINT32_MAX;
    } else {
        out->way = DHCP_WAY_RAW;
        out->ip = terms->ip;
    }
}

/* RFC 5107, section 4: the relay stands for us, so that renewals pass through it. */
static uint32_t server_id(const struct dhcp_packet *packet, const struct dhcp_message *request)
{
    uint32_t relay;
    return dhcp_get_relay_u32(request, DHCP_RELAY_SERVER, &relay) ? relay : packet->interface->ip;
}

unsigned dhcp_reply_make(const struct dhcp_terms *terms, const struct dhcp_packet *packet,
                         const struct dhcp_message *request, struct dhcp_send *out)
{
    struct dhcp_message reply;
    unsigned dropped = 0;
    header_make(terms, request, &reply);
    dhcp_put_u8(&reply, DHCP_OPTION_TYPE, (uint8_t)terms->type);
    dhcp_put_u32(&reply, DHCP_OPTION_SERVER, server_id(packet, request));
    if (terms->type == DHCP_NAK) {
        dhcp_put_text(&reply, DHCP_OPTION_MESSAGE, terms->message);
    } else {
        if (!terms->proxy && terms->ip)
            lease_put(terms, &reply);
        if (!terms->proxy)
            network_put(terms, request, &reply);
        if (terms->boot && terms->boot->file[0])
            boot_put(terms, packet->interface->ip, request, &reply);
        echo(request, &reply, DHCP_OPTION_UUID);   /* RFC 4578, section 2.3 */
        echo(request, &reply, DHCP_OPTION_SUBNET); /* RFC 3011, section 3 */
    }
    echo(request, &reply, DHCP_OPTION_CLIENT_ID); /* RFC 6842, section 3 */
    echo(request, &reply, DHCP_OPTION_RELAY);     /* RFC 3046, section 2.2 */
    route(terms, packet, request, out);
    out->size = dhcp_message_encode(&reply, dhcp_message_limit(request), out->bytes, &dropped);
    return dropped;
}
