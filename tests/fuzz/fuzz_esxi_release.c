#include "image/esxi_release.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is told is printable as it is: digits and dots, and digits. */
static void check(bool told, const struct esxi_release *release)
{
    if (told && (!release->version[0] || release->version[strspn(release->version, "0123456789.")] ||
                 release->build[strspn(release->build, "0123456789")]))
        abort();
    esxi_release_since(release, 6, 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool (*const readers[])(struct slice, struct esxi_release *) = {
        esxi_release_metadata, esxi_release_discinfo, esxi_release_readme, esxi_release_build};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct esxi_release release = {0};
        bool told = readers[i]((struct slice){data, size}, &release);
        check(told, &release);
    }
    return 0;
}
