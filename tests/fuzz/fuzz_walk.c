/* The whole walk over a file in memory, everything in it opened and taken. */
#include "fuzz_media.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || file_write_all(fd, data, size, &err) < 0)
        abort();
    if (media_walk(fd, "fuzz", &fuzz_visitor, &fuzz_limits, &err) < 0 && strncmp(err.text, "fuzz", 4) != 0)
        abort(); /* every error says where */
    close(fd);
    return 0;
}
