#include "image/bootcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bootcfg cfg;
    struct error err;
    if (bootcfg_parse((struct slice){data, size}, &cfg, &err) == 0)
        bootcfg_fini(&cfg);
    return 0;
}
