#include "sample.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct sample sample_one = {.name = {"vmkboot.gz", "vmk.gz", "sys.vgz", "boot.cfg"},
                                  .bytes = {"kernel one", "module one", "shared module", ""}};
const struct sample sample_two = {
    .name = {"vmkboot.gz", "vmk.gz", "sys.vgz", "boot.cfg"},
    .bytes = {"kernel two", "module two", "shared module", "kernel=vmkboot.gz"}};

int sample_root(char path[static 64])
{
    snprintf(path, 64, "/tmp/bootherd-store-XXXXXX");
    return mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

void sample_root_free(const char *path, int root_fd)
{
    close(root_fd);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int stage_files(struct image_sink *sink, const struct sample *sample, struct image_file *files,
                       char names[][32], struct error *err)
{
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        void *file;
        snprintf(names[i], 32, "%s", sample->name[i]);
        size_t size = strlen(sample->bytes[i]);
        files[i].name = names[i];
        files[i].role = i == 0                  ? IMAGE_ROLE_KERNEL
                        : i + 1 == SAMPLE_FILES ? IMAGE_ROLE_EXTRA
                                                : IMAGE_ROLE_MODULE;
        files[i].order = files[i].role == IMAGE_ROLE_MODULE ? (unsigned)i : 0;
        files[i].unpacked = size + i;
        files[i].gzip = i == 1;
        if (sink->begin(sink->ctx, sample->name[i], &file, err) < 0)
            return -1;
        if (sink->write(sink->ctx, file, sample->bytes[i], size, err) < 0) {
            sink->discard(sink->ctx, file);
            return -1;
        }
        if (sink->finish(sink->ctx, file, &files[i].digest, &files[i].size, err) < 0)
            return -1;
    }
    return 0;
}

static const struct image template = {
    .family = (char[]){"esxi_dd"},
    .product = (char[]){"VMware ESXi"},
    .version = (char[]){"4.0.0"},
    .build = (char[]){"208167"},
    .arch = (char[]){"amd64"},
    .kernel_options = (char[]){"a=1 b"},
    .source = (char[]){"esx \xc3\xbc.iso"},
    .accounts = (char[]){"root:$1$x:13358:0:99999:7:::\nnobody:*:1::::::\n"},
    .file_count = SAMPLE_FILES,
};

int sample_stage(struct store *store, const struct sample *sample, char staging[static 64], int *fd,
                 struct digest *manifest, struct error *err)
{
    struct store_staging *s = NULL;
    struct image_file files[SAMPLE_FILES] = {{0}};
    char names[SAMPLE_FILES][32];
    if (store_staging_make(store, fd, staging, err) < 0 || store_staging_open(*fd, &s, err) < 0)
        return -1;
    struct image_sink sink = store_staging_sink(s);
    struct image image = template;
    char family[32];
    image.files = files;
    if (sample->family) {
        snprintf(family, sizeof family, "%s", sample->family);
        image.family = family;
    }
    char options[] = "x=1 y";
    files[1].options = options;
    int result =
        stage_files(&sink, sample, files, names, err) < 0 ? -1 : store_staging_seal(s, &image, manifest, err);
    store_staging_close(s);
    if (result < 0) {
        store_staging_drop(store, staging);
        close(*fd);
    }
    return result;
}

int sample_publish(struct store *store, const char *name, const struct sample *sample,
                   struct digest *manifest, struct error *err)
{
    char staging[64];
    int fd;
    if (sample_stage(store, sample, staging, &fd, manifest, err) < 0)
        return -1;
    int result = store_publish(store, staging, name, manifest, err);
    close(fd);
    return result;
}

static unsigned count(int root_fd, const char *path, const char *prefix)
{
    DIR *d = fdopendir(openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    unsigned n = 0;
    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));)
        n += strncmp(e->d_name, prefix, strlen(prefix)) == 0 && strcmp(e->d_name, ".") != 0 &&
             strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

unsigned sample_count_blobs(int root_fd)
{
    return count(root_fd, "images/blobs/sha256", "");
}

unsigned sample_count_staging(int root_fd)
{
    return count(root_fd, "images", ".staging-");
}
