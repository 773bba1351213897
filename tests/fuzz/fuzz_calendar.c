/* Windows and days: any text is a calendar or none; of one that was taken, a span holds where it says and
 * changes at its ends. The first line has the windows, the second the days. */
#include "fleet/calendar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct calendar *calendar)
{
    struct zone zone = {0};
    struct error err;
    if (zone_rule_parse("CET-1CEST,M3.5.0,M10.5.0/3", &zone.rule, &err) < 0)
        abort();
    for (int64_t now = 1774600000; now < 1775000000; now += 34567) { /* around 2026-03-29 */
        struct calendar_span span = calendar_at(calendar, &zone, now);
        if (span.inside != calendar_is_inside(calendar, &zone, now))
            abort();
        if (!span.forever && (span.since_s > now || span.until_s <= now ||
                              calendar_is_inside(calendar, &zone, span.until_s) == span.inside ||
                              calendar_is_inside(calendar, &zone, span.until_s - 1) != span.inside))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar calendar;
    struct error err;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    char *days = strchr(text, '\n');
    if (days)
        *days++ = 0;
    calendar.days = CALENDAR_DAYS_ALL;
    if ((!days || calendar_parse_days(days, &calendar.days, &err) == 0) &&
        calendar_parse_windows(text, &calendar, &err) == 0)
        use(&calendar);
    free(text);
    return 0;
}
