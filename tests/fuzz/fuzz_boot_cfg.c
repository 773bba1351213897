#include "fuzz_boot_cfg.h"

#include <stdlib.h>
#include <string.h>

bool boot_cfg_find(const void *input, const char *from, const char *named, struct boot_text *out)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const struct slice *all = input;
    unsigned number = (unsigned)(named[0] - '0');
    size_t start = 0, end = 0;
    if (number > 9 || named[1])
        return false;
    for (unsigned i = 0; end <= all->size; i++, end++) {
        start = end;
        while (end < all->size && all->data[end])
            end++;
        if (i == number) {
            *out = (struct boot_text){names[number], {all->data + start, end - start}};
            return true;
        }
    }
    return false;
}

static void check_item(const struct boot_item *item)
{
    if (!item->path || !item->options || strlen(item->options) >= BOOT_OPTIONS_MAX)
        abort();
}

static void check_entry(const struct boot_entry *entry)
{
    if (!entry->file || entry->module_count > BOOT_MODULES_MAX ||
        (entry->module_count && !entry->kernel.path))
        abort();
    if (entry->kernel.path)
        check_item(&entry->kernel);
    for (size_t i = 0; i < entry->module_count; i++)
        check_item(&entry->module[i]);
}

void boot_cfg_feed(struct slice input,
                   int (*parse)(const struct boot_files *files, const struct boot_text *start,
                                struct boot_menu *out, struct error *err))
{
    const struct boot_files files = {&input, boot_cfg_find};
    struct boot_text start;
    struct boot_menu menu;
    struct error err;
    if (!boot_cfg_find(&input, "", "0", &start) || parse(&files, &start, &menu, &err) < 0)
        return;
    if (menu.count > BOOT_ENTRIES_MAX || (menu.preset != BOOT_NONE && menu.preset >= menu.count))
        abort();
    for (size_t i = 0; i < menu.count; i++)
        check_entry(&menu.entry[i]);
    boot_menu_fini(&menu);
}
