#include "render/overlay_entry.h"

#include <stdio.h>
#include <string.h>

/* GNU tar's column of owner and size starts this wide and grows with what was seen. */
#define LIST_WIDTH 19

static void list_mode(const struct overlay_entry *entry, char mode[static 11])
{
    static const char *const bits = "rwxrwxrwx";
    mode[0] = entry->kind == OVERLAY_FOLDER ? 'd' : entry->kind == OVERLAY_LINK ? 'l' : '-';
    for (unsigned i = 0; i < 9; i++)
        mode[1 + i] = entry->mode & (0400u >> i) ? bits[i] : '-';
    mode[10] = '\0';
    static const struct {
        unsigned bit, at;
        char set, unset;
    } special[] = {{04000, 3, 's', 'S'}, {02000, 6, 's', 'S'}, {01000, 9, 't', 'T'}};
    for (size_t i = 0; i < 3; i++)
        if (entry->mode & special[i].bit)
            mode[special[i].at] = mode[special[i].at] == 'x' ? special[i].set : special[i].unset;
}

void overlay_list(const struct overlay_entry *entries, size_t count, struct buf *listing)
{
    size_t width = LIST_WIDTH;
    for (size_t i = 0; i < count; i++) {
        const struct overlay_entry *entry = &entries[i];
        char mode[11], size[24];
        list_mode(entry, mode);
        int digits = snprintf(size, sizeof size, "%zu", entry->content.size);
        size_t owner = strlen("root/root");
        if (owner + (size_t)digits + 1 > width)
            width = owner + (size_t)digits + 1;
        buf_format(listing, "%s root/root %*s " OVERLAY_MTIME_TEXT " %s%s", mode, (int)(width - owner - 1),
                   size, entry->path, entry->kind == OVERLAY_FOLDER ? "/" : "");
        if (entry->kind == OVERLAY_LINK)
            buf_format(listing, " -> %s", entry->link);
        buf_append_text(listing, "\n");
    }
}
