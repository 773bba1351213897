/* grub.cfg. grub-script-check, GRUB's own parser, reads each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_fixture.h"
#include "render/render.h"

#define IMAGE "image/abababababab/"

static void check_syntax(struct buf *text)
{
    FILE *grub = popen("grub-script-check", "w");
    assert_non_null(grub);
    assert_int_equal(fwrite(text->data, 1, text->size, grub), text->size);
    if (pclose(grub) != 0)
        fail_msg("grub-script-check does not take this:\n%s", buf_text(text));
}

static struct plan *linux_plan(const char *words)
{
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_GRUB);
    set_kernel(plan, IMAGE "linux", words);
    add_module(plan, IMAGE "initrd.gz", NULL);
    add_module(plan, "node/n1/overlay.img", NULL);
    return plan;
}

static void render(struct plan *plan, enum render_grub_way way, struct buf *out)
{
    struct error err = {0};
    if (render_grub(plan, way, out, &err))
        fail_msg("%s", err.text);
    check_syntax(out);
    free(plan);
}

static void check_has(struct plan *plan, enum render_grub_way way, const char *want)
{
    cleanup_buf struct buf out = BUF_INIT;
    render(plan, way, &out);
    if (!strstr(buf_text(&out), want))
        fail_msg("no %s in\n%s", want, buf_text(&out));
}

static void check_refused(struct plan *plan, const char *says)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_grub(plan, RENDER_GRUB_NET, &out, &err), -1);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
    free(plan);
}

static void linux_from_the_network(void **state)
{
    cleanup_buf struct buf out = BUF_INIT;
    render(linux_plan("console=ttyS0 --- quiet"), RENDER_GRUB_NET, &out);
    assert_string_equal(
        buf_text(&out),
        "# bootherd: node n1, Linux 12 build unknown, image abababababab\n"
        "if serial --unit=0 --speed=115200; then\n"
        "  terminal_output console serial\n"
        "fi\n"
        "function load {\n"
        "  set root=\"$1\"\n"
        "  echo \"bootherd: node n1: loading from ($root)\"\n"
        "  if linux '/image/abababababab/linux' 'console=ttyS0' '---' 'quiet' "
        "'BOOTIF=01-52-54-00-00-00-0a'; then\n"
        "    if initrd '/image/abababababab/initrd.gz' '/node/n1/overlay.img'; then\n"
        "      boot\n"
        "    fi\n"
        "  fi\n"
        "}\n"
        "for try in 1 2 3 4 5; do\n"
        "  if [ \"$lockdown\" != y ]; then\n"
        "    if insmod http; then\n"
        "      load 'http,10.77.0.1'\n"
        "    fi\n"
        "  fi\n"
        "  load 'tftp,10.77.0.1'\n"
        "  echo \"bootherd: node n1: try $try failed (the lines above say why); next in 10 seconds\"\n"
        "  sleep 10\n"
        "done\n"
        "echo 'bootherd: node n1 did not boot: on the server, bootherd status n1 says more'\n"
        "sleep 10\n"
        "exit\n");
}

/* TFTP's stays what it is. */
static void another_port(void **state)
{
    struct plan *plan = linux_plan("");
    snprintf(plan->base, sizeof plan->base, "http://10.77.0.1:8080/");
    check_has(plan, RENDER_GRUB_NET,
              "      load 'http,10.77.0.1:8080'\n    fi\n  fi\n  load 'tftp,10.77.0.1'\n");
}

static void linux_on_the_disk(void **state)
{
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = linux_plan("quiet");
    plan->mac = (struct mac){0};
    render(plan, RENDER_GRUB_DISK, &out);
    assert_non_null(strstr(buf_text(&out), "  if linux '/boot/linux' 'quiet'; then\n"
                                           "    if initrd '/boot/initrd.gz' '/boot/overlay.img'; then\n"
                                           "      boot\n"));
    assert_non_null(strstr(buf_text(&out), "  if regexp --set=1:disk '^\\((.*)\\)' \"$cmdpath\"; then\n"
                                           "    set root=\"$disk\"\n"
                                           "  fi\n"
                                           "  load \"$root\"\n"));
    assert_null(strstr(buf_text(&out), "tftp"));
    assert_null(strstr(buf_text(&out), "http"));
}

static void linux_alone(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_GRUB);
    set_kernel(plan, IMAGE "memtest", "");
    check_has(plan, RENDER_GRUB_NET,
              "  if linux '/image/abababababab/memtest' 'BOOTIF=01-52-54-00-00-00-0a'; then\n"
              "    boot\n"
              "  fi\n"
              "}\n");
}

static struct plan *xen_plan(void)
{
    struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_GRUB);
    set_kernel(plan, IMAGE "xen.gz", "dom0_mem=512M console=com1");
    add_module(plan, IMAGE "vmlinuz", "console=hvc0 a=\"b c\"");
    add_module(plan, "node/n1/initrd", NULL);
    return plan;
}

static void xen(void **state)
{
    check_has(xen_plan(), RENDER_GRUB_NET,
              "  if insmod multiboot2; then\n"
              "    if multiboot2 '/image/abababababab/xen.gz' 'dom0_mem=512M' 'console=com1'; then\n"
              "      if module2 --nounzip '/image/abababababab/vmlinuz' 'console=hvc0' 'a=b c'; then\n"
              "        if module2 --nounzip '/node/n1/initrd'; then\n"
              "          boot\n"
              "        fi\n"
              "      fi\n"
              "    fi\n"
              "  fi\n"
              "}\n");
    check_has(xen_plan(), RENDER_GRUB_NET, "GRUB starts no Xen under Secure Boot");
    check_has(xen_plan(), RENDER_GRUB_DISK, "    if multiboot2 '/boot/xen.gz' ");
}

static void an_efi_program(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_EFI, PLAN_CHAIN_GRUB);
    set_kernel(plan, IMAGE "mt86+.efi", "console=ttyS0");
    check_has(plan, RENDER_GRUB_NET,
              "  if chainloader '/image/abababababab/mt86+.efi' 'console=ttyS0'; then\n    boot\n  fi\n");
}

/* In single quotes GRUB's script knows no special character; the kernel gets the words as they were. */
static void words_with_special_characters(void **state)
{
    static const struct {
        const char *words, *quoted;
    } all[] = {
        {"a=$root", "'a=$root'"},
        {"a;reboot", "'a;reboot'"},
        {"a ; reboot", "'a' ';' 'reboot'"},
        {"a && b || c", "'a' '&&' 'b' '||' 'c'"},
        {"{ } # <x >y `z`", "'{' '}' '#' '<x' '>y' '`z`'"},
        {"x=${y} *", "'x=${y}' '*'"},
        {"fi done", "'fi' 'done'"},
        {"  a   b  ", "'a' 'b'"},
        {"f=\"a b\" \"g h\"i", "'f=a b' 'g hi'"},
        {"n=gr\xc3\xbc", "'n=gr\xc3\xbc'"},
        {"empty=\"\"", "'empty='"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char want[200];
        snprintf(want, sizeof want, "linux '/image/abababababab/linux' %s 'BOOTIF=", all[i].quoted);
        check_has(linux_plan(all[i].words), RENDER_GRUB_NET, want);
    }
}

static void words_that_grub_changes(void **state)
{
    static const struct {
        const char *words, *says;
    } bad[] = {
        {"a='b c'", "an apostrophe or a backslash"},
        {"it's", "an apostrophe or a backslash"},
        {"a\\b", "an apostrophe or a backslash"},
        {"a=\"b", "a double quote without a second"},
        {"a\nreboot", "control character"},
        {"a\rb", "control character"},
        {"a\tb", "control character"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_refused(linux_plan(bad[i].words), bad[i].says);
        struct plan *plan = xen_plan();
        char words[64];
        snprintf(words, sizeof words, "%s", bad[i].words);
        add_module(plan, IMAGE "m", words);
        check_refused(plan, bad[i].says);
    }
}

static void names_that_grub_does_not_ask_for(void **state)
{
    static const char *const bad[] = {"a b", "a'b",  "a\nb", "a%62",  "a?b",
                                      "a#b", "a\\b", "a\"b", "a---b", "gr\xc3\xbc"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct plan *plan = linux_plan("");
        snprintf(plan->module[0].path, PLAN_PATH_MAX, "%s", bad[i]);
        check_refused(plan, "file name");
        plan = linux_plan("");
        snprintf(plan->kernel.path, PLAN_PATH_MAX, "%s", bad[i]);
        check_refused(plan, "file name");
    }
    check_has(linux_plan(""), RENDER_GRUB_NET, "initrd");
}

static void every_ascii_character_in_words(void **state)
{
    for (char c = '!'; c < 0x7f; c++) {
        struct error err = {0};
        cleanup_buf struct buf out = BUF_INIT;
        char words[] = {'a', c, ' ', c, c, 'b', '\0'};
        struct plan *plan = linux_plan(words);
        if (render_grub(plan, RENDER_GRUB_NET, &out, &err) == 0)
            check_syntax(&out);
        else
            assert_true(c == '\'' || c == '\\' || c == '"');
        free(plan);
    }
}

static void not_for_grub(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_GRUB);
    check_refused(plan, "GRUB boots no images of this kind");
    plan = xen_plan();
    while (plan->module_count < 33)
        add_module(plan, IMAGE "m", NULL);
    check_refused(plan, "takes 32 modules, and there are 33");
}

/* GRUB's own loader on a disk before the one that may be a repair program; never the disk image it came from.
 */
static void the_local_disk(void **state)
{
    static const char *const order[] = {
        "/EFI/*/shim$cpu.efi",   "/EFI/*/grub$cpu.efi",     "bootmgfw.efi", "/EFI/BOOT/boot$cpu.efi",
        "\"$disk\" != \"$own\"", "chainloader \"$loader\"", "boot\n",       "\nexit 1\n"};
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_grub_local("it's $x; `reboot`", &out), 0);
    check_syntax(&out);
    const char *at = buf_text(&out);
    assert_non_null(strstr(at, "echo 'bootherd: ''it'\\''s $x; `reboot`'': starting from the local disk'\n"));
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
        at += strlen(order[i]);
    }
}

static void messages(void **state)
{
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_grub_message("it's $x; \"reboot\"\nreboot", true, &out), 0);
    check_syntax(&out);
    assert_non_null(strstr(buf_text(&out), "echo 'bootherd: ''it'\\''s $x; \"reboot\"?reboot'\n"));
    assert_non_null(strstr(buf_text(&out), "\nexit\n"));
    buf_clear(&out);
    assert_int_equal(render_grub_message("no image", false, &out), 0);
    check_syntax(&out);
    assert_non_null(strstr(buf_text(&out), "sleep 60\nreboot\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_from_the_network),
        cmocka_unit_test(another_port),
        cmocka_unit_test(linux_on_the_disk),
        cmocka_unit_test(linux_alone),
        cmocka_unit_test(xen),
        cmocka_unit_test(an_efi_program),
        cmocka_unit_test(words_with_special_characters),
        cmocka_unit_test(words_that_grub_changes),
        cmocka_unit_test(names_that_grub_does_not_ask_for),
        cmocka_unit_test(every_ascii_character_in_words),
        cmocka_unit_test(not_for_grub),
        cmocka_unit_test(messages),
        cmocka_unit_test(the_local_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
