/* The image and store rooms by hand, for store.sh: each word is one call of store.h or import.h. */
#include "base/cleanup.h"
#include "image/describe.h"
#include "image/import.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(struct buf *text)
{
    fputs(buf_text(text), stdout);
    buf_fini(text);
}

static void on_table(void *ctx, const char *where, const struct media_table *table)
{
    struct buf text = BUF_INIT;
    char device[256];
    image_describe_device(where, device, sizeof device);
    image_describe_table(table, device, &text);
    print(&text);
}

static void on_note(void *ctx, const char *text)
{
    printf("note: %s\n", text);
}

static int import(const char *source, const struct image_sink *sink, struct image **image, struct error *err)
{
    const struct image_listener listener = {.table = on_table, .note = on_note};
    cleanup_close int fd = open(source, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_set(err, "cannot open %s", source)
                  : image_import(fd, source, sink, &listener, image, err);
}

static int inspect(const char *source, struct error *err)
{
    struct image *image;
    struct buf text = BUF_INIT;
    if (import(source, &image_sink_null, &image, err) < 0)
        return -1;
    image_describe(image, &text);
    print(&text);
    image_free(image);
    return 0;
}

static int stage(int fd, const char *source, struct digest *manifest, struct error *err)
{
    struct store_staging *staging;
    struct image *image = NULL;
    if (store_staging_open(fd, &staging, err) < 0)
        return -1;
    struct image_sink sink = store_staging_sink(staging);
    int result = import(source, &sink, &image, err);
    if (result == 0)
        result = store_staging_seal(staging, image, manifest, err);
    image_free(image);
    store_staging_close(staging);
    return result;
}

static int import_as(struct store *store, const char *source, const char *name, struct error *err)
{
    char staging[64], hex[SHA256_HEX_SIZE];
    struct digest manifest;
    cleanup_close int fd = -1;
    if (store_staging_make(store, &fd, staging, err) < 0)
        return -1;
    if (stage(fd, source, &manifest, err) < 0) {
        store_staging_drop(store, staging);
        return -1;
    }
    if (store_publish(store, staging, name, &manifest, err) < 0)
        return -1;
    printf("sha256:%s\n", digest_format(&manifest, hex));
    return 0;
}

static int show(struct store *store, const char *name, bool json, struct error *err)
{
    struct store_entry entry;
    struct image *image;
    struct buf text = BUF_INIT;
    if (store_find(store, name, &entry, err) < 0 || store_load(store, &entry.manifest, &image, err) < 0)
        return -1;
    if (json)
        image_describe_json(image, NULL, &text);
    else
        image_describe(image, &text);
    print(&text);
    image_free(image);
    return 0;
}

static int export(struct store *store, const char *name, const char *dir, struct error *err)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? error_set(err, "cannot open %s", dir) : store_export(store, name, fd, err);
}

static void on_problem(void *ctx, const struct store_problem *problem)
{
    printf("problem: %s\n", problem->text);
}

static int work(int argc, char **argv, struct store *store, struct error *err)
{
    const char *word = argv[2];
    if (argc == 5 && strcmp(word, "import") == 0)
        return import_as(store, argv[3], argv[4], err);
    if (argc == 5 && strcmp(word, "export") == 0)
        return export(store, argv[3], argv[4], err);
    if (argc == 4 && strcmp(word, "show") == 0)
        return show(store, argv[3], false, err);
    if (argc == 4 && strcmp(word, "json") == 0)
        return show(store, argv[3], true, err);
    if (argc == 4 && strcmp(word, "remove") == 0)
        return store_remove(store, argv[3], NULL, err);
    if (argc == 3 && strcmp(word, "verify") == 0)
        return store_verify(store, NULL, NULL, on_problem, NULL, err) == 0 ? 0 : error_set(err, "not clean");
    return error_set(err, "unknown word %s", word);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct store *store;
    if (argc < 3) {
        fprintf(stderr, "usage: storetool ROOT import SOURCE NAME | show NAME | json NAME | export NAME DIR "
                        "| remove NAME | "
                        "verify\n       storetool inspect SOURCE\n");
        return 2;
    }
    int result = -1;
    if (strcmp(argv[1], "inspect") == 0) {
        result = inspect(argv[2], &err);
    } else {
        cleanup_close int root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store_open(root, true, &store, &err) == 0) {
            result = work(argc, argv, store, &err);
            store_close(store);
        }
    }
    if (result < 0)
        fprintf(stderr, "storetool: %s\n", err.text);
    return result < 0;
}
