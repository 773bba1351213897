/* A FAT file system: boot sector, tables, folders, chains. */
#include "fuzz_media.h"

static int walk(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    bool found;
    int result = fat_walk(w, at, s, &found, err);
    return result == 0 && !found ? error_wrap(err, "%s", at->where) : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_walk(data, size, walk);
    return 0;
}
