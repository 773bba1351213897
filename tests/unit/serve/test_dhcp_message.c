#include "serve/dhcp_message.h"

#include "dhcp_sample.h"

/* Values below are what scapy reads from the same bytes. */
static void decode(const struct dhcp_sample *sample, struct dhcp_message *m)
{
    struct error err;
    if (dhcp_message_decode(sample->data, sample->size, m, &err) < 0)
        fail_msg("%s", err.text);
}

static void same_value(const struct dhcp_message *m, enum dhcp_option code, const char *value, size_t size)
{
    assert_non_null(m->option[code].data);
    assert_int_equal(m->option[code].size, size);
    assert_memory_equal(m->option[code].data, value, size);
}

static void ipxe_discover(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    uint16_t arch = 9, most = 0;
    uint32_t none;
    dhcp_sample_read("ipxe-discover", &sample);
    decode(&sample, &m);
    assert_int_equal(m.op, DHCP_OP_REQUEST);
    assert_int_equal(m.xid, 0xd36d1e53);
    assert_int_equal(m.secs, 4);
    assert_int_equal(m.flags, 0);
    assert_int_equal(m.hlen, 6);
    assert_memory_equal(m.chaddr, "\x52\x54\x00\x77\x01\x03", 6);
    assert_true(dhcp_get_u16(&m, DHCP_OPTION_MAX_SIZE, &most));
    assert_int_equal(most, 1472);
    assert_true(dhcp_get_u16(&m, DHCP_OPTION_ARCH, &arch));
    assert_int_equal(arch, 0);
    same_value(&m, DHCP_OPTION_CLASS, "PXEClient:Arch:00000:UNDI:002001", 32);
    same_value(&m, DHCP_OPTION_USER_CLASS, "iPXE", 4);
    same_value(&m, DHCP_OPTION_CLIENT_ID, "\x01\x52\x54\x00\x77\x01\x03", 7);
    assert_int_equal(m.option[DHCP_OPTION_IPXE].size, 48);
    assert_false(dhcp_get_u32(&m, DHCP_OPTION_REQUESTED_IP, &none));
    assert_int_equal(dhcp_message_limit(&m), 1472 - 28);
}

static void ovmf_request(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    uint32_t server, requested;
    dhcp_sample_read("ovmf-request", &sample);
    decode(&sample, &m);
    assert_int_equal(m.flags, DHCP_FLAG_BROADCAST);
    assert_true(dhcp_get_u32(&m, DHCP_OPTION_SERVER, &server));
    assert_int_equal(server, 0x0a4d0001);
    assert_true(dhcp_get_u32(&m, DHCP_OPTION_REQUESTED_IP, &requested));
    assert_int_equal(requested, 0x0a4d0088);
    assert_int_equal(dhcp_message_limit(&m), 1500 - 28); /* it says 65280 */
}

static void dnsmasq_offer(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    uint32_t value;
    dhcp_sample_read("dnsmasq-offer-ipxe", &sample);
    decode(&sample, &m);
    assert_int_equal(m.op, DHCP_OP_REPLY);
    assert_int_equal(m.yiaddr, 0x0a4d0083);
    assert_int_equal(m.siaddr, 0x0a4d0001);
    assert_true(dhcp_get_u32(&m, DHCP_OPTION_LEASE, &value));
    assert_int_equal(value, 3600);
    assert_true(dhcp_get_u32(&m, DHCP_OPTION_T2, &value));
    assert_int_equal(value, 3150);
    same_value(&m, DHCP_OPTION_BOOT_FILE, "pxelinux.0", 11); /* with dnsmasq's NUL */
    dhcp_sample_read("udhcpc-discover", &sample);
    decode(&sample, &m);
    assert_int_equal(dhcp_message_limit(&m), 576 - 28);
}

/* Options in file and sname, a class in two parts, and option 82 in two parts: RFC 2131 4.1, RFC 3396. */
static void overload(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    dhcp_sample_read("overload-split-relay", &sample);
    decode(&sample, &m);
    assert_string_equal(m.file, "");
    assert_string_equal(m.sname, "");
    same_value(&m, DHCP_OPTION_USER_CLASS, "abcde", 5);
    same_value(&m, DHCP_OPTION_HOSTNAME, "bigrack", 7); /* options first, then file, then sname */
    same_value(&m, DHCP_OPTION_RELAY, "\x01\x02xy\x05\x04\x0a\x09\x00\x01", 10);
    struct slice link = dhcp_get_sub(&m, DHCP_OPTION_RELAY, 5);
    assert_int_equal(link.size, 4);
    assert_memory_equal(link.data, "\x0a\x09\x00\x01", 4);
    assert_null(dhcp_get_sub(&m, DHCP_OPTION_RELAY, 6).data);
    memcpy(sample.data + 108 + 9, "\x34\x01\x00\xff",
           4); /* an overload inside the file field means nothing */
    decode(&sample, &m);
    same_value(&m, DHCP_OPTION_HOSTNAME, "bigrack", 7);
}

static void refused(const uint8_t *data, size_t size, const char *part)
{
    struct dhcp_message m;
    struct error err;
    assert_int_equal(dhcp_message_decode(data, size, &m, &err), -1);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void bad_input(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    dhcp_sample_read("ipxe-discover", &sample);
    refused(sample.data, 0, "0 bytes");
    refused(sample.data, 239, "239 bytes");
    refused(sample.data, 390, "option 97 at offset 380 runs past");
    sample.data[0] = 3;
    refused(sample.data, sample.size, "op is 3");
    sample.data[0] = 1;
    sample.data[2] = 17;
    refused(sample.data, sample.size, "17 bytes");
    sample.data[2] = 6;
    sample.data[239] = 0x64;
    refused(sample.data, sample.size, "magic cookie");
    sample.data[239] = 0x63;
    sample.data[241] = 0; /* option 53 of no bytes */
    refused(sample.data, 242, "option 53 (message type) has 0 bytes");
    sample.data[241] = 1;
    sample.data[399] = 0; /* no END: forgiven */
    decode(&sample, &m);
    sample.data[240] = DHCP_OPTION_OVERLOAD; /* overload 1: the file field is all padding */
    decode(&sample, &m);
    assert_false(dhcp_has(&m, DHCP_OPTION_TYPE));
}

/* A long value in many parts, up to what the store takes and beyond. */
static void long_options(void **state)
{
    static uint8_t packet[DHCP_INPUT_MAX + 1];
    struct dhcp_message m;
    struct error err;
    struct dhcp_sample sample;
    dhcp_sample_read("udhcpc-discover", &sample);
    memcpy(packet, sample.data, DHCP_HEADER_SIZE);
    size_t at = DHCP_HEADER_SIZE;
    for (unsigned i = 0; i < 17; i++) {
        packet[at] = DHCP_OPTION_USER_CLASS;
        packet[at + 1] = 255;
        memset(packet + at + 2, (int)i, 255);
        at += 257;
        if (i == 15) {
            assert_int_equal(dhcp_message_decode(packet, at, &m, &err), 0);
            assert_int_equal(m.option[DHCP_OPTION_USER_CLASS].size, 16 * 255);
            assert_int_equal(m.option[DHCP_OPTION_USER_CLASS].data[255 * 15], 15);
        }
    }
    refused(packet, at, "more than 4096 bytes");
    memset(packet + DHCP_HEADER_SIZE, 0, sizeof packet - DHCP_HEADER_SIZE);
    assert_int_equal(dhcp_message_decode(packet, DHCP_INPUT_MAX, &m, &err), 0);
    refused(packet, DHCP_INPUT_MAX + 1, "UDP carries");
}

/* A reply is padded to BOOTP's 300 bytes, begins with the type and ends with option 82 and END. */
static void encode_small(void **state)
{
    struct dhcp_message m;
    uint8_t out[DHCP_SIZE_MAX];
    unsigned dropped;
    static const uint8_t options[] = {53, 1, 2, 1, 4, 255, 255, 255, 0, 82, 3, 1, 1, 'p', 255, 0};
    dhcp_message_init(&m, DHCP_OP_REPLY);
    m.xid = 0x01020304;
    m.yiaddr = 0x0a4d0005;
    dhcp_put(&m, DHCP_OPTION_RELAY, "\x01\x01p", 3);
    dhcp_put_u32(&m, DHCP_OPTION_MASK, 0xffffff00);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, DHCP_OFFER);
    assert_int_equal(dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, out, &dropped), 300);
    assert_int_equal(dropped, 0);
    assert_memory_equal(out + 4, "\x01\x02\x03\x04", 4);
    assert_memory_equal(out + 16, "\x0a\x4d\x00\x05", 4);
    assert_memory_equal(out + 236, "\x63\x82\x53\x63", 4);
    assert_memory_equal(out + 240, options, sizeof options);
}

/* 307 bytes for options: what matters stays, what is large and less important goes, and is counted. */
static void encode_full(void **state)
{
    struct dhcp_message m, back;
    struct error err;
    uint8_t out[DHCP_SIZE_MAX], big[300] = {7};
    unsigned dropped;
    dhcp_message_init(&m, DHCP_OP_REPLY);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, DHCP_ACK);
    dhcp_put_u32(&m, DHCP_OPTION_SERVER, 1);
    dhcp_put_u32(&m, DHCP_OPTION_LEASE, 2);
    dhcp_put_u32(&m, DHCP_OPTION_MASK, 3);
    dhcp_put_u32(&m, DHCP_OPTION_ROUTER, 4);
    dhcp_put_text(&m, DHCP_OPTION_HOSTNAME, "rack01");
    dhcp_put(&m, DHCP_OPTION_CLIENT_ID, big, sizeof big);
    dhcp_put(&m, DHCP_OPTION_RELAY, big, 200);
    dhcp_put(&m, DHCP_OPTION_UUID, big, 80);
    dhcp_put_u32(&m, DHCP_OPTION_BROADCAST, 5);
    assert_true(dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, out, &dropped) <= DHCP_SIZE_DEFAULT);
    assert_int_equal(dropped, 2); /* the client id, and the UUID, for which 82 left no room */
    assert_int_equal(dhcp_message_decode(out, DHCP_SIZE_DEFAULT, &back, &err), 0);
    assert_false(dhcp_has(&back, DHCP_OPTION_CLIENT_ID));
    assert_int_equal(back.option[DHCP_OPTION_RELAY].size, 200);
    same_value(&back, DHCP_OPTION_HOSTNAME, "rack01", 6);
    assert_true(dhcp_has(&back, DHCP_OPTION_BROADCAST));
    /* With room, the long value goes in two parts and comes back whole. */
    size_t size = dhcp_message_encode(&m, DHCP_SIZE_MAX, out, &dropped);
    assert_int_equal(dropped, 0);
    assert_int_equal(dhcp_message_decode(out, size, &back, &err), 0);
    assert_int_equal(back.option[DHCP_OPTION_CLIENT_ID].size, sizeof big);
    assert_memory_equal(back.option[DHCP_OPTION_CLIENT_ID].data, big, sizeof big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipxe_discover), cmocka_unit_test(ovmf_request), cmocka_unit_test(dnsmasq_offer),
        cmocka_unit_test(overload),      cmocka_unit_test(bad_input),    cmocka_unit_test(long_options),
        cmocka_unit_test(encode_small),  cmocka_unit_test(encode_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
