#include "fleet/fleet_change.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_dump(const struct fleet *a, const struct fleet *b)
{
    struct buf one = BUF_INIT, two = BUF_INIT;
    struct error err;
    if (fleet_format_yaml(a, FLEET_WITH_SECRETS, &one, &err) < 0 ||
        fleet_format_yaml(b, FLEET_WITH_SECRETS, &two, &err) < 0 || one.size != two.size ||
        (one.size && memcmp(one.data, two.data, one.size) != 0))
        abort();
    buf_fini(&one);
    buf_fini(&two);
}

/* Makes `before` into `after` by the text of their difference. */
static void check_difference(struct fleet *before, const struct fleet *after)
{
    struct buf change = BUF_INIT;
    struct error err;
    if (fleet_change_format(before, after, FLEET_WITH_SECRETS, &change, &err) < 0 ||
        fleet_change_apply(before, buf_slice(&change), &err) < 0)
        abort();
    same_dump(before, after);
    buf_fini(&change);
}

/* Two fleets with "%%" between; or one, and what is no change of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memmem(data, size, "%%\n", 3) : NULL;
    struct slice first = {data, cut ? (size_t)(cut - data) : 0};
    struct slice second = {cut ? cut + 3 : data, cut ? size - first.size - 3 : size};
    struct fleet *before, *after, *copy;
    struct error err;
    if (fleet_parse_yaml("f", first, &before, &err) < 0)
        return 0;
    copy = fleet_copy(before);
    if (!copy)
        abort();
    if (fleet_parse_yaml("f", second, &after, &err) == 0) {
        check_difference(copy, after);
        fleet_free(after);
    } else {
        fleet_change_apply(copy, second, &err);
    }
    fleet_free(copy);
    fleet_free(before);
    return 0;
}
