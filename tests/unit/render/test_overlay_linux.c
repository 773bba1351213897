#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/overlay.h"

#define STRONG "$6$saltsalt$xyz"

static struct image image = {.family = TEXT("linux"), .product = TEXT("Linux"), .version = TEXT("6.1")};
static char *keys[] = {TEXT("ssh-rsa AAAA== b@desk"), TEXT("ssh-ed25519 BBBB a@desk")};
static struct fleet_datastore stores[] = {
    {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false},
    {FLEET_STORE_NFS, TEXT("iso"), TEXT("10.0.0.9"), TEXT("/iso"), true, false}};

static const struct fleet_settings everything = {.root_hash = TEXT(STRONG),
                                                 .ssh = FLEET_ON,
                                                 .key_count = 2,
                                                 .keys = keys,
                                                 .vlan = 77,
                                                 .datastore_count = 2,
                                                 .datastores = stores,
                                                 .welcome = TEXT("Rack 7: \\\\nas\\vm.")};

static int try_render(const struct fleet_settings *settings, const struct overlay_extra *extras, size_t count,
                      struct buf *archive, struct buf *listing, struct error *err)
{
    struct overlay_input input = {.image = &image,
                                  .settings = settings,
                                  .node = "rack1",
                                  .hostname = "n1.example",
                                  .ip = 0x0a4d000b,
                                  .agent_list = settings->datastore_count ? AGENT_LIST : NULL,
                                  .extras = extras,
                                  .extra_count = count};
    return overlay_render(&input, archive, listing, err);
}

/* Writes o.cpio into the test's folder, unpacks it in x, and returns the listing, owned by the caller. */
static char *render(const struct fleet_settings *settings, const struct overlay_extra *extras, size_t count)
{
    struct error err;
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    if (try_render(settings, extras, count, &archive, &listing, &err))
        fail_msg("%s", err.text);
    assert_int_equal(archive.size % 512, 0);
    fixture_write("o.cpio", archive.data, archive.size);
    fixture_check("rm -rf x; mkdir x; cd x; cpio -id --quiet <../o.cpio 2>&1", "");
    return strdup(buf_text(&listing));
}

static const char names[] = "etc\n"
                            "etc/bootherd\n"
                            "etc/bootherd/agent.list\n"
                            "etc/bootherd/agent.sh\n"
                            "etc/bootherd/host-qemu.sh\n"
                            "etc/bootherd/host-virsh.sh\n"
                            "etc/bootherd/host.sh\n"
                            "etc/bootherd/node\n"
                            "etc/bootherd/restore.sh\n"
                            "etc/bootherd/root.hash\n"
                            "etc/bootherd/talk.sh\n"
                            "etc/hostname\n"
                            "etc/issue\n"
                            "etc/motd\n"
                            "root\n"
                            "root/.ssh\n"
                            "root/.ssh/authorized_keys\n";

static void foreign_tools_read_it(void **state)
{
    char *listing = render(&everything, NULL, 0);
    fixture_check("cpio -it --quiet <o.cpio", names);
    fixture_check("bsdtar -tf o.cpio", names);
    fixture_check("busybox cpio -it <o.cpio 2>/dev/null", names);
    /* `explain` shows the same files, a folder with a '/'. */
    fixture_write_text("listing", listing);
    fixture_check("sed 's,.* ,,; s,/$,,' listing", names);
    free(listing);
}

static void contents(void **state)
{
    free(render(&everything, NULL, 0));
    fixture_check("cd x; cat etc/hostname etc/bootherd/root.hash root/.ssh/authorized_keys",
                  "n1.example\n" STRONG "\nssh-rsa AAAA== b@desk\nssh-ed25519 BBBB a@desk\n");
    fixture_check("cd x; stat -c %a root root/.ssh root/.ssh/authorized_keys etc/bootherd/root.hash etc",
                  "700\n700\n600\n600\n755\n");
    fixture_check("cd x; . etc/bootherd/node; echo $BOOTHERD_NODE $BOOTHERD_HOSTNAME $BOOTHERD_IP "
                  "$BOOTHERD_SSH $BOOTHERD_VLAN",
                  "rack1 n1.example 10.77.0.11 on 77\n");
    /* getty takes "\n" and its like for something to fill in. */
    fixture_check("cd x; cat etc/motd etc/issue", "Rack 7: \\\\nas\\vm.\nRack 7: \\\\\\\\nas\\\\vm.\n");
    fixture_check("cd x; shellcheck -s sh -e SC2034 etc/bootherd/node", "");
}

static void agent_files(void **state)
{
    static char xen[] = "xen";
    char *linux_family = image.family;
    free(render(&everything, NULL, 0));
    fixture_check("cd x/etc/bootherd && cat agent.list && stat -c '%a %n' agent.* host*.sh && cd "
                  "$SOURCE_ROOT/agents && "
                  "cmp core.sh $OLDPWD/agent.sh && cmp linux.sh $OLDPWD/host.sh && "
                  "cmp virsh.sh $OLDPWD/host-virsh.sh && cmp qemu.sh $OLDPWD/host-qemu.sh",
                  AGENT_LIST
                  "600 agent.list\n755 agent.sh\n755 host-qemu.sh\n755 host-virsh.sh\n755 host.sh\n");
    image.family = xen;
    free(render(&everything, NULL, 0));
    image.family = linux_family;
    fixture_check("cd x/etc/bootherd && echo host*.sh && cmp host.sh $SOURCE_ROOT/agents/linux.sh && "
                  "cmp host-xl.sh $SOURCE_ROOT/agents/xl.sh",
                  "host-xl.sh host.sh\n");
}

static void known_accounts_make_a_shadow(void **state)
{
    image.accounts = TEXT("daemon:*:1:::::\nroot:!:19000:0:99999:7:::\n");
    free(render(&everything, NULL, 0));
    fixture_check("cat x/etc/shadow; stat -c %a x/etc/shadow; ls x/etc/bootherd | grep -v 'agent\\|host'",
                  "daemon:*:1:::::\nroot:" STRONG ":19000:0:99999:7:::\n600\nnode\nrestore.sh\ntalk.sh\n");
    image.accounts = NULL;
}

static void what_was_not_asked_for_is_not_there(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_OFF};
    free(render(&settings, NULL, 0));
    fixture_check("cd x; find . -type f | sort; grep SSH etc/bootherd/node",
                  "./etc/bootherd/node\n./etc/hostname\nBOOTHERD_SSH='off'\n");
    /* Keys are for SSH. */
    settings.key_count = 1;
    settings.keys = keys;
    free(render(&settings, NULL, 0));
    fixture_check("cd x; find . -type f | sort; cat etc/bootherd/root.hash",
                  "./etc/bootherd/node\n./etc/bootherd/root.hash\n./etc/hostname\n*\n");

    struct error err;
    struct overlay_input input = {.image = &image, .settings = &settings};
    cleanup_buf struct buf archive = BUF_INIT;
    assert_int_equal(overlay_render(&input, &archive, &archive, &err), 0);
}

/* A folder of the archive would take the place of the link that the initramfs has there. */
static void links_of_the_initramfs_stay(void **state)
{
    struct overlay_extra extras[] = {
        {.path = "bin", .directory = true, .mode = 0755},
        {.path = "bin/tool", .mode = 0755, .content = {(const uint8_t *)"x", 1}},
        {.path = "lib/modules/m.ko", .mode = 0644, .content = {(const uint8_t *)"y", 1}},
        {.path = "preseed.cfg", .mode = 0644, .content = {(const uint8_t *)"z", 1}},
        {.path = "etc/hostname", .mode = 0644, .content = {(const uint8_t *)"mine\n", 5}},
    };
    char *listing = render(&everything, extras, 5);
    fixture_check("bsdtar -tf o.cpio | grep '^[^er]'",
                  "bin/tool\nlib/modules\nlib/modules/m.ko\npreseed.cfg\n");
    assert_null(strstr(listing, " bin/\n"));
    free(listing);
    /* As the kernel unpacks: into what is there. */
    fixture_check("mkdir -p root/usr/bin root/usr/lib; ln -s usr/bin root/bin; ln -s usr/lib root/lib; "
                  "bsdtar -xPf o.cpio -C root 2>&1; cat root/usr/bin/tool root/usr/lib/modules/m.ko "
                  "root/etc/hostname; readlink root/bin root/lib",
                  "xymine\nusr/bin\nusr/lib\n");
}

static void both_families_and_equal_bytes(void **state)
{
    struct error err;
    cleanup_buf struct buf one = BUF_INIT;
    cleanup_buf struct buf two = BUF_INIT;
    cleanup_buf struct buf list = BUF_INIT;
    struct fleet_settings settings = everything;
    settings.datastore_count = 0; /* whose agents differ */
    assert_int_equal(try_render(&settings, NULL, 0, &one, &list, &err), 0);
    static char xen[] = "xen";
    char *linux_family = image.family;
    image.family = xen;
    assert_int_equal(try_render(&settings, NULL, 0, &two, &list, &err), 0);
    image.family = linux_family;
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
}

static void refused_settings(void **state)
{
    char *bad_keys[] = {TEXT("ssh-rsa AAAA\nssh-rsa BBBB")};
    struct fleet_settings bad[] = {everything, everything, everything};
    bad[0].welcome = TEXT("a\x1b[2J");
    bad[1].keys = bad_keys;
    bad[1].key_count = 1;
    bad[2].root_hash = TEXT("x\ny");
    const char *says[] = {"welcome text", "authorized key 1", "password hash"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf archive = BUF_INIT;
        assert_int_equal(try_render(&bad[i], NULL, 0, &archive, &archive, &err), -1);
        if (!strstr(err.text, says[i]))
            fail_msg("%zu: %s", i, err.text);
    }
    struct error err = {0};
    cleanup_buf struct buf archive = BUF_INIT;
    struct overlay_input input = {.image = &image, .settings = &everything, .hostname = "a\nb"};
    assert_int_equal(overlay_render(&input, &archive, &archive, &err), -1);
    assert_non_null(strstr(err.text, "the host name contains a control character"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_tools_read_it),
        cmocka_unit_test(contents),
        cmocka_unit_test(agent_files),
        cmocka_unit_test(known_accounts_make_a_shadow),
        cmocka_unit_test(what_was_not_asked_for_is_not_there),
        cmocka_unit_test(links_of_the_initramfs_stay),
        cmocka_unit_test(both_families_and_equal_bytes),
        cmocka_unit_test(refused_settings),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
