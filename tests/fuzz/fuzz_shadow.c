/* etc/shadow of an image: always a file, root's hash is in it once the file is read, and doing it twice
 * changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "render/overlay.h"

#define HASH "$1$saltsalt$hash"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buf struct buf accounts = BUF_INIT;
    cleanup_buf struct buf once = BUF_INIT;
    cleanup_buf struct buf twice = BUF_INIT;
    struct error err;
    buf_append(&accounts, data, size);
    buf_text(&accounts);
    struct image image = {.accounts = (char *)accounts.data};
    require(overlay_shadow(&image, HASH, &once, &err) == 0);
    const char *text = buf_text(&once);
    require(strncmp(text, "root:" HASH ":", strlen("root:" HASH ":")) == 0 ||
            strstr(text, "\nroot:" HASH ":"));
    image.accounts = (char *)once.data;
    require(overlay_shadow(&image, HASH, &twice, &err) == 0);
    require(twice.size == once.size && memcmp(twice.data, once.data, once.size) == 0);
    return 0;
}
