/* Machines against a server made of a table: what they ask for, in order. Expectations: docs/clients.md,
 * "What they ask for, in order". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/machine.h"

#define ME     0x0a4d1005u /* 10.77.16.5 */
#define SERVER 0x0a4d0001u /* 10.77.0.1 */

static const struct mac mac = {{0x02, 0xbe, 0, 0, 0, 1}};

struct file {
    const char *name; /* "tftp:NAME" or "http:/NAME" */
    const char *text;
};

struct rig {
    struct machine_setup setup;
    struct report report;
    struct machine m;
    const struct file *files;
    char asked[8192]; /* a line each; HEAD and size probes with a '?' in front */
    enum machine_action end;
};

static void start(struct rig *r, const char *habit, const char *boot_file, const char *prefix)
{
    struct dhcp_message answer;
    *r = (struct rig){
        .setup = {.interface = {.index = 1, .ip = 0x0a4d0002u, .prefix = 16}, .report = &r->report}};
    report_init(&r->report, 1, 0);
    machine_init(&r->m, &r->setup, habit_find(habit, strlen(habit)), &mac);
    assert_int_equal(machine_start(&r->m, 7, 0), MACHINE_SAY);
    for (enum dhcp_type type = DHCP_OFFER; type <= DHCP_ACK; type += DHCP_ACK - DHCP_OFFER) {
        dhcp_message_init(&answer, DHCP_OP_REPLY);
        answer.xid = 7;
        answer.yiaddr = ME;
        answer.siaddr = SERVER;
        memcpy(answer.chaddr, mac.byte, MAC_SIZE);
        dhcp_put_u8(&answer, DHCP_OPTION_TYPE, (uint8_t)type);
        dhcp_put_u32(&answer, DHCP_OPTION_SERVER, SERVER);
        dhcp_put_text(&answer, DHCP_OPTION_BOOT_FILE, boot_file);
        if (prefix)
            dhcp_put_text(&answer, DHCP_OPTION_PREFIX, prefix);
        assert_int_equal(machine_answer(&r->m, &answer, 1), type == DHCP_OFFER ? MACHINE_SAY : MACHINE_LOCAL);
    }
}

static const char *text_of(const struct rig *r, const struct machine_want *w)
{
    char name[SCRIPT_PATH_MAX + 8];
    snprintf(name, sizeof name, "%s:%s", w->place.server.door == SCRIPT_HTTP ? "http" : "tftp",
             w->place.path);
    for (const struct file *f = r->files; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f->text;
    return NULL;
}

static void boot(struct rig *r, const struct file *files)
{
    enum machine_action action = machine_local(&r->m, true, 2);
    r->files = files;
    while (action == MACHINE_FETCH) {
        const struct machine_want *w = &r->m.want;
        const char *text = text_of(r, w);
        size_t used = strlen(r->asked);
        snprintf(r->asked + used, sizeof r->asked - used, "%s%s:%s\n", w->size_only ? "?" : "",
                 w->place.server.door == SCRIPT_HTTP ? "http" : "tftp", w->place.path);
        if (text && !w->size_only)
            machine_data(&r->m, (struct slice){(const uint8_t *)text, strlen(text)});
        action = machine_fetched(&r->m, text ? MACHINE_ARRIVED : MACHINE_MISSING, NULL, 3);
    }
    r->end = action;
    machine_fini(&r->m);
}

static const char pxelinux_text[] = "DEFAULT x\nLABEL x\nKERNEL /image/a/mboot.c32\n"
                                    "APPEND /image/a/vmkboot.gz --- /image/a/vmk.gz --- /image/a/sys.vgz\n";

static void pxelinux_by_tftp(void **state)
{
    static const struct file files[] = {{"tftp:pxelinux.0", "program of some bytes"},
                                        {"tftp:ldlinux.c32", "x"},
                                        {"tftp:pxelinux.cfg/0A4D10", pxelinux_text},
                                        {"tftp:/image/a/mboot.c32", "x"},
                                        {"tftp:libcom32.c32", "x"},
                                        {"tftp:/image/a/vmkboot.gz", "x"},
                                        {"tftp:/image/a/vmk.gz", "x"},
                                        {"tftp:/image/a/sys.vgz", "x"},
                                        {0}};
    struct rig r;
    start(&r, "bios", "pxelinux.0", NULL);
    boot(&r, files);
    assert_non_null(
        strstr(r.asked, "tftp:pxelinux.0\ntftp:ldlinux.c32\ntftp:pxelinux.cfg/01-02-be-00-00-00-01\n"
                        "tftp:pxelinux.cfg/0A4D1005\ntftp:pxelinux.cfg/0A4D100\ntftp:pxelinux.cfg/0A4D10\n"));
    const char *kernel = strstr(r.asked, "vmkboot.gz"), *vmk = strstr(r.asked, "vmk.gz"),
               *sys = strstr(r.asked, "sys.vgz");
    assert_true(kernel && kernel < vmk && vmk < sys);
    assert_int_equal(r.end, MACHINE_BOOTED);
}

static void lpxelinux_by_http_below_option_210(void **state)
{
    static const struct file files[] = {
        {"tftp:lpxelinux.0", "program of some bytes"},
        {"http:/ldlinux.c32", "x"},
        {"http:/pxelinux.cfg/01-02-be-00-00-00-01", "DEFAULT k\nLABEL k\nKERNEL k\nINITRD i\n"},
        {"http:/k", "x"},
        {"http:/i", "x"},
        {0}};
    struct rig r;
    start(&r, "bios", "lpxelinux.0", "http://10.77.0.1/");
    boot(&r, files);
    assert_string_equal(r.asked,
                        "tftp:lpxelinux.0\nhttp:/ldlinux.c32\nhttp:/pxelinux.cfg/01-02-be-00-00-00-01\n"
                        "http:/k\nhttp:/i\n");
    assert_int_equal(r.end, MACHINE_BOOTED);
    assert_int_equal(r.report.step[REPORT_FILE].count, 2);
    assert_int_equal(r.report.step[REPORT_BOOT].count, 1);
}

/* UEFI asks each file's size first; mboot.efi those of all files before it fetches one. */
static void mboot_through_uefi(void **state)
{
    static const struct file files[] = {{"tftp:d/mboot.efi", "program of some bytes"},
                                        {"tftp:d/boot.cfg", "kernel=/d/k\nmodules=/d/m1 --- /d/m2\n"},
                                        {"tftp:d/k", "x"},
                                        {"tftp:/d/k", "x"},
                                        {"tftp:/d/m1", "x"},
                                        {"tftp:/d/m2", "x"},
                                        {"tftp:d/m1", "x"},
                                        {"tftp:d/m2", "x"},
                                        {0}};
    struct rig r;
    start(&r, "uefi", "d/mboot.efi", NULL);
    boot(&r, files);
    assert_int_equal(r.end, MACHINE_BOOTED);
    assert_non_null(strstr(r.asked,
                           "?tftp:d/mboot.efi\ntftp:d/mboot.efi\n?tftp:d/01-02-be-00-00-00-01/boot.cfg\n"
                           "?tftp:d/boot.cfg\ntftp:d/boot.cfg\n"));
    const char *fetched = strstr(r.asked, "\ntftp:/d/k\n");
    assert_non_null(fetched);
    const char *last_size = strstr(r.asked, "?tftp:/d/m2");
    assert_true(last_size && last_size < fetched);
}

static void http_boot_says_head_first(void **state)
{
    static const struct file files[] = {{"http:/node/n1/boot.img", "an image of some bytes"}, {0}};
    struct rig r;
    start(&r, "uefi-http", "http://10.77.0.1/node/n1/boot.img", NULL);
    boot(&r, files);
    assert_string_equal(r.asked, "?http:/node/n1/boot.img\nhttp:/node/n1/boot.img\n");
    assert_int_equal(r.end, MACHINE_BOOTED);
}

static void ipxe_reads_its_script(void **state)
{
    static const struct file files[] = {
        {"http:/boot.ipxe", "#!ipxe\nkernel http://10.77.0.1/k\ninitrd http://10.77.0.1/i\nboot\n"},
        {"http:/k", "x"},
        {"http:/i", "x"},
        {0}};
    struct rig r;
    start(&r, "ipxe", "http://10.77.0.1/boot.ipxe", NULL);
    boot(&r, files);
    assert_string_equal(r.asked, "http:/boot.ipxe\nhttp:/k\nhttp:/i\n");
    assert_int_equal(r.end, MACHINE_BOOTED);
}

static void an_ipxe_program_asks_again(void **state)
{
    static const struct file files[] = {{"tftp:ipxe.efi", "program of some bytes"}, {0}};
    struct rig r;
    start(&r, "uefi", "ipxe.efi", NULL);
    boot(&r, files);
    assert_int_equal(r.end, MACHINE_SAY);
    assert_string_equal(r.m.dhcp.habit->name, "ipxe");
}

static void what_stops_a_boot(void **state)
{
    static const struct file none[] = {{"tftp:pxelinux.0", "program of some bytes"}, {0}};
    static const struct file quiet[] = {{"tftp:pxelinux.0", "program of some bytes"},
                                        {"tftp:pxelinux.cfg/default", "DEFAULT x\nLABEL x\nLOCALBOOT 0\n"},
                                        {0}};
    struct rig r;
    start(&r, "bios", "pxelinux.0", NULL);
    boot(&r, none);
    assert_int_equal(r.end, MACHINE_FAILED);
    assert_string_equal(r.m.failure, "the loader found no configuration");
    start(&r, "bios", "pxelinux.0", NULL);
    boot(&r, quiet);
    assert_int_equal(r.end, MACHINE_FAILED);
    start(&r, "bios", "nothing.0", NULL);
    boot(&r, none);
    assert_string_equal(r.m.failure, "the boot file: the server has none");
    start(&r, "bios", "https://10.77.0.1/x", NULL);
    boot(&r, none);
    assert_string_equal(r.m.failure, "the boot file's name is none that can be fetched");
    start(&r, "bios", "http://192.0.2.1/x", NULL);
    boot(&r, none);
    assert_string_equal(r.m.failure, "the server it was sent to is not in the interface's network");
    start(&r, "bios", "x", NULL);
    assert_int_equal(machine_local(&r.m, false, 2), MACHINE_FAILED);
}

static void addresses_of_others_are_refused(void **state)
{
    static const uint32_t refused[] = {0xc0000201u, 0x0a4d0002u, SERVER, 0x0a4d0000u, 0x0a4dffffu};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct dhcp_message answer;
        struct rig r = {
            .setup = {.interface = {.index = 1, .ip = 0x0a4d0002u, .prefix = 16}, .report = &r.report}};
        machine_init(&r.m, &r.setup, &habits[0], &mac);
        machine_start(&r.m, 7, 0);
        dhcp_message_init(&answer, DHCP_OP_REPLY);
        answer.xid = 7;
        answer.yiaddr = refused[i];
        memcpy(answer.chaddr, mac.byte, MAC_SIZE);
        dhcp_put_u8(&answer, DHCP_OPTION_TYPE, DHCP_OFFER);
        dhcp_put_u32(&answer, DHCP_OPTION_SERVER, SERVER);
        dhcp_put_text(&answer, DHCP_OPTION_BOOT_FILE, "x");
        assert_int_equal(machine_answer(&r.m, &answer, 1), MACHINE_FAILED);
    }
}

static void places(void **state)
{
    static const struct script_server tftp = {SCRIPT_TFTP, SERVER, 69};
    static const char *const none[] = {"https://10.77.0.1/x",      "http://host/x",
                                       "http://10.77.0.1",         "http://10.77.0.1:0/x",
                                       "http://10.77.0.1:65536/x", "http:///x"};
    struct place p;
    assert_true(place_parse("http://10.77.0.2:8080/a/b", &tftp, &p));
    assert_int_equal(p.server.ip, SERVER + 1);
    assert_int_equal(p.server.port, 8080);
    assert_string_equal(p.path, "/a/b");
    assert_true(place_beside(&p, "c", &p));
    assert_string_equal(p.path, "/a/c");
    assert_true(place_parse("tftp://10.77.0.2/a", &tftp, &p));
    assert_string_equal(p.path, "a");
    assert_int_equal(p.server.port, 69);
    assert_true(place_parse("/a", &tftp, &p));
    assert_string_equal(p.path, "/a");
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(place_parse(none[i], &tftp, &p));
    char name[64];
    assert_true(place_pxelinux_config(8, &mac, ME, name));
    assert_string_equal(name, "pxelinux.cfg/0");
    assert_true(place_pxelinux_config(9, &mac, ME, name));
    assert_string_equal(name, "pxelinux.cfg/default");
    assert_false(place_pxelinux_config(10, &mac, ME, name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pxelinux_by_tftp),
        cmocka_unit_test(lpxelinux_by_http_below_option_210),
        cmocka_unit_test(mboot_through_uefi),
        cmocka_unit_test(http_boot_says_head_first),
        cmocka_unit_test(ipxe_reads_its_script),
        cmocka_unit_test(an_ipxe_program_asks_again),
        cmocka_unit_test(what_stops_a_boot),
        cmocka_unit_test(addresses_of_others_are_refused),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
