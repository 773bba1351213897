/* A folder of the operator's: of each file a byte that says its name, two for its size, its bytes. */
#include "base/cleanup.h"
#include "image/loader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    "pxelinux.0",
    "old/pxelinux.0",
    "lpxelinux.0",
    "ldlinux.c32",
    "modules/bios/mboot.c32",
    "undionly.kpxe",
    "snponly.efi",
    "ipxe.efi",
    "shim/shimx64.efi.signed",
    "shim/shimx64.efi",
    "grubnetx64.efi.signed",
    "grubx64.efi",
    "grubx64.efi.signed",
    "x86_64-efi/http.mod",
    "grub/x86_64-efi/http.mod",
    "x86_64-efi/fs.lst",
    "grubnetia32.efi",
    "shimaa64.efi",
    "README",
    "x86_64-efi/a b.mod",
};

static int open_files;

static int begin(void *ctx, const char *name, void **file, struct error *err)
{
    open_files++;
    return image_sink_null.begin(NULL, name, file, err);
}

static int finish(void *ctx, void *file, struct digest *digest, uint64_t *size, struct error *err)
{
    open_files--;
    return image_sink_null.finish(NULL, file, digest, size, err);
}

static void discard(void *ctx, void *file)
{
    open_files--;
    image_sink_null.discard(NULL, file);
}

static int add(struct loader_files *files, const char *name, const uint8_t *data, size_t size)
{
    struct error err;
    cleanup_close int fd = memfd_create("file", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
        abort();
    return loader_files_add(files, name, fd, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_sink sink = image_sink_null;
    struct loader_files *files;
    struct image *image = NULL;
    struct error err;
    size_t at = 1, file_size;
    sink.begin = begin;
    sink.finish = finish;
    sink.discard = discard;
    if (!size || loader_files_new(data[0] % LOADER_KINDS, "folder", &sink, &files, &err) < 0)
        return 0;
    for (; size - at >= 3; at += file_size) {
        const char *name = names[data[at] % (sizeof names / sizeof names[0])];
        file_size = (size_t)data[at + 1] << 8 | data[at + 2];
        at += 3;
        if (file_size > size - at)
            file_size = size - at;
        if (add(files, name, data + at, file_size) < 0)
            break;
    }
    int result = loader_files_end(files, &image, &err);
    if ((result == 0) != (image != NULL) || open_files)
        abort();
    if (image && (image_check(image, &err) < 0 || image_kernel(image) || !image->file_count))
        abort();
    image_free(image);
    return 0;
}
