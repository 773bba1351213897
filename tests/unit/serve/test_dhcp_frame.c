#include "serve/dhcp_frame.h"

#include "dhcp_sample.h"

/* The headers scapy builds for the same addresses and payload. */
static void headers(const char *name, size_t size, const char *expected)
{
    struct dhcp_sample sample;
    uint8_t out[DHCP_FRAME_MAX];
    char hex[2 * DHCP_FRAME_HEADERS + 1];
    dhcp_sample_read(name, &sample);
    assert_int_equal(dhcp_frame_build(0x0a4d0001, 0x0a4d0083, sample.data, size, out),
                     DHCP_FRAME_HEADERS + size);
    for (size_t i = 0; i < DHCP_FRAME_HEADERS; i++)
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    assert_string_equal(hex, expected);
    assert_memory_equal(out + DHCP_FRAME_HEADERS, sample.data, size);
}

static void even_and_odd(void **state)
{
    headers("dnsmasq-offer-ipxe", 300, "4510014800004000401124780a4d00010a4d00830043004401346d9a");
    headers("dnsmasq-offer-ipxe", 299, "4510014700004000401124790a4d00010a4d00830043004401336d9c");
}

/* RFC 768: a sum of zero is sent as all ones. Two bytes, chosen so that the sum is just that. */
static void sum_of_zero(void **state)
{
    uint8_t out[DHCP_FRAME_MAX], payload[2] = {0, 0};
    dhcp_frame_build(0x0a4d0001, 0x0a4d0083, payload, sizeof payload, out);
    payload[0] = out[26];
    payload[1] = out[27];
    dhcp_frame_build(0x0a4d0001, 0x0a4d0083, payload, sizeof payload, out);
    assert_int_equal(out[26], 0xff);
    assert_int_equal(out[27], 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(even_and_odd), cmocka_unit_test(sum_of_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
