/* The entry that starts by itself, as the importer's reader of such menus finds it. Programs that draw a menu
 * are left out: a file they name is fetched without them, too. */
#include "image/isolinux_cfg.h"
#include "swarm/script_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the first INCLUDE names: read where the text itself starts nothing. */
struct includes {
    char first[SCRIPT_PATH_MAX];
};

static bool note_include(const void *ctx, const char *from, const char *named, struct boot_text *out)
{
    struct includes *includes = *(struct includes *const *)ctx;
    (void)from;
    (void)out;
    if (!includes->first[0] && strlen(named) < sizeof includes->first)
        memcpy(includes->first, named, strlen(named) + 1);
    return false;
}

/* SYSLINUX' wiki, "PXELINUX": HOST::NAME, ::NAME, a URL, or a name below option 210 or the folder of the boot
 * file. A name with a '/' in front is TFTP's own. */
static int locate(const struct script_asker *asker, const char *name, struct script_server *server,
                  char out[static SCRIPT_PATH_MAX], struct error *err)
{
    const char *path = out, *colons = strstr(name, "::");
    char full[SCRIPT_PATH_MAX];
    bool alone = name[0] == '/' || strstr(name, "://") || colons;
    if (snprintf(full, sizeof full, "%s%s", alone ? "" : asker->prefix, name) >= (int)sizeof full)
        return error_set(err, "the name of a file has more than %zu bytes", sizeof full - 1);
    *server = script_tftp(asker->next_server);
    int url = colons ? 0 : script_url(full, server, &path, err);
    if (url < 0 || (colons && colons > name && script_host(name, (size_t)(colons - name), server, err) < 0))
        return -1;
    if (url == 0)
        path = colons ? colons + 2 : full;
    else if (server->door == SCRIPT_TFTP)
        path += *path == '/';
    memmove(out, path, strlen(path) + 1);
    return 0;
}

static int add(struct script *s, enum script_role role, const struct script_asker *asker, const char *name,
               struct error *err)
{
    struct script_server server;
    char path[SCRIPT_PATH_MAX];
    return locate(asker, name, &server, path, err) ? -1 : script_add(s, role, &server, path, err);
}

static int add_config(struct script *s, enum script_language language, const struct script_asker *asker,
                      const char *name, struct error *err)
{
    struct script_server server;
    char path[SCRIPT_PATH_MAX];
    return locate(asker, name, &server, path, err) ? -1 : script_add_config(s, language, &server, path, err);
}

/* Behind -c; the first word is taken for the kernel. */
static void find_boot_cfg(const struct boot_entry *entry, char out[static SCRIPT_PATH_MAX])
{
    const char *words = entry->kernel.path ? entry->kernel.options : "", *name = "boot.cfg";
    const char *flag = strstr(words, "-c ");
    if (entry->kernel.path && strcmp(entry->kernel.path, "-c") == 0 && words[0])
        name = words;
    else if (flag)
        name = flag + strlen("-c ");
    snprintf(out, SCRIPT_PATH_MAX, "%.*s", (int)strcspn(name, " "), name);
}

static int add_entry(struct script *s, const struct boot_entry *entry, const struct script_asker *asker,
                     struct error *err)
{
    const char *kernel = entry->kernel.path;
    char boot_cfg[SCRIPT_PATH_MAX];
    if (entry->program && add(s, SCRIPT_PROGRAM, asker, entry->program, err) < 0)
        return -1;
    if (entry->multiboot && (!kernel || kernel[0] == '-')) { /* VMware's mboot.c32 */
        find_boot_cfg(entry, boot_cfg);
        return add_config(s, SCRIPT_BOOTCFG, asker, boot_cfg, err);
    }
    if (kernel && add(s, SCRIPT_KERNEL, asker, kernel, err) < 0)
        return -1;
    for (size_t i = 0; i < entry->module_count; i++)
        if (add(s, SCRIPT_MODULE, asker, entry->module[i].path, err) < 0)
            return -1;
    return 0;
}

/* DEFAULT's; without one the first that starts something. */
static const struct boot_entry *choose(const struct boot_menu *menu)
{
    if (menu->preset != BOOT_NONE)
        return &menu->entry[menu->preset];
    for (size_t i = 0; i < menu->count; i++)
        if ((menu->entry[i].kernel.path || menu->entry[i].program) && !menu->entry[i].in_submenu)
            return &menu->entry[i];
    return NULL;
}

static void note_say(struct script *s, struct slice text)
{
    for (const char *p = (const char *)text.data, *end = p + text.size; p < end;) {
        const char *next = memchr(p, '\n', (size_t)(end - p));
        size_t size = (size_t)((next ? next : end) - p);
        if (size > 4 && strncasecmp(p, "say ", 4) == 0)
            script_note(s, p + 4, size - 4);
        p += size + 1;
    }
}

int script_parse_pxelinux(struct slice text, const struct script_asker *asker, struct script *out,
                          struct error *err)
{
    struct includes includes = {0}, *to = &includes;
    const struct boot_files files = {&to, note_include};
    const struct boot_text start = {"the configuration", text};
    struct boot_menu menu;
    if (isolinux_cfg_parse(&files, &start, &menu, err) < 0)
        return -1;
    const struct boot_entry *entry = choose(&menu);
    int result = entry ? add_entry(out, entry, asker, err) : 0;
    boot_menu_fini(&menu);
    if (result == 0 && out->count == 0 && includes.first[0])
        result = add_config(out, SCRIPT_PXELINUX, asker, includes.first, err);
    if (result == 0 && out->count == 0 && text.size)
        note_say(out, text);
    return result;
}
