#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/dhcp_client.h"
#include "swarm/frame.h"

#define SECOND 1000000
#define ME     0x0a4d1005u /* 10.77.16.5 */
#define SERVER 0x0a4d0001u

static const struct mac mac = {{0x02, 0xbe, 0, 0, 0, 1}};

static struct dhcp_client client_of(const char *habit)
{
    struct dhcp_client c = {.habit = habit_find(habit, strlen(habit)), .mac = mac, .file_needed = true};
    assert_non_null(c.habit);
    dhcp_client_start(&c, 7, 0);
    return c;
}

static void answer_init(struct dhcp_message *m, enum dhcp_type type, uint32_t ip, uint32_t server,
                        const char *file)
{
    dhcp_message_init(m, DHCP_OP_REPLY);
    m->xid = 7;
    m->yiaddr = ip;
    memcpy(m->chaddr, mac.byte, MAC_SIZE);
    dhcp_put_u8(m, DHCP_OPTION_TYPE, (uint8_t)type);
    dhcp_put_u32(m, DHCP_OPTION_SERVER, server);
    if (file)
        dhcp_put_text(m, DHCP_OPTION_BOOT_FILE, file);
}

static bool answered(struct dhcp_client *c, enum dhcp_type type, uint32_t ip, uint32_t server,
                     const char *file, int64_t now_us)
{
    struct dhcp_message m;
    answer_init(&m, type, ip, server, file);
    return dhcp_client_take(c, &m, now_us);
}

static void an_address_and_a_file(void **state)
{
    struct dhcp_client c = client_of("bios");
    assert_true(answered(&c, DHCP_OFFER, ME, SERVER, "lpxelinux.0", 10));
    assert_int_equal(c.state, DHCP_CLIENT_REQUESTING);
    assert_false(answered(&c, DHCP_OFFER, ME + 1, SERVER, "x", 11));
    assert_true(answered(&c, DHCP_ACK, ME, SERVER, "lpxelinux.0", 20));
    assert_int_equal(c.state, DHCP_CLIENT_BOUND);
    assert_string_equal(c.lease.file, "lpxelinux.0");
    assert_int_equal(c.lease.next_server, SERVER);
    assert_int_equal(c.retries, 0);
}

/* EDK2 and PXE 2.1: asked again after 4, 8 and 16 s; 32 s later the boot has failed. */
static void silence(void **state)
{
    static const int64_t asked_s[] = {4, 12, 28};
    struct dhcp_client c = client_of("uefi");
    for (size_t i = 0; i < 3; i++) {
        assert_false(dhcp_client_timer(&c, asked_s[i] * SECOND - 1));
        assert_true(dhcp_client_timer(&c, asked_s[i] * SECOND));
        assert_int_equal(c.state, DHCP_CLIENT_DISCOVERING);
    }
    assert_false(dhcp_client_timer(&c, 60 * SECOND - 1));
    assert_true(dhcp_client_timer(&c, 60 * SECOND));
    assert_int_equal(c.state, DHCP_CLIENT_FAILED);
    assert_string_equal(c.text, "no OFFER");
    assert_int_equal(c.retries, 3);
}

static void an_offer_taken_back(void **state)
{
    struct dhcp_client c = client_of("bios");
    assert_true(answered(&c, DHCP_OFFER, ME, SERVER, "f", 0));
    assert_false(answered(&c, DHCP_NAK, 0, SERVER + 1, NULL, 1));
    assert_true(answered(&c, DHCP_NAK, 0, SERVER, NULL, 1));
    assert_int_equal(c.state, DHCP_CLIENT_FAILED);
}

static void another_address_than_offered(void **state)
{
    struct dhcp_client c = client_of("bios");
    answered(&c, DHCP_OFFER, ME, SERVER, "f", 0);
    assert_true(answered(&c, DHCP_ACK, ME + 1, SERVER, "f", 1));
    assert_int_equal(c.state, DHCP_CLIENT_FAILED);
}

/* The file from a server beside it, before or after the address; without one it goes on in the end. */
static void beside_another_server(void **state)
{
    struct dhcp_client c = client_of("uefi");
    assert_true(answered(&c, DHCP_OFFER, ME, SERVER, NULL, 0));
    assert_int_equal(c.state, DHCP_CLIENT_WAITING_PROXY);
    assert_true(answered(&c, DHCP_OFFER, 0, SERVER + 1, "mboot.efi", 1));
    assert_int_equal(c.state, DHCP_CLIENT_REQUESTING);
    assert_true(answered(&c, DHCP_ACK, ME, SERVER, NULL, 2));
    assert_string_equal(c.lease.file, "mboot.efi");
    assert_int_equal(c.lease.next_server, SERVER + 1);

    c = client_of("uefi");
    assert_false(answered(&c, DHCP_OFFER, 0, SERVER + 1, "mboot.efi", 0));
    assert_true(answered(&c, DHCP_OFFER, ME, SERVER, NULL, 1));
    assert_int_equal(c.state, DHCP_CLIENT_REQUESTING);
    assert_string_equal(c.lease.file, "mboot.efi");

    c = client_of("uefi");
    answered(&c, DHCP_OFFER, ME, SERVER, NULL, 0);
    assert_true(dhcp_client_timer(&c, 3500000));
    assert_int_equal(c.state, DHCP_CLIENT_REQUESTING);
}

static void what_is_not_for_it_is_ignored(void **state)
{
    struct dhcp_message m;
    struct dhcp_client c = client_of("bios");
    answer_init(&m, DHCP_OFFER, ME, SERVER, "f");
    m.xid = 8;
    assert_false(dhcp_client_take(&c, &m, 0));
    m.xid = 7;
    m.chaddr[5] ^= 1;
    assert_false(dhcp_client_take(&c, &m, 0));
    m.chaddr[5] ^= 1;
    m.op = DHCP_OP_REQUEST;
    assert_false(dhcp_client_take(&c, &m, 0));
    assert_false(answered(&c, DHCP_ACK, ME, SERVER, "f", 0));
    assert_false(answered(&c, DHCP_OFFER, ME, 0, "f", 0) && c.state == DHCP_CLIENT_BOUND);
}

/* --- against what real firmware sent --- */

static void read_seed(const char *name, uint8_t data[static 2048], struct dhcp_message *out)
{
    char path[512];
    struct error err;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/dhcp/%s", getenv("SOURCE_ROOT"), name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(data, 1, 2048, f);
    fclose(f);
    assert_int_equal(dhcp_message_decode(data, size, out, &err), 0);
}

static void says_as_firmware_does(void **state)
{
    static const struct {
        const char *habit, *seed;
    } rows[] = {{"bios-ipxe", "ipxe-discover"},
                {"ipxe", "ipxe-uefi-discover"},
                {"uefi", "ovmf-discover"},
                {"uefi-http", "ovmf-http-discover"}};
    static const unsigned same[] = {53, 55, 57, 60, 77, 93, 94};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t seed[2048], own[DHCP_SIZE_MAX];
        struct dhcp_message real, ours;
        struct error err;
        read_seed(rows[i].seed, seed, &real);
        struct dhcp_client c = client_of(rows[i].habit);
        size_t size = dhcp_client_message(&c, 0, own);
        assert_int_equal(dhcp_message_decode(own, size, &ours, &err), 0);
        assert_int_equal(ours.flags, real.flags);
        for (size_t k = 0; k < sizeof same / sizeof same[0]; k++) {
            struct slice a = ours.option[same[k]], b = real.option[same[k]];
            assert_int_equal(a.size, b.size);
            if (b.size)
                assert_memory_equal(a.data, b.data, b.size);
        }
        assert_int_equal(ours.option[97].size, real.option[97].size);
        assert_int_equal(ours.option[61].data != NULL, real.option[61].data != NULL);
        assert_int_equal(ours.option[175].data != NULL, real.option[175].data != NULL);
    }
}

/* --- frames --- */

static unsigned sum(const uint8_t *data, size_t size, unsigned start)
{
    for (size_t i = 0; i < size; i += 2)
        start += (unsigned)(data[i] << 8 | (i + 1 < size ? data[i + 1] : 0));
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

static void a_frame_with_right_sums(void **state)
{
    uint8_t frame[FRAME_MAX];
    const uint8_t payload[301] = {1, 2, 3, [300] = 9};
    size_t size = frame_build(&mac, payload, sizeof payload, frame);
    assert_int_equal(size, 14 + 20 + 8 + 301);
    assert_memory_equal(frame, "\xff\xff\xff\xff\xff\xff\x02\xbe\0\0\0\1\x08\0", 14);
    assert_int_equal(sum(frame + 14, 20, 0), 0xffff);
    assert_int_equal(sum(frame + 34, 8 + 301, sum(frame + 26, 8, 17 + 8 + 301)), 0xffff);
    assert_memory_equal(frame + 34, "\0\x44\0\x43", 4);
    assert_memory_equal(frame + 42, payload, sizeof payload);
}

static void frames_to_machines_alone(void **state)
{
    uint8_t frame[FRAME_MAX];
    const uint8_t data[300] = {7};
    struct slice payload;
    size_t size = frame_build(&mac, data, sizeof data, frame);
    assert_false(frame_parse((struct slice){frame, size}, &payload)); /* to port 67 */
    frame[37] = 68;
    assert_true(frame_parse((struct slice){frame, size}, &payload));
    assert_int_equal(payload.size, sizeof data);
    assert_memory_equal(payload.data, data, sizeof data);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(frame_parse((struct slice){frame, cut}, &payload));
    static const struct {
        size_t at;
        uint8_t value;
    } broken[] = {{12, 9}, {14, 0x65}, {14, 0x44}, {16, 0xff}, {20, 0x20}, {21, 1}, {23, 6}, {38, 0xff}};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint8_t kept = frame[broken[i].at];
        frame[broken[i].at] = broken[i].value;
        assert_false(frame_parse((struct slice){frame, size}, &payload));
        frame[broken[i].at] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_and_a_file),    cmocka_unit_test(silence),
        cmocka_unit_test(an_offer_taken_back),      cmocka_unit_test(another_address_than_offered),
        cmocka_unit_test(beside_another_server),    cmocka_unit_test(what_is_not_for_it_is_ignored),
        cmocka_unit_test(says_as_firmware_does),    cmocka_unit_test(a_frame_with_right_sums),
        cmocka_unit_test(frames_to_machines_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
