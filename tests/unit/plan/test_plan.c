#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_yaml.h"
#include "plan/plan.h"

/* A string literal as the writable text that the model's structs own. */
#define TEXT(literal) ((char[]){literal})

/* The procedure's ten files, in the order of its APPEND line; boot.cfg and pkgdb.tgz are not loaded. */
static const char *const procedure[] = {"vmkboot.gz",  "vmk.gz",  "sys.vgz",    "cim.vgz",  "oem.tgz",
                                        "license.tgz", "mod.tgz", "cimstg.tgz", "boot.cfg", "pkgdb.tgz"};

static struct fleet *fleet;
static struct image_file files[PLAN_MODULES_MAX + 8];
static struct image image;
static struct fleet_node node;
static struct plan_client client;
static struct plan_site site;
static struct plan plan;
static struct digest manifest;
static struct error err;
static char *keys[] = {TEXT("ssh-rsa AAAA== me")};

static struct image_file *add_file(const char *name, enum image_role role)
{
    struct image_file *file = &files[image.file_count++];
    *file = (struct image_file){.name = strdup(name),
                                .role = role,
                                .order = (unsigned)image.file_count,
                                .size = 1000,
                                .unpacked = 3000};
    return file;
}

static void drop_files(void)
{
    for (size_t i = 0; i < image.file_count; i++)
        free(files[i].name);
    image.file_count = 0;
}

static int setup(void **state)
{
    fleet = fleet_new();
    if (!fleet || fleet_finish(fleet, &err))
        return -1;
    static char family[] = "esxi_dd", product[] = "VMware ESXi", version[] = "4.0.0", build[] = "208167",
                arch[] = "amd64", none[] = "";
    image = (struct image){.family = family,
                           .product = product,
                           .version = version,
                           .build = build,
                           .arch = arch,
                           .kernel_options = none,
                           .files = files};
    for (size_t i = 0; i < 10; i++)
        add_file(procedure[i], i == 0 ? IMAGE_ROLE_KERNEL : i < 8 ? IMAGE_ROLE_MODULE : IMAGE_ROLE_EXTRA);
    static char name[] = "n1", image_name[] = "esxi4", weak[] = "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/";
    node = (struct fleet_node){.name = name, .settings = {.image = image_name, .root_hash_weak = weak}};
    client = (struct plan_client){.arch = 0};
    site = (struct plan_site){.server = 0x0a4d0001, .loaders = PLAN_LOADERS_ALL};
    memset(manifest.byte, 0xc5, sizeof manifest.byte);
    err.text[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    drop_files();
    fleet_free(fleet);
    return 0;
}

static void make(void)
{
    if (plan_make(fleet, &node, &image, &manifest, &site, &client, PLAN_CHAIN_ANY, &plan, &err))
        fail_msg("%s", err.text);
}

static void check_fails(const char *says)
{
    assert_int_equal(plan_make(fleet, &node, &image, &manifest, &site, &client, PLAN_CHAIN_ANY, &plan, &err),
                     -1);
    if (!strstr(err.text, says) || !strstr(err.text, "node n1"))
        fail_msg("%s", err.text);
}

static void check_warns(const char *says)
{
    make();
    for (size_t i = 0; i < plan.warning_count; i++)
        if (strstr(plan.warning[i], says))
            return;
    fail_msg("%zu warnings, none with \"%s\": %s", plan.warning_count, says, plan.warning[0]);
}

static void check_modules(const char *const *paths, size_t count)
{
    assert_int_equal(plan.module_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(plan.module[i].path, paths[i]);
}

#define IMAGE "image/c5c5c5c5c5c5/"

static void the_procedures_plan(void **state)
{
    static const char *const paths[] = {IMAGE "vmk.gz",    IMAGE "sys.vgz",     IMAGE "cim.vgz",
                                        IMAGE "oem.tgz",   IMAGE "license.tgz", "node/n1/mod.tgz",
                                        IMAGE "cimstg.tgz"};
    make();
    assert_string_equal(plan.loader, "lpxelinux.0");
    assert_string_equal(plan.kernel.path, IMAGE "vmkboot.gz");
    assert_ptr_equal(plan.kernel.file, &files[0]);
    assert_string_equal(plan.kernel_options, "");
    check_modules(paths, 7);
    assert_int_equal(plan.overlay_at, 5);
    assert_null(plan.module[5].file);
    assert_ptr_equal(plan.module[6].file, &files[7]);
    assert_ptr_equal(plan.node, &node);
    assert_true(digest_equal(&plan.manifest, &manifest));
}

static void overlay_comes_last_without_mod_tgz(void **state)
{
    drop_files();
    add_file("vmkboot.gz", IMAGE_ROLE_KERNEL);
    add_file("vmk.gz", IMAGE_ROLE_MODULE);
    add_file("sys.vgz", IMAGE_ROLE_MODULE);
    add_file("mod.tgz", IMAGE_ROLE_EXTRA); /* not in the load list, so it has no place in it */
    static const char *const paths[] = {IMAGE "vmk.gz", IMAGE "sys.vgz", "node/n1/mod.tgz"};
    make();
    check_modules(paths, 3);
    assert_int_equal(plan.overlay_at, 2);
}

/* ESXi 4.1 names its modules by letters where it boots from a disk. */
static void overlay_takes_the_place_of_m_z(void **state)
{
    static const char *const names[] = {"b.z",     "k.z",         "s.z", "c.z",
                                        "oem.tgz", "license.tgz", "m.z", "cimstg.tgz"};
    static const char *const paths[] = {IMAGE "k.z",       IMAGE "s.z",         IMAGE "c.z",
                                        IMAGE "oem.tgz",   IMAGE "license.tgz", "node/n1/m.z",
                                        IMAGE "cimstg.tgz"};
    drop_files();
    for (size_t i = 0; i < 8; i++)
        add_file(names[i], i == 0 ? IMAGE_ROLE_KERNEL : IMAGE_ROLE_MODULE);
    make();
    check_modules(paths, 7);
    assert_int_equal(plan.overlay_at, 5);
    assert_null(plan.module[5].file);
    assert_string_equal(plan_overlay_name(&image), "m.z");
    node.settings.root_hash_weak = NULL;
    make();
    assert_string_equal(plan.module[5].path, IMAGE "m.z");
    files[6].role = IMAGE_ROLE_EXTRA; /* not in the load list, so it has no place in it */
    assert_string_equal(plan_overlay_name(&image), "mod.tgz");
}

static void images_own_mod_tgz_without_settings(void **state)
{
    node.settings.root_hash_weak = NULL;
    make();
    assert_int_equal(plan.overlay_at, -1);
    assert_string_equal(plan.module[5].path, IMAGE "mod.tgz");
    assert_ptr_equal(plan.module[5].file, &files[6]);
    assert_int_equal(plan.module_count, 7);
    check_warns("SSH stays off");
    node.settings.ssh = FLEET_OFF;
    make();
    assert_int_equal(plan.overlay_at, -1);
    assert_int_equal(plan.warning_count, 0);
}

static void each_setting_asks_for_an_overlay(void **state)
{
    static char text[] = "text";
    struct fleet_datastore store = {.label = text, .host = text, .path = text};
    const struct fleet_node bare = {.name = node.name, .settings = {.image = node.settings.image}};
    struct fleet_node nodes[] = {bare, bare, bare, bare, bare};
    nodes[0].settings.welcome = text;
    nodes[1].settings.files = text;
    nodes[2].hostname = text;
    nodes[3].settings.key_count = 1;
    nodes[3].settings.keys = keys;
    nodes[4].settings.datastore_count = 1;
    nodes[4].settings.datastores = &store;
    for (size_t i = 0; i < 5; i++) {
        node = nodes[i];
        make();
        assert_int_equal(plan.overlay_at, 5);
    }
    /* Datastores are the agent's. */
    static char on[] = "on", off[] = "off", automatic[] = "auto";
    node.settings.agent = off;
    make();
    assert_int_equal(plan.overlay_at, -1);
    check_warns("the agent is off, so nothing mounts the datastores");
    node.settings.agent = automatic;
    store.kind = FLEET_STORE_NFS41;
    make();
    assert_int_equal(plan.overlay_at, 5);
    check_warns("datastore text will not be mounted: NFS 4.1 needs ESXi 6.0");
    node = bare;
    node.settings.agent = automatic;
    make();
    assert_int_equal(plan.overlay_at, -1);
    node.settings.agent = on;
    make();
    assert_int_equal(plan.overlay_at, 5);
}

static void kernel_options_of_image_and_node(void **state)
{
    static char of_image[] = "a=1", of_node[] = "b c=2", of_file[] = "first";
    image.kernel_options = of_image;
    make();
    assert_string_equal(plan.kernel_options, "a=1");
    node.settings.kernel_options = of_node;
    make();
    assert_string_equal(plan.kernel_options, "a=1 b c=2");
    files[0].options = of_file;
    make();
    assert_string_equal(plan.kernel_options, "first a=1 b c=2");
    files[0].options = NULL;

    static char full[sizeof plan.kernel_options + 1];
    memset(full, 'x', sizeof full - 1);
    full[sizeof plan.kernel_options - 1 - strlen("a=1 ")] = '\0';
    node.settings.kernel_options = full;
    make();
    assert_int_equal(strlen(plan.kernel_options), sizeof plan.kernel_options - 1);
    full[sizeof plan.kernel_options - 1 - strlen("a=1 ")] = 'x';
    check_fails("kernel options of more than 1023 bytes");
}

static void firmware(void **state)
{
    client.ipxe = true; /* Debian's QEMU ROM on a BIOS; its multiboot takes 8 modules */
    make();
    assert_string_equal(plan.loader, "lpxelinux.0");
    assert_string_equal(plan.prefix, "http://10.77.0.1/");
    client.arch = 7;
    check_fails("no UEFI boot: switch the machine to BIOS/legacy boot");
    client.ipxe = false;
    check_fails("ESXi 3.5 to 4.1 has no UEFI boot: switch the machine to BIOS/legacy boot");
    client.arch = 16;
    client.http = true;
    check_fails("ESXi 3.5 to 4.1 has no UEFI boot");
    client.arch = 99;
    check_fails("architecture 99");
}

/* GRUB looks for its files where the other server's lease points: another chain goes first, if one fits. */
static void beside_another_dhcp_server(void **state)
{
    struct plan_need need = {.shape = PLAN_SHAPE_LINUX, .cpu = "amd64", .loaders = PLAN_LOADERS_ALL};
    char why[PLAN_WHY_MAX];
    client = (struct plan_client){.arch = 7};
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_GRUB);
    client.proxied = true;
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_IPXE);
    client.worked = PLAN_CHAIN_GRUB; /* for other machines of its kind, elsewhere */
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_IPXE);
    need.secure_boot = true; /* nothing else is signed */
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_GRUB);
    need.secure_boot = false;
    need.shape = PLAN_SHAPE_XEN;
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_GRUB);
    need.shape = PLAN_SHAPE_BOOTCFG; /* mboot.efi reads the proxy's answer */
    assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_MBOOT);
}

/* A node's wish counts or fails; a network's counts for the machines that can. */
static void wishes(void **state)
{
    static char grub[] = "grub", automatic[] = "auto";
    site.loader = "pxelinux";
    make();
    assert_string_equal(plan.loader, "pxelinux.0");
    node.settings.loader = automatic;
    make();
    assert_string_equal(plan.loader, "lpxelinux.0");
    node.settings.loader = grub;
    check_fails("setting loader is grub, but");
    node.settings.loader = NULL;
    site.loader = "grub";
    make();
    assert_string_equal(plan.loader, "lpxelinux.0");
}

static void make_local(const char *loader, size_t warnings)
{
    if (plan_make(fleet, &node, NULL, NULL, &site, &client, PLAN_CHAIN_ANY, &plan, &err))
        fail_msg("%s", err.text);
    assert_int_equal(plan.shape, PLAN_SHAPE_LOCAL);
    assert_string_equal(plan.loader, loader);
    assert_int_equal(plan.module_count, 0);
    assert_int_equal(plan.overlay_at, -1);
    assert_int_equal(plan.warning_count, warnings);
}

/* It needs no image; a loader that is there, or none. */
static void the_local_disk(void **state)
{
    static char mboot[] = "mboot", local[] = "local", between[] = "19:00-06:00", ipxe[] = "ipxe";
    site.local = true;
    node.settings = (struct fleet_settings){.boot = local};
    make_local("lpxelinux.0", 0);
    assert_string_equal(plan.local_why, "boot is local");
    site.loader = "pxelinux";
    make_local("pxelinux.0", 0);
    node.settings = (struct fleet_settings){.loader = mboot, .between = between};
    client.arch = 7;
    make_local("loader/grub-amd64/shimx64.efi", 0);
    assert_string_equal(plan.local_why, "outside 19:00-06:00");
    node.settings.loader = ipxe;
    make_local("loader/grub-amd64/shimx64.efi", 0);
    client.arch = 0;
    make_local("loader/ipxe/undionly.kpxe", 0);
    client = (struct plan_client){.arch = 16, .http = true};
    make_local("http://10.77.0.1/node/n1/boot.img", 0);
    site.loaders = 0;
    make_local("", 1);
    assert_non_null(strstr(plan.warning[0], "an address and no boot file: "));
}

static void images_that_do_not_boot(void **state)
{
    static char loader[] = "loader", unknown[] = "unknown", later[] = "esxi_bootcfg";
    image.family = loader;
    check_fails("image esxi4 is no system to boot (family loader)");
    assert_null(plan_overlay_name(&image));
    image.family = later;
    site.loaders &= ~(1u << PLAN_LOADER_PXELINUX3);
    check_fails("image esxi4: boot loader pxelinux-3.86 is not in the store");
    image.family = unknown;
    check_fails("image esxi4 is no system to boot (family unknown)");
    assert_true(plan_takes_strong_hash(&image));

    assert_int_equal(plan_make(fleet, &node, NULL, &manifest, &site, &client, PLAN_CHAIN_ANY, &plan, &err),
                     -1);
    assert_string_equal(err.text, "node n1: there is no image esxi4 (bootherd image list)");
    node.settings.image = NULL;
    check_fails("has no image: bootherd node set n1 --image NAME");
}

static void files_that_loaders_refuse(void **state)
{
    files[2].size = 0;
    check_fails("sys.vgz of the image is empty");
    files[2].size = 1000;
    files[2].unpacked = UINT64_C(1) << 32;
    check_fails("sys.vgz unpacks to 4294967296 bytes");
    files[2].unpacked = UINT32_MAX;
    make();
    files[0].role = IMAGE_ROLE_EXTRA;
    check_fails("has no kernel");
}

static void long_names(void **state)
{
    char name[PLAN_PATH_MAX];
    memset(name, 'n', sizeof name);
    name[PLAN_PATH_MAX - 1 - strlen(IMAGE)] = '\0';
    add_file(name, IMAGE_ROLE_MODULE);
    make();
    name[PLAN_PATH_MAX - 1 - strlen(IMAGE)] = 'n';
    name[PLAN_PATH_MAX - strlen(IMAGE)] = '\0';
    add_file(name, IMAGE_ROLE_MODULE);
    check_fails("at most 255");
}

/* "mboot.c32 " + what stands behind APPEND + " BOOTIF=01-aa-bb-cc-dd-ee-ff" is 2047 bytes at most. */
static void line_of_the_loader(void **state)
{
    make();
    size_t size = plan_line_size(&plan);
    /* By hand: 10 + 28 around it; 19 bytes of IMAGE for all but the overlay's 15; 5 for each " --- ". */
    assert_int_equal(size, 10 + 28 + 7 * 19 + 15 + 7 * 5 +
                               strlen("vmkboot.gz"
                                      "vmk.gz"
                                      "sys.vgz"
                                      "cim.vgz"
                                      "oem.tgz"
                                      "license.tgz"
                                      "cimstg.tgz"));
    while (size + 5 + 19 + 100 <= PLAN_LINE_MAX) {
        char name[101];
        memset(name, 'm', 100);
        name[100] = '\0';
        add_file(name, IMAGE_ROLE_MODULE);
        size += 5 + 19 + 100;
    }
    check_warns("of at most 2047 bytes");
    static char options[200];
    memset(options, 'o', PLAN_LINE_MAX - size - 1);
    files[1].options = options;
    make();
    assert_int_equal(plan_line_size(&plan), PLAN_LINE_MAX);
    options[PLAN_LINE_MAX - size - 1] = 'o';
    check_fails("would have 2048 bytes");
    files[1].options = NULL;
}

static void too_many_modules(void **state)
{
    drop_files();
    add_file("vmkboot.gz", IMAGE_ROLE_KERNEL);
    for (size_t i = 0; i < PLAN_MODULES_MAX; i++)
        add_file("m", IMAGE_ROLE_MODULE);
    check_fails("leaves no room for the overlay");
    add_file("m", IMAGE_ROLE_MODULE);
    check_fails("more than 1024 modules");
}

static void who_can_log_in(void **state)
{
    static char strong[] = "$6$saltsalt$xyz", folder[] = "mine";
    assert_false(plan_takes_strong_hash(&image));
    check_warns("as an MD5 hash ($1$), since VMware ESXi 4.0.0 knows no better");

    /* The hypervisor cannot check this hash, and there is no other way in. */
    node.settings.root_hash_weak = NULL;
    node.settings.root_hash = strong;
    check_fails(
        "nobody could log in: set the password again for this image: bootherd node set n1 --password-file");
    node.settings.key_count = 1;
    node.settings.keys = keys;
    check_warns("the password is not used");
    node.settings.ssh = FLEET_OFF;
    check_fails("nobody could log in");
    node.settings.files = folder;
    check_warns("SSH is off, so the authorized keys are of no use");

    node.settings = (struct fleet_settings){.image = node.settings.image, .key_count = 1, .keys = keys};
    check_warns("root logs in by key over SSH only");
    node.settings = (struct fleet_settings){.image = node.settings.image, .files = folder};
    make();
    assert_int_equal(plan.warning_count, 0);
}

static void archives_around_the_overlay(void **state)
{
    files[6].unpacked = 10240; /* tar with nothing in it, as the procedure finds it */
    make();
    assert_int_equal(plan.warning_count, 1); /* the weak hash */
    files[6].unpacked = 20480;
    check_warns("the image's own mod.tgz is not empty");
    add_file("state.tgz", IMAGE_ROLE_MODULE);
    check_warns("state.tgz is loaded after the overlay");
}

/* The net process plans from a fleet without secrets, explain from one with them. */
static void the_same_plan_without_secrets(void **state)
{
    static const char *const settings[] = {
        "root_password_hash_weak: $1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
        "authorized_keys: [ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB me]",
        "files: mine",
        "ssh: off",
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        cleanup_buf struct buf text = BUF_INIT;
        struct fleet *fleets[2];
        static struct plan plans[2];
        for (size_t j = 0; j < 2; j++) {
            if (j == 0)
                buf_format(&text, "profiles:\n  p:\n    image: esxi4\n    %s\nnodes:\n  n1: {profile: p}\n",
                           settings[i]);
            if (fleet_parse_yaml("test", buf_slice(&text), &fleets[j], &err) ||
                plan_make(fleets[j], fleet_node_by_name(fleets[j], "n1"), &image, &manifest, &site, &client,
                          PLAN_CHAIN_ANY, &plans[j], &err))
                fail_msg("%s", err.text);
            buf_clear(&text);
            assert_int_equal(fleet_format_yaml(fleets[j], FLEET_WITHOUT_SECRETS, &text, &err), 0);
        }
        assert_int_equal(plans[0].overlay_at, i == 3 ? -1 : 5);
        assert_int_equal(plans[1].overlay_at, plans[0].overlay_at);
        assert_int_equal(plans[1].warning_count, plans[0].warning_count);
        assert_memory_equal(plans[1].warning, plans[0].warning, sizeof plans[0].warning);
        fleet_free(fleets[0]);
        fleet_free(fleets[1]);
    }
}

/* A medium of ESXi 5 has no loader for UEFI. It must not be sent there, but its boot.cfg is for mboot.c32,
 * too. */
static void boot_cfg_needs_no_uefi_loader(void **state)
{
    static char family[] = "esxi_bootcfg", version[] = "5.5.0", strong[] = "$6$saltsalt$x";
    drop_files();
    add_file("tboot.b00", IMAGE_ROLE_KERNEL);
    add_file("b.b00", IMAGE_ROLE_MODULE);
    add_file("mboot.c32", IMAGE_ROLE_EXTRA);
    image.family = family;
    image.version = version;
    node.settings.root_hash = strong;
    make();
    assert_int_equal(plan.chain, PLAN_CHAIN_PXELINUX3);
    client.arch = PLAN_ARCH_UNKNOWN;
    if (plan_make(fleet, &node, &image, &manifest, &site, &client, PLAN_CHAIN_MBOOT, &plan, &err))
        fail_msg("%s", err.text);
    image.version = TEXT("6.7.0");
    client.arch = 7;
    check_fails("mboot.efi");
}

/* Linux and Xen read the overlay behind their last initrd; a kernel without one is given it as such. */
static void overlay_behind_the_initrd(void **state)
{
    static const struct {
        const char *family, *names[3], *path;
        bool behind;
    } cases[] = {
        {"linux", {"vmlinuz", "ucode.img", "initrd.img"}, "node/n1/initrd.img", true},
        {"linux", {"vmlinuz", NULL}, "node/n1/overlay.img", false},
        {"xen", {"xen.gz", "vmlinuz", "initrd.img"}, "node/n1/initrd.img", true},
    };
    static char welcome[] = "rack 1";
    node.settings.root_hash_weak = NULL;
    node.settings.welcome = welcome;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image.family = strdup(cases[i].family);
        drop_files();
        for (size_t k = 0; k < 3 && cases[i].names[k]; k++)
            add_file(cases[i].names[k], k ? IMAGE_ROLE_MODULE : IMAGE_ROLE_KERNEL)->order = (unsigned)k;
        make();
        const struct plan_file *last = &plan.module[plan.module_count - 1];
        assert_int_equal(plan.module_count, image.file_count - cases[i].behind);
        assert_int_equal(plan.overlay_at, plan.module_count - 1);
        assert_string_equal(last->path, cases[i].path);
        assert_ptr_equal(last->file, cases[i].behind ? &files[image.file_count - 1] : NULL);
        if (i == 0)
            assert_string_equal(plan.module[0].path, IMAGE "ucode.img");
        free(image.family);
    }
}

static void hypervisor_unpacked_for_ipxe(void **state)
{
    static const char *const names[] = {"xen.gz", "vmlinuz", "initrd.img", "xen", "xen.gz.sig"};
    drop_files();
    for (size_t i = 0; i < 5; i++)
        add_file(names[i], i == 0  ? IMAGE_ROLE_KERNEL
                           : i < 3 ? IMAGE_ROLE_MODULE
                                   : IMAGE_ROLE_EXTRA)
            ->order = i < 3 ? (unsigned)i : 0;
    image.family = TEXT("xen");
    make();
    assert_string_equal(plan.kernel.path, IMAGE "xen.gz");
    client.ipxe = true;
    make();
    assert_int_equal(plan.chain, PLAN_CHAIN_IPXE);
    assert_string_equal(plan.kernel.path, IMAGE "xen");
    assert_ptr_equal(plan_kernel_plain(&image), &files[3]);
    image.file_count = 3;
    assert_null(plan_kernel_plain(&image));
    image.file_count = 5;
    image.family = TEXT("linux");
    assert_null(plan_kernel_plain(&image));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_procedures_plan),
        TEST(overlay_takes_the_place_of_m_z),
        TEST(overlay_comes_last_without_mod_tgz),
        TEST(overlay_behind_the_initrd),
        TEST(hypervisor_unpacked_for_ipxe),
        TEST(images_own_mod_tgz_without_settings),
        TEST(each_setting_asks_for_an_overlay),
        TEST(kernel_options_of_image_and_node),
        TEST(firmware),
        TEST(wishes),
        TEST(the_local_disk),
        TEST(beside_another_dhcp_server),
        TEST(images_that_do_not_boot),
        TEST(files_that_loaders_refuse),
        TEST(long_names),
        TEST(line_of_the_loader),
        TEST(too_many_modules),
        TEST(who_can_log_in),
        TEST(archives_around_the_overlay),
        TEST(the_same_plan_without_secrets),
        TEST(boot_cfg_needs_no_uefi_loader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
