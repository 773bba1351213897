#include "../serve/dhcp_sample.h"
#include "proc/doctor_packet.h"
#include "serve/dhcp_client.h"

static const struct mac mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

/* The sum of all words of correct headers is all ones (RFC 1071). */
static unsigned sum_of(const uint8_t *data, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i++)
        sum += (uint32_t)data[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void discovers(void **state)
{
    static const struct {
        enum doctor_client client;
        unsigned arch;
        bool http;
    } cases[] = {
        {DOCTOR_CLIENT_BIOS, 0, false}, {DOCTOR_CLIENT_UEFI, 7, false}, {DOCTOR_CLIENT_HTTP, 16, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dhcp_message m;
        struct dhcp_client client;
        struct error err;
        uint8_t frame[DHCP_FRAME_MAX], type;
        size_t size = doctor_discover(cases[i].client, 0x01020304, &mac, frame);
        static const uint8_t from_to[] = {0, 0, 0, 0, 255, 255, 255, 255, 0, 68, 0, 67};
        assert_memory_equal(frame + 12, from_to, sizeof from_to);
        assert_int_equal(sum_of(frame, 20, 0), 0xffff);
        assert_int_equal(sum_of(frame + 12, size - 12, 17 + (uint32_t)size - 20), 0xffff);
        assert_int_equal(dhcp_message_decode(frame + 28, size - 28, &m, &err), 0);
        assert_true(dhcp_get_u8(&m, DHCP_OPTION_TYPE, &type) && type == DHCP_DISCOVER);
        assert_int_equal(m.xid, 0x01020304);
        assert_int_equal(m.flags, DHCP_FLAG_BROADCAST);
        assert_memory_equal(m.chaddr, mac.byte, MAC_SIZE);
        dhcp_client_read(&m, &client);
        assert_int_equal(client.plan.arch, cases[i].arch);
        assert_int_equal(client.plan.http, cases[i].http);
    }
}

/* What dnsmasq sent to another client, in a frame, for that client. */
static struct slice frame_of(const char *sample, uint32_t *xid, struct mac *whose)
{
    static uint8_t frame[DHCP_FRAME_MAX];
    struct dhcp_sample packet;
    dhcp_sample_read(sample, &packet);
    memcpy(whose->byte, packet.data + 28, MAC_SIZE);
    *xid = (uint32_t)packet.data[4] << 24 | (uint32_t)packet.data[5] << 16 | (uint32_t)packet.data[6] << 8 |
           packet.data[7];
    size_t size = dhcp_frame_build(0x0a4d0009, UINT32_MAX, packet.data, packet.size, frame);
    return (struct slice){frame, size};
}

static void offers(void **state)
{
    struct doctor_offer offer;
    struct mac whose;
    uint32_t xid;
    struct slice frame = frame_of("dnsmasq-offer-ipxe", &xid, &whose);
    assert_true(doctor_offer_parse(frame, xid, &whose, &offer));
    assert_int_equal(offer.server, 0x0a4d0009);
    assert_int_not_equal(offer.address, 0);
    assert_false(offer.waits);
    assert_false(doctor_offer_parse(frame, xid + 1, &whose, &offer));
    whose.byte[5] ^= 1;
    assert_false(doctor_offer_parse(frame, xid, &whose, &offer));

    frame = frame_of("dnsmasq-proxy-offer", &xid, &whose);
    assert_true(doctor_offer_parse(frame, xid, &whose, &offer));
    assert_int_equal(offer.address, 0);
    assert_true(offer.pxe_class);
    assert_false(offer.waits);

    frame = frame_of("dnsmasq-ack-ipxe", &xid, &whose); /* no OFFER */
    assert_false(doctor_offer_parse(frame, xid, &whose, &offer));
}

/* A made-up answer to our own question. */
static size_t answer(uint8_t frame[static DHCP_FRAME_MAX], const char *class_id, const char *file,
                     bool vendor)
{
    struct dhcp_message m;
    uint8_t payload[DHCP_SIZE_MAX];
    dhcp_message_init(&m, DHCP_OP_REPLY);
    m.htype = 1;
    m.hlen = MAC_SIZE;
    m.xid = 7;
    m.yiaddr = 0x0a4d0096;
    memcpy(m.chaddr, mac.byte, MAC_SIZE);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, DHCP_OFFER);
    dhcp_put_u32(&m, DHCP_OPTION_SERVER, 0x0a4d0009);
    if (class_id)
        dhcp_put_text(&m, DHCP_OPTION_CLASS, class_id);
    if (file)
        dhcp_put_text(&m, DHCP_OPTION_BOOT_FILE, file);
    if (vendor)
        dhcp_put(&m, DHCP_OPTION_VENDOR, (const uint8_t[]){6, 1, 8, 255}, 4);
    size_t size = dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, payload, NULL);
    return dhcp_frame_build(0x0a4d0008, UINT32_MAX, payload, size, frame);
}

static void what_an_offer_says(void **state)
{
    static const struct {
        const char *class_id, *file;
        bool vendor, pxe_class, waits;
    } cases[] = {
        {NULL, NULL, false, false, false},         {"PXEClient", NULL, false, true, true},
        {"PXEClient", NULL, true, true, false},    {"PXEClient", "x.efi", false, true, false},
        {"HTTPClient", NULL, false, false, false}, {"PXEClien", NULL, false, false, false},
    };
    uint8_t frame[DHCP_FRAME_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct doctor_offer offer;
        size_t size = answer(frame, cases[i].class_id, cases[i].file, cases[i].vendor);
        assert_true(doctor_offer_parse((struct slice){frame, size}, 7, &mac, &offer));
        assert_int_equal(offer.server, 0x0a4d0008);
        assert_int_equal(offer.id, 0x0a4d0009);
        assert_int_equal(offer.address, 0x0a4d0096);
        assert_string_equal(offer.file, cases[i].file ? cases[i].file : "");
        assert_int_equal(offer.pxe_class, cases[i].pxe_class);
        assert_int_equal(offer.waits, cases[i].waits);
    }
}

static void hostile_texts_and_cut_packets(void **state)
{
    uint8_t frame[DHCP_FRAME_MAX];
    struct doctor_offer offer;
    size_t size = answer(frame, NULL, "a\x1b[2Jb\nc", false);
    assert_true(doctor_offer_parse((struct slice){frame, size}, 7, &mac, &offer));
    assert_string_equal(offer.file, "a?[2Jb?c");
    for (size_t cut = 0; cut < size; cut++)
        assert_false(doctor_offer_parse((struct slice){frame, cut}, 7, &mac, &offer));
    frame[6] = 0x20; /* more fragments */
    assert_false(doctor_offer_parse((struct slice){frame, size}, 7, &mac, &offer));
    frame[6] = 0x40;
    frame[23] = 69; /* to another port than 68 */
    assert_false(doctor_offer_parse((struct slice){frame, size}, 7, &mac, &offer));
    frame[23] = 68;
    frame[25]++; /* UDP says it is longer than the packet */
    assert_false(doctor_offer_parse((struct slice){frame, size}, 7, &mac, &offer));
}

/* Several answers of one server are one finding, with all that they said. */
static void answers_add_up(void **state)
{
    struct doctor_offer one = {.server = 1},
                        two = {.address = 5, .file = "f", .next_server = 9, .waits = true},
                        three = {.address = 6, .file = "g"};
    doctor_offer_merge(&one, &two);
    doctor_offer_merge(&one, &three);
    assert_int_equal(one.address, 5);
    assert_string_equal(one.file, "f");
    assert_int_equal(one.next_server, 9);
    assert_true(one.waits);
}

static void arp(void **state)
{
    /* RFC 826's fields in order: a probe by RFC 5227, section 2.1.1, and its answer. */
    static const uint8_t probe[] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0x11, 0x22, 0x33, 0x44, 0x55,
                                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    10,   77,   0,    11};
    static const uint8_t reply[] = {0,  1,  8, 0,  6, 4,    0,    2,    2,    0,    0, 0, 0, 9,
                                    10, 77, 0, 11, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0, 0, 0};
    uint8_t out[DOCTOR_ARP_SIZE], bad[sizeof reply];
    uint32_t ip;
    struct mac who;
    doctor_arp_build(&mac, 0x0a4d000b, out);
    assert_memory_equal(out, probe, sizeof probe);
    assert_false(doctor_arp_parse((struct slice){probe, sizeof probe}, &ip, &who));
    assert_true(doctor_arp_parse((struct slice){reply, sizeof reply}, &ip, &who));
    assert_int_equal(ip, 0x0a4d000b);
    assert_int_equal(who.byte[5], 9);
    for (size_t cut = 0; cut < sizeof reply; cut++)
        assert_false(doctor_arp_parse((struct slice){reply, cut}, &ip, &who));
    for (size_t i = 0; i < 8; i++) { /* each fixed field */
        memcpy(bad, reply, sizeof bad);
        bad[i] ^= 0x10;
        assert_false(doctor_arp_parse((struct slice){bad, sizeof bad}, &ip, &who));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovers),          cmocka_unit_test(offers),
        cmocka_unit_test(what_an_offer_says), cmocka_unit_test(hostile_texts_and_cut_packets),
        cmocka_unit_test(answers_add_up),     cmocka_unit_test(arp),
    };
    return cmocka_run_group_tests_name("proc/doctor_packet", tests, NULL, NULL);
}
