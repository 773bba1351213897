#include "media/path.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int refuse(const char *raw, const char *why, struct error *err)
{
    char shown[256];
    text_printable(raw, strlen(raw), shown, sizeof shown);
    return error_set(err, "the name \"%s\" %s; no genuine image has such a name: get it from the vendor",
                     shown, why);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_part(const char *part, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(part, name, size) == 0;
}

/* Behind what is there, and a slash. False: it would not fit, with the NUL to come. */
static bool append_part(char out[static MEDIA_PATH_MAX], size_t *used, const char *part, size_t size)
{
    if (*used + (*used > 0) + size + 1 > MEDIA_PATH_MAX)
        return false;
    if (*used)
        out[(*used)++] = '/';
    memcpy(out + *used, part, size);
    *used += size;
    return true;
}

int path_clean(const char *raw, char out[static MEDIA_PATH_MAX], struct error *err)
{
    if (raw[0] == '/')
        return refuse(raw, "is absolute", err);
    if (has_control(raw))
        return refuse(raw, "holds control characters", err);
    size_t used = 0;
    for (const char *at = raw; *at;) {
        size_t size = strcspn(at, "/");
        if (is_part(at, size, ".."))
            return refuse(raw, "leads out of its container", err);
        if (size && !is_part(at, size, ".")) {
            if (!append_part(out, &used, at, size))
                return refuse(raw, "is too long", err);
        }
        at += size + (at[size] == '/');
    }
    out[used] = '\0';
    return used ? 0 : refuse(raw, "is empty", err);
}

int path_join(const char *dir, const char *name, char out[static MEDIA_PATH_MAX], struct error *err)
{
    char joined[2 * MEDIA_PATH_MAX];
    if (strchr(name, '/'))
        return refuse(name, "holds a slash", err);
    if (is_part(name, strlen(name), ".") || name[0] == '\0')
        return refuse(name, "is no file name", err);
    int size = snprintf(joined, sizeof joined, "%s%s%s", dir, dir[0] ? "/" : "", name);
    if (size < 0 || (size_t)size >= sizeof joined)
        return refuse(name, "is too long", err);
    return path_clean(joined, out, err);
}

bool path_follow(const char *link, const char *target, char out[static MEDIA_PATH_MAX])
{
    size_t used = *target == '/' ? 0 : (size_t)(path_base(link) - link);
    if (has_control(target) || used >= MEDIA_PATH_MAX)
        return false;
    used -= used > 0; /* the slash */
    memcpy(out, link, used);
    for (const char *at = target; *at;) {
        size_t size = strcspn(at, "/");
        if (is_part(at, size, "..")) {
            if (!used)
                return false;
            while (used && out[used - 1] != '/')
                used--;
            used -= used > 0;
        } else if (size && !is_part(at, size, ".")) {
            if (!append_part(out, &used, at, size))
                return false;
        }
        at += size + (at[size] == '/');
    }
    out[used] = '\0';
    return true;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void path_unpacked(const char *name, char *out, size_t out_size)
{
    static const struct {
        const char *packed;
        const char *unpacked;
    } suffixes[] = {
        {".gz", ""},      {".bz2", ""},      {".xz", ""},      {".zst", ""},
        {".tgz", ".tar"}, {".tbz2", ".tar"}, {".txz", ".tar"},
    };
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t suffix = strlen(suffixes[i].packed);
        if (size > suffix && text_ends(name, suffixes[i].packed)) {
            snprintf(out, out_size, "%.*s%s", (int)(size - suffix), name, suffixes[i].unpacked);
            return;
        }
    }
    snprintf(out, out_size, "%s", name);
}
