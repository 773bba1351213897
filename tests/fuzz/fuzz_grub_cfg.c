#include "fuzz_boot_cfg.h"
#include "image/grub_cfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    boot_cfg_feed((struct slice){data, size}, grub_cfg_parse);
    return 0;
}
