#include "image/kernel.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice head = {data, size < KERNEL_HEAD_SIZE ? size : KERNEL_HEAD_SIZE};
    struct kernel_facts facts;
    struct error err;
    const char *arch = NULL;
    bool linux_kernel = kernel_linux(head, &facts, &err) == 0;
    if (linux_kernel != kernel_is_linux(head) || (linux_kernel && !facts.arch))
        abort();
    if (kernel_efi(head, &arch, &err) == 0 && !arch)
        abort();
    kernel_multiboot(head);
    return 0;
}
