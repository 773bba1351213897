/* Manifest, a newline, config: what a registry may hand out. What is read is written and read again. */
#include "store/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const struct image *image)
{
    struct buf config = BUF_INIT, manifest = BUF_INIT;
    struct image *again;
    if (manifest_format(image, &config, &manifest, NULL) < 0 ||
        manifest_parse(buf_slice(&manifest), buf_slice(&config), &again, NULL) < 0 ||
        again->file_count != image->file_count)
        abort();
    image_free(again);
    buf_fini(&config);
    buf_fini(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    struct slice manifest = {data, newline ? (size_t)(newline - data) : size};
    struct slice config = {newline ? newline + 1 : data, newline ? size - manifest.size - 1 : 0};
    struct manifest_ref *refs;
    size_t count;
    struct image *image;
    struct error err;
    if (manifest_refs(manifest, &refs, &count, &err) == 0)
        free(refs);
    if (manifest_parse(manifest, config, &image, &err) == 0) {
        write_and_read(image);
        image_free(image);
    }
    return 0;
}
