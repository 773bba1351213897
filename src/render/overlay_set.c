#include "render/overlay_set.h"

#include <stdlib.h>
#include <string.h>

void overlay_set_fini(struct overlay_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->items[i].path);
        buf_fini(&set->items[i].text);
    }
    free(set->items);
    *set = (struct overlay_set){0};
}

static int set_check_path(const char *path, struct error *err)
{
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(
                err, "a file name in the overlay has a control character (byte 0x%02x at %zu): rename it",
                (unsigned)(unsigned char)*p, (size_t)(p - path));
    const char *part = path;
    do {
        const char *end = strchrnul(part, '/');
        size_t size = (size_t)(end - part);
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
            return error_set(
                err, "\"%s\" is no clean relative path: the overlay takes names such as etc/motd", path);
        part = *end ? end + 1 : NULL;
    } while (part);
    return 0;
}

/* The new item, or NULL and the error set. */
static struct overlay_item *set_add(struct overlay_set *set, const struct overlay_entry *entry,
                                    size_t path_size, struct error *err)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 64;
        struct overlay_item *items = reallocarray(set->items, capacity, sizeof *items);
        if (!items) {
            error_set(err, "out of memory for the overlay");
            return NULL;
        }
        set->items = items;
        set->capacity = capacity;
    }
    char *path = strndup(entry->path, path_size);
    if (!path) {
        error_set(err, "out of memory for the overlay");
        return NULL;
    }
    struct overlay_item *item = &set->items[set->count];
    *item = (struct overlay_item){.entry = *entry, .turn = set->count, .path = path};
    item->entry.path = path;
    set->count++;
    return item;
}

int overlay_set_put(struct overlay_set *set, const struct overlay_entry *entry, struct error *err)
{
    if (set_check_path(entry->path, err))
        return -1;
    return set_add(set, entry, strlen(entry->path), err) ? 0 : -1;
}

static int set_add_folder(struct overlay_set *set, const char *path, size_t path_size, struct error *err)
{
    struct overlay_entry folder = {.path = path, .kind = OVERLAY_FOLDER, .mode = 0755};
    struct overlay_item *item = set_add(set, &folder, path_size, err);
    if (!item)
        return -1;
    item->implied = true;
    return 0;
}

int overlay_set_folder(struct overlay_set *set, const char *path, struct error *err)
{
    if (set_check_path(path, err))
        return -1;
    return set_add_folder(set, path, strlen(path), err);
}

int overlay_set_text(struct overlay_set *set, const char *path, unsigned mode, struct buf *text,
                     struct error *err)
{
    struct overlay_entry entry = {
        .path = path, .kind = OVERLAY_FILE, .mode = mode, .content = buf_slice(text)};
    if (text->failed)
        return error_set(err, "out of memory for the overlay");
    struct overlay_item *item = set_add(set, &entry, strlen(path), err);
    if (!item)
        return -1;
    item->text = *text;
    *text = (struct buf)BUF_INIT;
    return 0;
}

static int set_add_parents(struct overlay_set *set, struct error *err)
{
    size_t named = set->count;
    for (size_t i = 0; i < named; i++) {
        const char *path = set->items[i].path;
        for (const char *p = path; (p = strchr(p, '/')); p++)
            if (set_add_folder(set, path, (size_t)(p - path), err))
                return -1;
    }
    return 0;
}

/* By path; of one path the entry that counts comes last: named over implied, later over earlier. */
static int set_order(const void *left, const void *right)
{
    const struct overlay_item *a = left;
    const struct overlay_item *b = right;
    int order = strcmp(a->path, b->path);
    if (order)
        return order;
    if (a->implied != b->implied)
        return a->implied ? -1 : 1;
    return a->turn < b->turn ? -1 : 1;
}

int overlay_set_finish(struct overlay_set *set, struct error *err)
{
    if (set_add_parents(set, err))
        return -1;
    if (set->count)
        qsort(set->items, set->count, sizeof *set->items, set_order);
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct overlay_item *item = &set->items[i];
        bool same = kept > 0 && strcmp(set->items[kept - 1].path, item->path) == 0;
        if (same) {
            struct overlay_item *other = &set->items[kept - 1];
            if ((other->entry.kind == OVERLAY_FOLDER) != (item->entry.kind == OVERLAY_FOLDER))
                return error_set(err,
                                 "%s is both a folder and a file in the overlay: rename the one among the "
                                 "operator's own files",
                                 item->path);
            free(other->path);
            buf_fini(&other->text);
            kept--;
        }
        struct overlay_item moved = *item;
        item->path = NULL; /* so that fini after a failure frees everything once */
        item->text = (struct buf)BUF_INIT;
        set->items[kept++] = moved;
    }
    set->count = kept;
    return 0;
}
