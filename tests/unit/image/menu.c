#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "menu.h"

static bool find(const void *ctx, const char *from, const char *named, struct boot_text *out)
{
    const char *const *more = ctx;
    for (; more && more[0]; more += 2)
        if (strcmp(more[0], named) == 0) {
            *out = (struct boot_text){more[0], {(const uint8_t *)more[1], strlen(more[1])}};
            return true;
        }
    return false;
}

static int parse_text(menu_parser *parse, const char *text, const char *const *more, struct boot_menu *menu,
                      struct error *err)
{
    const struct boot_files files = {more, find};
    const struct boot_text start = {"start", {(const uint8_t *)text, strlen(text)}};
    return parse(&files, &start, menu, err);
}

static void append_item(struct buf *out, const struct boot_item *item)
{
    buf_append_text(out, item->path);
    if (*item->options)
        buf_format(out, " [%s]", item->options);
}

static void append_entry(struct buf *out, const struct boot_entry *entry, bool preset)
{
    buf_format(out, "%s%s%s|%s: %s", out->size ? "; " : "", preset ? "*" : "", entry->name, entry->title,
               entry->multiboot ? "mb " : "");
    append_item(out, &entry->kernel);
    for (size_t i = 0; i < entry->module_count; i++) {
        buf_append_text(out, " + ");
        append_item(out, &entry->module[i]);
    }
}

void expect_menu(menu_parser *parse, const char *text, const char *const *more, const char *expected)
{
    struct boot_menu menu;
    struct error err;
    struct buf out = BUF_INIT;
    if (parse_text(parse, text, more, &menu, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < menu.count; i++)
        if (menu.entry[i].kernel.path)
            append_entry(&out, &menu.entry[i], menu.preset == i);
    assert_string_equal(buf_text(&out), expected);
    buf_fini(&out);
    boot_menu_fini(&menu);
}

void expect_no_menu(menu_parser *parse, const char *text, const char *const *more, const char *part)
{
    struct boot_menu menu;
    struct error err;
    if (parse_text(parse, text, more, &menu, &err) == 0)
        fail_msg("was read: %.60s", text);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
    assert_int_equal(menu.count, 0); /* nothing is left to release */
    assert_null(menu.entry);
}
