/* Feeds a fuzz target every file of its seed folder, then each seed cut short and with single bits flipped.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (4u << 20)
#define VARIANTS 256 /* of each kind, spread over the seed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_variants(const uint8_t *seed, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    size_t step = size / VARIANTS + 1;
    for (size_t i = 0; i < size; i += step) {
        memcpy(copy, seed, size);
        LLVMFuzzerTestOneInput(copy, i);
        copy[i] ^= (uint8_t)(1u << (i % 8));
        LLVMFuzzerTestOneInput(copy, size);
    }
    free(copy);
}

static size_t replay_file(const char *folder, const char *name, uint8_t *seed)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t size = fread(seed, 1, SEED_MAX, f);
    fclose(f);
    return size;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    DIR *d = opendir(argv[1]);
    if (!d) {
        perror(argv[1]);
        return 1;
    }
    uint8_t *seed = malloc(SEED_MAX);
    if (!seed)
        return 1;
    unsigned seeds = 0;
    LLVMFuzzerTestOneInput(seed, 0);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        size_t size = replay_file(argv[1], e->d_name, seed);
        LLVMFuzzerTestOneInput(seed, size);
        replay_variants(seed, size);
        seeds++;
    }
    closedir(d);
    free(seed);
    if (!seeds) {
        fprintf(stderr, "%s holds no seeds\n", argv[1]);
        return 1;
    }
    printf("%u seeds\n", seeds);
    return 0;
}
