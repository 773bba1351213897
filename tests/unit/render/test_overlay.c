#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/overlay.h"

#define WEAK   "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"
#define STRONG "$6$saltsalt$xyz"

static struct image image = {
    .family = TEXT("esxi_dd"), .product = TEXT("VMware ESXi"), .version = TEXT("4.0.0")};
static char *keys[] = {TEXT("ssh-rsa AAAA== b@desk"), TEXT("ssh-rsa BBBB== a@desk")};
static struct fleet_datastore stores[] = {
    {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false},
    {FLEET_STORE_NFS, TEXT("iso"), TEXT("nas1"), TEXT("/vol/iso"), true, false}};

static const struct fleet_settings everything = {.root_hash = TEXT(STRONG),
                                                 .root_hash_weak = TEXT(WEAK),
                                                 .ssh = FLEET_ON,
                                                 .key_count = 2,
                                                 .keys = keys,
                                                 .datastore_count = 2,
                                                 .datastores = stores,
                                                 .welcome = TEXT("Rack 7.\nHands off.")};

static struct slice text(const char *t)
{
    return (struct slice){(const uint8_t *)t, strlen(t)};
}

static int try_render(const struct fleet_settings *settings, const struct overlay_extra *extras, size_t count,
                      struct buf *archive, struct buf *listing, struct error *err)
{
    struct overlay_input input = {.image = &image,
                                  .settings = settings,
                                  .hostname = "esx1",
                                  .agent_list = settings->datastore_count ? AGENT_LIST : NULL,
                                  .extras = extras,
                                  .extra_count = count};
    return overlay_render(&input, archive, listing, err);
}

/* Writes mod.tgz into the test's folder and returns the listing, owned by the caller. */
static char *render(const struct fleet_settings *settings, const struct overlay_extra *extras, size_t count)
{
    struct error err;
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    if (try_render(settings, extras, count, &archive, &listing, &err))
        fail_msg("%s", err.text);
    fixture_write("mod.tgz", archive.data, archive.size);
    return strdup(buf_text(&listing));
}

static const char names[] = ".ssh/\n"
                            ".ssh/authorized_keys\n"
                            "etc/\n"
                            "etc/bootherd/\n"
                            "etc/bootherd/agent.list\n"
                            "etc/bootherd/agent.sh\n"
                            "etc/bootherd/host-vim.sh\n"
                            "etc/bootherd/host.sh\n"
                            "etc/bootherd/restore.sh\n"
                            "etc/bootherd/talk.sh\n"
                            "etc/shadow\n"
                            "etc/vmware/\n"
                            "etc/vmware/init/\n"
                            "etc/vmware/init/init.d/\n"
                            "etc/vmware/init/init.d/47.enable-ssh\n"
                            "etc/vmware/init/init.d/48.bootherd-hostname\n"
                            "etc/vmware/init/init.d/95.bootherd-agent\n"
                            "etc/vmware/welcome\n";

static void foreign_tools_read_it(void **state)
{
    struct fleet_settings settings = everything;
    free(render(&settings, NULL, 0));
    fixture_check("gzip -t mod.tgz 2>&1", "");
    fixture_check("tar -tzf mod.tgz 2>&1", names);
    fixture_check("bsdtar -tf mod.tgz 2>&1", names);
    fixture_check("busybox tar -tzf mod.tgz 2>&1", names);
    fixture_check("mkdir x && tar -xzf mod.tgz -C x && cat x/.ssh/authorized_keys x/etc/vmware/welcome",
                  "ssh-rsa AAAA== b@desk\nssh-rsa BBBB== a@desk\nRack 7.\nHands off.\n");
    fixture_check(
        "grep root: x/etc/shadow; stat -c %a x/etc/shadow x/.ssh x/.ssh/authorized_keys x/etc && rm -r x",
        "root:" WEAK ":14000:0:99999:7:::\n1400\n700\n600\n755\n");
}

static void listing_as_tar_has_it(void **state)
{
    struct fleet_settings settings = everything;
    struct overlay_extra extras[] = {
        {.path = "opt/big", .mode = 04711, .content = {(const uint8_t *)calloc(1, 12345678), 12345678}},
        {.path = "opt/dir", .directory = true, .mode = 0775},
        {.path = "opt/link", .link = "../etc/motd", .mode = 0777},
        {.path = "opt/odd", .mode = 01644, .content = text("x")},
        {.path = "opt/sgid", .mode = 02745, .content = text("x")},
    };
    char *listing = render(&settings, extras, 5);
    assert_non_null(strstr(listing, "drwxr-xr-x root/root         0 1980-01-01 00:00 opt/dir/\n"));
    fixture_check("TZ=UTC LC_ALL=C tar -tvzf mod.tgz", listing);
    free(listing);
    free((void *)(uintptr_t)extras[0].content.data);
}

/* mboot's rule: one gzip member with nothing behind it, no time and no name in it; ustar without pax. */
static void shape_of_the_bytes(void **state)
{
    struct error err;
    struct fleet_settings settings = everything;
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    assert_int_equal(try_render(&settings, NULL, 0, &archive, &listing, &err), 0);
    assert_memory_equal(archive.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);

    static uint8_t tar[1 << 16];
    z_stream z = {.next_in = archive.data,
                  .avail_in = (unsigned)archive.size,
                  .next_out = tar,
                  .avail_out = sizeof tar};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    size_t size = z.total_out;
    inflateEnd(&z);

    static const uint8_t zeros[1024];
    assert_int_equal(size % 512, 0);
    assert_memory_equal(tar + size - 1024, zeros, 1024);
    for (size_t at = 0; at < size - 1024;) {
        assert_memory_equal(tar + at + 257, "ustar\00000", 8);
        assert_non_null(strchr("05", tar[at + 156]));
        assert_string_equal((char *)tar + at + 136, "02263523000"); /* 315532800 */
        assert_string_equal((char *)tar + at + 108, "0000000");
        assert_string_equal((char *)tar + at + 265, "root");
        at += 512 + (strtoul((char *)tar + at + 124, NULL, 8) + 511) / 512 * 512;
    }
}

static void equal_input_equal_bytes(void **state)
{
    struct error err;
    struct fleet_settings settings = everything;
    struct overlay_extra forth[] = {{.path = "a", .mode = 0644, .content = text("1")},
                                    {.path = "b/c", .mode = 0644, .content = text("2")}};
    struct overlay_extra back[] = {forth[1], forth[0]};
    cleanup_buf struct buf one = BUF_INIT;
    cleanup_buf struct buf two = BUF_INIT;
    cleanup_buf struct buf list = BUF_INIT;
    assert_int_equal(try_render(&settings, forth, 2, &one, &list, &err), 0);
    assert_int_equal(try_render(&settings, back, 2, &two, &list, &err), 0);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
    back[0].content = text("3");
    buf_clear(&two);
    assert_int_equal(try_render(&settings, back, 2, &two, &list, &err), 0);
    assert_true(one.size != two.size || memcmp(one.data, two.data, one.size) != 0);
}

/* The very scripts of the source, and a list that nobody else may read. */
static void agent_files(void **state)
{
    struct fleet_settings settings = everything;
    free(render(&settings, NULL, 0));
    fixture_check(
        "mkdir x && tar -xpzf mod.tgz -C x && cd x/etc/bootherd && cat agent.list && stat -c '%a %n' * && "
        "cmp agent.sh $SOURCE_ROOT/agents/core.sh && cmp host.sh $SOURCE_ROOT/agents/esxi4.sh && "
        "cmp talk.sh $SOURCE_ROOT/agents/talk.sh && cmp restore.sh $SOURCE_ROOT/agents/restore.sh",
        AGENT_LIST
        "600 agent.list\n755 agent.sh\n755 host-vim.sh\n755 host.sh\n755 restore.sh\n755 talk.sh\n");
    fixture_check("tail -n2 x/etc/vmware/init/init.d/95.bootherd-agent; rm -r x",
                  "sh /etc/bootherd/agent.sh start </dev/null >/dev/null 2>&1 &\nreturn ${SUCCESS}\n");
}

static void what_was_not_asked_for_is_not_there(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_ON, .welcome = TEXT("hello\n")};
    char *listing = render(&settings, NULL, 0);
    /* SSH would be open with the vendor's empty password. */
    assert_null(strstr(listing, "enable-ssh"));
    assert_null(strstr(listing, "shadow"));
    assert_null(strstr(listing, ".ssh"));
    assert_null(strstr(listing, "agent"));
    free(listing);
    fixture_check("tar -xzOf mod.tgz etc/vmware/welcome", "hello\n");

    settings.root_hash_weak = TEXT(WEAK);
    settings.ssh = FLEET_OFF;
    listing = render(&settings, NULL, 0);
    assert_null(strstr(listing, "enable-ssh"));
    assert_non_null(strstr(listing, "etc/shadow"));
    free(listing);

    settings = (struct fleet_settings){.ssh = FLEET_ON, .files = TEXT("mine")};
    listing = render(&settings, NULL, 0);
    assert_non_null(strstr(listing, "enable-ssh"));
    free(listing);
}

/* No hash that the hypervisor checks: locked, never the vendor's empty password behind an open SSH. */
static void root_is_locked_without_a_usable_hash(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_ON, .key_count = 1, .keys = keys};
    free(render(&settings, NULL, 0));
    fixture_check("tar -xzOf mod.tgz etc/shadow | head -n1", "root:*:14000:0:99999:7:::\n");
    settings.root_hash = TEXT(STRONG);
    free(render(&settings, NULL, 0));
    fixture_check("tar -xzOf mod.tgz etc/shadow | head -n1", "root:*:14000:0:99999:7:::\n");
}

static void operators_files_win(void **state)
{
    struct fleet_settings settings = everything;
    struct overlay_extra extras[] = {
        {.path = ".ssh", .directory = true, .mode = 0775},
        {.path = "etc/shadow", .mode = 0600, .content = text("mine\n")},
        {.path = "etc/vmware/welcome", .mode = 0644, .content = text("first\n")},
        {.path = "etc/vmware/welcome", .mode = 0644, .content = text("second\n")},
        {.path = "empty", .mode = 0644},
        {.path = "sbin/x", .link = "/bin/busybox", .mode = 0777},
    };
    char *listing = render(&settings, extras, 6);
    free(listing);
    fixture_check("tar -xzOf mod.tgz etc/shadow etc/vmware/welcome empty", "mine\nsecond\n");
    fixture_check("tar -tzf mod.tgz | grep -c welcome", "1\n");
    fixture_check("tar -tvzf mod.tgz | cut -c1-10 | head -n1", "drwx------\n");
    fixture_check("bsdtar -tvf mod.tgz | sed -n 's/.* sbin/sbin/p'", "sbin/\nsbin/x -> /bin/busybox\n");
}

static void refused_files(void **state)
{
    char long_name[102];
    memset(long_name, 'n', 101);
    long_name[101] = '\0';
    const struct {
        struct overlay_extra extra;
        const char *says;
    } bad[] = {
        {{.path = "/etc/motd"}, "no clean relative path"},
        {{.path = "../etc/motd"}, "no clean relative path"},
        {{.path = "etc/../../motd"}, "no clean relative path"},
        {{.path = "etc//motd"}, "no clean relative path"},
        {{.path = "./etc"}, "no clean relative path"},
        {{.path = "etc/"}, "no clean relative path"},
        {{.path = ""}, "no clean relative path"},
        {{.path = "..", .directory = true}, "no clean relative path"},
        {{.path = "a\nb"}, "control character"},
        {{.path = long_name}, "at most 100"},
        {{.path = long_name + 1, .directory = true}, "at most 100"},
        {{.path = "l", .link = long_name}, "at most 100"},
        {{.path = "etc"}, "etc is both a folder and a file"},
        {{.path = "etc", .link = "/tmp"}, "etc is both a folder and a file"},
        {{.path = "etc/shadow/x"}, "etc/shadow is both"},
        {{.path = "etc/shadow", .directory = true}, "etc/shadow is both"},
        {{.path = "huge", .content = {(const uint8_t *)"", OVERLAY_SIZE_MAX}}, "larger than 256 MiB"},
    };
    struct fleet_settings settings = everything;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf archive = BUF_INIT;
        cleanup_buf struct buf listing = BUF_INIT;
        assert_int_equal(try_render(&settings, &bad[i].extra, 1, &archive, &listing, &err), -1);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%zu: %s", i, err.text);
    }
    struct overlay_extra just[] = {{.path = long_name + 1, .mode = 0644}, {.path = "d/e", .directory = true}};
    free(render(&settings, just, 2));
    fixture_check("tar -tzf mod.tgz | grep -c nnn", "1\n");
}

static void refused_settings(void **state)
{
    char *bad_keys[] = {TEXT("ssh-rsa AAAA\nssh-rsa BBBB")};
    struct fleet_settings bad[] = {everything, everything, everything};
    bad[0].welcome = TEXT("a\x1b[2J");
    bad[1].key_count = 1;
    bad[1].keys = bad_keys;
    bad[2].root_hash_weak = TEXT("x:0");
    const char *says[] = {"welcome text", "authorized key 1", "password hash"};
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        cleanup_buf struct buf archive = BUF_INIT;
        cleanup_buf struct buf listing = BUF_INIT;
        assert_int_equal(try_render(&bad[i], NULL, 0, &archive, &listing, &err), -1);
        assert_non_null(strstr(err.text, says[i]));
    }
    struct error err = {0};
    struct image other = {.family = TEXT("efi")};
    struct overlay_input input = {.image = &other, .settings = &bad[0]};
    cleanup_buf struct buf archive = BUF_INIT;
    assert_int_equal(overlay_render(&input, &archive, &archive, &err), -1);
    assert_non_null(strstr(err.text, "family efi"));
}

static void nothing_is_still_an_archive(void **state)
{
    struct error err;
    struct fleet_settings settings = {.ssh = FLEET_OFF};
    struct overlay_input input = {.image = &image, .settings = &settings};
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    assert_int_equal(overlay_render(&input, &archive, &listing, &err), 0);
    assert_true(archive.size > 0);
    fixture_write("mod.tgz", archive.data, archive.size);
    fixture_check("tar -tzf mod.tgz 2>&1", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_tools_read_it),
        cmocka_unit_test(listing_as_tar_has_it),
        cmocka_unit_test(shape_of_the_bytes),
        cmocka_unit_test(equal_input_equal_bytes),
        cmocka_unit_test(agent_files),
        cmocka_unit_test(what_was_not_asked_for_is_not_there),
        cmocka_unit_test(root_is_locked_without_a_usable_hash),
        cmocka_unit_test(operators_files_win),
        cmocka_unit_test(refused_files),
        cmocka_unit_test(refused_settings),
        cmocka_unit_test(nothing_is_still_an_archive),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
