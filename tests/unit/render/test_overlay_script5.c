#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/overlay_script5.h"

/*
 * Sources ./script as the hook does, with commands of the test's own before the real ones, below the test's
 * folder instead of '/'. What runs in the background holds descriptor 3, so echo comes when all of it ended.
 */
#define SOURCE                                                                                               \
    "echo $(PATH=$PWD/bin:$PATH busybox ash -c 'sleep() { echo $1 >>slept; }; . ./script; echo $?' 3>&1)"

#define HASH "$6$salt$./az09&\\1"

static const char shadow[] = "nobody:*:1:::::\nroot::13358:0:99999:7:::\ndcui:*:1:::::\n";

static void write_script(const struct overlay_script5 *what)
{
    struct error err;
    cleanup_buf struct buf script = BUF_INIT;
    if (overlay_script5(what, &script, &err))
        fail_msg("%s", err.text);
    fixture_write("plain", script.data, script.size);
    /* SC2016: that nothing is expanded in single quotes is what they are for. */
    fixture_check("shellcheck -s sh -e SC2016 plain 2>&1", "");
    fixture_check("grep -c exit plain || :", "0\n");
    fixture_check("sed 's,/etc/,./etc/,g' plain >script", "");
    fixture_check("rm -rf slept up hostd; : >calls; : >log", "");
    fixture_write_text("etc/shadow", shadow);
}

/* Each call in a line of its own, words ended by '|'. */
#define RECORD "name=${0##*/}; { printf '%s|' \"$name\" \"$@\"; echo; } >>calls\n"

/* hostd answers from the second question on, unless the test says how many more it needs. */
static const char fake_vim_cmd[] = "#!/bin/sh\n" RECORD "case $1 in\n"
                                   "*hostsummary)\n"
                                   "    echo x >>hostd\n"
                                   "    [ \"$(grep -c x hostd)\" -gt \"$(cat patience)\" ] ;;\n"
                                   "*) [ ! -f broken ] ;;\n"
                                   "esac\n";

static const char fake_cli[] = "#!/bin/sh\n" RECORD "[ ! -f broken ] || { echo 'not now'; exit 1; }\n";

static const char fake_plain[] = "#!/bin/sh\n" RECORD;

static void nothing_to_do(void **state)
{
    assert_false(overlay_script5_needed(&(struct overlay_script5){0}));
    assert_true(overlay_script5_needed(&(struct overlay_script5){.vlan = 1}));
    assert_true(overlay_script5_needed(&(struct overlay_script5){.hostname = "n"}));
    assert_true(overlay_script5_needed(&(struct overlay_script5){.root = true}));
    assert_true(overlay_script5_needed(&(struct overlay_script5){.ssh = true}));
    assert_true(overlay_script5_needed(&(struct overlay_script5){.agent = true}));
}

/* Neither waits for hostd. */
static void hostname_and_vlan(void **state)
{
    write_script(&(struct overlay_script5){.hostname = "esx1", .vlan = 4094});
    fixture_check(SOURCE "; cat calls log",
                  "0\nlocalcli|network|vswitch|standard|portgroup|set|-p|Management Network|-v|4094|\n"
                  "localcli|system|hostname|set|--host=esx1|\n");
    write_script(&(struct overlay_script5){.hostname = "esx1.rack.example"});
    fixture_check(SOURCE "; cat calls log", "0\nlocalcli|system|hostname|set|--fqdn=esx1.rack.example|\n");
}

static void tried_for_a_minute(void **state)
{
    write_script(&(struct overlay_script5){.hostname = "esx1"});
    fixture_write_text("broken", "");
    fixture_check(SOURCE "; rm broken; grep -c hostname calls; sort slept | uniq -c | tr -s ' '; cat log",
                  "0\n30\n 29 2\n-t|bootherd|localcli system hostname set --host=esx1 failed: not now|\n");
    /* Without the command, too. */
    write_script(&(struct overlay_script5){.hostname = "esx1"});
    fixture_check("mv bin/localcli .; " SOURCE "; mv localcli bin; grep -c 'failed: .*not found' log",
                  "0\n1\n");
}

static void ssh_through_hostd(void **state)
{
    write_script(&(struct overlay_script5){.ssh = true});
    fixture_check(
        "sed -i s/root::/root:*:/ etc/shadow; " SOURCE "; cat calls log slept",
        "0\nvim-cmd|hostsvc/hostsummary|\nvim-cmd|hostsvc/hostsummary|\nvim-cmd|hostsvc/enable_ssh|\n"
        "vim-cmd|hostsvc/start_ssh|\n"
        "esxcli|network|firewall|ruleset|set|--ruleset-id=sshServer|--enabled=true|\n5\n");
}

static void ssh_without_hostd(void **state)
{
    write_script(&(struct overlay_script5){.ssh = true});
    fixture_write_text("patience", "99");
    fixture_write_text("broken", "");
    fixture_check("sed -i s/root::/root:x:/ etc/shadow; " SOURCE
                  "; echo 1 >patience; rm broken; grep -c summary calls; grep -v summary calls | head -n5; "
                  "head -n1 log",
                  "0\n60\nvim-cmd|hostsvc/enable_ssh|\nchkconfig|SSH|on|\nSSH|start|\n"
                  "localcli|network|firewall|ruleset|set|--ruleset-id=sshServer|--enabled=true|\n"
                  "localcli|network|firewall|ruleset|set|--ruleset-id=sshServer|--enabled=true|\n"
                  "-t|bootherd|hostd does not answer: going on without it|\n");
}

static void no_ssh_with_an_empty_password(void **state)
{
    static const char *const empty[] = {shadow, "root:\n", "nobody:x:\n", "",
                                        "xroot:x:1:::::\nroot::1:::::\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        write_script(&(struct overlay_script5){.ssh = true});
        fixture_write_text("etc/shadow", empty[i]);
        fixture_check(SOURCE "; grep -v summary calls; cat log",
                      "0\n-t|bootherd|root has no password: SSH stays off|\n");
    }
    fixture_check("rm etc/shadow", "");
    fixture_check(SOURCE "; grep -c ssh calls || :", "0\n0\n");
}

static void root_is_put_back(void **state)
{
    write_script(&(struct overlay_script5){.root = true, .ssh = true});
    fixture_write_text("etc/bootherd/root.hash", HASH "\n");
    fixture_check("chmod 1400 etc/shadow; " SOURCE "; cat etc/shadow; stat -c %a etc/shadow; cat log",
                  "0\nnobody:*:1:::::\nroot:" HASH ":13358:0:99999:7:::\ndcui:*:1:::::\n1400\n"
                  "-t|bootherd|something had changed root's password in ./etc/shadow: it is put back|\n");
    /* Before hostd is asked for SSH. */
    fixture_check("grep -c enable_ssh calls; chmod 644 etc/shadow", "1\n");
}

/*
 * Whatever regenerates the file: at the start, while hostd starts, and in the ten minutes after (120 looks,
 * of which the first finds it as it was put). What comes after the last look stays.
 */
static void root_is_put_back_again(void **state)
{
    write_script(&(struct overlay_script5){.root = true, .ssh = true});
    fixture_write_text("etc/bootherd/root.hash", "*\n");
    fixture_write_text("vandal", shadow);
    fixture_check("sed -i 's,^bootherd_main,sleep() { cat vandal >etc/shadow; }\\n&,' script; " SOURCE
                  "; cmp etc/shadow vandal; grep -c 'put back' log; grep -c start_ssh calls",
                  "0\n121\n1\n");
}

static void root_is_added(void **state)
{
    write_script(&(struct overlay_script5){.root = true});
    fixture_write_text("etc/bootherd/root.hash", HASH "\n");
    fixture_write_text("etc/shadow", "rooty:x:1:::::\nroot\ndcui:*:1:::::");
    fixture_check(SOURCE "; cat etc/shadow",
                  "0\nrooty:x:1:::::\nroot\ndcui:*:1:::::\nroot:" HASH ":14000:0:99999:7:::\n");
    /* No wish, no change. */
    write_script(&(struct overlay_script5){.root = true});
    fixture_check("rm etc/bootherd/root.hash; " SOURCE " 2>/dev/null; cmp etc/shadow vandal; cat log", "0\n");
}

#define AGENT "localcli|network|firewall|ruleset|set|--ruleset-id=httpClient|--enabled=true|\n"

/* After the network, before hostd, and without it: the agent waits for what it needs. */
static void agent(void **state)
{
    fixture_write_text("etc/bootherd/agent.sh", "echo \"agent|$*|\" >>calls; exec >&-\n");
    write_script(
        &(struct overlay_script5){.agent = true, .hostname = "esx1", .nfs_count = 8, .nfs41_count = 8});
    fixture_check(SOURCE "; cat calls log",
                  "0\nlocalcli|system|hostname|set|--host=esx1|\n" AGENT "agent|start|\n");
    write_script(&(struct overlay_script5){.agent = true, .nfs_count = 9});
    fixture_check(SOURCE "; cat calls log",
                  "0\n" AGENT
                  "localcli|system|settings|advanced|set|--option=/NFS/MaxVolumes|--int-value=64|\n"
                  "agent|start|\n");
    write_script(&(struct overlay_script5){.agent = true, .nfs41_count = 9});
    fixture_check(SOURCE "; cat calls log",
                  "0\n" AGENT
                  "localcli|system|settings|advanced|set|--option=/NFS41/MaxVolumes|--int-value=64|\n"
                  "agent|start|\n");
    /* A firewall that is not as expected does not keep it from mounting. */
    write_script(&(struct overlay_script5){.agent = true});
    fixture_write_text("broken", "");
    fixture_check(SOURCE "; rm broken; grep -c httpClient calls; tail -n1 calls", "0\n30\nagent|start|\n");
}

/* SSH does not wait for it. */
static void agent_and_ssh(void **state)
{
    fixture_write_text("etc/bootherd/agent.sh", "until grep -q start_ssh calls; do busybox sleep 0.1; done\n"
                                                "echo 'agent' >>calls\n");
    write_script(&(struct overlay_script5){.agent = true, .ssh = true});
    fixture_check("sed -i s/root::/root:*:/ etc/shadow; " SOURCE
                  "; grep -c start_ssh calls; grep -c ^agent calls",
                  "0\n1\n1\n");
}

static void refused_values(void **state)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(overlay_script5(&(struct overlay_script5){.hostname = "a\nb"}, &out, &err), -1);
    assert_string_equal(err.text, "the host name contains a control character (byte 0x0a at 1)");
}

/* The name is a value, whatever is in it. */
static void values_stay_values(void **state)
{
    write_script(&(struct overlay_script5){.hostname = "-x; touch pwned $(touch pwned) 'y'"});
    fixture_check(SOURCE "; ls pwned 2>/dev/null; cat calls",
                  "0\nlocalcli|system|hostname|set|--host=-x; touch pwned $(touch pwned) 'y'|\n");
}

static int start(void **state)
{
    if (fixture_start(state))
        return -1;
    free(fixture_run("mkdir -p bin etc/init.d etc/bootherd; echo 1 >patience"));
    fixture_write_program("bin/vim-cmd", fake_vim_cmd);
    fixture_write_program("bin/localcli", fake_cli);
    fixture_write_program("bin/esxcli", fake_cli);
    fixture_write_program("bin/chkconfig", fake_plain);
    fixture_write_program("etc/init.d/SSH", fake_plain);
    fixture_write_program("bin/logger", "#!/bin/sh\n{ printf '%s|' \"$@\"; echo; } >>log\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do),      cmocka_unit_test(hostname_and_vlan),
        cmocka_unit_test(tried_for_a_minute), cmocka_unit_test(ssh_through_hostd),
        cmocka_unit_test(ssh_without_hostd),  cmocka_unit_test(no_ssh_with_an_empty_password),
        cmocka_unit_test(root_is_put_back),   cmocka_unit_test(root_is_put_back_again),
        cmocka_unit_test(root_is_added),      cmocka_unit_test(agent),
        cmocka_unit_test(agent_and_ssh),      cmocka_unit_test(values_stay_values),
        cmocka_unit_test(refused_values),
    };
    return cmocka_run_group_tests(tests, start, fixture_stop);
}
