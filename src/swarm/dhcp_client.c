#include "swarm/dhcp_client.h"

#include <string.h>

#define HTYPE_ETHERNET 1
#define OPTION_NDI     94 /* RFC 4578, section 2.2 */
#define UUID_SIZE      17 /* a zero byte in front */
#define SECOND_US      1000000

static void wait_on(struct dhcp_client *c, int64_t now_us)
{
    c->deadline_us = now_us + (int64_t)c->habit->wait_s[c->sent - 1] * SECOND_US;
}

static void enter(struct dhcp_client *c, enum dhcp_client_state state, int64_t now_us)
{
    c->state = state;
    c->sent = 1;
    wait_on(c, now_us);
}

static void fail(struct dhcp_client *c, const char *text)
{
    c->state = DHCP_CLIENT_FAILED;
    c->text = text;
}

void dhcp_client_start(struct dhcp_client *c, uint32_t xid, int64_t now_us)
{
    c->xid = xid;
    c->lease = (struct dhcp_leased){0};
    c->began_us = now_us;
    c->text = NULL;
    enter(c, DHCP_CLIENT_DISCOVERING, now_us);
}

/* An option's text as far as its first NUL; one that does not fit is none. */
static void copy_text(struct slice value, char out[static DHCP_LEASED_FILE_MAX])
{
    size_t size = value.size ? strnlen((const char *)value.data, value.size) : 0;
    if (size >= DHCP_LEASED_FILE_MAX)
        return;
    memcpy(out, value.data, size);
    out[size] = 0;
}

static void read_file(const struct dhcp_message *m, struct dhcp_leased *out)
{
    copy_text((struct slice){(const uint8_t *)m->file, strlen(m->file)}, out->file);
    if (m->option[DHCP_OPTION_BOOT_FILE].size)
        copy_text(m->option[DHCP_OPTION_BOOT_FILE], out->file);
    if (out->file[0])
        out->next_server = m->siaddr ? m->siaddr : out->server;
}

static void read_lease(const struct dhcp_message *m, struct dhcp_leased *out)
{
    *out = (struct dhcp_leased){.ip = m->yiaddr};
    dhcp_get_u32(m, DHCP_OPTION_SERVER, &out->server);
    if (m->option[DHCP_OPTION_PREFIX].size)
        copy_text(m->option[DHCP_OPTION_PREFIX], out->prefix);
    read_file(m, out);
}

static bool request(struct dhcp_client *c, int64_t now_us)
{
    c->requested_us = now_us;
    enter(c, DHCP_CLIENT_REQUESTING, now_us);
    return true;
}

/* From another server than the one that gives the address: the boot file alone. */
static bool take_proxy_offer(struct dhcp_client *c, const struct dhcp_message *m, int64_t now_us)
{
    struct dhcp_leased proxy = {0};
    dhcp_get_u32(m, DHCP_OPTION_SERVER, &proxy.server);
    read_file(m, &proxy);
    if (!proxy.file[0])
        return false;
    memcpy(c->lease.file, proxy.file, sizeof c->lease.file);
    c->lease.next_server = proxy.next_server;
    return c->state == DHCP_CLIENT_WAITING_PROXY && request(c, now_us);
}

static bool take_offer(struct dhcp_client *c, const struct dhcp_message *m, int64_t now_us)
{
    struct dhcp_leased offer;
    if (c->state != DHCP_CLIENT_DISCOVERING && c->state != DHCP_CLIENT_WAITING_PROXY)
        return false;
    read_lease(m, &offer);
    if (!offer.ip)
        return take_proxy_offer(c, m, now_us);
    if (c->state == DHCP_CLIENT_WAITING_PROXY || !offer.server)
        return false;
    if (!offer.file[0] && c->lease.file[0]) { /* the proxy was first */
        memcpy(offer.file, c->lease.file, sizeof offer.file);
        offer.next_server = c->lease.next_server;
    }
    c->lease = offer;
    c->offered_us = now_us;
    if (offer.file[0] || !c->file_needed)
        return request(c, now_us);
    c->state = DHCP_CLIENT_WAITING_PROXY;
    c->deadline_us = now_us + (int64_t)c->habit->proxy_wait_ms * 1000;
    return true;
}

static bool take_ack(struct dhcp_client *c, const struct dhcp_message *m, int64_t now_us)
{
    struct dhcp_leased ack;
    read_lease(m, &ack);
    if (c->state != DHCP_CLIENT_REQUESTING || ack.server != c->lease.server)
        return false;
    if (ack.ip != c->lease.ip) {
        fail(c, "the ACK has another address than the OFFER");
        return true;
    }
    if (!ack.file[0]) {
        memcpy(ack.file, c->lease.file, sizeof ack.file);
        ack.next_server = c->lease.next_server;
    }
    c->lease = ack;
    c->bound_us = now_us;
    c->state = DHCP_CLIENT_BOUND;
    return true;
}

bool dhcp_client_take(struct dhcp_client *c, const struct dhcp_message *answer, int64_t now_us)
{
    uint8_t type = 0;
    uint32_t server = 0;
    if (answer->op != DHCP_OP_REPLY || answer->xid != c->xid ||
        memcmp(answer->chaddr, c->mac.byte, MAC_SIZE) != 0 || !dhcp_get_u8(answer, DHCP_OPTION_TYPE, &type))
        return false;
    if (type == DHCP_OFFER)
        return take_offer(c, answer, now_us);
    if (type == DHCP_ACK)
        return take_ack(c, answer, now_us);
    dhcp_get_u32(answer, DHCP_OPTION_SERVER, &server);
    if (type != DHCP_NAK || c->state != DHCP_CLIENT_REQUESTING || server != c->lease.server)
        return false;
    fail(c, "the server took its OFFER back (NAK)");
    return true;
}

bool dhcp_client_timer(struct dhcp_client *c, int64_t now_us)
{
    if (now_us < c->deadline_us)
        return false;
    if (c->state == DHCP_CLIENT_WAITING_PROXY)
        return request(c, now_us);
    if (c->state != DHCP_CLIENT_DISCOVERING && c->state != DHCP_CLIENT_REQUESTING)
        return false;
    if (c->sent == HABIT_WAITS_MAX) {
        fail(c, c->state == DHCP_CLIENT_DISCOVERING ? "no OFFER" : "no ACK");
        return true;
    }
    c->sent++;
    c->retries++;
    wait_on(c, now_us);
    return true;
}

static void put_slice(struct dhcp_message *m, unsigned code, struct slice value)
{
    if (value.data)
        dhcp_put(m, (enum dhcp_option)code, value.data, value.size);
}

static void put_u16(struct dhcp_message *m, enum dhcp_option code, uint16_t value)
{
    dhcp_put(m, code, (const uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* What tells one machine, and one kind of them, from another. */
static void put_identity(const struct dhcp_client *c, struct dhcp_message *m)
{
    const struct habit *h = c->habit;
    uint8_t uuid[UUID_SIZE] = {0}, id[1 + MAC_SIZE] = {HTYPE_ETHERNET};
    memcpy(uuid + UUID_SIZE - MAC_SIZE, c->mac.byte, MAC_SIZE);
    memcpy(id + 1, c->mac.byte, MAC_SIZE);
    dhcp_put_text(m, DHCP_OPTION_CLASS, h->class_id);
    put_u16(m, DHCP_OPTION_ARCH, h->arch);
    dhcp_put(m, (enum dhcp_option)OPTION_NDI, h->ndi, sizeof h->ndi);
    dhcp_put(m, DHCP_OPTION_UUID, uuid, sizeof uuid);
    if (h->user_class)
        dhcp_put_text(m, DHCP_OPTION_USER_CLASS, h->user_class);
    if (h->client_id)
        dhcp_put(m, DHCP_OPTION_CLIENT_ID, id, sizeof id);
    put_slice(m, DHCP_OPTION_IPXE, h->features);
}

size_t dhcp_client_message(const struct dhcp_client *c, int64_t now_us, uint8_t out[static DHCP_SIZE_MAX])
{
    struct dhcp_message m;
    bool asks = c->state == DHCP_CLIENT_REQUESTING;
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    m.htype = HTYPE_ETHERNET;
    m.hlen = MAC_SIZE;
    m.xid = c->xid;
    m.secs = (uint16_t)((now_us - c->began_us) / SECOND_US);
    m.flags = c->habit->broadcast ? DHCP_FLAG_BROADCAST : 0;
    memcpy(m.chaddr, c->mac.byte, MAC_SIZE);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, asks ? DHCP_REQUEST : DHCP_DISCOVER);
    put_u16(&m, DHCP_OPTION_MAX_SIZE, asks ? c->habit->size_request : c->habit->size_discover);
    put_slice(&m, DHCP_OPTION_ASKED, c->habit->asked);
    put_identity(c, &m);
    if (asks) {
        dhcp_put_u32(&m, DHCP_OPTION_SERVER, c->lease.server);
        dhcp_put_u32(&m, DHCP_OPTION_REQUESTED_IP, c->lease.ip);
    }
    return dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, out, NULL);
}
