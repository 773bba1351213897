#include "image/boot_menu.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void item_fini(struct boot_item *item)
{
    free(item->path);
    free(item->options);
    *item = (struct boot_item){0};
}

void boot_entry_drop_files(struct boot_entry *entry)
{
    item_fini(&entry->kernel);
    for (size_t i = 0; i < entry->module_count; i++)
        item_fini(&entry->module[i]);
    entry->module_count = 0;
    entry->multiboot = false;
}

void boot_menu_fini(struct boot_menu *menu)
{
    for (size_t i = 0; i < menu->count; i++) {
        boot_entry_drop_files(&menu->entry[i]);
        free(menu->entry[i].program);
    }
    free(menu->entry);
    *menu = (struct boot_menu){.preset = BOOT_NONE};
}

struct boot_entry *boot_menu_add(struct boot_menu *menu, const struct boot_text *text, unsigned line,
                                 struct error *err)
{
    if (menu->count == BOOT_ENTRIES_MAX) {
        error_set(err, "%s:%u: more than %d entries; no known medium has so many", text->path, line,
                  BOOT_ENTRIES_MAX);
        return NULL;
    }
    struct boot_entry *grown = reallocarray(menu->entry, menu->count + 1, sizeof *grown);
    if (!grown) {
        error_errno(err, ENOMEM, "%s", text->path);
        return NULL;
    }
    menu->entry = grown;
    struct boot_entry *entry = &grown[menu->count++];
    *entry = (struct boot_entry){.file = text->path, .line = line};
    return entry;
}

int boot_item_set(struct boot_item *item, const char *path, struct error *err)
{
    item_fini(item);
    item->path = strdup(path);
    item->options = strdup("");
    return item->path && item->options ? 0 : error_errno(err, ENOMEM, "%.100s", path);
}

int boot_item_add_words(struct boot_item *item, const char *words, size_t size, struct error *err)
{
    size_t used = strlen(item->options);
    if (!size)
        return 0;
    if (used + 1 + size >= BOOT_OPTIONS_MAX)
        return error_set(err, "more than %d bytes of options for %.200s", BOOT_OPTIONS_MAX, item->path);
    char *grown = realloc(item->options, used + 1 + size + 1);
    if (!grown)
        return error_errno(err, ENOMEM, "%.100s", item->path);
    item->options = grown;
    if (used)
        grown[used++] = ' ';
    memcpy(grown + used, words, size);
    grown[used + size] = 0;
    return 0;
}

int boot_entry_add_module(struct boot_entry *entry, const char *path, struct error *err)
{
    if (entry->module_count == BOOT_MODULES_MAX)
        return error_set(err, "more than %d files beside the kernel", BOOT_MODULES_MAX);
    return boot_item_set(&entry->module[entry->module_count++], path, err);
}

struct boot_item *boot_entry_last(struct boot_entry *entry)
{
    return &entry->module[entry->module_count - 1];
}

const struct boot_text *boot_chain_here(const struct boot_chain *chain)
{
    return &chain->at[chain->depth - 1];
}

int boot_chain_push(struct boot_chain *chain, const struct boot_text *text, unsigned line, struct error *err)
{
    const char *from = chain->depth ? boot_chain_here(chain)->path : "";
    for (size_t i = 0; i < chain->depth; i++)
        if (strcmp(chain->at[i].path, text->path) == 0)
            return error_set(err, "%s:%u: includes %s, which includes it in turn: the files never end", from,
                             line, text->path);
    if (chain->depth == BOOT_DEPTH_MAX)
        return error_set(err, "%s:%u: more than %d files include each other", from, line, BOOT_DEPTH_MAX);
    chain->includes++;
    chain->bytes += text->bytes.size;
    if (chain->includes > BOOT_INCLUDES_MAX || chain->bytes > BOOT_BYTES_MAX)
        return error_set(err, "%s:%u: more than %d files or %u bytes are included", from, line,
                         BOOT_INCLUDES_MAX, BOOT_BYTES_MAX);
    chain->at[chain->depth++] = *text;
    return 0;
}

void boot_chain_pop(struct boot_chain *chain)
{
    chain->depth--;
}
