/* What machines are told by day and by night: between 19:00 and 06:00 of UTC the image, else their own disk.
 */
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
#include "fleet/fleet_yaml.h"
#include "proc/net_files.h"

#define IP     0x0a4d000b
#define SERVER 0x0a4d0001
#define MINUTE 60000

static const char fleet_yaml[] =
    "nodes:\n"
    "  acct: {mac: 02:00:00:00:00:01, ip: 10.77.0.11, image: tin, welcome: hello,\n"
    "    between: '19:00-06:00', time_zone: UTC}\n";
static const char local_yaml[] = "nodes:\n"
                                 "  acct: {mac: 02:00:00:00:00:01, ip: 10.77.0.11, boot: local}\n";
static const struct plan_client bios = {.arch = 0}, uefi = {.arch = 7}, http = {.arch = 16, .http = true},
                                ipxe = {.arch = 0, .ipxe = true};

static const struct sample tin = {
    {"vmlinuz", "initrd", "more", "notes"}, {"kernel", "initrd", "more", "x"}, "linux"};
static const struct sample pxelinux = {
    {"pxelinux.0", "lpxelinux.0", "b", "c"}, {"1", "2", "3", "4"}, "loader"};
static const struct sample grub = {
    {"shimx64.efi", "disk/grubx64.efi", "b", "c"}, {"shim", "grub", "3", "4"}, "loader"};

static char root[64];
static int root_fd, images_fd;
static struct store *store;
static struct image_cache *cache;
static struct net_files *files;
static struct fleet *fleet;
static struct zones *zones;
static struct error err;
static int64_t now_ms, wall_ms;
static struct {
    enum boot_answer what;
    struct boot_file *file;
    char text[512];
} got;

static const struct fleet *host_fleet(void *ctx)
{
    return fleet;
}

static int64_t host_now(void *ctx)
{
    return now_ms;
}

static int64_t host_wall(void *ctx)
{
    return wall_ms;
}

static bool host_mac_of(void *ctx, uint32_t ip, struct mac *mac)
{
    *mac = (struct mac){{2, 0, 0, 0, 0, 1}};
    return ip == IP;
}

static int host_ask(void *ctx, uint64_t serial, const char *node, const struct digest *manifest,
                    uint32_t server_ip, struct error *why)
{
    return 0;
}

static void take_answer(void *ctx, enum boot_answer what, struct boot_file *file, const char *text)
{
    got.what = what;
    got.file = file;
    snprintf(got.text, sizeof got.text, "%s", text);
}

/* Both clocks go on; 0 is midnight. */
static void at(int hour, int minute, int second)
{
    int64_t next = ((int64_t)hour * 3600 + minute * 60 + second) * 1000;
    now_ms += next > wall_ms ? next - wall_ms : 24 * 60 * MINUTE + next - wall_ms;
    wall_ms = next;
}

static struct dhcp_boot boot_of(struct plan_client client, bool granted)
{
    struct dhcp_boot boot;
    struct dhcp_boot_ask ask = {.node = fleet_node_by_name(fleet, "acct"),
                                .client = &client,
                                .server_ip = SERVER,
                                .client_ip = IP,
                                .granted = granted};
    client.mac = ask.node->macs[0];
    net_files_boot(files, &ask, &boot);
    return boot;
}

static const char *ask(const char *path, enum boot_via via)
{
    static char read[8192];
    struct boot_files door = net_files_door(files);
    struct boot_asker asker = {.client_ip = IP, .server_ip = SERVER, .via = via};
    boot_file_unref(got.file);
    memset(&got, 0, sizeof got);
    memset(read, 0, sizeof read);
    door.open(door.ctx, path, &asker, take_answer, NULL);
    if (got.file)
        boot_file_read(got.file, 0, read, sizeof read - 1);
    return read;
}

static void check_config(const char *path, const char *holds, enum boot_file_role role)
{
    const char *text = ask(path, strcmp(path, "boot.ipxe") == 0 ? BOOT_VIA_HTTP : BOOT_VIA_TFTP);
    if (got.what != BOOT_ANSWER_FOUND || !strstr(text, holds))
        fail_msg("%s: no \"%s\" in %s%s", path, holds, got.text, text);
    assert_int_equal(got.file->role, role);
    assert_int_equal(got.file->files_expected > 0, role == BOOT_FILE_CONFIG);
}

static int use_fleet(const char *yaml)
{
    struct fleet *before = fleet;
    if (fleet_parse_yaml("test", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &fleet, &err) < 0)
        return -1;
    fleet_free(before);
    net_files_fleet_changed(files);
    return 0;
}

/* Each firmware by its own loader, and what that loader then asks for. */
static void by_day(void **state)
{
    at(12, 0, 0);
    struct dhcp_boot boot = boot_of(bios, false);
    assert_string_equal(boot.file, "lpxelinux.0");
    assert_string_equal(boot.text, "boot file lpxelinux.0: local disk, outside 19:00-06:00, UTC");
    assert_true(boot.local && !boot.failed);
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LOCALBOOT 0", BOOT_FILE_LOCAL);
    assert_string_equal(boot_of(uefi, false).file, "loader/grub-amd64/shimx64.efi");
    check_config("grub/grub.cfg", "chainloader", BOOT_FILE_LOCAL);
    assert_string_equal(boot_of(ipxe, false).file, "http://10.77.0.1/boot.ipxe");
    check_config("boot.ipxe", "sanboot --no-describe --drive 0x80", BOOT_FILE_LOCAL);
    assert_string_equal(boot_of(http, false).file, "http://10.77.0.1/node/acct/boot.img");
    ask("node/acct/boot.img", BOOT_VIA_HTTP);
    assert_string_equal(got.text, "");
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    assert_int_equal(got.file->role, BOOT_FILE_LOCAL);
    ask("node/acct/overlay.img", BOOT_VIA_TFTP);
    assert_int_equal(got.what, BOOT_ANSWER_MISSING);
    assert_non_null(strstr(got.text, "local disk"));
}

static void by_night(void **state)
{
    at(22, 0, 0);
    struct dhcp_boot boot = boot_of(bios, false);
    assert_string_equal(boot.text, "boot file lpxelinux.0");
    assert_false(boot.local);
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LINUX image/", BOOT_FILE_CONFIG);
}

/* Firmware goes on without a boot file, too. */
static void where_no_loader_is(void **state)
{
    static const struct plan_client clients[] = {{.arch = 11}, {.arch = 27}};
    for (size_t i = 0; i < 2; i++) {
        at(12, 0, 0);
        struct dhcp_boot boot = boot_of(clients[i], true);
        assert_string_equal(boot.file, "");
        assert_true(boot.local && !boot.failed);
        assert_non_null(
            strstr(boot.text, "no boot file: local disk, outside 19:00-06:00, UTC; nothing here sends"));
    }
}

/* What was said yesterday, in the same fleet, is not said today; each way more than once. */
static void no_answer_of_yesterday(void **state)
{
    for (unsigned day = 0; day < 3; day++) {
        at(18, 59, 0);
        assert_true(boot_of(bios, false).local);
        check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LOCALBOOT 0", BOOT_FILE_LOCAL);
        at(19, 0, 0);
        assert_false(boot_of(bios, false).local);
        check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LINUX image/", BOOT_FILE_CONFIG);
        at(6, 0, 0);
        assert_true(boot_of(bios, false).local);
        check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LOCALBOOT 0", BOOT_FILE_LOCAL);
    }
}

/* Begun at 05:59:58: the ROM's ACK, the loader behind it and its files are those of the night. */
static void a_boot_ends_as_it_began(void **state)
{
    at(5, 59, 58);
    assert_false(boot_of(bios, false).local);
    at(6, 0, 1);
    assert_false(boot_of(bios, true).local);
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LINUX image/", BOOT_FILE_CONFIG);
    assert_false(boot_of(ipxe, false).local);
    assert_false(boot_of(ipxe, true).local);
    check_config("boot.ipxe", "kernel ", BOOT_FILE_CONFIG);
    at(6, 10, 0);
    ask("node/acct/more", BOOT_VIA_HTTP);
    assert_string_equal(got.text, ""); /* being made */
    at(6, 20, 0);                      /* it asked meanwhile */
    check_config("boot.ipxe", "kernel ", BOOT_FILE_CONFIG);
    assert_true(boot_of(bios, false).local); /* it starts again, and it is day */
    check_config("boot.ipxe", "sanboot", BOOT_FILE_LOCAL);
    at(7, 0, 0); /* nothing more is known of it */
    check_config("boot.ipxe", "sanboot", BOOT_FILE_LOCAL);
}

/* The operator changes his mind in the middle of a boot. */
static void a_change_of_the_fleet_meanwhile(void **state)
{
    at(22, 0, 0);
    assert_false(boot_of(bios, true).local);
    assert_int_equal(
        use_fleet("nodes:\n  acct: {mac: 02:00:00:00:00:01, ip: 10.77.0.11, image: tin, boot: local}\n"), 0);
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", "LINUX image/", BOOT_FILE_CONFIG);
    assert_string_equal(boot_of(bios, false).text, "boot file lpxelinux.0: local disk, boot is local");
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", "boot is local", BOOT_FILE_LOCAL);
}

/* It needs no image, and being sent away twice is no failure of the loader. */
static void without_an_image(void **state)
{
    assert_int_equal(use_fleet(local_yaml), 0);
    for (unsigned i = 0; i < 3; i++) {
        now_ms += MINUTE;
        assert_string_equal(boot_of(bios, false).file, "lpxelinux.0");
        assert_string_equal(boot_of(bios, true).text, "boot file lpxelinux.0: local disk, boot is local");
        struct boot_event done = {
            .kind = BOOT_EVENT_FILE_DONE, .role = BOOT_FILE_LOCAL, .mac = {{2, 0, 0, 0, 0, 1}}};
        net_files_event(files, &done);
    }
    check_config("boot.ipxe", "sanboot", BOOT_FILE_LOCAL);
    ask("image/123456789abc/boot.cfg", BOOT_VIA_HTTP);
    assert_int_equal(got.what, BOOT_ANSWER_FAILED);
    assert_non_null(strstr(got.text, "local disk"));
}

/* A wish for images counts where it can do this, too. */
static void setting_loader(void **state)
{
    assert_int_equal(use_fleet("nodes:\n  acct: {mac: 02:00:00:00:00:01, boot: local, loader: pxelinux}\n"),
                     0);
    assert_string_equal(boot_of(bios, false).file, "pxelinux.0");
    assert_int_equal(use_fleet("nodes:\n  acct: {mac: 02:00:00:00:00:01, boot: local, loader: mboot}\n"), 0);
    assert_string_equal(boot_of(uefi, false).file, "loader/grub-amd64/shimx64.efi");
}

static void a_zone_that_is_gone(void **state)
{
    assert_int_equal(use_fleet("nodes:\n  acct: {mac: 02:00:00:00:00:01, image: tin, between: '19:00-06:00', "
                               "time_zone: Europe/Atlantis}\n"),
                     0);
    struct dhcp_boot boot = boot_of(bios, false);
    assert_true(boot.failed);
    assert_non_null(strstr(boot.text, "tzdata"));
    ask("pxelinux.cfg/01-02-00-00-00-00-01", BOOT_VIA_TFTP);
    assert_int_equal(got.what, BOOT_ANSWER_FAILED);
}

static int setup(void **state)
{
    struct digest manifest;
    now_ms = 100000;
    wall_ms = 0;
    if (!zones)
        zones = zones_read(0);
    struct net_files_host host = {NULL,      80,          0,        host_fleet, host_now,
                                  host_wall, host_mac_of, host_ask, NULL,       zones};
    if ((root_fd = sample_root(root)) < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        sample_publish(store, "tin", &tin, &manifest, &err) < 0 ||
        sample_publish(store, "pxelinux", &pxelinux, &manifest, &err) < 0 ||
        sample_publish(store, "grub-amd64", &grub, &manifest, &err) < 0 ||
        (images_fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        image_cache_new(images_fd, &cache, &err) < 0 || net_files_new(cache, &host, &files, &err) < 0 ||
        use_fleet(fleet_yaml) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    boot_file_unref(got.file);
    got.file = NULL;
    net_files_free(files);
    image_cache_free(cache);
    fleet_free(fleet);
    fleet = NULL;
    store_close(store);
    close(images_fd);
    sample_root_free(root, root_fd);
    return 0;
}

static int drop_zones(void **state)
{
    zones_free(zones);
    return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(by_day),
        test(by_night),
        test(where_no_loader_is),
        test(no_answer_of_yesterday),
        test(a_boot_ends_as_it_began),
        test(a_change_of_the_fleet_meanwhile),
        test(without_an_image),
        test(setting_loader),
        test(a_zone_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, drop_zones);
}
