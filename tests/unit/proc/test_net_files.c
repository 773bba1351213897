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
#include "base/cleanup.h"
#include "base/file.h"
#include "fleet/fleet_yaml.h"
#include "proc/net_files.h"

#define IP_N1       0x0a4d000b
#define IP_N2       0x0a4d000c
#define IP_BARE     0x0a4d000d /* a node without an image */
#define IP_OLD      0x0a4d000e /* its ROM is an iPXE without HTTP */
#define IP_TIN      0x0a4d000f /* Linux, with settings of its own */
#define IP_DOM0     0x0a4d0010 /* Xen, the same */
#define IP_STRANGER 0x0a4d0063 /* leased to a machine that is no node */
#define IP_UNLEASED 0x0a4d0064

static const char fleet_yaml[] =
    "nodes:\n"
    "  n1: {mac: [02:00:00:00:00:01, 02:00:00:00:00:f1], ip: 10.77.0.11, image: one, welcome: hello}\n"
    "  n2: {mac: 02:00:00:00:00:02, ip: 10.77.0.12, image: one, welcome: hello}\n"
    "  bare: {mac: 02:00:00:00:00:03, ip: 10.77.0.13}\n"
    "  old: {mac: 02:00:00:00:00:04, ip: 10.77.0.14, image: linux, loader: ipxe}\n"
    "  odd: {mac: 02:00:00:00:00:07, image: linux, loader: ipxe, kernel_options: \"a=${b}\"}\n"
    "  tin: {mac: 02:00:00:00:00:05, ip: 10.77.0.15, image: linux, welcome: hello}\n"
    "  dom0: {mac: 02:00:00:00:00:06, ip: 10.77.0.16, image: xen, welcome: hello}\n";

static char root[64];
static int root_fd, images_fd;
static struct store *store;
static struct image_cache *cache;
static struct net_files *files;
static struct boot_files door;
static struct fleet *fleet;
static struct error err;
static char id[PLAN_IMAGE_ID + 1];

/* What the host was asked for. */
static struct {
    unsigned count;
    uint64_t serial;
    char node[FLEET_NAME_MAX];
    struct digest manifest;
    bool fails;
} wanted;

/* The last answer. */
static struct {
    unsigned count;
    enum boot_answer what;
    struct boot_file *file;
    char text[512];
} got;

static const struct fleet *host_fleet(void *ctx)
{
    return fleet;
}

static int64_t now_ms;

static int64_t host_now(void *ctx)
{
    return now_ms;
}

static bool host_mac_of(void *ctx, uint32_t ip, struct mac *mac)
{
    static const struct {
        uint32_t ip;
        uint8_t last;
    } leases[] = {{IP_N1, 1},  {IP_N2, 2},   {IP_BARE, 3},       {IP_OLD, 4},
                  {IP_TIN, 5}, {IP_DOM0, 6}, {IP_STRANGER, 0x99}};
    for (size_t i = 0; i < sizeof leases / sizeof leases[0]; i++)
        if (leases[i].ip == ip) {
            *mac = (struct mac){{2, 0, 0, 0, 0, leases[i].last}};
            return true;
        }
    return false;
}

static int host_ask(void *ctx, uint64_t serial, const char *node, const struct digest *manifest,
                    uint32_t server_ip, struct error *why)
{
    wanted.count++;
    wanted.serial = serial;
    wanted.manifest = *manifest;
    snprintf(wanted.node, sizeof wanted.node, "%s", node);
    return wanted.fails ? error_set(why, "no way") : 0;
}

static void take_answer(void *ctx, enum boot_answer what, struct boot_file *file, const char *text)
{
    got.count++;
    got.what = what;
    got.file = file;
    snprintf(got.text, sizeof got.text, "%s", text);
}

static uint64_t ask(const char *path, uint32_t ip)
{
    boot_file_unref(got.file);
    memset(&got, 0, sizeof got);
    now_ms++;
    struct boot_asker asker = {.client_ip = ip, .server_ip = 0x0a4d0001, .via = BOOT_VIA_TFTP, .query = ""};
    return door.open(door.ctx, path, &asker, take_answer, NULL);
}

static void check_bytes(const char *bytes)
{
    char read[256] = "";
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    assert_non_null(got.file);
    assert_int_equal(boot_file_read(got.file, 0, read, sizeof read - 1), strlen(bytes));
    assert_string_equal(read, bytes);
}

static void check_config(const char *path, uint32_t ip, const char *holds)
{
    char read[4096] = "";
    assert_int_equal(ask(path, ip), 0);
    if (got.count != 1 || got.what != BOOT_ANSWER_FOUND)
        fail_msg("%s: %s", path, got.text);
    boot_file_read(got.file, 0, read, sizeof read - 1);
    if (!strstr(read, holds))
        fail_msg("%s has no \"%s\": %s", path, holds, read);
    assert_int_equal(got.file->role, BOOT_FILE_CONFIG);
}

static void check_not(enum boot_answer what, const char *path, uint32_t ip, const char *says)
{
    assert_int_equal(ask(path, ip), 0);
    assert_int_equal(got.count, 1);
    assert_null(got.file);
    if (got.what != what || !strstr(got.text, says))
        fail_msg("%s: %d %s", path, got.what, got.text);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "image/%s/%s", id, name);
    return path;
}

static int overlay_fd(const char *bytes)
{
    return file_sealed("overlay", bytes, strlen(bytes), &err);
}

static void a_config_for_the_node_that_asks(void **state)
{
    check_config("pxelinux.cfg/01-02-00-00-00-00-01", IP_UNLEASED, "node/n1/mod.tgz");
    assert_int_equal(got.file->files_expected, 4); /* kernel, two modules, overlay */
    check_config("pxelinux.cfg/01-02-00-00-00-00-f1", IP_UNLEASED, "node/n1/mod.tgz");
    check_config("pxelinux.cfg/01-02-00-00-00-00-02", IP_N1, "node/n2/mod.tgz");
    /* Names that say nothing of the node: who asks is told by the lease. */
    check_config("pxelinux.cfg/4c4c4544-0042-3510-8053-b4c04f4e354a", IP_N2, "node/n2/mod.tgz");
    check_config("pxelinux.cfg/0A4D000B", IP_N1, "node/n1/mod.tgz");
    check_config("pxelinux.cfg/default", IP_N1, "node/n1/mod.tgz");
    check_config("pxelinux.cfg/default", IP_STRANGER, "LOCALBOOT");
    check_config("pxelinux.cfg/default", IP_UNLEASED, "LOCALBOOT");
    check_not(BOOT_ANSWER_MISSING, "pxelinux.cfg/01-02-00-00-00-00-77", IP_N1, "the loader tries the next");
    check_not(BOOT_ANSWER_MISSING, "pxelinux.cfg/0A4D0064", IP_UNLEASED, "the loader tries the next");
    check_not(BOOT_ANSWER_FAILED, "pxelinux.cfg/01-02-00-00-00-00-03", IP_BARE, "no image");
}

static void files_of_an_image(void **state)
{
    ask(path_of("vmkboot.gz"), IP_UNLEASED);
    check_bytes("kernel one");
    assert_int_equal(got.file->role, BOOT_FILE_KERNEL);
    assert_int_equal(got.file->file_number, 1);
    ask(path_of("sys.vgz"), IP_N1);
    check_bytes("shared module");
    assert_int_equal(got.file->role, BOOT_FILE_MODULE);
    assert_int_equal(got.file->file_number, 3);
    assert_true(strlen(got.file->etag) > 10);
    check_not(BOOT_ANSWER_MISSING, path_of("no.gz"), IP_N1, "no file of this name");
    check_not(BOOT_ANSWER_MISSING, path_of(""), IP_N1, "no file of this name");
    check_not(BOOT_ANSWER_MISSING, "image/000000000000/vmk.gz", IP_N1, "000000000000");
    check_not(BOOT_ANSWER_MISSING, "image/0000/vmk.gz", IP_N1, "no image");
    check_not(BOOT_ANSWER_MISSING, "image/", IP_N1, "no image");
}

/* Firmware and loaders ask in capitals now and then; boot_file.h promises the second look. */
static void names_without_regard_to_case(void **state)
{
    ask(path_of("VMKBOOT.GZ"), IP_N1);
    check_bytes("kernel one");
    ask("PXELINUX.0", IP_N1);
    check_bytes("loader");
    ask("pxelinux.0", IP_N1);
    check_bytes("loader");
    /* Exactly, then without: both are there. */
    ask("a.c32", IP_N1);
    check_bytes("lower");
    ask("A.C32", IP_N1);
    check_bytes("upper");
}

/* An image whose name is as long as an id is not served, and not opened again and again, by its name. */
static void an_id_is_no_name(void **state)
{
    struct digest manifest;
    assert_int_equal(sample_publish(store, "twelve-chars", &sample_two, &manifest, &err), 0);
    check_not(BOOT_ANSWER_MISSING, "image/twelve-chars/vmk.gz", IP_N1, "twelve-chars");
}

static void loader_files(void **state)
{
    ask("pxelinux.0", IP_UNLEASED);
    check_bytes("loader");
    assert_int_equal(got.file->role, BOOT_FILE_LOADER);
    assert_int_equal(got.file->file_number, 0);
    check_not(BOOT_ANSWER_MISSING, "menu.c32", IP_N1, "no file of this name");
    check_not(BOOT_ANSWER_MISSING, "", IP_N1, "no file of this name");
}

static void the_nodes_own_overlay(void **state)
{
    uint64_t handle = ask("node/n1/mod.tgz", IP_N1);
    assert_int_not_equal(handle, 0);
    assert_int_equal(got.count, 0);
    assert_string_equal(wanted.node, "n1");
    assert_int_equal(wanted.serial, handle);
    net_files_overlay(files, handle + 1, overlay_fd("another's"), ""); /* nobody waits for that one */
    assert_int_equal(got.count, 0);
    net_files_overlay(files, handle, overlay_fd("archive"), "");
    assert_int_equal(got.count, 1);
    check_bytes("archive");
    assert_int_equal(got.file->role, BOOT_FILE_OVERLAY);
    assert_int_equal(got.file->file_number, 4);
    net_files_overlay(files, handle, overlay_fd("archive"), ""); /* once only */
    assert_int_equal(got.count, 1);
}

static void an_overlay_that_fails(void **state)
{
    uint64_t handle = ask("node/n1/mod.tgz", IP_N1);
    net_files_overlay(files, handle, -1, "the folder is gone");
    assert_int_equal(got.what, BOOT_ANSWER_FAILED);
    assert_string_equal(got.text, "the folder is gone");
    handle = ask("node/n1/mod.tgz", IP_N1);
    net_files_overlay(files, handle, overlay_fd(""), "");
    assert_int_equal(got.what, BOOT_ANSWER_FAILED);
    assert_null(got.file);
    wanted.fails = true;
    check_not(BOOT_ANSWER_FAILED, "node/n1/mod.tgz", IP_N1, "no way");
}

static void an_overlay_is_for_its_node_only(void **state)
{
    check_not(BOOT_ANSWER_REFUSED, "node/n1/mod.tgz", IP_N2, "for n1 only; the asker is n2");
    check_not(BOOT_ANSWER_REFUSED, "node/n1/mod.tgz", IP_UNLEASED, "holds no lease");
    check_not(BOOT_ANSWER_REFUSED, "node/n1/mod.tgz", IP_STRANGER, "holds no lease of a node");
    check_not(BOOT_ANSWER_MISSING, "node/n1/other.tgz", IP_N1, "no overlay of this name");
    check_not(BOOT_ANSWER_MISSING, "node/n1", IP_N1, "no node");
    check_not(BOOT_ANSWER_MISSING, "node/nobody/mod.tgz", IP_N1, "no node");
    check_not(BOOT_ANSWER_FAILED, "node/bare/mod.tgz", IP_BARE, "no image");
    char path[256] = "node/";
    memset(path + 5, 'n', 200);
    strcpy(path + 205, "/mod.tgz");
    check_not(BOOT_ANSWER_MISSING, path, IP_N1, "no node");
    assert_int_equal(wanted.count, 0);
}

static void cancelled_overlays_are_answered_to_nobody(void **state)
{
    uint64_t handle = ask("node/n1/mod.tgz", IP_N1);
    door.cancel(door.ctx, handle);
    int fd = overlay_fd("archive");
    net_files_overlay(files, handle, fd, "");
    assert_int_equal(got.count, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* and the descriptor is not kept */
    door.cancel(door.ctx, handle);
    door.cancel(door.ctx, 0);
}

static void pending_overlays_are_bounded(void **state)
{
    uint64_t first = ask("node/n1/mod.tgz", IP_N1);
    for (size_t i = 1; i < NET_FILES_PENDING_MAX; i++)
        assert_int_not_equal(ask("node/n1/mod.tgz", IP_N1), 0);
    check_not(BOOT_ANSWER_FAILED, "node/n1/mod.tgz", IP_N1, "too many");
    door.cancel(door.ctx, first);
    assert_int_not_equal(ask("node/n1/mod.tgz", IP_N1), 0);
}

/* Zeros first, so that no loader takes it for gzip; the overlay begins at a multiple of four bytes. */
static void an_overlay_behind_an_initrd(void **state)
{
    uint64_t handle = ask("node/dom0/initrd", IP_DOM0);
    assert_int_not_equal(handle, 0);
    net_files_overlay(files, handle, overlay_fd("archive"), "");
    assert_int_equal(got.what, BOOT_ANSWER_FOUND);
    char read[32] = "";
    assert_int_equal(boot_file_read(got.file, 0, read, sizeof read), 19);
    assert_memory_equal(read, "\0\0\0\0loader\0\0archive", 19);
    assert_int_equal(got.file->role, BOOT_FILE_OVERLAY);
    assert_int_equal(got.file->file_number, 3);
    check_not(BOOT_ANSWER_REFUSED, "node/dom0/initrd", IP_TIN, "for dom0 only; the asker is tin");
}

static void disk_holds(const char *path, const char *bytes, size_t wanted_size)
{
    char command[256], read[256] = "";
    snprintf(command, sizeof command, "mtype -i %s/disk.img ::%s", root, path);
    FILE *said = popen(command, "r");
    assert_non_null(said);
    size_t size = fread(read, 1, sizeof read, said);
    assert_int_equal(pclose(said), 0);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(read, bytes, size);
}

/* Read by mtools. */
static void a_disk_image_for_one_node(void **state)
{
    check_not(BOOT_ANSWER_REFUSED, "node/tin/boot.img", IP_N1, "for tin only; the asker is n1");
    check_not(BOOT_ANSWER_FAILED, "node/n1/boot.img", IP_N1, "does not boot images of this kind");
    assert_int_equal(wanted.count, 0);
    uint64_t handle = ask("node/tin/boot.img", IP_TIN);
    assert_int_not_equal(handle, 0);
    net_files_overlay(files, handle, overlay_fd("archive"), "");
    if (got.what != BOOT_ANSWER_FOUND)
        fail_msg("%s", got.text);
    assert_int_equal(got.file->files_expected, 1);
    cleanup_free uint8_t *image = malloc(got.file->size);
    assert_non_null(image);
    assert_int_equal(boot_file_read(got.file, 0, image, got.file->size), got.file->size);
    assert_int_equal(file_replace_at(root_fd, "disk.img", image, got.file->size, 0600, &err), 0);
    disk_holds("/EFI/BOOT/BOOTX64.EFI", "lower", 5);
    disk_holds("/EFI/BOOT/grubx64.efi", "upper", 5);
    disk_holds("/boot/vmlinuz", "upper", 5);
    disk_holds("/boot/initrd", "\0\0\0\0lower\0\0\0archive", 19);
    assert_int_equal(unlinkat(root_fd, "disk.img", 0), 0);
}

static void what_dhcp_says(void **state)
{
    struct plan_client client = {.arch = 0};
    struct dhcp_boot_ask ask = {.client = &client, .server_ip = 0x0a4d0001};
    struct dhcp_boot boot;
    ask.node = fleet_node_by_name(fleet, "n1");
    net_files_boot(files, &ask, &boot);
    assert_string_equal(boot.file, "lpxelinux.0");
    assert_string_equal(boot.prefix, "http://10.77.0.1/");
    assert_false(boot.failed);
    ask.node = fleet_node_by_name(fleet, "bare");
    net_files_boot(files, &ask, &boot);
    assert_true(boot.failed);
    assert_non_null(strstr(boot.text, "bootherd node set bare --image NAME"));
    ask.node = NULL;
    net_files_boot(files, &ask, &boot);
    assert_string_equal(boot.file, "");
    assert_false(boot.failed);
}

static struct dhcp_boot boot_of(const char *node, struct plan_client client, bool granted)
{
    struct dhcp_boot boot;
    struct dhcp_boot_ask ask = {.node = fleet_node_by_name(fleet, node),
                                .client = &client,
                                .server_ip = 0x0a4d0001,
                                .granted = granted};
    client.mac = ask.node->macs[0];
    net_files_boot(files, &ask, &boot);
    return boot;
}

/* Before it is sent a loader that would stand there with nothing to read. */
static void options_that_its_loader_cannot_pass_on(void **state)
{
    struct dhcp_boot boot = boot_of("odd", (struct plan_client){.arch = 0, .ipxe = true}, false);
    assert_true(boot.failed);
    assert_string_equal(boot.file, "");
    assert_non_null(strstr(boot.text, "node odd: the options of image/"));
}

static void a_loader_that_failed_is_not_offered_again(void **state)
{
    static const struct plan_client bios = {.arch = 0};
    assert_string_equal(boot_of("n1", bios, false).text, "boot file lpxelinux.0");
    assert_string_equal(boot_of("n1", bios, true).file, "lpxelinux.0");
    now_ms += 40000;
    assert_string_equal(boot_of("n1", bios, false).file, "pxelinux.0");
    struct dhcp_boot boot = boot_of("n1", bios, true);
    assert_string_equal(boot.file, "pxelinux.0");
    assert_string_equal(boot.prefix, "");
    assert_string_equal(boot.text, "boot file pxelinux.0, since lpxelinux did not get it to its kernel");
    assert_string_equal(boot_of("n2", bios, false).file, "lpxelinux.0");
    struct boot_event done = {.kind = BOOT_EVENT_FILE_DONE,
                              .role = BOOT_FILE_KERNEL,
                              .mac = fleet_node_by_name(fleet, "n1")->macs[0],
                              .file_number = 1,
                              .files_expected = 1};
    net_files_event(files, &done);
    assert_string_equal(boot_of("n2", bios, false).file, "pxelinux.0"); /* it worked for this vendor's card */
    now_ms += 40000;
    assert_string_equal(boot_of("n1", bios, false).text, "boot file pxelinux.0");
}

/* iPXE fetches iPXE: the third time it is told so. */
static void a_loop_ends_on_the_screen(void **state)
{
    static const struct plan_client rom = {.arch = 0, .ipxe = true, .features = PLAN_IPXE_TFTP};
    static const struct plan_client loaded = {.arch = 0, .ipxe = true, .features = PLAN_IPXE_HTTP};
    for (unsigned round = 0; round < PLAN_ROUNDS_MAX; round++) {
        assert_string_equal(boot_of("old", rom, false).file, "loader/ipxe/undionly.kpxe");
        assert_string_equal(boot_of("old", rom, true).file, "loader/ipxe/undionly.kpxe");
        if (round == 0)
            check_config("boot.ipxe", IP_OLD, "kernel ");
        now_ms += 5000;
    }
    struct dhcp_boot boot = boot_of("old", rom, false);
    assert_true(boot.failed);
    assert_string_equal(boot.file, "boot.ipxe");
    assert_non_null(strstr(boot.text, "iPXE was sent to this machine 2 times"));
    assert_string_equal(boot_of("old", rom, true).file, "boot.ipxe");
    check_config("boot.ipxe", IP_OLD, "iPXE was sent to this machine 2 times");
    /* One with HTTP has come at last. */
    assert_string_equal(boot_of("old", loaded, false).file, "http://10.77.0.1/boot.ipxe");
    assert_string_equal(boot_of("old", loaded, true).file, "http://10.77.0.1/boot.ipxe");
    check_config("boot.ipxe", IP_OLD, "kernel ");
}

/* An image with these files: extras of a loader; of a system the kernel and its modules. */
static int publish(const char *name, const char *family, const char *const *names, const char *const *bytes,
                   size_t count)
{
    char staging[64];
    int fd;
    struct store_staging *s;
    struct digest manifest;
    struct image_file list[8] = {{0}};
    bool loader = strcmp(family, "loader") == 0;
    char text[] = "unknown", arch[] = "amd64", none[] = "";
    struct image image = {.family = (char *)(uintptr_t)family,
                          .product = text,
                          .version = text,
                          .build = text,
                          .arch = arch,
                          .kernel_options = none,
                          .source = text,
                          .files = list,
                          .file_count = count};
    if (store_staging_make(store, &fd, staging, &err) < 0 || store_staging_open(fd, &s, &err) < 0)
        return -1;
    struct image_sink sink = store_staging_sink(s);
    for (size_t i = 0; i < count; i++) {
        void *file;
        list[i] = (struct image_file){.name = (char *)(uintptr_t)names[i],
                                      .role = loader  ? IMAGE_ROLE_EXTRA
                                              : i > 0 ? IMAGE_ROLE_MODULE
                                                      : IMAGE_ROLE_KERNEL,
                                      .order = loader ? 0 : (unsigned)i};
        if (sink.begin(sink.ctx, names[i], &file, &err) < 0 ||
            sink.write(sink.ctx, file, bytes[i], strlen(bytes[i]), &err) < 0 ||
            sink.finish(sink.ctx, file, &list[i].digest, &list[i].size, &err) < 0)
            return -1;
        list[i].unpacked = list[i].size;
    }
    int result = store_staging_seal(s, &image, &manifest, &err);
    store_staging_close(s);
    if (result == 0)
        result = store_publish(store, staging, name, &manifest, &err);
    close(fd);
    return result;
}

static int read_fleet(const char *yaml)
{
    struct fleet *before = fleet;
    if (fleet_parse_yaml("test", (struct slice){(const uint8_t *)yaml, strlen(yaml)}, &fleet, &err) < 0)
        return -1;
    fleet_free(before);
    return 0;
}

/* It is the same file until the image or the fleet is another. */
static void a_config_that_was_rendered(void **state)
{
    static const char path[] = "pxelinux.cfg/01-02-00-00-00-00-01";
    struct digest manifest;
    check_config(path, IP_N1, id);
    struct boot_file *first = boot_file_ref(got.file);
    check_config(path, IP_N1, id);
    assert_ptr_equal(got.file, first);
    check_config("pxelinux.cfg/01-02-00-00-00-00-02", IP_N1, "node/n2/");
    assert_ptr_not_equal(got.file, first);

    assert_int_equal(sample_publish(store, "one", &sample_two, &manifest, &err), 0);
    plan_image_id(&manifest, id);
    check_config(path, IP_N1, id);

    assert_int_equal(read_fleet("nodes:\n  n1: {mac: 02:00:00:00:00:01, image: one, kernel_options: new}\n"),
                     0);
    net_files_fleet_changed(files);
    check_config(path, IP_N1, " new ");
    boot_file_unref(first);
}

/* The answer of the OFFER is the one of the ACK, until the fleet is another. */
static void what_was_said_is_said_again(void **state)
{
    struct plan_client bios = {.arch = 0};
    struct dhcp_boot first = boot_of("n1", bios, false), second = boot_of("n1", bios, true);
    assert_memory_equal(&first, &second, sizeof first);
    assert_string_equal(first.file, "lpxelinux.0");
    assert_int_equal(read_fleet("nodes:\n  n1: {mac: 02:00:00:00:00:01, image: one, loader: pxelinux}\n"), 0);
    net_files_fleet_changed(files);
    assert_string_equal(boot_of("n1", bios, false).file, "pxelinux.0");
}

static int setup(void **state)
{
    static const char *const names[] = {"A.C32", "a.c32", "pxelinux.0"}, *const bytes[] = {"upper", "lower",
                                                                                           "loader"};
    static const char *const ipxe_names[] = {"undionly.kpxe"}, *const linux_names[] = {"vmlinuz", "initrd"},
                             *const xen_names[] = {"xen.gz", "vmlinuz", "initrd"},
                             *const grub_names[] = {"disk/grubx64.efi", "shimx64.efi",
                                                    "x86_64-efi/multiboot2.mod"};
    now_ms = 100000;
    struct net_files_host host = {NULL,     80,          0,        host_fleet, host_now,
                                  host_now, host_mac_of, host_ask, NULL,       NULL};
    struct digest manifest;
    memset(&wanted, 0, sizeof wanted);
    if ((root_fd = sample_root(root)) < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        sample_publish(store, "one", &sample_one, &manifest, &err) < 0 ||
        publish("pxelinux", "loader", names, bytes, 3) < 0 ||
        publish("ipxe", "loader", ipxe_names, bytes, 1) < 0 ||
        publish("linux", "linux", linux_names, bytes, 2) < 0 ||
        publish("xen", "xen", xen_names, bytes, 3) < 0 ||
        publish("grub-amd64", "loader", grub_names, bytes, 3) < 0 ||
        (images_fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        image_cache_new(images_fd, &cache, &err) < 0 || net_files_new(cache, &host, &files, &err) < 0 ||
        read_fleet(fleet_yaml) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    plan_image_id(&manifest, id);
    door = net_files_door(files);
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

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_config_for_the_node_that_asks),
        test(files_of_an_image),
        test(names_without_regard_to_case),
        test(an_id_is_no_name),
        test(loader_files),
        test(the_nodes_own_overlay),
        test(an_overlay_that_fails),
        test(an_overlay_is_for_its_node_only),
        test(cancelled_overlays_are_answered_to_nobody),
        test(pending_overlays_are_bounded),
        test(an_overlay_behind_an_initrd),
        test(a_disk_image_for_one_node),
        test(what_dhcp_says),
        test(options_that_its_loader_cannot_pass_on),
        test(a_loader_that_failed_is_not_offered_again),
        test(a_loop_ends_on_the_screen),
        test(a_config_that_was_rendered),
        test(what_was_said_is_said_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
