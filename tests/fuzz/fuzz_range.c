#include "fleet/range.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct range range;
    struct error err;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    if (range_parse(text, &range, &err) == 0) {
        if (!range.count || range.count > RANGE_MAX)
            abort();
        range_fini(&range);
    }
    free(text);
    return 0;
}
