/* boot.cfg as mboot reads it, traps included: a key may be shortened, a blank before '=' makes it another
 * one. */
#include "mboot.h"

enum type {
    TEXT,
    NUMBER,
    MODULES,
    ONLY_CHECKED_NUMBER,
    IGNORED
};

#define OFFSET(member) __builtin_offsetof(struct config, member)

/* In mboot's order: a shortened key means the first that fits. */
static const struct {
    const char *name;
    enum type type;
    size_t offset;
} keys[] = {
    {"title", TEXT, OFFSET(title)},
    {"prefix", TEXT, OFFSET(prefix)},
    {"kernel", TEXT, OFFSET(kernel)},
    {"kernelopt", TEXT, OFFSET(options)},
    {"modules", MODULES, 0},
    {"nobootif", NUMBER, OFFSET(no_bootif)},
    {"timeout", ONLY_CHECKED_NUMBER, 0},
    {"noquirks", ONLY_CHECKED_NUMBER, 0},
    {"norts", ONLY_CHECKED_NUMBER, 0},
    {"nativehttp", ONLY_CHECKED_NUMBER, 0},
    {"crypto", TEXT, OFFSET(crypto)},
    {"runtimewd", ONLY_CHECKED_NUMBER, 0},
    {"runtimewdtimeout", ONLY_CHECKED_NUMBER, 0},
    {"tftpblksize", ONLY_CHECKED_NUMBER, 0},
    {"acpitables", IGNORED, 0},
    {"skip", NUMBER, OFFSET(skip)},
    {"errtimeout", ONLY_CHECKED_NUMBER, 0},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* One blank for each run of white space, none at the ends. */
static void squeeze(char *line)
{
    char *to = line;

    for (const char *from = line; *from; from++) {
        bool blank = *from == ' ' || (*from >= '\t' && *from <= '\r');

        if (blank && (to == line || to[-1] == ' '))
            continue;
        *to++ = blank ? ' ' : *from;
    }
    while (to > line && to[-1] == ' ')
        to--;
    *to = 0;
}

static intptr_t parse_number(const char *text)
{
    bool negative = *text == '-';
    intptr_t number = 0;

    for (text += negative; *text; text++) {
        if (*text < '0' || *text > '9')
            fatal("boot.cfg: a number is expected", text);
        number = number * 10 + (*text - '0');
    }
    return negative ? -number : number;
}

static void add_module(struct config *config, char *item)
{
    struct module *module = &config->module[config->count];
    size_t word = 0;

    squeeze(item);
    if (!*item)
        return;
    if (config->count++ == MODULES_MAX)
        fatal("more modules than the stand-in has room for", item);
    while (item[word] && item[word] != ' ')
        word++;
    text_append_part(module->path, sizeof(module->path), item, word);
    module->options = item[word] ? item + word + 1 : "";
}

static void parse_modules(struct config *config, char *list)
{
    char *separator;

    config->count = 0;
    for (; (separator = (char *)text_find(list, "---")); list = separator + 3) {
        *separator = 0;
        add_module(config, list);
    }
    add_module(config, list);
}

/* A text that is given twice, empty at last, leaves mboot with a pointer to anything. */
static void set_text(char **to, char *value)
{
    if (**to && !*value)
        fatal("boot.cfg: a key is repeated without a value", *to);
    *to = value;
}

static void parse_line(struct config *config, char *line)
{
    char *equals = line;
    size_t key = 0;

    squeeze(line);
    if (!*line || *line == '#')
        return;
    while (*equals && *equals != '=')
        equals++;
    if (!*equals)
        return;
    while (key < KEYS && !text_same_start(keys[key].name, line, equals - line))
        key++;
    if (key == KEYS)
        return;
    char *value = equals[1] == ' ' ? equals + 2 : equals + 1;
    void *member = (char *)config + keys[key].offset;

    switch (keys[key].type) {
    case TEXT:
        set_text(member, value);
        break;
    case NUMBER:
        *(intptr_t *)member = parse_number(value);
        break;
    case MODULES:
        parse_modules(config, value);
        break;
    case ONLY_CHECKED_NUMBER:
        parse_number(value);
        break;
    case IGNORED:
        break;
    }
}

void config_parse(struct config *config, struct bytes text)
{
    char *copy = allocate(text.size + 1), *line = copy;
    static char empty[1];

    CopyMem(copy, text.data, text.size);
    config->title = config->kernel = config->options = config->prefix = config->crypto = empty;
    for (size_t i = 0; i <= text.size; i++)
        if (copy[i] == '\n' || i == text.size) {
            copy[i] = 0;
            parse_line(config, line);
            line = copy + i + 1;
        }
    if (!*config->kernel)
        fatal("boot.cfg: kernel must be set", "");
}
