#include "fleet/fleet_yaml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken once is taken again from its own dump, and the two dumps are the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fleet *first, *second;
    struct error err;
    struct buf one = BUF_INIT, two = BUF_INIT;
    if (fleet_parse_yaml("f.yaml", (struct slice){data, size}, &first, &err) < 0)
        return 0;
    if (fleet_format_yaml(first, FLEET_WITH_SECRETS, &one, &err) < 0)
        abort();
    if (fleet_parse_yaml("f.yaml", buf_slice(&one), &second, &err) < 0)
        abort();
    if (fleet_format_yaml(second, FLEET_WITH_SECRETS, &two, &err) < 0 || one.size != two.size ||
        (one.size && memcmp(one.data, two.data, one.size) != 0))
        abort();
    fleet_free(first);
    fleet_free(second);
    buf_fini(&one);
    buf_fini(&two);
    return 0;
}
