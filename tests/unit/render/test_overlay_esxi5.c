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

static struct image image = {.family = TEXT("esxi_bootcfg"),
                             .product = TEXT("VMware ESXi"),
                             .accounts = TEXT("root:*:13358:0:99999:7:::\nvpxuser:x:14875:0:99999:7:::\n")};
static char *keys[] = {TEXT("ssh-rsa AAAA== b@desk"), TEXT("ssh-rsa BBBB== a@desk")};
static struct fleet_datastore stores[] = {
    {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false}};

static const struct fleet_settings everything = {.root_hash = TEXT(STRONG),
                                                 .root_hash_weak = TEXT("$1$a$b"),
                                                 .ssh = FLEET_ON,
                                                 .key_count = 2,
                                                 .keys = keys,
                                                 .datastore_count = 1,
                                                 .datastores = stores,
                                                 .welcome = TEXT("Rack 7.\nHands off.")};

static int try_render(const char *version, const struct fleet_settings *settings,
                      const struct overlay_extra *extras, size_t count, struct buf *archive,
                      struct buf *listing, struct error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%s", version);
    image.version = text;
    struct overlay_input input = {.image = &image,
                                  .settings = settings,
                                  .node = "rack1",
                                  .hostname = "esx1",
                                  .ip = 0x0a4d000b,
                                  .agent_list = settings->datastore_count ? AGENT_LIST : NULL,
                                  .extras = extras,
                                  .extra_count = count};
    return overlay_render(&input, archive, listing, err);
}

/* Writes bootherd.tgz into the test's folder, unpacks it in x, and checks the listing against tar's. */
static void render(const char *version, const struct fleet_settings *settings,
                   const struct overlay_extra *extras, size_t count)
{
    struct error err;
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    if (try_render(version, settings, extras, count, &archive, &listing, &err))
        fail_msg("%s", err.text);
    fixture_write("bootherd.tgz", archive.data, archive.size);
    fixture_check("TZ=UTC LC_ALL=C tar -tvzf bootherd.tgz", buf_text(&listing));
    fixture_check("rm -rf x; mkdir x; tar -xpzf bootherd.tgz -C x", "");
}

#define COMMON_FILES(root_hash, hook)                                                                        \
    "./etc/bootherd ./etc/bootherd/agent.list ./etc/bootherd/agent.sh ./etc/bootherd/host-vim.sh "           \
    "./etc/bootherd/host.sh "                                                                                \
    "./etc/bootherd/restore.sh " root_hash "./etc/bootherd/start.sh ./etc/bootherd/talk.sh " hook            \
    "./etc/shadow ./etc/ssh ./etc/ssh/keys-root ./etc/ssh/keys-root/authorized_keys ./etc/vmware "           \
    "./etc/vmware/welcome\n"

/* By generation; docs/hypervisors.md. */
static void files_by_generation(void **state)
{
    static const struct {
        const char *version, *files;
    } generations[] = {
        {"5.0.0", COMMON_FILES("", "./etc/rc.local ")},
        {"5.1.0", COMMON_FILES("", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
        {"6.7.0", COMMON_FILES("", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
        {"7.0.2", COMMON_FILES("./etc/bootherd/root.hash ", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
        {"8.0.3", COMMON_FILES("./etc/bootherd/root.hash ", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
        {"12.0", COMMON_FILES("./etc/bootherd/root.hash ", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
        {"unknown", COMMON_FILES("./etc/bootherd/root.hash ", "./etc/rc.local.d ./etc/rc.local.d/local.sh ")},
    };
    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        render(generations[i].version, &everything, NULL, 0);
        fixture_check("cd x && find . | LC_ALL=C sort | sed 1,2d | tr '\\n' ' ' | sed 's/ $/\\n/'",
                      generations[i].files);
    }
}

/* What is edited on the running host is sticky. Every folder is listed, and for all to read. */
static void modes(void **state)
{
    render("7.0.0", &everything, NULL, 0);
    fixture_check("cd x/etc && stat -c '%a %n' shadow ssh/keys-root/authorized_keys vmware/welcome "
                  "rc.local.d/local.sh bootherd/start.sh bootherd/root.hash; find . -type d ! -perm 755",
                  "1400 shadow\n1600 ssh/keys-root/authorized_keys\n1644 vmware/welcome\n"
                  "1755 rc.local.d/local.sh\n755 bootherd/start.sh\n400 bootherd/root.hash\n");
    fixture_check("tar -tzf bootherd.tgz | head -n3; bsdtar -tf bootherd.tgz | wc -l",
                  "etc/\netc/bootherd/\n"
                  "etc/bootherd/agent.list\n18\n");
    fixture_check("cd x/etc/bootherd && stat -c '%a %n' agent.* host.sh && cat agent.list && "
                  "cmp agent.sh $SOURCE_ROOT/agents/core.sh && cmp host.sh $SOURCE_ROOT/agents/esxi5.sh && "
                  "cmp host-vim.sh $SOURCE_ROOT/agents/vim.sh",
                  "600 agent.list\n755 agent.sh\n755 host.sh\n" AGENT_LIST);
}

static void contents(void **state)
{
    render("6.5.0", &everything, NULL, 0);
    fixture_check("cd x/etc && cat shadow ssh/keys-root/authorized_keys vmware/welcome",
                  "root:" STRONG ":13358:0:99999:7:::\nvpxuser:x:14875:0:99999:7:::\n"
                  "ssh-rsa AAAA== b@desk\nssh-rsa BBBB== a@desk\nRack 7.\nHands off.\n");
    fixture_check("cd x/etc && grep -c bootherd_root bootherd/start.sh || :", "0\n");
    render("8.0.0", &everything, NULL, 0);
    fixture_check("cat x/etc/bootherd/root.hash; grep -c '^bootherd_root()' x/etc/bootherd/start.sh",
                  STRONG "\n1\n");
}

/* A password that was not set, or only in a form that is weak: locked, and never the vendor's empty one. */
static void root_is_locked_without_a_hash(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_ON, .key_count = 1, .keys = keys};
    render("7.0.0", &settings, NULL, 0);
    fixture_check("head -n1 x/etc/shadow; cat x/etc/bootherd/root.hash", "root:*:13358:0:99999:7:::\n*\n");
    settings.root_hash_weak = TEXT("$1$a$b");
    render("5.0.0", &settings, NULL, 0);
    fixture_check("head -n1 x/etc/shadow", "root:*:13358:0:99999:7:::\n");
}

static void what_was_not_asked_for_is_not_there(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_ON};
    render("8.0.0", &settings, NULL, 0);
    /* SSH would be open with the vendor's empty password. */
    fixture_check("find x -type f | sort; grep -c 'ssh\\|root\\|agent' x/etc/bootherd/start.sh || :",
                  "x/etc/bootherd/start.sh\nx/etc/rc.local.d/local.sh\n0\n");
    settings.root_hash = TEXT(STRONG);
    settings.ssh = FLEET_OFF;
    render("8.0.0", &settings, NULL, 0);
    fixture_check("grep -c ssh x/etc/bootherd/start.sh || :", "0\n");
    settings = (struct fleet_settings){.ssh = FLEET_ON, .files = TEXT("mine")};
    render("8.0.0", &settings, NULL, 0);
    fixture_check("grep -c start_ssh x/etc/bootherd/start.sh; ls x/etc", "1\nbootherd\nrc.local.d\n");

    struct error err;
    settings = (struct fleet_settings){.ssh = FLEET_OFF};
    struct overlay_input input = {.image = &image, .settings = &settings};
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    image.version = TEXT("8.0.0");
    assert_int_equal(overlay_render(&input, &archive, &listing, &err), 0);
    assert_true(archive.size > 0);
    assert_int_equal(listing.size, 0);
}

static void operators_files_win(void **state)
{
    struct overlay_extra extras[] = {
        {.path = "etc/rc.local.d/local.sh", .mode = 0755, .content = {(const uint8_t *)"mine\n", 5}},
        {.path = "etc/ssh", .directory = true, .mode = 0700},
    };
    render("7.0.0", &everything, extras, 2);
    fixture_check(
        "cat x/etc/rc.local.d/local.sh; stat -c %a x/etc/ssh; ls x/etc/bootherd",
        "mine\n755\nagent.list\nagent.sh\nhost-vim.sh\nhost.sh\nrestore.sh\nroot.hash\nstart.sh\ntalk.sh\n");
}

/* What the image's own init does with the hook: executes it, and goes on. */
static void hooks_start_the_script(void **state)
{
    struct fleet_settings settings = {.ssh = FLEET_OFF, .vlan = 77};
    free(fixture_run("mkdir -p bin"));
    fixture_write_program("bin/logger", "#!/bin/sh\necho \"$@\" >>log\n");
    fixture_write_program("bin/localcli", "#!/bin/sh\necho \"$@\" >>calls\n");
#define CALLS                                                                                                \
    "network vswitch standard portgroup set -p Management Network -v 77\nsystem hostname set --host=esx1\n"
#define RUN(hook)                                                                                            \
    "cd x && sed -i 's,\\(^\\| \\)/etc/,\\1./etc/,' etc/bootherd/start.sh " hook " && "                      \
    "echo $(PATH=$PWD/../bin:$PATH busybox ash " hook " 3>&1); echo $?; cat calls"
    render("8.0.0", &settings, NULL, 0);
    fixture_check("shellcheck -e SC1091 x/etc/rc.local.d/local.sh", "");
    fixture_check(RUN("./etc/rc.local.d/local.sh"), "\n0\n" CALLS);

    /* 5.0's own rc.local runs what is executable in rc.local.d, in order; so does ours, after it. */
    render("5.0.0", &settings, NULL, 0);
    fixture_check("shellcheck -e SC1091 x/etc/rc.local", "");
    fixture_check("mkdir x/etc/rc.local.d", "");
    fixture_write_program("x/etc/rc.local.d/20.b", "#!/bin/sh\necho b\n");
    fixture_write_program("x/etc/rc.local.d/10.a", "#!/bin/sh\ncat; echo a; exit 1\n");
    fixture_write_text("x/etc/rc.local.d/15.not", "#!/bin/sh\necho not\n");
    fixture_check(RUN("./etc/rc.local") "; cat log",
                  "a b\n0\n" CALLS
                  "init running ./etc/rc.local.d/10.a\ninit running ./etc/rc.local.d/20.b\n");
    fixture_check("rm -r x/etc/rc.local.d x/calls x/log; " RUN("./etc/rc.local"), "\n0\n" CALLS);
}

static void equal_input_equal_bytes(void **state)
{
    struct error err;
    cleanup_buf struct buf one = BUF_INIT;
    cleanup_buf struct buf two = BUF_INIT;
    cleanup_buf struct buf list = BUF_INIT;
    assert_int_equal(try_render("7.0.3", &everything, NULL, 0, &one, &list, &err), 0);
    assert_int_equal(try_render("7.0.3", &everything, NULL, 0, &two, &list, &err), 0);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.data, two.data, one.size);
}

static void refused_settings(void **state)
{
    char *bad_keys[] = {TEXT("ssh-rsa AAAA\nssh-rsa BBBB")};
    struct fleet_settings bad[] = {everything, everything, everything, everything};
    bad[0].welcome = TEXT("a\x1b[2J");
    bad[1].key_count = 1;
    bad[1].keys = bad_keys;
    bad[2].root_hash = TEXT("x:0");
    bad[3].welcome = TEXT("a\x7f");
    const char *says[] = {"welcome text", "authorized key 1", "password hash", "welcome text"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf archive = BUF_INIT;
        assert_int_equal(try_render("6.0.0", &bad[i], NULL, 0, &archive, &archive, &err), -1);
        if (!strstr(err.text, says[i]))
            fail_msg("%zu: %s", i, err.text);
    }
    struct error err = {0};
    cleanup_buf struct buf archive = BUF_INIT;
    image.version = TEXT("6.0.0");
    struct overlay_input input = {.image = &image, .settings = &everything, .hostname = "a\nb"};
    assert_int_equal(overlay_render(&input, &archive, &archive, &err), -1);
    assert_non_null(strstr(err.text, "host name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_by_generation),
        cmocka_unit_test(modes),
        cmocka_unit_test(contents),
        cmocka_unit_test(root_is_locked_without_a_hash),
        cmocka_unit_test(what_was_not_asked_for_is_not_there),
        cmocka_unit_test(operators_files_win),
        cmocka_unit_test(hooks_start_the_script),
        cmocka_unit_test(equal_input_equal_bytes),
        cmocka_unit_test(refused_settings),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
