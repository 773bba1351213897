#include "image/grub_cfg.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/grub_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 32 /* within each other; menus have 4 */

enum block {
    BLOCK_MENUENTRY,
    BLOCK_SUBMENU,
    BLOCK_OTHER, /* a function's body */
};

struct state {
    const struct boot_files *files;
    struct boot_menu *menu;
    struct boot_chain chain;
    struct grub_variables variables;
    size_t depth;
    enum block block[BLOCKS_MAX];
    size_t menus;                  /* submenus around */
    unsigned next[BLOCKS_MAX + 1]; /* number of the next item in each of them, the top first */
    unsigned ifs;                  /* conditions around */
    bool in_entry;                 /* the menu's last one; a kernel may come without one, too */
    bool closed;                   /* its second kernel: of the branch that is not taken */
};

static struct boot_entry *last(struct state *s)
{
    return &s->menu->entry[s->menu->count - 1];
}

/* --- menus --- */

static void format_place(const struct state *s, char out[static BOOT_PLACE_MAX])
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i <= s->menus && used + 1 < BOOT_PLACE_MAX; i++) {
        unsigned number = i < s->menus ? s->next[i] - 1 : s->next[i];
        used += (size_t)snprintf(out + used, BOOT_PLACE_MAX - used, "%s%u", i ? ">" : "", number);
    }
}

static bool takes_value(const char *option)
{
    static const char *const options[] = {"--class", "--users", "--hotkey", "--source"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(option, options[i]) == 0)
            return true;
    return false;
}

/* menuentry TITLE [--class X] [--id ID] ... */
static void read_title(const struct grub_reader *r, struct boot_entry *entry)
{
    const char *title = NULL, *id = NULL;
    for (size_t i = 1; i < r->count; i++) {
        const char *word = r->word[i];
        if (takes_value(word))
            i++;
        else if (strcmp(word, "--id") == 0)
            id = i + 1 < r->count ? r->word[++i] : NULL;
        else if (text_starts(word, "--id="))
            id = word + strlen("--id=");
        else if (!text_starts(word, "--") && !title)
            title = word;
    }
    title = title ? title : "";
    id = id ? id : "";
    text_printable(title, strlen(title), entry->title, sizeof entry->title);
    text_printable(id, strlen(id), entry->name, sizeof entry->name);
}

static struct boot_entry *add_entry(struct state *s, unsigned line, struct error *err)
{
    struct boot_entry *entry = boot_menu_add(s->menu, boot_chain_here(&s->chain), line, err);
    if (!entry)
        return NULL;
    entry->in_submenu = s->menus > 0;
    s->in_entry = true;
    s->closed = false;
    return entry;
}

static int open_block(struct state *s, const struct grub_reader *r, struct error *err)
{
    const char *command = r->count ? r->word[0] : "";
    if (s->depth == BLOCKS_MAX)
        return error_set(err, "%s:%u: more than %d blocks within each other",
                         boot_chain_here(&s->chain)->path, r->line, BLOCKS_MAX);
    enum block block = strcmp(command, "menuentry") == 0 ? BLOCK_MENUENTRY
                       : strcmp(command, "submenu") == 0 ? BLOCK_SUBMENU
                                                         : BLOCK_OTHER;
    s->block[s->depth++] = block;
    if (block == BLOCK_SUBMENU) {
        s->next[s->menus]++;
        s->next[++s->menus] = 0;
    }
    if (block != BLOCK_MENUENTRY)
        return 0;
    struct boot_entry *entry = add_entry(s, r->command_line, err);
    if (!entry)
        return -1;
    read_title(r, entry);
    format_place(s, entry->place);
    s->next[s->menus]++;
    return 0;
}

static void close_block(struct state *s)
{
    if (!s->depth)
        return;
    enum block block = s->block[--s->depth];
    if (block == BLOCK_SUBMENU)
        s->menus--;
    if (block == BLOCK_MENUENTRY)
        s->in_entry = false;
}

static bool in_menuentry(const struct state *s)
{
    return s->depth && s->block[s->depth - 1] == BLOCK_MENUENTRY;
}

/* --- commands --- */

/* "(cd0)/boot/vmlinuz": the device is gone when a machine boots from the network. */
static const char *without_device(const char *path)
{
    const char *end = *path == '(' ? strchr(path, ')') : NULL;
    return end ? end + 1 : path;
}

/* The words behind the file's. Some are there for the loader only: the first word is dropped by old ones,
 * which grub-mkconfig fills with "placeholder". */
static int add_options(struct boot_item *item, const struct grub_reader *r, size_t from, struct error *err)
{
    for (size_t i = from; i < r->count; i++) {
        const char *word = r->word[i];
        bool blanks = word[strcspn(word, " \t")];
        char quoted[GRUB_WORD_MAX + 3];
        if (i == from && strcmp(word, "placeholder") == 0)
            continue;
        snprintf(quoted, sizeof quoted, blanks ? "\"%s\"" : "%s", word);
        if (boot_item_add_words(item, quoted, strlen(quoted), err) < 0)
            return -1;
    }
    return 0;
}

/* The first word that is a file's name. */
static size_t file_word(const struct grub_reader *r)
{
    size_t i = 1;
    while (i < r->count && text_starts(r->word[i], "--"))
        i++;
    return i;
}

static int do_kernel(struct state *s, const struct grub_reader *r, bool multiboot, struct error *err)
{
    size_t at = file_word(r);
    if (at == r->count)
        return 0;
    if (!s->depth && !add_entry(s, r->command_line, err))
        return -1;
    if (!s->in_entry)
        return 0;
    struct boot_entry *entry = last(s);
    if ((s->closed = entry->kernel.path != NULL))
        return 0;
    entry->multiboot = multiboot;
    if (boot_item_set(&entry->kernel, without_device(r->word[at]), err) < 0)
        return -1;
    return add_options(&entry->kernel, r, at + 1, err);
}

static int do_linux(struct state *s, const struct grub_reader *r, struct error *err)
{
    return do_kernel(s, r, false, err);
}

static int do_multiboot(struct state *s, const struct grub_reader *r, struct error *err)
{
    return do_kernel(s, r, true, err);
}

/* Several files may follow one initrd; a second initrd is of the branch that is not taken. */
static int do_initrd(struct state *s, const struct grub_reader *r, struct error *err)
{
    if (!s->in_entry || !last(s)->kernel.path || last(s)->multiboot || last(s)->module_count)
        return 0;
    for (size_t i = file_word(r); i < r->count; i++)
        if (r->word[i][0] && boot_entry_add_module(last(s), without_device(r->word[i]), err) < 0)
            return -1;
    return 0;
}

static int do_module(struct state *s, const struct grub_reader *r, struct error *err)
{
    size_t at = file_word(r);
    if (at == r->count || !s->in_entry || s->closed || !last(s)->multiboot)
        return 0;
    if (boot_entry_add_module(last(s), without_device(r->word[at]), err) < 0)
        return -1;
    return add_options(boot_entry_last(last(s)), r, at + 1, err);
}

static int set_variable(struct state *s, const char *assignment, struct error *err)
{
    char name[64];
    size_t length = strcspn(assignment, "=");
    if (!assignment[length] || !length || length >= sizeof name)
        return 0;
    memcpy(name, assignment, length);
    name[length] = 0;
    if (s->ifs && grub_variable(&s->variables, name))
        return 0;
    return grub_variable_set(&s->variables, name, assignment + length + 1, err);
}

static int do_set(struct state *s, const struct grub_reader *r, struct error *err)
{
    return r->count > 1 ? set_variable(s, r->word[1], err) : 0;
}

static int do_if(struct state *s, const struct grub_reader *r, struct error *err)
{
    s->ifs++;
    return 0;
}

static int do_fi(struct state *s, const struct grub_reader *r, struct error *err)
{
    s->ifs -= s->ifs > 0;
    return 0;
}

static int read_file(struct state *s, const struct boot_text *text, struct error *err);

/* In a menu entry it leads to another menu, often back to this one. */
static int do_source(struct state *s, const struct grub_reader *r, struct error *err)
{
    struct boot_text text;
    size_t at = file_word(r), depth = s->depth;
    unsigned ifs = s->ifs;
    if (at == r->count || in_menuentry(s) ||
        !s->files->find(s->files->ctx, boot_chain_here(&s->chain)->path, without_device(r->word[at]), &text))
        return 0;
    if (boot_chain_push(&s->chain, &text, r->command_line, err) < 0 || read_file(s, &text, err) < 0)
        return -1;
    boot_chain_pop(&s->chain);
    while (s->depth > depth)
        close_block(s);
    s->ifs = ifs;
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct state *s, const struct grub_reader *r, struct error *err);
} commands[] = {
    {"linux", do_linux},
    {"linux16", do_linux},
    {"linuxefi", do_linux},
    {"initrd", do_initrd},
    {"initrd16", do_initrd},
    {"initrdefi", do_initrd},
    {"multiboot", do_multiboot},
    {"multiboot2", do_multiboot},
    {"xen_hypervisor", do_multiboot},
    {"module", do_module},
    {"module2", do_module},
    {"xen_module", do_module},
    {"set", do_set},
    {"source", do_source},
    {".", do_source},
    {"configfile", do_source},
    {"if", do_if},
    {"fi", do_fi},
};

/* "then", "else" and "do" may stand before a command. */
static void drop_keywords(struct grub_reader *r)
{
    static const char *const keywords[] = {"then", "else", "do"};
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0] && r->count;)
        if (strcmp(r->word[0], keywords[i]) == 0) {
            memmove(&r->word[0], &r->word[1], --r->count * sizeof r->word[0]);
            i = 0;
        } else {
            i++;
        }
}

static int run(struct state *s, struct grub_reader *r, struct error *err)
{
    drop_keywords(r);
    if (!r->count)
        return 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(r->word[0], commands[i].name) != 0)
            continue;
        if (commands[i].run(s, r, err) == 0)
            return 0;
        if (commands[i].run == do_source)
            return -1; /* it says where */
        return error_wrap(err, "%s:%u", boot_chain_here(&s->chain)->path, r->command_line);
    }
    return r->count == 1 ? set_variable(s, r->word[0], err) : 0;
}

static int read_commands(struct state *s, struct grub_reader *r, struct error *err)
{
    enum grub_end ended;
    do {
        if (grub_reader_next(r, &ended, err) < 0)
            return error_wrap(err, "%s", boot_chain_here(&s->chain)->path);
        if (ended == GRUB_OPEN ? open_block(s, r, err) < 0 : run(s, r, err) < 0)
            return -1;
        if (ended == GRUB_CLOSE)
            close_block(s);
    } while (ended != GRUB_LAST);
    return 0;
}

static int read_file(struct state *s, const struct boot_text *text, struct error *err)
{
    cleanup_free struct grub_reader *r = malloc(sizeof *r); /* files within files: not on the stack */
    if (!r)
        return error_errno(err, ENOMEM, "%s", text->path);
    grub_reader_init(r, text->bytes, &s->variables);
    int result = read_commands(s, r, err);
    grub_reader_fini(r);
    return result;
}

/* --- which one starts by itself --- */

/* "2", "2>0", a title, an id, or the last two behind a submenu's and '>'. One that names a submenu means its
 * first entry. */
static bool is_preset(const struct boot_entry *entry, const char *preset)
{
    size_t length = strlen(preset);
    const char *above = strrchr(preset, '>'), *name = above ? above + 1 : preset;
    if (entry->place[0] && strncmp(entry->place, preset, length) == 0 &&
        (!entry->place[length] || entry->place[length] == '>'))
        return true;
    return strcmp(entry->name, name) == 0 || strcmp(entry->title, name) == 0;
}

static void find_preset(const struct state *s)
{
    const char *preset = grub_variable(&s->variables, "default");
    if (!preset || !*preset)
        preset = "0"; /* the manual, 15.1.3 */
    for (size_t i = 0; i < s->menu->count && s->menu->preset == BOOT_NONE; i++)
        if (is_preset(&s->menu->entry[i], preset))
            s->menu->preset = i;
}

int grub_cfg_parse(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                   struct error *err)
{
    *out = (struct boot_menu){.preset = BOOT_NONE};
    struct state s = {.files = files, .menu = out};
    int result = boot_chain_push(&s.chain, start, 0, err);
    if (result == 0)
        result = read_file(&s, start, err);
    if (result == 0)
        find_preset(&s);
    grub_variables_fini(&s.variables);
    if (result < 0)
        boot_menu_fini(out);
    return result;
}
