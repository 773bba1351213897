#include "base/cleanup.h"
#include "store/layout.h"
#include "store/manifest.h"

int store_load(struct store *store, const struct digest *manifest, struct image **out, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT, config = BUF_INIT;
    cleanup_free struct manifest_ref *refs = NULL;
    size_t count;
    *out = NULL;
    if (layout_read_blob(store, manifest, MANIFEST_SIZE_MAX, &text, err) < 0 ||
        manifest_refs(buf_slice(&text), &refs, &count, err) < 0 ||
        layout_read_blob(store, &refs[0].digest, MANIFEST_SIZE_MAX, &config, err) < 0)
        return -1;
    return manifest_parse(buf_slice(&text), buf_slice(&config), out, err);
}
