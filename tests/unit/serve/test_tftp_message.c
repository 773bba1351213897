#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/tftp_message.h"

#define PARSE(bytes, out) tftp_request_parse((struct slice){(const uint8_t *)(bytes), sizeof(bytes) - 1}, out)

static uint64_t value(const struct tftp_request *r, enum tftp_option option)
{
    assert_true(tftp_option_present(&r->options, option));
    return r->options.value[option];
}

/* As OVMF sends it (seen on the wire). */
static void a_request_with_options(void **state)
{
    struct tftp_request r;
    PARSE("\0\1esx/mboot.efi\0octet\0tsize\0000\0blksize\0001468\0windowsize\0004\0", &r);
    assert_int_equal(r.kind, TFTP_REQUEST_READ);
    assert_string_equal(r.file, "esx/mboot.efi");
    assert_int_equal(value(&r, TFTP_OPTION_TSIZE), 0);
    assert_int_equal(value(&r, TFTP_OPTION_BLKSIZE), 1468);
    assert_int_equal(value(&r, TFTP_OPTION_WINDOWSIZE), 4);
    assert_false(tftp_option_present(&r.options, TFTP_OPTION_TIMEOUT));
}

static void names_and_modes_in_any_case(void **state)
{
    struct tftp_request r;
    PARSE("\0\1f\0OCTET\0BlkSize\0001024\0", &r);
    assert_int_equal(value(&r, TFTP_OPTION_BLKSIZE), 1024);
    PARSE("\0\1f\0NetASCII\0", &r);
    assert_int_equal(r.kind, TFTP_REQUEST_READ);
    assert_int_equal(r.options.present, 0);
}

static void odd_options_are_left_out(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        unsigned present;
    } cases[] = {
#define CASE(text, mask) {"\0\1f\0octet\0" text, sizeof("\0\1f\0octet\0" text) - 1, mask}
        CASE("blksize\0007\0", 0),
        CASE("blksize\0008\0", 1 << TFTP_OPTION_BLKSIZE),
        CASE("blksize\00065464\0", 1 << TFTP_OPTION_BLKSIZE),
        CASE("blksize\00065465\0", 0),
        CASE("blksize\000-8\0", 0),
        CASE("blksize\0001468 \0", 0),
        CASE("blksize\0\0", 0),
        CASE("blksize\00099999999999999999999999\0", 0),
        CASE("timeout\0000\0", 0),
        CASE("timeout\000255\0", 1 << TFTP_OPTION_TIMEOUT),
        CASE("timeout\000256\0", 0),
        CASE("windowsize\0000\0", 0),
        CASE("windowsize\00065535\0", 1 << TFTP_OPTION_WINDOWSIZE),
        CASE("windowsize\00065536\0", 0),
        CASE("tsize\000x\0", 0),
        CASE("blksize2\000512\0xblksize\000512\0blk\000512\0", 0), /* no matching by substring */
        CASE("multicast\0\0tsize\0000\0", 1 << TFTP_OPTION_TSIZE),
        CASE("blksize\000512\0blksize\000512\0", 0),               /* twice: RFC 2347 allows once */
        CASE("blksize\000512\0BLKSIZE\0001\0blksize\000512\0", 0), /* and the third does not heal it */
        CASE("tsize\0000\0\0\0\0\0", 1 << TFTP_OPTION_TSIZE),      /* padding */
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tftp_request r;
        tftp_request_parse((struct slice){(const uint8_t *)cases[i].bytes, cases[i].size}, &r);
        assert_int_equal(r.kind, TFTP_REQUEST_READ);
        assert_int_equal(r.options.present, cases[i].present);
    }
}

static void what_is_refused_and_what_ignored(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum tftp_request_kind kind;
    } cases[] = {
#define CASE(text, kind) {text, sizeof(text) - 1, kind}
        CASE("", TFTP_REQUEST_IGNORE),
        CASE("\0", TFTP_REQUEST_IGNORE),
        CASE("\0\5\0\0stop\0", TFTP_REQUEST_IGNORE),
        CASE("\0\2f\0octet\0", TFTP_REQUEST_REFUSE),
        CASE("\0\2", TFTP_REQUEST_REFUSE),
        CASE("\0\3\0\1data", TFTP_REQUEST_REFUSE),
        CASE("\0\4\0\1", TFTP_REQUEST_REFUSE),
        CASE("\0\6blksize\000512\0", TFTP_REQUEST_REFUSE),
        CASE("\xff\xff", TFTP_REQUEST_REFUSE),
        CASE("\0\1", TFTP_REQUEST_REFUSE),
        CASE("\0\1file", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0octet", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0mail\0", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0\0", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0octet\0blksize", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0octet\0blksize\0", TFTP_REQUEST_REFUSE),
        CASE("\0\1file\0octet\0blksize\000512", TFTP_REQUEST_REFUSE),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tftp_request r;
        tftp_request_parse((struct slice){(const uint8_t *)cases[i].bytes, cases[i].size}, &r);
        assert_int_equal(r.kind, cases[i].kind);
        if (r.kind == TFTP_REQUEST_REFUSE) {
            assert_int_equal(r.refuse_code, TFTP_ERROR_ILLEGAL);
            assert_non_null(r.refuse_text);
        }
    }
    struct tftp_request r;
    PARSE("\0\2boot.cfg\0octet\0", &r);
    assert_string_equal(r.file, "boot.cfg"); /* so that the event can name it */
}

static void replies(void **state)
{
    struct tftp_reply r;
#define REPLY(text) tftp_reply_parse((struct slice){(const uint8_t *)(text), sizeof(text) - 1}, &r)
    assert_true(REPLY("\0\4\x12\x34"));
    assert_int_equal(r.opcode, TFTP_ACK);
    assert_int_equal(r.number, 0x1234);
    assert_true(REPLY("\0\4\0\1padding"));
    assert_true(REPLY("\0\5\0\10User aborted\0"));
    assert_int_equal(r.opcode, TFTP_ERROR);
    assert_int_equal(r.number, 8);
    assert_string_equal(r.text, "User aborted");
    assert_true(REPLY("\0\5\0\0no\33[2Jend")); /* no NUL, and an escape for the operator's terminal */
    assert_string_equal(r.text, "no?[2Jend");
    assert_true(REPLY("\0\5\0\0"));
    assert_string_equal(r.text, "");
    assert_false(REPLY("\0\4\0"));
    assert_false(REPLY("\0\3\0\1data"));
    assert_false(REPLY("\0\1f\0octet\0"));
    assert_false(REPLY(""));
#undef REPLY
}

static void packets_to_the_byte(void **state)
{
    uint8_t out[TFTP_PACKET_MAX];
    struct tftp_options o = {.present = 1 << TFTP_OPTION_BLKSIZE | 1 << TFTP_OPTION_TSIZE};
    o.value[TFTP_OPTION_BLKSIZE] = 1408;
    o.value[TFTP_OPTION_TSIZE] = UINT64_MAX;
    static const char oack[] = "\0\6blksize\0001408\0tsize\00018446744073709551615";
    assert_int_equal(tftp_put_oack(&o, out), sizeof oack);
    assert_memory_equal(out, oack, sizeof oack);

    static const char error[] = "\0\5\0\1File not found";
    assert_int_equal(tftp_put_error(TFTP_ERROR_NOT_FOUND, "File not found", out), sizeof error);
    assert_memory_equal(out, error, sizeof error);

    char words[1000];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = 0;
    assert_int_equal(tftp_put_error(TFTP_ERROR_UNDEFINED, words, out), 4 + TFTP_ERROR_TEXT_MAX);

    tftp_put_data_header(0xfffe, out);
    assert_memory_equal(out, "\0\3\xff\xfe", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_options),
        cmocka_unit_test(names_and_modes_in_any_case),
        cmocka_unit_test(odd_options_are_left_out),
        cmocka_unit_test(what_is_refused_and_what_ignored),
        cmocka_unit_test(replies),
        cmocka_unit_test(packets_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
