#include "image/bootcfg.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <limits.h>
#include <string.h>

/* mboot's mark between modules; it is found with strstr, so blanks around it are free. */
#define SEPARATOR "---"

enum key {
    KEY_KERNEL,
    KEY_KERNELOPT,
    KEY_MODULES,
    KEY_TITLE,
    KEY_PREFIX,
    KEY_BUILD,
    KEY_BOOTSTATE,
    KEY_UPDATED,
    KEY_COUNT,
};

static const char *const key_names[KEY_COUNT] = {
    [KEY_KERNEL] = "kernel",       [KEY_KERNELOPT] = "kernelopt", [KEY_MODULES] = "modules",
    [KEY_TITLE] = "title",         [KEY_PREFIX] = "prefix",       [KEY_BUILD] = "build",
    [KEY_BOOTSTATE] = "bootstate", [KEY_UPDATED] = "updated",
};

struct reader {
    struct bootcfg *cfg;
    struct buf warnings;
    unsigned line;
    bool seen[KEY_COUNT];
};

static int no_memory(struct error *err)
{
    return error_set(err, "out of memory while reading boot.cfg");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/* A whitespace run becomes one blank, the ends are trimmed (mboot, bootlib/string.c). In place. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (!is_blank(*p))
            *to++ = *p;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    if (to > text && to[-1] == ' ')
        to--;
    *to = 0;
}

static void drop_blanks(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++)
        if (*p != ' ')
            *to++ = *p;
    *to = 0;
}

static int set_text(char **to, const char *value, struct error *err)
{
    free(*to);
    *to = NULL;
    if (!*value) /* an empty value unsets */
        return 0;
    *to = strdup(value);
    return *to ? 0 : no_memory(err);
}

static int read_number(struct reader *r, const char *value, long *out, struct error *err)
{
    const char *digits = value + (*value == '-');
    uint64_t v;
    if (!text_u64(digits, 0, LONG_MAX, &v))
        return error_set(err, "line %u: '%.40s' is no whole number", r->line, value);
    *out = *value == '-' ? -(long)v : (long)v;
    return 0;
}

static void modules_free(struct bootcfg *cfg)
{
    for (size_t i = 0; i < cfg->module_count; i++) {
        free(cfg->modules[i].path);
        free(cfg->modules[i].options);
    }
    free(cfg->modules);
    cfg->modules = NULL;
    cfg->module_count = 0;
}

static int module_add(struct reader *r, char *item, struct error *err)
{
    struct bootcfg *cfg = r->cfg;
    squeeze(item);
    if (!*item) /* leading, trailing and doubled separators make no module */
        return 0;
    if (cfg->module_count >= BOOTCFG_MODULES_MAX)
        return error_set(err, "line %u: more than %d modules", r->line, BOOTCFG_MODULES_MAX);
    char *options = strchr(item, ' ');
    if (options)
        *options++ = 0;
    struct bootcfg_module *m = &cfg->modules[cfg->module_count];
    m->path = strdup(item);
    m->options = options ? strdup(options) : NULL;
    cfg->module_count++;
    return !m->path || (options && !m->options) ? no_memory(err) : 0;
}

static int read_modules(struct reader *r, char *value, struct error *err)
{
    modules_free(r->cfg);
    size_t most = 1;
    for (const char *p = value; (p = strstr(p, SEPARATOR)); p += strlen(SEPARATOR))
        most++;
    if (most > BOOTCFG_MODULES_MAX + 1)
        most = BOOTCFG_MODULES_MAX + 1;
    r->cfg->modules = calloc(most, sizeof *r->cfg->modules);
    if (!r->cfg->modules)
        return no_memory(err);
    while (value) {
        char *next = strstr(value, SEPARATOR);
        if (next) {
            *next = 0;
            next += strlen(SEPARATOR);
        }
        if (module_add(r, value, err) < 0)
            return -1;
        value = next;
    }
    return 0;
}

static int read_bootstate(struct reader *r, const char *value, struct error *err)
{
    long v = 0;
    if (*value && read_number(r, value, &v, err) < 0)
        return -1;
    if (v < 0 || v > 3) {
        buf_format(&r->warnings, "line %u: bootstate=%ld is unknown and counts as invalid\n", r->line, v);
        v = 3;
    }
    r->cfg->bootstate = (int)v;
    return 0;
}

static int read_kernel(struct reader *r, char *value, struct error *err)
{
    if (strchr(value, ' '))
        buf_format(&r->warnings,
                   "line %u: kernel= takes a path only; blanks in it are dropped as the loader does\n",
                   r->line);
    drop_blanks(value);
    return set_text(&r->cfg->kernel, value, err);
}

static int read_title(struct reader *r, const char *value, struct error *err)
{
    char printable[128]; /* mboot cuts titles at 127 characters */
    text_printable(value, strlen(value), printable, sizeof printable);
    return set_text(&r->cfg->title, printable, err);
}

static int read_value(struct reader *r, enum key key, char *value, struct error *err)
{
    for (const unsigned char *p = (unsigned char *)value; key != KEY_TITLE && *p; p++)
        if (*p < 0x20 || *p >= 0x7f)
            return error_set(err, "line %u: %s= holds the byte 0x%02x, which is no printable ASCII", r->line,
                             key_names[key], *p);
    switch (key) {
    case KEY_KERNEL:
        return read_kernel(r, value, err);
    case KEY_KERNELOPT:
        return set_text(&r->cfg->kernel_options, value, err);
    case KEY_MODULES:
        return read_modules(r, value, err);
    case KEY_TITLE:
        return read_title(r, value, err);
    case KEY_PREFIX:
        return set_text(&r->cfg->prefix, value, err);
    case KEY_BUILD:
        return set_text(&r->cfg->build, value, err);
    case KEY_BOOTSTATE:
        return read_bootstate(r, value, err);
    case KEY_UPDATED:
        r->cfg->updated = 0;
        return *value ? read_number(r, value, &r->cfg->updated, err) : 0;
    case KEY_COUNT:
        break;
    }
    return 0;
}

/* mboot compares only as many letters as the line has, so "k=" sets kernel. We do not, and say so. */
static void warn_of_unknown(struct reader *r, const char *name)
{
    size_t length = strlen(name);
    if (length && name[length - 1] == ' ') {
        for (size_t i = 0; i < KEY_COUNT; i++)
            if (strlen(key_names[i]) == length - 1 && strncasecmp(key_names[i], name, length - 1) == 0)
                buf_format(&r->warnings, "line %u: a blank before '=' hides the key %s from the loader\n",
                           r->line, key_names[i]);
        return;
    }
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strncasecmp(key_names[i], name, length) == 0) {
            char shown[16];
            text_printable(name, length, shown, sizeof shown);
            buf_format(&r->warnings,
                       "line %u: key '%s' is cut short; write %s= in full (the line is ignored)\n", r->line,
                       shown, key_names[i]);
            return;
        }
}

static int read_line(struct reader *r, char *line, struct error *err)
{
    squeeze(line);
    if (!*line || *line == '#')
        return 0;
    char *value = strchr(line, '=');
    if (!value) {
        buf_format(&r->warnings, "line %u has no '=' and is ignored\n", r->line);
        return 0;
    }
    *value++ = 0;
    if (*value == ' ')
        value++;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (strcasecmp(key_names[key], line) != 0)
            continue;
        if (r->seen[key])
            buf_format(&r->warnings, "line %u: %s= is there twice; the last one counts\n", r->line,
                       key_names[key]);
        r->seen[key] = true;
        return read_value(r, key, value, err);
    }
    warn_of_unknown(r, line);
    return 0;
}

static int read_lines(struct reader *r, char *text, struct error *err)
{
    while (text) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = 0;
        r->line++;
        if (read_line(r, text, err) < 0)
            return -1;
        text = next;
    }
    if (r->warnings.failed)
        return no_memory(err);
    return r->warnings.size ? set_text(&r->cfg->warnings, buf_text(&r->warnings), err) : 0;
}

int bootcfg_parse(struct slice text, struct bootcfg *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    if (text.size > BOOTCFG_SIZE_MAX)
        return error_set(err, "boot.cfg has %zu bytes; the most that is read here is %u", text.size,
                         BOOTCFG_SIZE_MAX);
    const uint8_t *nul = text.size ? memchr(text.data, 0, text.size) : NULL;
    if (nul)
        return error_set(err, "boot.cfg is no text: a NUL byte at offset %zu", (size_t)(nul - text.data));
    cleanup_free char *copy = malloc(text.size + 1);
    if (!copy)
        return no_memory(err);
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    struct reader r = {.cfg = out};
    int result = read_lines(&r, copy, err);
    buf_fini(&r.warnings);
    if (result < 0)
        bootcfg_fini(out);
    return result;
}

void bootcfg_fini(struct bootcfg *cfg)
{
    free(cfg->kernel);
    free(cfg->kernel_options);
    free(cfg->title);
    free(cfg->prefix);
    free(cfg->build);
    free(cfg->warnings);
    modules_free(cfg);
    memset(cfg, 0, sizeof *cfg);
}
