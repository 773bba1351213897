/* Expectations from syslinux' own doc/config.txt and doc/menu.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/isolinux_cfg.h"
#include "menu.h"

static void good(const char *text, const char *menu)
{
    expect_menu(isolinux_cfg_parse, text, NULL, menu);
}

static void labels(void **state)
{
    good("", "");
    good("LABEL a\nKERNEL k\nAPPEND x=1 initrd=i.gz  y\n", "a|: k [x=1 y] + i.gz");
    good("label a\n\tlinux k\n\tinitrd i,j\n append  x\r\n", "a|: k [x] + i + j");
    good("label a\nkernel k more words\nappend z\n", "a|: k [more words z]");
    good("label a\nkernel k\nappend initrd=a,b initrd=c\n", "a|: k + c"); /* the last counts */
    good("label linux\nappend x\n", "linux|: linux [x]"); /* without KERNEL the label is its name */
    good("label a\nlocalboot 0\nlabel b\nkernel k\nlabel c\nconfig x.cfg\nlabel d\ncom32 chain.c32\n",
         "b|: k");
    good("# label a\n  # kernel k\nlabel b # c\nkernel k\n", "b|: k");
    good("kernel k\nappend x\n", ""); /* no label */
}

static void appends_for_all(void **state)
{
    good("append ro\nlabel a\nkernel k\nlabel b\nkernel k\nappend rw\nlabel c\nkernel k\nappend -\n",
         "a|: k [ro]; b|: k [rw]; c|: k");
}

static void defaults(void **state)
{
    good("default b\nlabel a\nkernel k\nlabel b\nkernel l\n", "a|: k; *b|: l");
    good("default vesamenu.c32\nlabel a\nkernel k\nlabel b\nmenu default\nkernel l\n", "a|: k; *b|: l");
    good("label a\nmenu default\nkernel k\nlabel b\nkernel l\ndefault b\n", "a|: k; *b|: l");
    good("default vmlinuz initrd=i.gz root=x\ntimeout 1\n", "*DEFAULT|: vmlinuz [root=x] + i.gz");
    good("default menu.c32\nlabel a\nkernel k\n", "a|: k");
    good("default a x\nlabel a\nkernel k\n", "*a|: k");
}

static void menus(void **state)
{
    good("menu begin m\nlabel a\nmenu label ^Boot it\nmenu default\nkernel k\nmenu end\nlabel b\nMENU LABEL "
         "B ^two\n"
         "kernel l\n",
         "a|Boot it: k; b|B two: l");
    good("label a\nkernel k\ntext help\nlabel no\nkernel no\nendtext\nappend x\n", "a|: k [x]");
    good("label a\nmenu exit\nlabel b\nmenu goto x\nlabel c\nmenu quit\n", "");
}

static void multiboot(void **state)
{
    good("label x\nkernel mboot.c32\nappend /xen.gz a=b c --- vmlinuz d --- initrd\n",
         "x|: mb /xen.gz [a=b c] + vmlinuz [d] + initrd");
    good("label x\nCOM32 /isolinux/MBOOT.C32\nAPPEND xen.gz --- vmlinuz\n", "x|: mb xen.gz + vmlinuz");
    good("label x\nkernel mboot.c32\nappend --- --- a ---\n", "x|: mb a");
    good("label x\nkernel mboot.c32\n", "");
    good("label x\nkernel mboot.c32 xen.gz --- vmlinuz\n", "x|: mb xen.gz + vmlinuz");
}

static void includes(void **state)
{
    static const char *const more[] = {"b.cfg", "label b\nkernel k\ninclude c.cfg\nappend x", "c.cfg",
                                       "# nothing\n", NULL};
    expect_menu(isolinux_cfg_parse, "include b.cfg\nmenu include gone.cfg\nlabel a\nkernel l\n", more,
                "b|: k [x]; a|: l");
    static const char *const self[] = {"s.cfg", "\n\ninclude s.cfg\n", NULL};
    expect_no_menu(isolinux_cfg_parse, "label a\nkernel x\ninclude s.cfg\n", self,
                   "s.cfg:3: includes s.cfg, which includes it in turn");
    static const char *const loop[] = {"a", "include b\n", "b", "include a\n", NULL};
    expect_no_menu(isolinux_cfg_parse, "include a\n", loop, "b:1: includes a, which includes it in turn");
    static const char *const doubling[] = {"1", "include 2\ninclude 2\n",
                                           "2", "include 3\ninclude 3\n",
                                           "3", "include 4\ninclude 4\n",
                                           "4", "include 5\ninclude 5\n",
                                           "5", "include 6\ninclude 6\n",
                                           "6", "include 7\ninclude 7\n",
                                           "7", "#\n",
                                           NULL};
    expect_menu(isolinux_cfg_parse, "include 1\n", doubling, "");
    expect_no_menu(isolinux_cfg_parse, "include 1\ninclude 1\ninclude 1\n", doubling, "more than 256 files");
    static const char *const deep[] = {"1", "include 2", "2", "include 3", "3", "include 4",
                                       "4", "include 5", "5", "include 6", "6", "include 7",
                                       "7", "include 8", "8", "",          NULL};
    expect_no_menu(isolinux_cfg_parse, "include 1\n", deep, "7:1: more than 8 files include each other");
}

static void limits(void **state)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i <= BOOT_ENTRIES_MAX; i++)
        buf_format(&text, "label %zu\n", i);
    expect_no_menu(isolinux_cfg_parse, buf_text(&text), NULL, "start:513: more than 512 entries");
    buf_clear(&text);
    buf_append_text(&text, "label a\nkernel k\nappend initrd=0");
    for (size_t i = 1; i <= BOOT_MODULES_MAX; i++)
        buf_format(&text, ",%zu", i);
    expect_no_menu(isolinux_cfg_parse, buf_text(&text), NULL,
                   "start:1: more than 16 files beside the kernel");
    buf_clear(&text);
    buf_append_text(&text, "\nlabel a\nkernel k\nappend");
    for (size_t i = 0; i < BOOT_OPTIONS_MAX; i++)
        buf_append_text(&text, " x");
    expect_no_menu(isolinux_cfg_parse, buf_text(&text), NULL,
                   "start:2: more than 4096 bytes of options for k");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels), cmocka_unit_test(appends_for_all), cmocka_unit_test(defaults),
        cmocka_unit_test(menus),  cmocka_unit_test(multiboot),       cmocka_unit_test(includes),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
