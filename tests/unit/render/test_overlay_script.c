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

/* In the background, read by sh, and whatever it does init goes on. */
static void agent_is_started(void **state)
{
    cleanup_buf struct buf script = BUF_INIT;
    overlay_script_agent(8, &script);
    fixture_write("plain", script.data, script.size);
    fixture_write_text("agent.sh", "echo $0 $* >>told; cat >>told\nexit 1\n");
    fixture_write_program("bin/esxcfg-advcfg", "#!/bin/sh\necho \"$*\" >>calls; exit 1\n");
    fixture_write_text("calls", "");
    fixture_write_text("log", "");
    fixture_check("sed 's,/etc/bootherd/,./,' plain >script; " SOURCE "; cat told calls log",
                  "7\n./agent.sh start\n");
    /* More than ESXi mounts unless told. */
    buf_clear(&script);
    overlay_script_agent(9, &script);
    fixture_write("plain", script.data, script.size);
    fixture_check("sed 's,/etc/bootherd/,./,' plain >script; rm told; " SOURCE "; cat told calls log",
                  "7\n./agent.sh start\n-s 64 /NFS/MaxVolumes\n"
                  "-t bootherd esxcfg-advcfg does not allow more than 8 datastores\n");
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
    struct buf script = BUF_INIT;
    overlay_script_ssh(false, &script);
    check_script(&script);
    overlay_script_ssh(true, &script);
    check_script(&script);
    assert_int_equal(overlay_script_hostname("n1", &script, &err), 0);
    check_script(&script);
    overlay_script_agent(FLEET_DATASTORES_MAX, &script);
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
        cmocka_unit_test(agent_is_started),
        cmocka_unit_test(values_stay_values),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(shellcheck_agrees),
    };
    return cmocka_run_group_tests(tests, start, fixture_stop);
}
