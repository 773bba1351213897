#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http_peers.h"

static void shares(void **state)
{
    struct http_peers *peers = http_peers_new(5, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(http_peers_enter(peers, 1));
    assert_false(http_peers_enter(peers, 1));
    assert_true(http_peers_enter(peers, 0)); /* an address like others */
    assert_true(http_peers_enter(peers, 2));
    assert_false(http_peers_enter(peers, 3)); /* all are taken */
    http_peers_leave(peers, 1);
    assert_int_equal(http_peers_count(peers), 4);
    assert_true(http_peers_enter(peers, 1));
    http_peers_free(peers);
}

/* Against plain counters, over addresses that collide in a small table. */
static void model(void **state)
{
    enum {
        MAX = 60,
        EACH = 4,
        ADDRESSES = 97
    };
    struct http_peers *peers = http_peers_new(MAX, EACH);
    unsigned counts[ADDRESSES] = {0}, all = 0, refused = 0;
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned at = (unsigned)rand() % ADDRESSES;
        uint32_t ip = at * 0x10001u;
        if (rand() % 2) {
            bool fits = all < MAX && counts[at] < EACH;
            assert_int_equal(http_peers_enter(peers, ip), fits);
            counts[at] += fits;
            all += fits;
            refused += !fits;
        } else if (counts[at]) {
            http_peers_leave(peers, ip);
            counts[at]--;
            all--;
        }
        assert_int_equal(http_peers_count(peers), all);
    }
    assert_true(refused > 1000);
    http_peers_free(peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
