/* A loader from files that were opened one by one. */
#include "image/loader.h"

#include "base/cleanup.h"
#include "image/family.h"

#include <errno.h>
#include <stdlib.h>

struct loader_files {
    struct image_source source;
    struct collection collection;
};

int loader_files_new(enum loader_kind kind, const char *from, const struct image_sink *sink,
                     struct loader_files **out, struct error *err)
{
    struct loader_files *files = *out = calloc(1, sizeof *files);
    if (!files)
        return error_errno(err, ENOMEM, "%s", from);
    files->source = (struct image_source){.name = from, .kind = MEDIA_KIND_DIRECTORY, .loader = kind};
    files->collection.family = &image_family_loader;
    files->collection.source = &files->source;
    files->collection.sink = sink;
    return 0;
}

int loader_files_add(struct loader_files *files, const char *path, int fd, struct error *err)
{
    return collect_file(&files->collection, path, fd, err);
}

static int make(struct loader_files *files, struct image **out, struct error *err)
{
    struct image *image = image_new(&image_family_loader, files->source.name);
    if (!image)
        return error_errno(err, ENOMEM, "%s", files->source.name);
    if (image_family_loader.build(&files->source, &files->collection, image, err) < 0 ||
        image_check(image, err) < 0) {
        image_free(image);
        return -1;
    }
    *out = image;
    return 0;
}

int loader_files_end(struct loader_files *files, struct image **out, struct error *err)
{
    int result = 0;
    if (out) {
        *out = NULL;
        result = make(files, out, err);
    }
    collect_fini(&files->collection);
    free(files);
    return result;
}
