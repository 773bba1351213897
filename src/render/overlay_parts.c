#include "render/overlay_parts.h"

#include "base/text.h"
#include "render/overlay.h"

#include <stdio.h>

bool overlay_has_login(const struct fleet_settings *settings)
{
    return settings->root_hash || settings->root_hash_weak || settings->key_count;
}

int overlay_put_shadow(const struct image *image, const char *hash, unsigned mode, struct overlay_set *set,
                       struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (overlay_shadow(image, hash, &text, err))
        return -1;
    return overlay_set_text(set, "etc/shadow", mode, &text, err);
}

int overlay_put_hash(const char *hash, const char *path, unsigned mode, struct overlay_set *set,
                     struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (!hash)
        hash = OVERLAY_LOCKED;
    if (overlay_check_hash(hash, err))
        return -1;
    buf_format(&text, "%s\n", hash);
    return overlay_set_text(set, path, mode, &text, err);
}

int overlay_put_keys(const struct fleet_settings *settings, const char *folder, unsigned folder_mode,
                     unsigned mode, struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    for (size_t i = 0; i < settings->key_count; i++) {
        for (const char *p = settings->keys[i]; *p; p++)
            if ((unsigned char)*p < ' ' && *p != '\t')
                return error_set(err, "authorized key %zu is not one line (byte 0x%02x)", i + 1,
                                 (unsigned)(unsigned char)*p);
        buf_format(&text, "%s\n", settings->keys[i]);
    }
    char path[64];
    snprintf(path, sizeof path, "%s/authorized_keys", folder);
    struct overlay_entry entry = {.path = folder, .kind = OVERLAY_FOLDER, .mode = folder_mode};
    if (overlay_set_put(set, &entry, err))
        return -1;
    return overlay_set_text(set, path, mode, &text, err);
}

int overlay_put_welcome(const char *welcome, const char *path, unsigned mode, struct overlay_set *set,
                        struct error *err)
{
    for (const char *p = welcome; *p; p++)
        if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
            return error_set(err, "the welcome text contains a control character (byte 0x%02x at %zu)",
                             (unsigned)(unsigned char)*p, (size_t)(p - welcome));
    cleanup_buf struct buf text = BUF_INIT;
    buf_format(&text, "%s%s", welcome, text_ends(welcome, "\n") ? "" : "\n");
    return overlay_set_text(set, path, mode, &text, err);
}

int overlay_check_line(const char *text, const char *what, struct error *err)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(err, "%s contains a control character (byte 0x%02x at %zu)", what,
                             (unsigned)(unsigned char)*p, (size_t)(p - text));
    return 0;
}

size_t overlay_count_stores(const struct fleet_settings *settings, enum fleet_store_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < settings->datastore_count; i++)
        count += settings->datastores[i].kind == kind;
    return count;
}
