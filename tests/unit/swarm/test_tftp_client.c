#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/tftp_client.h"

static const struct tftp_manner uefi = {1468, 4, true, 4000, 2};
static const struct tftp_manner plain = {0, 0, false, 4000, 2};

#define PACKET(c, bytes, now, out)                                                                           \
    tftp_client_packet(c, (struct slice){(const uint8_t *)(bytes), sizeof(bytes) - 1}, now, out)

/* A block of `size` bytes. */
static struct tftp_client_action block(struct tftp_client *c, unsigned number, size_t size)
{
    static uint8_t packet[TFTP_DATA_HEADER + 2000];
    struct tftp_client_action out;
    packet[0] = 0;
    packet[1] = 3;
    packet[2] = (uint8_t)(number >> 8);
    packet[3] = (uint8_t)number;
    tftp_client_packet(c, (struct slice){packet, TFTP_DATA_HEADER + size}, 0, &out);
    return out;
}

static void says_nothing(struct tftp_client_action out)
{
    assert_int_equal(out.say, TFTP_SAY_NOTHING);
}

static void says_ack(struct tftp_client_action out, unsigned number)
{
    assert_int_equal(out.say, TFTP_SAY_ACK);
    assert_int_equal(out.number, number);
}

static struct tftp_client opened(const char *windowsize)
{
    struct tftp_client c;
    struct tftp_client_action out;
    uint8_t oack[64] = "\0\6blksize\0001468\0windowsize";
    size_t size = sizeof "\0\6blksize\0001468\0windowsize";
    strcpy((char *)oack + size, windowsize);
    tftp_client_init(&c, &uefi, false, 0);
    tftp_client_packet(&c, (struct slice){oack, size + strlen(windowsize) + 1}, 0, &out);
    says_ack(out, 0);
    return c;
}

/* As OVMF's, seen on the wire, but for the order of its options. */
static void asks(void **state)
{
    static const char words[] = "\0\1esx/mboot.efi\0octet\0blksize\0001468\0tsize\0000\0windowsize\0004";
    uint8_t packet[TFTP_PACKET_MAX];
    struct tftp_client c;
    tftp_client_init(&c, &uefi, false, 0);
    assert_int_equal(tftp_client_request(&c, "esx/mboot.efi", packet), sizeof words);
    assert_memory_equal(packet, words, sizeof words);
}

static void without_options(void **state)
{
    static const char words[] = "\0\1f\0octet";
    uint8_t packet[TFTP_PACKET_MAX];
    struct tftp_client c;
    tftp_client_init(&c, &plain, false, 0);
    assert_int_equal(tftp_client_request(&c, "f", packet), sizeof words);
    assert_memory_equal(packet, words, sizeof words);
    struct tftp_client_action out = block(&c, 1, 512);
    says_ack(out, 1);
    assert_int_equal(out.data.size, 512);
    out = block(&c, 2, 3);
    says_ack(out, 2);
    assert_int_equal(out.offset, 512);
    assert_int_equal(c.verdict, TFTP_CLIENT_DONE);
    assert_int_equal(c.bytes, 515);
}

static void a_window_is_acknowledged_once(void **state)
{
    struct tftp_client c = opened("3");
    says_nothing(block(&c, 1, 1468));
    says_nothing(block(&c, 2, 1468));
    says_ack(block(&c, 3, 1468), 3);
    says_nothing(block(&c, 4, 1468));
    says_ack(block(&c, 5, 0), 5);
    assert_int_equal(c.verdict, TFTP_CLIENT_DONE);
    assert_int_equal(c.bytes, 4 * 1468);
}

/* RFC 7440, section 4: at the first block behind a gap, the last good one; the server begins anew there. */
static void a_gap_is_told_once_a_burst(void **state)
{
    struct tftp_client c = opened("4");
    says_nothing(block(&c, 1, 1468));
    says_ack(block(&c, 3, 1468), 1);
    says_nothing(block(&c, 4, 1468));
    says_ack(block(&c, 3, 1468), 1); /* of the next burst 2 was lost again */
    says_nothing(block(&c, 2, 1468));
    says_nothing(block(&c, 3, 1468));
    says_nothing(block(&c, 4, 1468));
    says_ack(block(&c, 5, 1468), 5);
    assert_int_equal(c.gaps, 2);
}

static void the_last_block_again_is_acknowledged_again(void **state)
{
    struct tftp_client c = opened("2");
    says_nothing(block(&c, 1, 1468));
    says_ack(block(&c, 2, 1468), 2);
    says_nothing(block(&c, 1, 1468));
    says_ack(block(&c, 2, 1468), 2);
    assert_int_equal(c.duplicates, 2);
    assert_int_equal(c.bytes, 2 * 1468);
}

static void numbers_wrap(void **state)
{
    struct tftp_client c = opened("1");
    c.have = c.acked = 65534;
    says_ack(block(&c, 65535, 1468), 65535);
    says_ack(block(&c, 0, 1468), 0);
    says_ack(block(&c, 1, 1468), 1);
    assert_int_equal(c.have, 65537);
}

/* UEFI asks the size first: ERROR 8 on the OACK. */
static void a_probe_breaks_off(void **state)
{
    struct tftp_client c;
    struct tftp_client_action out;
    tftp_client_init(&c, &uefi, true, 0);
    PACKET(&c, "\0\6tsize\00012345\0blksize\0001468\0", 0, &out);
    assert_int_equal(out.say, TFTP_SAY_ERROR);
    assert_int_equal(out.code, 8);
    assert_int_equal(c.verdict, TFTP_CLIENT_DONE);
    assert_true(c.size_known);
    assert_int_equal(c.size, 12345);
}

static void more_than_asked_is_refused(void **state)
{
    static const char *const granted[] = {"\0\6blksize\0001469", "\0\6windowsize\0005"};
    static const size_t sizes[] = {sizeof "\0\6blksize\0001469", sizeof "\0\6windowsize\0005"};
    for (size_t i = 0; i < 2; i++) {
        struct tftp_client c;
        struct tftp_client_action out;
        tftp_client_init(&c, &uefi, false, 0);
        tftp_client_packet(&c, (struct slice){(const uint8_t *)granted[i], sizes[i]}, 0, &out);
        assert_int_equal(out.say, TFTP_SAY_ERROR);
        assert_int_equal(c.verdict, TFTP_CLIENT_BAD_SERVER);
    }
}

static void wrong_sizes(void **state)
{
    struct tftp_client c;
    struct tftp_client_action out;
    tftp_client_init(&c, &uefi, false, 0);
    PACKET(&c, "\0\6tsize\00010\0", 0, &out);
    says_ack(out, 0);
    says_ack(block(&c, 1, 9), 1);
    assert_int_equal(c.verdict, TFTP_CLIENT_BAD_SERVER);
    tftp_client_init(&c, &plain, false, 0);
    assert_int_equal(block(&c, 1, 513).say, TFTP_SAY_ERROR);
    assert_int_equal(c.verdict, TFTP_CLIENT_BAD_SERVER);
}

static void a_refusal_in_the_servers_words(void **state)
{
    struct tftp_client c;
    struct tftp_client_action out;
    tftp_client_init(&c, &uefi, false, 0);
    PACKET(&c, "\0\5\0\1no such file\0", 0, &out);
    says_nothing(out);
    assert_int_equal(c.verdict, TFTP_CLIENT_REFUSED);
    assert_string_equal(c.text, "no such file");
}

static void silence(void **state)
{
    struct tftp_client c;
    struct tftp_client_action out;
    tftp_client_init(&c, &uefi, false, 0);
    tftp_client_timer(&c, 3999999, &out);
    says_nothing(out);
    tftp_client_timer(&c, 4000000, &out);
    assert_int_equal(out.say, TFTP_SAY_REQUEST);
    PACKET(&c, "\0\6blksize\0001468\0", 5000000, &out);
    tftp_client_timer(&c, 9000000, &out);
    says_ack(out, 0);
    tftp_client_timer(&c, 13000000, &out);
    says_ack(out, 0);
    assert_int_equal(c.verdict, TFTP_CLIENT_RUNNING);
    tftp_client_timer(&c, 17000000, &out);
    says_nothing(out);
    assert_int_equal(c.verdict, TFTP_CLIENT_TIMED_OUT);
    assert_int_equal(c.timeouts, 4);
}

static void rubbish_is_ignored(void **state)
{
    static const char *const packets[] = {"",         "\0",       "\0\3",    "\0\3\0",
                                          "\0\7\0\0", "\1\3\0\1", "\0\6blk", "\0\4\0\1"};
    static const size_t sizes[] = {0, 1, 2, 3, 4, 4, 5, 4};
    struct tftp_client c;
    struct tftp_client_action out;
    tftp_client_init(&c, &uefi, false, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tftp_client_packet(&c, (struct slice){(const uint8_t *)packets[i], sizes[i]}, 0, &out);
        says_nothing(out);
        assert_int_equal(c.verdict, TFTP_CLIENT_RUNNING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks),
        cmocka_unit_test(without_options),
        cmocka_unit_test(a_window_is_acknowledged_once),
        cmocka_unit_test(a_gap_is_told_once_a_burst),
        cmocka_unit_test(the_last_block_again_is_acknowledged_again),
        cmocka_unit_test(numbers_wrap),
        cmocka_unit_test(a_probe_breaks_off),
        cmocka_unit_test(more_than_asked_is_refused),
        cmocka_unit_test(wrong_sizes),
        cmocka_unit_test(a_refusal_in_the_servers_words),
        cmocka_unit_test(silence),
        cmocka_unit_test(rubbish_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
