#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/overlay_script.h"

/* Sources ./script as the hypervisor's init does, with commands of the test's own before the real ones. */
#define SOURCE "PATH=$PWD/bin:$PATH busybox ash -c 'sleep() { :; }; SUCCESS=7; . ./script; echo $?; wait'"

/* The script reads a file of the test's instead of /etc/inetd.conf: the only change. */
static void write_ssh(bool tsm)
{
    cleanup_buf struct buf script = BUF_INIT;
    cleanup_buf struct buf moved = BUF_INIT;
    overlay_script_ssh(tsm, &script);
    const char *at = buf_text(&script);
    const char *path = strstr(at, "/etc/inetd.conf");
    assert_non_null(path);
    assert_null(strstr(path + 1, "/etc/inetd.conf"));
    buf_append(&moved, at, (size_t)(path - at));
    buf_append_text(&moved, ".");
    buf_append_text(&moved, path + strlen("/etc"));
    fixture_write("script", moved.data, moved.size);
}

static void check_inetd(const char *before, const char *after, const char *said)
{
    fixture_write_text("inetd.conf", before);
    fixture_write_text("log", "");
    fixture_check(SOURCE, "7\n");
    char *got = fixture_read("inetd.conf");
    assert_string_equal(got, after);
    free(got);
    got = fixture_read("log");
    assert_string_equal(got, said);
    free(got);
    fixture_check("ls inetd.conf*", "inetd.conf\n");
}

#define DROPBEAR "/sbin/dropbearmulti\tdropbear ++min=0,swap,group=shell -i -K60\n"
#define OFF      "-t bootherd no line for ssh in ./inetd.conf: SSH stays off\n"

static void ssh_line_is_uncommented(void **state)
{
    write_ssh(false);
    check_inetd("# Internet server configuration database\n"
                "#ssh\tstream\ttcp\tnowait\troot\t" DROPBEAR "#ssh\tstream\ttcp6\tnowait\troot\t" DROPBEAR
                "#telnet stream tcp nowait root /bin/busybox telnetd\n",
                "# Internet server configuration database\n"
                "ssh\tstream\ttcp\tnowait\troot\t" DROPBEAR "ssh\tstream\ttcp6\tnowait\troot\t" DROPBEAR
                "#telnet stream tcp nowait root /bin/busybox telnetd\n",
                "");
    check_inetd("# ssh stream tcp nowait root x\n", "ssh stream tcp nowait root x\n", "");
    check_inetd("#ssh stream tcp nowait root x", "ssh stream tcp nowait root x", "");
}

static void ssh_stays_when_done_already(void **state)
{
    write_ssh(false);
    check_inetd("ssh stream tcp nowait root x #ssh\n", "ssh stream tcp nowait root x #ssh\n", "");
    check_inetd("ssh stream tcp nowait root x\n", "ssh stream tcp nowait root x\n", "");
}

static void other_comments_stay(void **state)
{
    write_ssh(false);
    const char *prose =
        "#sshd-something\n#sshd stream tcp nowait root x\n# ssh is off by default\n#openssh stream\n";
    check_inetd(prose, prose, OFF);
}

static void a_missing_file_stops_nothing(void **state)
{
    write_ssh(false);
    fixture_write_text("log", "");
    fixture_check("rm -f inetd.conf; " SOURCE " 2>/dev/null", "7\n");
    fixture_check("cat log", OFF);
}

static void tech_support_mode_on_4_1(void **state)
{
    fixture_write_program("bin/vim-cmd",
                          "#!/bin/sh\n"
                          "echo \"$*\" >>calls\n"
                          "[ \"$1\" != hostsvc/hostsummary ] || [ -f up ] || { touch up; false; }\n");
    write_ssh(true);
    check_inetd("#ssh stream tcp nowait root x\n", "ssh stream tcp nowait root x\n", "");
    fixture_check("cat calls", "hostsvc/hostsummary\nhostsvc/hostsummary\nhostsvc/enable_remote_tsm\n"
                               "hostsvc/start_remote_tsm\n");
    fixture_check("rm bin/vim-cmd calls up", "");
    check_inetd("#ssh stream tcp nowait root x\n", "ssh stream tcp nowait root x\n", "");
    write_ssh(false);
    fixture_check("grep -c vim-cmd script || :", "0\n");
}

static void a_hostd_that_never_answers(void **state)
{
    fixture_write_program("bin/vim-cmd", "#!/bin/sh\necho \"$*\" >>calls\nfalse\n");
    write_ssh(true);
    check_inetd("#ssh stream tcp nowait root x\n", "ssh stream tcp nowait root x\n",
                "-t bootherd hostd did not enable remote tech support mode\n");
    fixture_check("grep -c hostsummary calls; rm bin/vim-cmd calls", "60\n");
}

static void hostname(void **state)
{
    struct error err;
    cleanup_buf struct buf script = BUF_INIT;
    assert_int_equal(overlay_script_hostname("esx1.rack", &script, &err), 0);
    fixture_write("script", script.data, script.size);
    fixture_write_text("log", "");
    fixture_write_program("bin/esxcfg-advcfg", "#!/bin/sh\necho \"$@\" >calls\n");
    fixture_check(SOURCE "; cat calls", "7\n-s esx1.rack /Misc/hostname\n");
    fixture_check("rm bin/esxcfg-advcfg calls; " SOURCE " 2>&1", "7\n");
    fixture_check("cat log", "-t bootherd esxcfg-advcfg does not take the host name\n");
}

/* A stand-in that keeps its list as esxcfg-nas prints it, and whose server is not there for the first tries.
 */
static const char fake_nas[] = "#!/bin/sh\n"
                               "case $1 in\n"
                               "-l) cat mounts ;;\n"
                               "-r) echo restore >>calls ;;\n"
                               "-a)\n"
                               "    printf '%s|' \"$@\" >>calls; echo >>calls\n"
                               "    [ \"$(grep -c '^-a' calls)\" -gt 3 ] || { echo 'no route'; exit 1; }\n"
                               "    host=$3 path=$5\n"
                               "    shift $(($# - 1))\n"
                               "    echo \"$1 is $path from $host mounted\" >>mounts\n"
                               "    ;;\n"
                               "esac\n";

static void write_datastores(const struct fleet_datastore *stores, size_t count)
{
    struct error err;
    cleanup_buf struct buf script = BUF_INIT;
    if (overlay_script_datastores(stores, count, &script, &err))
        fail_msg("%s", err.text);
    fixture_write("script", script.data, script.size);
    fixture_write_text("log", "");
    fixture_write_text("calls", "");
    fixture_write_text("mounts", "");
    fixture_write_program("bin/esxcfg-nas", fake_nas);
}

static void datastores_until_all_are_there(void **state)
{
    struct fleet_datastore stores[] = {
        {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false},
        {FLEET_STORE_NFS, TEXT("iso"), TEXT("10.0.0.9"), TEXT("/vol/iso"), true, false}};
    write_datastores(stores, 2);
    fixture_check(SOURCE, "7\n");
    fixture_check("cat mounts", "iso is /vol/iso from 10.0.0.9 mounted\nvm is /vol/vm from nas1 mounted\n");
    fixture_check("cat calls", "-a|-o|nas1|-s|/vol/vm|vm|\nrestore\n"
                               "-a|-o|10.0.0.9|-s|/vol/iso|--readonly|iso|\nrestore\n"
                               "-a|-o|nas1|-s|/vol/vm|vm|\nrestore\n"
                               "-a|-o|10.0.0.9|-s|/vol/iso|--readonly|iso|\n"
                               "-a|-o|nas1|-s|/vol/vm|vm|\n");
    fixture_check("cat log", "-t bootherd datastore vm (nas1:/vol/vm) is not mounted: no route\n"
                             "-t bootherd datastore iso (10.0.0.9:/vol/iso) is not mounted: no route\n"
                             "-t bootherd datastore vm (nas1:/vol/vm) is not mounted: no route\n");
}

static void datastores_there_already(void **state)
{
    struct fleet_datastore stores[] = {
        {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false}};
    write_datastores(stores, 1);
    fixture_write_text("mounts", "iso is /x from nas1 mounted\nvm is /vol/vm from nas1 mounted available\n");
    fixture_check(SOURCE "; cat calls", "7\n");
    /* Values are no patterns. */
    stores[0].path = TEXT("/vol/v.");
    write_datastores(stores, 1);
    fixture_write_text("mounts", "vm is /vol/vm from nas1 mounted\n");
    fixture_check(SOURCE "; grep -c '^-a' calls", "7\n4\n");
    stores[0].path = TEXT("/vol/vm");
    write_datastores(stores, 1);
    /* Another label that ends the same way, and one that is known but not connected, do not count. */
    fixture_write_text("mounts", "myvm is /vol/vm from nas1 mounted\nvm is /vol/vm from nas1 unmounted\n");
    fixture_check(SOURCE "; grep -c restore calls", "7\n3\n");
}

static void datastores_given_up_after_a_day(void **state)
{
    struct fleet_datastore stores[] = {
        {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), false, false}};
    write_datastores(stores, 1);
    fixture_check("sed -i 's/-gt 1470/-gt 40/' script",
                  ""); /* 30 * 10 s + 1440 * 60 s are too many to wait for */
    fixture_check(
        "rm bin/esxcfg-nas; PATH=$PWD/bin:$PATH busybox ash -c 'sleep() { echo $1 >>slept; }; SUCCESS=7; "
        ". ./script; wait' 2>&1",
        "");
    fixture_check("sort slept | uniq -c | tr -s ' '", " 30 10\n 10 60\n");
    fixture_check("tail -n1 log; grep -c 'is not mounted' log",
                  "-t bootherd datastores are missing; trying no more\n41\n");
}

static const char nasty[] = "a'b $(touch pwned) `touch pwned` \"; touch pwned; #\\ $HOME *";

static void values_stay_values(void **state)
{
    struct error err;
    cleanup_buf struct buf word = BUF_INIT;
    cleanup_buf struct buf script = BUF_INIT;
    assert_int_equal(overlay_script_quote(nasty, "it", &word, &err), 0);
    buf_format(&script, "printf %%s %s\n", buf_text(&word));
    fixture_write("script", script.data, script.size);
    fixture_check("busybox ash ./script", nasty);
    fixture_check("dash ./script", nasty);

    struct fleet_datastore stores[] = {{FLEET_STORE_NFS, TEXT("it's $(touch pwned)"), TEXT("`touch pwned`"),
                                        TEXT("/'; touch pwned; '"), true, false}};
    write_datastores(stores, 1);
    fixture_check(SOURCE " && ! ls pwned 2>/dev/null", "7\n");
    fixture_check("cat mounts", "it's $(touch pwned) is /'; touch pwned; ' from `touch pwned` mounted\n");
    assert_int_equal(overlay_script_quote("", "it", &script, &err), 0);
}

static void refused_values(void **state)
{
    static const char *const bad[] = {"a\nb", "a\rb", "\x1b[2J", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(overlay_script_quote(bad[i], "the text", &out, &err), -1);
        assert_non_null(strstr(err.text, "the text contains a control character"));
        assert_int_equal(overlay_script_hostname(bad[i], &out, &err), -1);
    }
    struct fleet_datastore stores[] = {{FLEET_STORE_NFS, TEXT(""), TEXT("h"), TEXT("/p"), false, false},
                                       {FLEET_STORE_NFS, TEXT("-a"), TEXT("h"), TEXT("/p"), false, false},
                                       {FLEET_STORE_NFS, TEXT("a/b"), TEXT("h"), TEXT("/p"), false, false},
                                       {FLEET_STORE_NFS, TEXT("a"), TEXT("h\n"), TEXT("/p"), false, false},
                                       {FLEET_STORE_NFS, TEXT("a"), TEXT("h"), TEXT("/p\n"), false, false}};
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(overlay_script_datastores(&stores[i], 1, &out, &err), -1);
        assert_non_null(strstr(err.text, "datastore"));
    }
}

/* Sourced scripts: `return` outside a function is right, and ${SUCCESS} is a number that init has set. */
static void check_script(struct buf *script)
{
    static const char end[] = "\nreturn ${SUCCESS}\n";
    const char *text = buf_text(script);
    assert_true(script->size > strlen(end));
    assert_string_equal(text + script->size - strlen(end), end);
    assert_null(strchr(text, '\r'));
    assert_null(strstr(text, "exit"));
    fixture_write_text("script", text);
    fixture_check("shellcheck -s sh -e SC2086 script 2>&1", "");
    buf_fini(script);
}

static void shellcheck_agrees(void **state)
{
    struct error err;
    struct fleet_datastore stores[] = {
        {FLEET_STORE_NFS, TEXT("vm"), TEXT("nas1"), TEXT("/vol/vm"), true, false}};
    struct buf script = BUF_INIT;
    overlay_script_ssh(false, &script);
    check_script(&script);
    overlay_script_ssh(true, &script);
    check_script(&script);
    assert_int_equal(overlay_script_hostname("n1", &script, &err), 0);
    check_script(&script);
    assert_int_equal(overlay_script_datastores(stores, 1, &script, &err), 0);
    check_script(&script);
}

static int start(void **state)
{
    if (fixture_start(state))
        return -1;
    free(fixture_run("mkdir bin"));
    fixture_write_program("bin/logger", "#!/bin/sh\necho \"$*\" >>log\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ssh_line_is_uncommented),
        cmocka_unit_test(ssh_stays_when_done_already),
        cmocka_unit_test(other_comments_stay),
        cmocka_unit_test(a_missing_file_stops_nothing),
        cmocka_unit_test(tech_support_mode_on_4_1),
        cmocka_unit_test(a_hostd_that_never_answers),
        cmocka_unit_test(hostname),
        cmocka_unit_test(datastores_until_all_are_there),
        cmocka_unit_test(datastores_there_already),
        cmocka_unit_test(datastores_given_up_after_a_day),
        cmocka_unit_test(values_stay_values),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(shellcheck_agrees),
    };
    return cmocka_run_group_tests(tests, start, fixture_stop);
}
