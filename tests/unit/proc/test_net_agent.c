/* What agents say, on its way to the state process and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "../store/sample.h"
#include "base/file.h"
#include "fleet/fleet_yaml.h"
#include "proc/net_files.h"

#define IP_N1     0x0a4d000b
#define IP_NOBODY 0x0a4d0063

static char root[64];
static int root_fd, images_fd;
static struct store *store;
static struct image_cache *cache;
static struct net_files *files;
static struct boot_files door;
static struct fleet *fleet;
static struct error err;

/* What the host was handed. */
static struct {
    unsigned count;
    struct message_agent_ask ask;
    char query[64];
    bool fails;
} handed;

/* The last answer. */
static struct {
    unsigned count;
    enum boot_answer what;
    char bytes[128];
    char etag[24];
} got;

static const struct fleet *host_fleet(void *ctx)
{
    return fleet;
}

static int64_t host_now(void *ctx)
{
    return 1000;
}

static bool host_mac_of(void *ctx, uint32_t ip, struct mac *mac)
{
    *mac = (struct mac){{2, 0, 0, 0, 0, 1}};
    return ip == IP_N1;
}

static int host_ask_agent(void *ctx, const struct message_agent_ask *ask, const char *query,
                          struct error *why)
{
    handed.count++;
    handed.ask = *ask;
    snprintf(handed.query, sizeof handed.query, "%s", query);
    return handed.fails ? error_set(why, "no way") : 0;
}

static void take_answer(void *ctx, enum boot_answer what, struct boot_file *file, const char *text)
{
    got.count++;
    got.what = what;
    memset(got.bytes, 0, sizeof got.bytes);
    if (!file)
        return;
    boot_file_read(file, 0, got.bytes, sizeof got.bytes - 1);
    memcpy(got.etag, file->etag, sizeof got.etag);
    boot_file_unref(file);
}

static uint64_t ask(const char *path, const char *query, uint32_t ip, enum boot_via via)
{
    struct boot_asker asker = {.client_ip = ip, .server_ip = 0x0a4d0001, .via = via, .query = query};
    memset(&got, 0, sizeof got);
    return door.open(door.ctx, path, &asker, take_answer, NULL);
}

static int answer_fd(const char *bytes)
{
    return file_sealed("answer", bytes, strlen(bytes), &err);
}

static void an_answer_comes_back(void **state)
{
    uint64_t handle = ask("agent/1-ab/step", "on|vms|web%201.vmx|", IP_N1, BOOT_VIA_HTTP);
    assert_true(handle);
    assert_int_equal(got.count, 0);
    assert_int_equal(handed.ask.serial, handle);
    assert_int_equal(handed.ask.server_ip, 0x0a4d0001);
    assert_string_equal(handed.ask.asker, "n1");
    assert_string_equal(handed.ask.path, "1-ab/step");
    assert_string_equal(handed.query, "on|vms|web%201.vmx|"); /* as it came */
    net_files_agent(files, handle, answer_fd("ok\n"));
    assert_int_equal(got.count, 1);
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    assert_string_equal(got.bytes, "ok\n");
    assert_string_equal(got.etag, ""); /* so that nobody keeps it */
    net_files_agent(files, handle, answer_fd("late"));
    assert_int_equal(got.count, 1);
}

static void who_holds_no_lease_is_nobody(void **state)
{
    ask("agent/1-ab/list", "", IP_NOBODY, BOOT_VIA_HTTPS);
    assert_int_equal(handed.count, 1);
    assert_string_equal(handed.ask.asker, "");
}

static void tftp_has_no_agents(void **state)
{
    assert_int_equal(ask("agent/1-ab/list", "", IP_N1, BOOT_VIA_TFTP), 0);
    assert_int_equal(got.what, BOOT_ANSWER_MISSING);
    assert_int_equal(handed.count, 0);
}

/* Whatever goes wrong is said with status 200. */
static void failures_have_words(void **state)
{
    uint64_t handle = ask("agent/1-ab/list", "", IP_N1, BOOT_VIA_HTTP);
    net_files_agent(files, handle, -1);
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    assert_memory_equal(got.bytes, "bad|", 4);
    handed.fails = true;
    assert_int_equal(ask("agent/1-ab/list", "", IP_N1, BOOT_VIA_HTTP), 0);
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    assert_memory_equal(got.bytes, "bad|", 4);
    assert_string_equal(got.etag, "");
}

static void they_are_bounded_and_cancelled(void **state)
{
    uint64_t first = 0;
    for (unsigned i = 0; i < NET_AGENTS_PENDING_MAX; i++) {
        uint64_t handle = ask("agent/1-ab/alive", "1", IP_N1, BOOT_VIA_HTTP);
        assert_true(handle);
        first = first ? first : handle;
    }
    assert_int_equal(ask("agent/1-ab/alive", "1", IP_N1, BOOT_VIA_HTTP), 0);
    assert_memory_equal(got.bytes, "bad|", 4);
    door.cancel(door.ctx, first);
    memset(&got, 0, sizeof got);
    net_files_agent(files, first, answer_fd("ok\n"));
    assert_int_equal(got.count, 0);
    assert_true(ask("agent/1-ab/alive", "1", IP_N1, BOOT_VIA_HTTP));
}

static int setup(void **state)
{
    static const char yaml[] = "nodes:\n  n1: {mac: 02:00:00:00:00:01, ip: 10.77.0.11}\n";
    struct net_files_host host = {.http_port = 80,
                                  .fleet = host_fleet,
                                  .now_ms = host_now,
                                  .mac_of = host_mac_of,
                                  .ask_agent = host_ask_agent};
    memset(&handed, 0, sizeof handed);
    if ((root_fd = sample_root(root)) < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        (images_fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        image_cache_new(images_fd, &cache, &err) < 0 || net_files_new(cache, &host, &files, &err) < 0 ||
        fleet_parse_yaml("test", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &fleet, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    door = net_files_door(files);
    return 0;
}

static int teardown(void **state)
{
    net_files_free(files);
    image_cache_free(cache);
    fleet_free(fleet);
    store_close(store);
    close(images_fd);
    sample_root_free(root, root_fd);
    return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_answer_comes_back), test(who_holds_no_lease_is_nobody),   test(tftp_has_no_agents),
        test(failures_have_words),  test(they_are_bounded_and_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
