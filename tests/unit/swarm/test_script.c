/* What loaders fetch. Expectations are worked out by hand from the loaders' manuals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/script.h"

#define SERVER 0x0a4d0001u /* 10.77.0.1 */

static struct script_asker asker(enum script_door door, const char *path)
{
    return (struct script_asker){
        .mac = {{0x52, 0x54, 0, 0xab, 0, 0x0a}},
        .ip = 0x0a4d0064,
        .server = {door, SERVER, door == SCRIPT_TFTP ? 69 : 8080},
        .path = path,
        .next_server = SERVER,
        .prefix = "",
        .http = true,
    };
}

/* One line a file: role, door, server, path. */
static void describe(const struct script *s, struct buf *out)
{
    static const char *const roles[] = {"program", "kernel", "module", "config", "chain"};
    static const char *const languages[] = {"pxelinux ", "ipxe ", "bootcfg ", "grub "};
    for (size_t i = 0; i < s->count; i++) {
        const struct script_file *f = &s->file[i];
        char ip[IP4_TEXT_SIZE];
        buf_format(out, "%s %s%s%s:%u %s\n", roles[f->role],
                   f->role == SCRIPT_CONFIG ? languages[f->language] : "",
                   f->server.door == SCRIPT_HTTP ? "http " : "tftp ", ip4_format(f->server.ip, ip),
                   f->server.port, f->path);
    }
}

static void check(enum script_language language, const struct script_asker *a, const char *text,
                  const char *want)
{
    struct script script;
    struct error err = {0};
    cleanup_buf struct buf got = BUF_INIT;
    if (script_parse(language, (struct slice){(const uint8_t *)text, strlen(text)}, a, &script, &err) < 0)
        fail_msg("%s", err.text);
    describe(&script, &got);
    if (script.count)
        assert_string_equal(script.note, "");
    else
        buf_format(&got, "nothing: %s\n", script.note);
    assert_string_equal(buf_text(&got), want);
    script_fini(&script);
}

static void check_refused(enum script_language language, const struct script_asker *a, const char *text,
                          const char *says)
{
    struct script script;
    struct error err = {0};
    if (script_parse(language, (struct slice){(const uint8_t *)text, strlen(text)}, a, &script, &err) == 0)
        fail_msg("taken: %s", text);
    if (!strstr(err.text, says))
        fail_msg("it says: %s", err.text);
    assert_int_equal(script.count, 0);
}

/* --- pxelinux --- */

static void pxelinux_multiboot(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "pxelinux.cfg/01-52-54-00-ab-00-0a");
    const char *text =
        "# bootherd\nDEFAULT bootherd\nPROMPT 0\nTIMEOUT 100\nLABEL bootherd\n KERNEL mboot.c32\n"
        " APPEND image/ab/vmkboot.gz quiet --- image/ab/vmk.gz --- image/ab/sys.vgz x=1 --- "
        "node/n1/overlay.tgz\n IPAPPEND 2\n";
    check(SCRIPT_PXELINUX, &a, text,
          "program tftp 10.77.0.1:69 mboot.c32\n"
          "kernel tftp 10.77.0.1:69 image/ab/vmkboot.gz\n"
          "module tftp 10.77.0.1:69 image/ab/vmk.gz\n"
          "module tftp 10.77.0.1:69 image/ab/sys.vgz\n"
          "module tftp 10.77.0.1:69 node/n1/overlay.tgz\n");
    a.prefix = "http://10.77.0.1:8080/";
    check(SCRIPT_PXELINUX, &a, "DEFAULT mboot.c32 a --- b\n",
          "program http 10.77.0.1:8080 /mboot.c32\n"
          "kernel http 10.77.0.1:8080 /a\n"
          "module http 10.77.0.1:8080 /b\n");
    a.http = false;
    check_refused(SCRIPT_PXELINUX, &a, text, "which this loader does not speak");
}

static void pxelinux_linux(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "debian/pxelinux.cfg/default");
    a.prefix = "debian/";
    check(SCRIPT_PXELINUX, &a,
          "default install\nlabel other\n kernel x\nlabel install\n menu label ^Install\n linux a/linux\n"
          " append vga=788 initrd=a/initrd.gz,10.77.0.9::b/more.gz --- quiet\n",
          "kernel tftp 10.77.0.1:69 debian/a/linux\n"
          "module tftp 10.77.0.1:69 debian/a/initrd.gz\n"
          "module tftp 10.77.0.9:69 b/more.gz\n");
    check(SCRIPT_PXELINUX, &a,
          "DEFAULT l\nLABEL l\nLINUX ::linux\nINITRD /i1,http://10.77.0.2/i2,tftp://10.77.0.3/i3\n",
          "kernel tftp 10.77.0.1:69 linux\n"
          "module tftp 10.77.0.1:69 /i1\n"
          "module http 10.77.0.2:80 /i2\n"
          "module tftp 10.77.0.3:69 i3\n");
    check(SCRIPT_PXELINUX, &a, "INCLUDE menu.cfg\nDEFAULT vesamenu.c32\n",
          "config pxelinux tftp 10.77.0.1:69 debian/menu.cfg\n");
    check_refused(SCRIPT_PXELINUX, &a, "DEFAULT http://server.example/k\n", "\"server.example\"");
}

static void pxelinux_vmware(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "pxelinux.cfg/default");
    check(
        SCRIPT_PXELINUX, &a,
        "DEFAULT b\nLABEL b\n KERNEL image/ab/mboot.c32\n APPEND -c /image/ab/01-52/boot.cfg\n IPAPPEND 2\n",
        "program tftp 10.77.0.1:69 image/ab/mboot.c32\n"
        "config bootcfg tftp 10.77.0.1:69 /image/ab/01-52/boot.cfg\n");
    check(SCRIPT_PXELINUX, &a, "DEFAULT e/mboot.c32 -S 1 -c e/boot.cfg more\n",
          "program tftp 10.77.0.1:69 e/mboot.c32\n"
          "config bootcfg tftp 10.77.0.1:69 e/boot.cfg\n");
    check(SCRIPT_PXELINUX, &a, "DEFAULT e/mboot.c32\n",
          "program tftp 10.77.0.1:69 e/mboot.c32\n"
          "config bootcfg tftp 10.77.0.1:69 boot.cfg\n");
}

static void pxelinux_nothing(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "pxelinux.cfg/default");
    check(SCRIPT_PXELINUX, &a, "SAY bootherd: no image\nDEFAULT local\nPROMPT 0\nLABEL local\n LOCALBOOT 0\n",
          "nothing: bootherd: no image\n");
    check(SCRIPT_PXELINUX, &a, "", "nothing: \n");
}

/* --- iPXE --- */

static void ipxe_linux(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/boot.ipxe");
    check(SCRIPT_IPXE, &a,
          "#!ipxe\n# bootherd\necho bootherd: node n1\nset base http://10.77.0.1:8080/\n"
          "set bootif 01-${netX/mac:hexhyp}\nset tries:int32 0\n:start\nimgfree\n"
          "set step fetching image/ab/linux\n"
          "kernel ${base}image/ab/linux quiet initrd=initrd0 BOOTIF=${bootif} || goto failed\n"
          "initrd --name initrd0 ${base}image/ab/initrd.gz || goto failed\n"
          "initrd --name initrd1 ${base}node/${bootif}/overlay.img || goto failed\n"
          "boot || goto failed\ngoto again\n:failed\necho failed\n:again\ninc tries\n"
          "iseq ${tries} 5 && goto over ||\nsleep 10\ngoto start\n:over\nexit 1\n",
          "kernel http 10.77.0.1:8080 /image/ab/linux\n"
          "module http 10.77.0.1:8080 /image/ab/initrd.gz\n"
          "module http 10.77.0.1:8080 /node/01-52-54-00-ab-00-0a/overlay.img\n");
}

static void ipxe_names(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/scripts/a/boot.ipxe");
    check(SCRIPT_IPXE, &a,
          "#!ipxe\r\nkernel ../k?a=${mac} x || shell\r\nmodule /m%20n \\\r\n args\r\n"
          "imgfetch tftp://${next-server}/dir/f%20g\r\nchain --autofree next.ipxe#here\r\nkernel never\r\n",
          "kernel http 10.77.0.1:8080 /scripts/k?a=52:54:00:ab:00:0a\n"
          "module http 10.77.0.1:8080 /m%20n\n"
          "module tftp 10.77.0.1:69 dir/f g\n"
          "chain http 10.77.0.1:8080 /scripts/a/next.ipxe\n");
    a = asker(SCRIPT_TFTP, "boot/default.ipxe");
    check(SCRIPT_IPXE, &a, "#!ipxe\nkernel k\ninitrd /i\nboot k\n",
          "kernel tftp 10.77.0.1:69 boot/k\n"
          "module tftp 10.77.0.1:69 i\n");
}

static void ipxe_esxi(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/boot.ipxe");
    const char *want = "program http 10.77.0.1:8080 /image/ab/mboot.efi\n"
                       "config bootcfg http 10.77.0.1:8080 /image/ab/01-52-54-00-ab-00-0a/boot.cfg\n";
    check(SCRIPT_IPXE, &a,
          "#!ipxe\nset base http://10.77.0.1:8080/\nset bootif 01-${netX/mac:hexhyp}\n"
          "chain ${base}image/ab/mboot.efi -c ${base}image/ab/${bootif}/boot.cfg || goto failed\n:failed\n",
          want);
    check(SCRIPT_IPXE, &a, "#!ipxe\nkernel image/ab/mboot.efi -c image/ab/01-${mac:hexhyp}/boot.cfg\nboot\n",
          want);
}

static void ipxe_decides(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/boot.ipxe");
    check(SCRIPT_IPXE, &a,
          "#!ipxe\niseq ${platform} efi && goto efi || goto bios\n:efi\nchain e.efi\n:bios\nchain b.0\n",
          "chain http 10.77.0.1:8080 /b.0\n");
    check(SCRIPT_IPXE, &a,
          "#!ipxe\nmenu Pick one\nitem --gap -- Systems\nitem --key d debian Debian\nitem xen Xen\n"
          "choose --timeout 5000 --default xen target && goto ${target}\n:debian\nkernel d\nboot\n"
          ":xen\nisset ${serial} || kernel x\nprompt --key 0x02 --timeout 2000 Press Ctrl-B && shell "
          "||\nboot\n",
          "kernel http 10.77.0.1:8080 /x\n");
    check(SCRIPT_IPXE, &a, "#!ipxe\nset a 1\nset x${a} yes\nchain ${x${a}}\n",
          "chain http 10.77.0.1:8080 /yes\n");
    check(SCRIPT_IPXE, &a, "#!ipxe\necho bootherd: no image\nsleep 60\nreboot\n",
          "nothing: bootherd: no image\n");
    check(SCRIPT_IPXE, &a, "#!ipxe\niseq a b\nkernel k\n", "nothing: \n");
    check_refused(SCRIPT_IPXE, &a, "#!ipxe\n:a\ngoto a\n", "goes round in circles");
    check_refused(SCRIPT_IPXE, &a, "#!ipxe\ngoto nowhere\n", "no such label");
    check_refused(SCRIPT_IPXE, &a, "#!ipxe\nchain nfs://10.77.0.1/x\n", "\"nfs\"");
    check_refused(SCRIPT_IPXE, &a, "MZ\n", "does not begin");
}

static void ipxe_line_limit(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/boot.ipxe");
    char text[9000] = "#!ipxe\nset a ";
    memset(text + strlen(text), 'a', 511);
    strcat(text, "\nkernel ${a}${a}${a}${a}${a}${a}${a}${a}${a}\n"); /* 9 x 511 is above 4,096 */
    check_refused(SCRIPT_IPXE, &a, text, "a command of more than");
}

/* --- boot.cfg --- */

static void bootcfg(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/image/ab/01-52/boot.cfg");
    check(SCRIPT_BOOTCFG, &a,
          "title=x\nprefix=http://10.77.0.1:8080/image/ab\nkernel=b.b00\nkernelopt=a=b\n"
          "modules=jumpstrt.gz --- useropts.gz x --- http://10.77.0.1:8080/node/n1/overlay.tgz\n",
          "kernel http 10.77.0.1:8080 /image/ab/b.b00\n"
          "module http 10.77.0.1:8080 /image/ab/jumpstrt.gz\n"
          "module http 10.77.0.1:8080 /image/ab/useropts.gz\n"
          "module http 10.77.0.1:8080 /node/n1/overlay.tgz\n");
    check(SCRIPT_BOOTCFG, &a, "kernel=k\nmodules=/m\n",
          "kernel http 10.77.0.1:8080 /image/ab/01-52/k\n"
          "module http 10.77.0.1:8080 /m\n");
    a = asker(SCRIPT_TFTP, "e/boot.cfg");
    check(SCRIPT_BOOTCFG, &a, "prefix=esx/\nkernel=k\nmodules=m --- n\n",
          "kernel tftp 10.77.0.1:69 esx/k\n"
          "module tftp 10.77.0.1:69 esx/m\n"
          "module tftp 10.77.0.1:69 esx/n\n");
    check_refused(SCRIPT_BOOTCFG, &a, "title=nothing\n", "names no kernel");
}

/* --- GRUB --- */

#define OURS                                                                                                 \
    "# bootherd: node n1, Linux 12\n"                                                                        \
    "if serial --unit=0 --speed=115200; then\n  terminal_output console serial\nfi\n"                        \
    "function load {\n  set root=\"$1\"\n  echo \"bootherd: node n1: loading from ($root)\"\n"               \
    "  if linux '/image/ab/linux' 'console=ttyS0' '---' 'quiet'; then\n"                                     \
    "    if initrd '/image/ab/initrd.gz' '/node/n1/overlay.img'; then\n      boot\n    fi\n  fi\n}\n"        \
    "for try in 1 2 3 4 5; do\n"                                                                             \
    "  if [ \"$lockdown\" != y ]; then\n    if insmod http; then\n      load 'http,10.77.0.1:8080'\n"        \
    "    fi\n  fi\n  load 'tftp,10.77.0.1'\n  sleep 10\ndone\nexit\n"

static void grub_ours(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "grub/grub.cfg");
    check(SCRIPT_GRUB, &a, OURS,
          "kernel http 10.77.0.1:8080 /image/ab/linux\n"
          "module http 10.77.0.1:8080 /image/ab/initrd.gz\n"
          "module http 10.77.0.1:8080 /node/n1/overlay.img\n");
    a.http = false;
    check(SCRIPT_GRUB, &a, OURS,
          "kernel tftp 10.77.0.1:69 /image/ab/linux\n"
          "module tftp 10.77.0.1:69 /image/ab/initrd.gz\n"
          "module tftp 10.77.0.1:69 /node/n1/overlay.img\n");
}

static void grub_menus(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "grub/grub.cfg");
    const char *menu = "\nmenuentry 'First' --id one {\n linux (http)/k1 a\n}\n"
                       "submenu 'More' {\n menuentry \"Second\" {\n  multiboot2 (tftp,10.77.0.2)/xen x\n"
                       "  module2 --nounzip /k2 b\n  module2 /i2\n }\n menuentry 'Third' { linux /k3; }\n}\n";
    const char *first = "kernel http 10.77.0.1:80 /k1\n", *third = "kernel tftp 10.77.0.1:69 /k3\n";
    const char *second = "kernel tftp 10.77.0.2:69 /xen\n"
                         "module tftp 10.77.0.1:69 /k2\n"
                         "module tftp 10.77.0.1:69 /i2\n";
    const struct {
        const char *preset, *want;
    } cases[] = {
        {"", first},
        {"set default=0", first},
        {"set default=one", first},
        {"set default=\"${saved_entry}\"", first},
        {"set default=1", second},
        {"set default='1>1'", third},
        {"set default='More>Third'", third},
        {"set default=gone", first},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1000];
        snprintf(text, sizeof text, "set timeout=5\n%s%s", cases[i].preset, menu);
        check(SCRIPT_GRUB, &a, text, cases[i].want);
    }
}

static void grub_decides(void **state)
{
    struct script_asker a = asker(SCRIPT_TFTP, "grub/grub.cfg");
    a.efi = true;
    check(SCRIPT_GRUB, &a,
          "if [ -f (tftp)/custom.cfg ]; then source (tftp)/custom.cfg; fi\n"
          "if [ \"$grub_platform\" = pc ]; then\n chainloader /pc\nelif [ \"$grub_cpu\" == x86_64 ]; then\n"
          " configfile (tftp)/grub/$net_default_mac.cfg\nelse\n chainloader /arm\nfi\nlinux /never\n",
          "config grub tftp 10.77.0.1:69 /grub/52:54:00:ab:00:0a.cfg\n");
    check(SCRIPT_GRUB, &a, "while false; do linux /a; done\nuntil true; do linux /b; done\nlinux /c\nboot\n",
          "kernel tftp 10.77.0.1:69 /c\n");
    check(SCRIPT_GRUB, &a, "echo 'bootherd: no image'\nsleep 60\nreboot\nlinux /never\n",
          "nothing: bootherd: no image\n");
    check_refused(SCRIPT_GRUB, &a, "function f { f; }\nf\n", "call each other");
    check_refused(SCRIPT_GRUB, &a, "linux (hd0,1)/vmlinuz\n", "\"hd0,1\"");
    check_refused(SCRIPT_GRUB, &a, "if a; then if b; then linux (http,server)/k; fi; fi\n", "\"server\"");
}

/* --- limits --- */

static void too_many(void **state)
{
    struct script_asker a = asker(SCRIPT_HTTP, "/boot.ipxe");
    cleanup_buf struct buf text = BUF_INIT;
    buf_append_text(&text, "#!ipxe\n");
    for (int i = 0; i <= SCRIPT_FILES_MAX; i++)
        buf_format(&text, "initrd i%d\n", i);
    check_refused(SCRIPT_IPXE, &a, buf_text(&text), "more than 1024 files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pxelinux_multiboot), cmocka_unit_test(pxelinux_linux),
        cmocka_unit_test(pxelinux_vmware),    cmocka_unit_test(pxelinux_nothing),
        cmocka_unit_test(ipxe_linux),         cmocka_unit_test(ipxe_names),
        cmocka_unit_test(ipxe_esxi),          cmocka_unit_test(ipxe_decides),
        cmocka_unit_test(ipxe_line_limit),    cmocka_unit_test(bootcfg),
        cmocka_unit_test(grub_ours),          cmocka_unit_test(grub_menus),
        cmocka_unit_test(grub_decides),       cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
