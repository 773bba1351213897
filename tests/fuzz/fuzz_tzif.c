/* Time zones: any bytes are a file or none, any text a rule or none; what was taken has an offset at any
 * time. */
#include "base/tzif.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct zone *zone)
{
    static const int64_t times[] = {INT64_MIN, -ZONE_TIME_MAX, -1, 0, 1774746000, ZONE_TIME_MAX, INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int32_t offset = zone_offset(zone, times[i]);
        if (offset <= -2 * ZONE_DAY_S || offset >= 2 * ZONE_DAY_S)
            abort();
        zone_utc(zone, times[i]);
        zone_date(times[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tzif file;
    struct error err;
    struct zone zone = {0};
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    if (zone_rule_parse(text, &zone.rule, &err) == 0)
        use(&zone);
    free(text);
    if (tzif_parse((struct slice){data, size}, 0, &file, &err) == 0) {
        struct zone whole = {file.rule, file.change_count, file.changes};
        use(&whole);
    }
    return 0;
}
