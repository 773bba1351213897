#include "image/esxi_cfg.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

bool esxi_in_place(const struct esxi_place *place, const struct collected *f)
{
    return f->parent == place->parent && f->partition == place->partition &&
           (f->pick == PICK_KEEP || f->pick == PICK_KEEP_READ);
}

const char *esxi_cfg_relative(const char *path)
{
    while (*path == '/' || *path == '\\')
        path++;
    return path;
}

/* Without ECMA-119's version number, and without the dot of a name that has no extension. */
static size_t plain_length(const char *path)
{
    size_t length = strlen(path);
    if (text_ends(path, ";1"))
        length -= 2;
    else if (strchr(path, ';'))
        return length;
    return length && path[length - 1] == '.' ? length - 1 : length;
}

static bool same_with_dashes(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char x[2] = {a[i] == '_' ? '-' : a[i], 0}, y[2] = {b[i] == '_' ? '-' : b[i], 0};
        if (strcasecmp(x, y) != 0)
            return false;
    }
    return true;
}

static bool is_like(const char *path, const char *name, enum esxi_likeness how)
{
    size_t size = strlen(name);
    if (how == ESXI_SAME && strcmp(path, name) == 0)
        return true;
    if (plain_length(path) != size)
        return false;
    switch (how) {
    case ESXI_SAME:
        return memcmp(path, name, size) == 0;
    case ESXI_SAME_IN_ANY_CASE:
        return strncasecmp(path, name, size) == 0;
    case ESXI_SAME_WITH_DASHES:
        return same_with_dashes(path, name, size);
    }
    return false;
}

int esxi_cfg_find(struct collection *c, const struct esxi_place *place, const char *name,
                  struct collected **out, enum esxi_likeness *how, struct error *err)
{
    *out = NULL;
    for (enum esxi_likeness like = ESXI_SAME; like <= ESXI_SAME_WITH_DASHES && !*out; like++)
        for (size_t i = 0; i < c->count; i++) {
            if (!esxi_in_place(place, &c->file[i]) || !is_like(c->file[i].path, name, like))
                continue;
            if (*out)
                return error_set(err, "%s: boot.cfg's %s may be this file or %s: rename one",
                                 c->file[i].where, name, (*out)->path);
            *out = &c->file[i];
            if (how)
                *how = like;
        }
    return 0;
}

int esxi_cfg_read(const struct collected *f, struct bootcfg *cfg, struct error *err)
{
    if (f->size > f->head.size)
        return error_set(err, "it has %llu bytes; the most that is read here is %u",
                         (unsigned long long)f->size, COLLECT_HEAD_MAX);
    if (bootcfg_parse(buf_slice(&f->head), cfg, err) < 0)
        return -1;
    if (cfg->kernel)
        return 0;
    const char *hint = cfg->warnings ? cfg->warnings : "";
    error_set(err, "it names no kernel%s%.*s", *hint ? ": " : "", (int)strcspn(hint, "\n"), hint);
    bootcfg_fini(cfg);
    return -1;
}

void esxi_cfg_note_traps(const struct collection *c, const char *where, const struct bootcfg *cfg)
{
    for (const char *line = cfg->warnings; line && *line;) {
        size_t length = strcspn(line, "\n");
        collect_note(c, "%s: %.*s", where, (int)length, line);
        line += length + (line[length] == '\n');
    }
}
