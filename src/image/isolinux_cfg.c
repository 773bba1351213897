#include "image/isolinux_cfg.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS    " \t\v\f\r"
#define SEPARATOR "---" /* between mboot.c32's kernel and modules */

struct reader {
    const struct boot_files *files;
    struct boot_menu *menu;
    struct boot_chain chain;
    unsigned line;
    unsigned submenus;  /* open MENU BEGINs */
    bool in_text;       /* between TEXT HELP and ENDTEXT */
    bool has_label;     /* the menu's last entry takes what follows */
    bool other;         /* that entry starts something that is no kernel */
    char *words;        /* behind the kernel's name */
    char *append;       /* NULL: none told, those below count */
    char *append_all;   /* APPEND before all labels */
    char *initrd;       /* its INITRD line */
    char *preset;       /* DEFAULT */
    size_t menu_preset; /* MENU DEFAULT at the top */
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, BLANKS);
}

static size_t word_length(const char *text)
{
    return strcspn(text, BLANKS);
}

/* Whether the line begins with the words of the keyword ("menu default"); *rest is what follows. */
static bool is_keyword(const char *line, const char *keyword, const char **rest)
{
    while (*keyword) {
        size_t length = strcspn(keyword, " ");
        if (word_length(line) != length || strncasecmp(line, keyword, length) != 0)
            return false;
        line = skip_blanks(line + length);
        keyword += length + (keyword[length] == ' ');
    }
    *rest = line;
    return true;
}

static int keep(char **to, const char *text, struct error *err)
{
    free(*to);
    *to = strdup(text);
    return *to ? 0 : error_errno(err, ENOMEM, "boot configuration");
}

static struct boot_entry *last(struct reader *r)
{
    return &r->menu->entry[r->menu->count - 1];
}

/* --- an entry's files, once all its lines are known --- */

static int add_initrds(struct boot_entry *entry, const char *list, size_t size, struct error *err)
{
    for (size_t at = 0; at < size;) {
        char path[BOOT_NAME_MAX];
        size_t length = strcspn(list + at, ",");
        if (length > size - at)
            length = size - at;
        if (length >= sizeof path)
            return error_set(err, "the name of an initrd has %zu bytes", length);
        memcpy(path, list + at, length);
        path[length] = 0;
        if (length && boot_entry_add_module(entry, path, err) < 0)
            return -1;
        at += length + 1;
    }
    return 0;
}

/* The last initrd= counts (syslinux, core/fs: it is looked for from behind); with INITRD both are loaded, but
 * no known configuration has both: INITRD counts. */
static int split_linux(struct boot_entry *entry, const char *words, const char *initrd, struct error *err)
{
    const char *list = initrd ? initrd : "";
    size_t list_size = strlen(list), length;
    for (const char *word = words; *word; word = skip_blanks(word + length)) {
        length = word_length(word);
        if (strncmp(word, "initrd=", strlen("initrd=")) == 0) {
            if (!initrd) {
                list = word + strlen("initrd=");
                list_size = length - strlen("initrd=");
            }
        } else if (boot_item_add_words(&entry->kernel, word, length, err) < 0) {
            return -1;
        }
    }
    return add_initrds(entry, list, list_size, err);
}

static int split_multiboot(struct boot_entry *entry, const char *words, struct error *err)
{
    struct boot_item *item = NULL;
    size_t length;
    entry->multiboot = true;
    for (const char *word = words; *word; word = skip_blanks(word + length)) {
        char path[BOOT_NAME_MAX];
        length = word_length(word);
        if (length == strlen(SEPARATOR) && memcmp(word, SEPARATOR, length) == 0) {
            item = NULL;
            continue;
        }
        if (item) {
            if (boot_item_add_words(item, word, length, err) < 0)
                return -1;
            continue;
        }
        if (length >= sizeof path)
            return error_set(err, "the name of a module has %zu bytes", length);
        memcpy(path, word, length);
        path[length] = 0;
        bool first = !entry->kernel.path;
        if (first ? boot_item_set(&entry->kernel, path, err) : boot_entry_add_module(entry, path, err))
            return -1;
        item = first ? &entry->kernel : boot_entry_last(entry);
    }
    return 0;
}

static int split(struct reader *r, struct boot_entry *entry, struct error *err)
{
    const char *append = r->append ? r->append : r->append_all ? r->append_all : "";
    if (strcmp(append, "-") == 0) /* APPEND - means none, not even those for all */
        append = "";
    cleanup_buf struct buf all = BUF_INIT;
    buf_format(&all, "%s %s", r->words ? r->words : "", append);
    if (all.failed)
        return error_errno(err, ENOMEM, "boot configuration");
    const char *words = skip_blanks(buf_text(&all));
    if (!entry->kernel.path && !r->other && entry->name[0] && boot_item_set(&entry->kernel, entry->name, err))
        return -1; /* a label without more is the kernel's name */
    if (!entry->kernel.path)
        return 0;
    const char *base = source_base(entry->kernel.path);
    if (!text_ends(base, ".c32") && strcasecmp(base, "mboot.c32") != 0)
        return split_linux(entry, words, r->initrd, err);
    free(entry->program);
    entry->program = TAKE_PTR(entry->kernel.path);
    boot_entry_drop_files(entry);
    return strcasecmp(source_base(entry->program), "mboot.c32") == 0 ? split_multiboot(entry, words, err) : 0;
}

static int finish_label(struct reader *r, struct error *err)
{
    int result = 0;
    if (r->has_label && split(r, last(r), err) < 0)
        result = error_wrap(err, "%s:%u", last(r)->file, last(r)->line);
    free(TAKE_PTR(r->words));
    free(TAKE_PTR(r->append));
    free(TAKE_PTR(r->initrd));
    r->has_label = r->other = false;
    return result;
}

/* --- lines --- */

static int start_label(struct reader *r, const char *name, struct error *err)
{
    if (finish_label(r, err) < 0)
        return -1;
    struct boot_entry *entry = boot_menu_add(r->menu, boot_chain_here(&r->chain), r->line, err);
    if (!entry)
        return -1;
    text_printable(name, word_length(name), entry->name, sizeof entry->name);
    entry->in_submenu = r->submenus > 0;
    r->has_label = true;
    return 0;
}

/* Its first word is the file, the others are words for it. */
static int set_kernel(struct reader *r, const char *value, struct error *err)
{
    char path[MEDIA_PATH_MAX];
    size_t length = word_length(value);
    struct boot_entry *entry = last(r);
    if (!length || length >= sizeof path)
        return 0;
    memcpy(path, value, length);
    path[length] = 0;
    if (boot_item_set(&entry->kernel, path, err) < 0)
        return -1;
    return keep(&r->words, skip_blanks(value + length), err);
}

static int read_file(struct reader *r, const struct boot_text *text, struct error *err);

static int include(struct reader *r, const char *value, struct error *err)
{
    char named[MEDIA_PATH_MAX];
    struct boot_text text;
    snprintf(named, sizeof named, "%.*s", (int)word_length(value), value);
    if (!r->files->find(r->files->ctx, boot_chain_here(&r->chain)->path, named, &text))
        return 0; /* ISOLINUX goes on, too: Debian's menus include files that not every medium has */
    unsigned line = r->line;
    if (boot_chain_push(&r->chain, &text, line, err) < 0 || read_file(r, &text, err) < 0)
        return -1;
    boot_chain_pop(&r->chain);
    r->line = line;
    return 0;
}

enum what {
    LABEL,
    DEFAULT,
    KERNEL,
    APPEND,
    INITRD,
    INCLUDE,
    OTHER, /* the label starts no kernel */
    MENU_BEGIN,
    MENU_END,
    MENU_DEFAULT,
    MENU_LABEL,
    HELP,
};

static const struct {
    const char *keyword;
    enum what what;
    bool in_label; /* counts behind a LABEL only */
} keywords[] = {
    {"label", LABEL, false},
    {"default", DEFAULT, false},
    {"kernel", KERNEL, true},
    {"linux", KERNEL, true},
    {"com32", KERNEL, true},
    {"append", APPEND, false},
    {"initrd", INITRD, true},
    {"include", INCLUDE, false},
    {"menu include", INCLUDE, false},
    {"localboot", OTHER, true},
    {"config", OTHER, true},
    {"boot", OTHER, true},
    {"bss", OTHER, true},
    {"pxe", OTHER, true},
    {"fdimage", OTHER, true},
    {"comboot", OTHER, true},
    {"menu exit", OTHER, true},
    {"menu quit", OTHER, true},
    {"menu goto", OTHER, true},
    {"menu begin", MENU_BEGIN, false},
    {"menu end", MENU_END, false},
    {"menu default", MENU_DEFAULT, true},
    {"menu label", MENU_LABEL, true},
    {"text help", HELP, false},
};

/* The letter behind '^' is the entry's key. */
static void set_title(struct boot_entry *entry, const char *value)
{
    char plain[BOOT_NAME_MAX];
    size_t used = 0;
    for (; *value && used + 1 < sizeof plain; value++)
        if (*value != '^')
            plain[used++] = *value;
    text_printable(plain, used, entry->title, sizeof entry->title);
}

static int begin_submenu(struct reader *r, struct error *err)
{
    r->submenus++;
    return finish_label(r, err);
}

static int apply(struct reader *r, enum what what, const char *value, struct error *err)
{
    switch (what) {
    case LABEL:
        return start_label(r, value, err);
    case DEFAULT:
        return keep(&r->preset, value, err);
    case KERNEL:
        return set_kernel(r, value, err);
    case APPEND:
        return keep(r->has_label ? &r->append : &r->append_all, value, err);
    case INITRD:
        return keep(&r->initrd, value, err);
    case INCLUDE:
        return include(r, value, err);
    case OTHER:
        r->other = true;
        return 0;
    case MENU_BEGIN:
        return begin_submenu(r, err);
    case MENU_END:
        r->submenus -= r->submenus > 0;
        return finish_label(r, err);
    case MENU_DEFAULT:
        if (!r->submenus)
            r->menu_preset = r->menu->count - 1;
        return 0;
    case MENU_LABEL:
        set_title(last(r), value);
        return 0;
    case HELP:
        r->in_text = true;
        return 0;
    }
    return 0;
}

static int read_line(struct reader *r, const char *line, struct error *err)
{
    const char *value;
    line = skip_blanks(line);
    if (r->in_text) {
        r->in_text = !is_keyword(line, "endtext", &value);
        return 0;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (is_keyword(line, keywords[i].keyword, &value) && (r->has_label || !keywords[i].in_label))
            return apply(r, keywords[i].what, value, err);
    return 0;
}

static int read_file(struct reader *r, const struct boot_text *text, struct error *err)
{
    cleanup_free char *copy = malloc(text->bytes.size + 1);
    if (!copy)
        return error_errno(err, ENOMEM, "%s", text->path);
    for (size_t i = 0; i < text->bytes.size; i++) /* no text holds NUL */
        copy[i] = text->bytes.data[i] ? (char)text->bytes.data[i] : ' ';
    copy[text->bytes.size] = 0;
    r->line = 0;
    for (char *line = copy, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        size_t length = strlen(line);
        while (length && strchr(BLANKS, line[length - 1]))
            line[--length] = 0;
        r->line++;
        if (read_line(r, line, err) < 0)
            return -1;
    }
    return 0;
}

/* --- which one starts by itself --- */

/* A DEFAULT that is no label is a kernel with its words, or the menu (vesamenu.c32), which starts the entry
 * with MENU DEFAULT. */
static int find_preset(struct reader *r, struct error *err)
{
    struct boot_menu *menu = r->menu;
    size_t length = r->preset ? word_length(r->preset) : 0;
    for (size_t i = 0; length && i < menu->count; i++)
        if (strlen(menu->entry[i].name) == length && memcmp(menu->entry[i].name, r->preset, length) == 0) {
            menu->preset = i;
            return 0;
        }
    menu->preset = r->menu_preset;
    bool is_program = length > 4 && strncasecmp(r->preset + length - 4, ".c32", 4) == 0;
    bool is_mboot = length >= 9 && strncasecmp(r->preset + length - 9, "mboot.c32", 9) == 0;
    if (!length || (is_program && !is_mboot))
        return 0;
    if (start_label(r, "", err) < 0 || set_kernel(r, r->preset, err) < 0)
        return -1;
    snprintf(last(r)->name, sizeof last(r)->name, "DEFAULT");
    if (menu->preset == BOOT_NONE)
        menu->preset = menu->count - 1;
    return finish_label(r, err);
}

int isolinux_cfg_parse(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                       struct error *err)
{
    *out = (struct boot_menu){.preset = BOOT_NONE};
    struct reader r = {.files = files, .menu = out, .menu_preset = BOOT_NONE};
    int result = boot_chain_push(&r.chain, start, 0, err);
    if (result == 0)
        result = read_file(&r, start, err);
    if (result == 0)
        result = finish_label(&r, err);
    if (result == 0)
        result = find_preset(&r, err);
    free(r.words);
    free(r.append);
    free(r.append_all);
    free(r.initrd);
    free(r.preset);
    if (result < 0)
        boot_menu_fini(out);
    return result;
}
