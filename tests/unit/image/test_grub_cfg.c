/* Expectations from GRUB's manual (6.2, 16) and what Debian's GRUB does with the same lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/grub_cfg.h"
#include "image/grub_words.h"
#include "menu.h"

static void good(const char *text, const char *menu)
{
    expect_menu(grub_cfg_parse, text, NULL, menu);
}

static void entries(void **state)
{
    good("", "");
    good("menuentry 'A' {\n linux /k a=b  c\n initrd /i /j\n}\n", "*|A: /k [a=b c] + /i + /j");
    good("menuentry \"A\" --class debian --id x --hotkey=a { linux /k; initrd /i; }", "*x|A: /k + /i");
    good("menuentry --unrestricted --users root \"A\" {\nlinuxefi (cd0)/k\ninitrdefi ($root)/i\n}",
         "*|A: /k + /i");
    good("menuentry A { chainloader /x }\nmenuentry B { linux16 /k }", "|B: /k");
    good("linux /k x\ninitrd /i\nboot\n", "|: /k [x] + /i"); /* without a menu */
    good("function f {\nlinux /no\n}\nmenuentry A {\nlinux /k\n}\n", "*|A: /k");
    good("menuentry A {\ninitrd /i\n}\ninitrd /i\nmodule /m\n", "");
}

static void words(void **state)
{
    good("menuentry A {\n  linux /k one \\\n  two # three\n}", "*|A: /k [one two]");
    good("menuentry A { linux /k 'a b' \"c d\" e\\ f x'y'\"z\" }", "*|A: /k [\"a b\" \"c d\" \"e f\" xyz]");
    good("menuentry A { linux /k \"\\$a\\\"\" '$a\\' a#b }", "*|A: /k [$a\" $a\\ a#b]");
    good("menuentry \"a\\\"b\" { linux \"/k 1\" }", "*|a\"b: /k 1");
    good("menuentry 'it is open { linux /k }", "");
    good("menuentry A { linux /k } }}} menuentry B { linux /l }", "*|A: /k; |B: /l");
}

static void variables(void **state)
{
    good("set a=1\nb='2 3'\nmenuentry A { linux /$a \"$b\" ${a}x ${none}y $none }", "*|A: /1 [\"2 3\" 1x y]");
    good("set a=1\nset a=2\nmenuentry A { linux /$a }", "*|A: /2");
    good("if [ x$f = xy ]; then\n set a=1\nelse set a=2; fi\nmenuentry A { linux /k $a }", "*|A: /k [1]");
    good("menuentry A { linux /k $ x$ }", "*|A: /k [$ x$]");
}

/* Both branches are read; the first kernel and its files count. */
static void conditions(void **state)
{
    good("menuentry A {\nif cpuid -l; then\nlinux /k64\ninitrd /i64\nelse\nlinux /k32\ninitrd /i32\nfi\n}",
         "*|A: /k64 + /i64");
    good("menuentry A {\nif x; then linux /a; else linux /b; fi\ninitrd /c\n}", "*|A: /a + /c");
    good("if x; then\nmenuentry A { linux /a }\nfi\nmenuentry B { linux /b }", "*|A: /a; |B: /b");
    good("menuentry A {\nif x; then multiboot /x\nmodule /m\nelse multiboot2 /y\nmodule2 /n\nfi\n}",
         "*|A: mb /x + /m");
}

static void defaults(void **state)
{
#define THREE                                                                                                \
    "menuentry A --id a { linux /a }\nsubmenu S { menuentry B { linux /b }\nmenuentry C { linux /c } "       \
    "}\nmenuentry "                                                                                          \
    "D { linux /d }\n"
    good(THREE, "*a|A: /a; |B: /b; |C: /c; |D: /d");
    good("set default=2\n" THREE, "a|A: /a; |B: /b; |C: /c; *|D: /d");
    good(THREE "set default=\"1>1\"\n", "a|A: /a; |B: /b; *|C: /c; |D: /d");
    good("set default=1\n" THREE, "a|A: /a; *|B: /b; |C: /c; |D: /d");
    good("default=D\n" THREE, "a|A: /a; |B: /b; |C: /c; *|D: /d");
    good("set default=a\n" THREE, "*a|A: /a; |B: /b; |C: /c; |D: /d");
    good("set default='S>C'\n" THREE, "a|A: /a; |B: /b; *|C: /c; |D: /d");
    good("set default=${saved_entry}\n" THREE, "*a|A: /a; |B: /b; |C: /c; |D: /d");
    good("set default=17\n" THREE, "a|A: /a; |B: /b; |C: /c; |D: /d");
#undef THREE
}

static void multiboot(void **state)
{
    good("menuentry X {\nmultiboot2 /xen.gz placeholder a=b ${e}\nmodule2 /k placeholder ro\nmodule2 "
         "--nounzip "
         "/i\n}",
         "*|X: mb /xen.gz [a=b] + /k [ro] + /i");
    good("menuentry X {\nxen_hypervisor /xen a\nxen_module /k b\nxen_module /i\n}",
         "*|X: mb /xen [a] + /k [b] + /i");
    good("menuentry X {\nmultiboot /k\ninitrd /i\n}", "*|X: mb /k");
}

static void includes(void **state)
{
    static const char *const more[] = {"/b.cfg", "menuentry B { linux /b }\nsubmenu S {\n", "/c.cfg",
                                       "set z=9\n", NULL};
    expect_menu(
        grub_cfg_parse,
        "source (cd)/b.cfg\n. /c.cfg\nconfigfile /gone\nmenuentry A { linux /a$z\nconfigfile /b.cfg }", more,
        "*|B: /b; |A: /a9");
    static const char *const loop[] = {"a", "source b\n", "b", "\nconfigfile a\n", NULL};
    expect_no_menu(grub_cfg_parse, "source a\n", loop, "b:2: includes a, which includes it in turn");
}

static void limits(void **state)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < 33; i++)
        buf_append_text(&text, "submenu a {\n");
    expect_no_menu(grub_cfg_parse, buf_text(&text), NULL, "start:33: more than 32 blocks within each other");
    buf_clear(&text);
    for (size_t i = 0; i <= GRUB_WORDS_MAX; i++)
        buf_append_text(&text, "a ");
    expect_no_menu(grub_cfg_parse, buf_text(&text), NULL, "start: line 1: a command of more than 512 words");
    buf_clear(&text);
    for (size_t i = 0; i <= GRUB_WORD_MAX; i++)
        buf_append_text(&text, "a");
    expect_no_menu(grub_cfg_parse, buf_text(&text), NULL, "start: line 1: a word of more than 4096 bytes");
    buf_clear(&text);
    buf_append_text(&text, "menuentry A {\nlinux /k\ninitrd");
    for (size_t i = 0; i <= BOOT_MODULES_MAX; i++)
        buf_append_text(&text, " /i");
    expect_no_menu(grub_cfg_parse, buf_text(&text), NULL, "start:3: more than 16 files beside the kernel");
    buf_clear(&text);
    buf_append_text(&text, "a=xxxxxxxx\n"); /* each line doubles it, until it is too long */
    for (size_t i = 0; i < 20; i++)
        buf_append_text(&text, "a=$a$a\n");
    expect_no_menu(grub_cfg_parse, buf_text(&text), NULL, "a word of more than 4096 bytes");
    buf_clear(&text);
    for (size_t i = 0; i < 3 * GRUB_VARIABLES_MAX; i++)
        buf_format(&text, "v%zu=%zu\n", i, i);
    buf_append_text(&text, "menuentry A { linux /k $v191 $v0 }");
    expect_menu(grub_cfg_parse, buf_text(&text), NULL, "*|A: /k [191]");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries),    cmocka_unit_test(words),    cmocka_unit_test(variables),
        cmocka_unit_test(conditions), cmocka_unit_test(defaults), cmocka_unit_test(multiboot),
        cmocka_unit_test(includes),   cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
