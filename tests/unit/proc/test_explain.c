/* What explain says, of images of several kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../store/sample.h"
#include "fleet/fleet_yaml.h"
#include "proc/explain.h"

static char root[64];
static int root_fd;
static struct store *store;
static struct fleet *fleet;
static struct error err;
static struct buf out = BUF_INIT;
static struct explain explain;
static struct zones *zones;

static const struct sample a_linux = {
    {"vmlinuz", "initrd.gz", "more.gz", "notes"}, {"a kernel", "an initrd", "more of it", "x"}, "linux"};
static const struct sample a_xen = {
    {"xen.gz", "vmlinuz", "initrd", "xen"}, {"a hypervisor", "a kernel", "123456789", "unpacked"}, "xen"};
static const struct sample a_program = {{"mt86.efi", "b", "c", "d"}, {"MZ", "1", "2", "3"}, "efi"};

static const char yaml[] =
    "networks:\n"
    "  east: {subnet: 10.78.0.0/24, loader: pxelinux}\n"
    "  west: {subnet: 10.77.0.0/24, https: on}\n"
    "profiles:\n"
    "  p: {image: linux, loader: ipxe}\n"
    "nodes:\n"
    "  n1: {image: one, mac: 02:00:00:00:00:01, authorized_keys: [ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB me]}\n"
    "  n2: {image: linux, mac: 02:00:00:00:00:02, kernel_options: \"it's\"}\n"
    "  n3: {image: xen, mac: 02:00:00:00:00:03, hostname: other}\n"
    "  n4: {image: linux, mac: 02:00:00:00:00:04, ip: 10.77.0.14}\n"
    "  n5: {profile: p, mac: 02:00:00:00:00:05}\n"
    "  n6: {image: linux, mac: 02:00:00:00:00:06, loader: grub}\n"
    "  n7: {image: efi, mac: 02:00:00:00:00:07}\n"
    "  n8: {image: later, mac: 02:00:00:00:00:08}\n"
    "  n9: {mac: 02:00:00:00:00:09}\n"
    "  n10: {image: linux, mac: 02:00:00:00:00:10, ip: 10.78.0.10}\n";

static void told(const char *who, const char *firmware)
{
    buf_clear(&out);
    if (explain_text(&explain, who, firmware, &out, &err))
        fail_msg("%s: %s", who, err.text);
}

static void check_says(const char *part)
{
    if (!strstr(buf_text(&out), part))
        fail_msg("no \"%s\" in:\n%s", part, buf_text(&out));
}

static void check_fails(const char *who, const char *firmware, const char *says)
{
    buf_clear(&out);
    assert_int_equal(explain_text(&explain, who, firmware, &out, &err), -1);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
    assert_int_equal(out.size, 0);
}

static void bios_in_full_and_a_line_for_the_others(void **state)
{
    told("n1", NULL);
    check_says("node n1  02:00:00:00:00:01  address from the pool\n");
    check_says("\nmachine BIOS\nchain lpxelinux, boot file lpxelinux.0, path prefix http://SERVER/\n");
    check_says("\nwarning: no password is set");
    check_says("(the first that fits; setting loader chooses another)\nlpxelinux  chosen\npxelinux   fits, "
               "too\npxelinux3  boot loader pxelinux-3.86 is not in the store");
    check_says("\n--- pxelinux.cfg/01-02-00-00-00-00-01 (");
    check_says("\n KERNEL mboot.c32\n APPEND image/");
    check_says("\n  0  image/");
    check_says("\n  3  node/n1/mod.tgz ");
    check_says("\n--- overlay of n1 (");
    check_says("\nuefi       does not boot: ESXi 3.5 to 4.1 has no UEFI boot");
    check_says("\narm64-http does not boot: ");
    check_says("\nipxe       chain lpxelinux, boot file lpxelinux.0\n");
    assert_null(strstr(buf_text(&out), "\nbios "));
}

static void one_firmware_alone(void **state)
{
    told("02-00-00-00-00-06", "uefi");
    check_says("\nmachine UEFI x86-64\nchain grub, boot file loader/grub-amd64/shimx64.efi\n");
    check_says("(setting loader of node n6)");
    check_says("\ndisk       disk cannot be started by PXE");
    check_says("\n--- grub/grub.cfg (");
    assert_null(strstr(buf_text(&out), "other machines"));
    told("n4", "ipxe");
    check_says("\n#!ipxe\n");
}

static void what_bios_cannot_is_told_of_the_first_that_can(void **state)
{
    told("n6", NULL);
    check_says("\nmachine UEFI x86-64\n");
    check_says("\nbios       does not boot: setting loader is grub, but grub is for UEFI machines");
    told("n7", NULL);
    check_says("\nchain efi, boot file image/");
    check_says("\nuefi-http  chain efi, boot file http://SERVER/image/");
}

static void who_chose_the_chain(void **state)
{
    told("n10", NULL);
    check_says("(setting loader of its network)");
    check_says("\nchain pxelinux, ");
    told("n5", "bios");
    check_says("(setting loader of profile p)");
    check_says("\nchain ipxe, boot file loader/ipxe/undionly.kpxe\n");
    told("n2", "ipxe");
    check_says("(iPXE is in the machine already)");
}

/* A loader that cannot be told the options is as good as none. */
static void options_that_one_loader_cannot_pass_on(void **state)
{
    told("n2", NULL);
    check_says("\n APPEND a=1 b it's\n");
    check_says("\nuefi       does not boot: the options of image/");
    check_fails("n2", "uefi", "node n2: the options of image/");
}

/* 4 zeros, the initrd's 9 bytes, 3 zeros, the overlay. */
static void an_initrd_with_the_overlay_behind(void **state)
{
    json_error_t at;
    buf_clear(&out);
    if (explain_json(&explain, "n3", "bios", &out, &err))
        fail_msg("%s", err.text);
    json_t *root_object = json_loads(buf_text(&out), 0, &at);
    assert_non_null(root_object);
    json_t *initrd = json_array_get(json_object_get(root_object, "files"), 2);
    assert_string_equal(json_string_value(json_object_get(initrd, "path")), "node/n3/initrd");
    assert_true(json_is_true(json_object_get(initrd, "overlay")));
    assert_null(json_object_get(initrd, "sha256"));
    /* printf 123456789 | sha256sum */
    assert_string_equal(json_string_value(json_object_get(initrd, "sha256_before_overlay")),
                        "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    json_int_t size = json_integer_value(json_object_get(initrd, "size_bytes"));
    assert_true(size > 16 && size % 4 == 0);
    char overlay[64];
    snprintf(overlay, sizeof overlay, "\n--- overlay of n3 (%d bytes)\n", (int)size - 16);
    told("n3", "bios");
    check_says(overlay);
    check_says("15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225 before the overlay\n");
    json_decref(root_object);
}

static void the_same_for_programs(void **state)
{
    json_error_t at;
    buf_clear(&out);
    if (explain_json(&explain, "n6", NULL, &out, &err))
        fail_msg("%s", err.text);
    json_t *root_object = json_loads(buf_text(&out), 0, &at);
    assert_non_null(root_object);
    assert_string_equal(json_string_value(json_object_get(root_object, "firmware")), "uefi");
    assert_string_equal(json_string_value(json_object_get(root_object, "chain")), "grub");
    assert_string_equal(json_string_value(json_object_get(root_object, "why")), "setting loader of node n6");
    json_t *config = json_array_get(json_object_get(root_object, "configs"), 0);
    assert_string_equal(json_string_value(json_object_get(config, "name")), "grub/grub.cfg");
    assert_non_null(strstr(json_string_value(json_object_get(config, "text")), "function load {"));
    assert_int_equal(json_array_size(json_object_get(root_object, "other_machines")), 7);
    json_t *bios = json_array_get(json_object_get(root_object, "other_machines"), 0);
    assert_string_equal(json_string_value(json_object_get(bios, "firmware")), "bios");
    assert_non_null(strstr(json_string_value(json_object_get(bios, "why_not")), "is for UEFI machines"));
    assert_int_equal(json_array_size(json_object_get(root_object, "ways")), 5);
    json_decref(root_object);
}

static void the_servers_address(void **state)
{
    static const struct dhcp_interface interfaces[] = {{.ip = 0x0a010001, .prefix = 24},
                                                       {.ip = 0x0a4d0001, .prefix = 24}};
    explain.interfaces = interfaces;
    explain.interface_count = 2;
    explain.site.http_port = 8080;
    explain.site.https_port = 443;
    told("n4", "uefi-http"); /* its network has HTTPS, and the firmware speaks it */
    check_says("boot file https://10.77.0.1/node/n4/boot.img");
    told("n4", "bios"); /* which pxelinux does not */
    check_says("path prefix http://10.77.0.1:8080/");
    told("n5", "bios");
    check_says("\nset base http://10.1.0.1:8080/\n"); /* no address of its own: the first interface */
    explain.interface_count = 0;
}

static void nothing_to_tell(void **state)
{
    check_fails("n0", NULL, "there is no node n0");
    check_fails("02:00:00:00:00:00", NULL, "02:00:00:00:00:00 is no node's");
    check_fails(
        "n1", "frob",
        "firmware frob is unknown: use one of bios, uefi, uefi-http, uefi32, arm64, arm64-http, ipxe, "
        "ipxe-uefi");
    check_fails("n1", "uefi", "node n1, image one: ESXi 3.5 to 4.1 has no UEFI boot");
    check_fails("n8", NULL, "image later is not in the store");
    check_fails("n9", NULL, "node n9 has no image");
}

static int setup(void **state)
{
    struct digest manifest;
    root_fd = sample_root(root);
    if (root_fd < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        sample_publish(store, "one", &sample_one, &manifest, &err) < 0 ||
        sample_publish(store, "linux", &a_linux, &manifest, &err) < 0 ||
        sample_publish(store, "xen", &a_xen, &manifest, &err) < 0 ||
        sample_publish(store, "efi", &a_program, &manifest, &err) < 0 ||
        fleet_parse_yaml("test", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &fleet, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    zones = zones_read(0);
    explain = (struct explain){
        .zones = zones,
        .at = "",
        .fleet = fleet,
        .store = store,
        .files_root_fd = root_fd,
        .site = {.loaders = PLAN_LOADERS_ALL & ~(1u << PLAN_LOADER_PXELINUX3)},
    };
    return 0;
}

static int teardown(void **state)
{
    fleet_free(fleet);
    zones_free(zones);
    store_close(store);
    sample_root_free(root, root_fd);
    buf_fini(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bios_in_full_and_a_line_for_the_others),
        cmocka_unit_test(one_firmware_alone),
        cmocka_unit_test(what_bios_cannot_is_told_of_the_first_that_can),
        cmocka_unit_test(who_chose_the_chain),
        cmocka_unit_test(options_that_one_loader_cannot_pass_on),
        cmocka_unit_test(an_initrd_with_the_overlay_behind),
        cmocka_unit_test(the_same_for_programs),
        cmocka_unit_test(the_servers_address),
        cmocka_unit_test(nothing_to_tell),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
