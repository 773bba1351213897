#include "fleet/policy.h"

#include "base/text.h"
#include "image/image.h"

#include <stdio.h>
#include <string.h>

#define LOCAL "local"
#define ONCE  "once"

/* So near, a day of the week says which day is meant. */
#define NEAR_S (6 * (int64_t)ZONE_DAY_S)

const char *const policy_boot_words[] = {"image", LOCAL, ONCE, NULL};

bool policy_is_once(const struct fleet_settings *settings)
{
    return text_equal(settings->boot, ONCE);
}

bool policy_needs_image(const struct fleet_settings *settings)
{
    return settings->between || !text_equal(settings->boot, LOCAL);
}

int policy_check(const struct fleet_settings *settings, struct error *err)
{
    if (policy_is_once(settings) && settings->between)
        return error_set(
            err,
            "boot is once, and between %s says when: which of the two counts when the one boot is over "
            "cannot be said; leave one of them out",
            settings->between);
    if (settings->days && !settings->between)
        return error_set(err, "days %s without hours; add between, as in between: 00:00-24:00",
                         settings->days);
    return 0;
}

static int read_calendar(const struct fleet_settings *settings, struct calendar *out, struct error *err)
{
    out->days = CALENDAR_DAYS_ALL;
    if (calendar_parse_windows(settings->between, out, err) < 0)
        return error_wrap(err, "between");
    if (settings->days && calendar_parse_days(settings->days, &out->days, err) < 0)
        return error_wrap(err, "days");
    return 0;
}

static const struct zone *find_zone(const struct fleet_settings *settings, const struct zones *zones,
                                    struct error *err)
{
    const struct zone *zone = zones_find(zones, settings->time_zone);
    if (!zone)
        error_set(
            err,
            "time_zone %s is not known on this server any more: apt-get install tzdata, and start bootherd "
            "serve again",
            settings->time_zone);
    return zone;
}

static bool inside_is_local(const struct fleet_settings *settings)
{
    return text_equal(settings->boot, LOCAL);
}

int policy_is_local(const struct fleet_settings *settings, const struct zones *zones, int64_t now_s,
                    bool *local, struct error *err)
{
    struct calendar calendar;
    *local = inside_is_local(settings);
    if (!settings->between)
        return 0;
    const struct zone *zone = find_zone(settings, zones, err);
    if (!zone || read_calendar(settings, &calendar, err) < 0)
        return -1;
    *local ^= !calendar_is_inside(&calendar, zone, now_s);
    return 0;
}

/* "19:00-06:00 mon-fri, Europe/Vienna" */
static void window_text(const struct fleet_settings *settings, char *out, size_t size)
{
    const char *days = settings->days, *zone = settings->time_zone;
    snprintf(out, size, "%s%s%s%s%s", settings->between, days ? " " : "", days ? days : "", zone ? ", " : "",
             zone ? zone : "");
}

void policy_why(const struct fleet_settings *settings, bool local, char out[static POLICY_TEXT_MAX])
{
    char window[POLICY_TEXT_MAX - 16];
    if (settings->between) {
        window_text(settings, window, sizeof window);
        snprintf(out, POLICY_TEXT_MAX, "%s %s", local == inside_is_local(settings) ? "between" : "outside",
                 window);
    } else {
        snprintf(out, POLICY_TEXT_MAX, "%s%s", settings->boot ? "boot is " : "",
                 settings->boot ? settings->boot : "");
    }
}

int policy_at(const struct fleet_settings *settings, const struct zones *zones, int64_t now_s,
              struct policy *out, struct error *err)
{
    struct calendar calendar;
    *out = (struct policy){.local = inside_is_local(settings)};
    if (settings->between) {
        out->zone = find_zone(settings, zones, err);
        if (!out->zone || read_calendar(settings, &calendar, err) < 0)
            return -1;
        out->span = calendar_at(&calendar, out->zone, now_s);
        out->ends = !out->span.forever;
        out->local ^= !out->span.inside;
    }
    policy_why(settings, out->local, out->why);
    return 0;
}

static const char *name_of(const struct fleet_settings *settings, bool local, char *out, size_t size)
{
    snprintf(out, size, "%s%s", local ? "the local disk" : "image ",
             local             ? ""
             : settings->image ? settings->image
                               : "(none is set)");
    return out;
}

/* "Tue 06:00", or with its date where another Tuesday could be meant. */
static const char *until_text(const struct policy *policy, int64_t now_s, char out[static 32])
{
    int64_t until_s = policy->span.until_s;
    struct zone_date d = zone_date(until_s + zone_offset(policy->zone, until_s));
    char date[16] = "";
    if (until_s - now_s >= NEAR_S)
        snprintf(date, sizeof date, " %04d-%02d-%02d", (int)d.year, d.month, d.day);
    snprintf(out, 32, "%s%s %02d:%02d", calendar_day_name(d.weekday), date, d.hour, d.minute);
    return out;
}

void policy_next_text(const struct fleet_settings *settings, const struct policy *policy, int64_t now_s,
                      char out[static POLICY_NEXT_MAX])
{
    char now[IMAGE_NAME_MAX + 16], then[IMAGE_NAME_MAX + 16], until[32], why[POLICY_TEXT_MAX + 4] = "";
    name_of(settings, policy->local, now, sizeof now);
    name_of(settings, !policy->local, then, sizeof then);
    if (policy->why[0])
        snprintf(why, sizeof why, " (%s)", policy->why);
    if (policy->ends)
        snprintf(out, POLICY_NEXT_MAX, "%s until %s%s; then %s", now, until_text(policy, now_s, until), why,
                 then);
    else if (policy_is_once(settings))
        snprintf(out, POLICY_NEXT_MAX, "%s%s; then %s", now, why, then);
    else
        snprintf(out, POLICY_NEXT_MAX, "%s%s", now, why);
}

int policy_time(const struct fleet_settings *settings, const struct zones *zones, const char *text,
                int64_t now_s, int64_t *out, struct error *err)
{
    unsigned year, month, day, hour, minute;
    char between;
    int used = 0;
    *out = now_s;
    if (!text[0])
        return 0;
    if (sscanf(text, "%4u-%2u-%2u%c%2u:%2u%n", &year, &month, &day, &between, &hour, &minute, &used) != 6 ||
        text[used] || !strchr(" T", between) || year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > 31 || hour > 23 || minute > 59)
        return error_set(err, "'%.40s' is no time; write one as '2026-11-24 07:00'", text);
    const struct zone *zone = find_zone(settings, zones, err);
    if (!zone)
        return -1;
    *out = zone_utc(zone, zone_midnight(year, (int)month, (int)day) + hour * 3600 + minute * 60);
    return 0;
}
