/*
 * Roles: whether a node boots its image or is sent to its own disk. Settings boot, between, days and
 * time_zone.
 *
 * Without `between`, `boot` holds always. With it, `boot` (image when not set) holds inside the windows, and
 * the other one outside. `once` is the image until one boot has fetched all its files; then state sets boot
 * to local.
 *
 * Pure: the time and the zones are given.
 */
#pragma once

#include "base/zones.h"
#include "fleet/calendar.h"
#include "fleet/fleet.h"

#define POLICY_TEXT_MAX 256

/* Words of setting `boot`. NULL ends the list. */
extern const char *const policy_boot_words[];

bool policy_is_once(const struct fleet_settings *settings);

/* Whether it ever boots an image. */
bool policy_needs_image(const struct fleet_settings *settings);

/* Whether settings that each are sound make sense together. */
int policy_check(const struct fleet_settings *settings, struct error *err);

/* settings: of the node, with its profile's under them, sound. Fails where the zone is not known on this
 * host. */
int policy_is_local(const struct fleet_settings *settings, const struct zones *zones, int64_t now_s,
                    bool *local, struct error *err);

/* Why it is what it is: "outside 19:00-06:00 mon-fri, Europe/Vienna", "boot is local", "boot is once"; "" for
 * an image that always is. */
void policy_why(const struct fleet_settings *settings, bool local, char out[static POLICY_TEXT_MAX]);

/* What holds, and until when. */
struct policy {
    bool local;
    bool ends;                 /* by the calendar */
    struct calendar_span span; /* if it ends */
    const struct zone *zone;
    char why[POLICY_TEXT_MAX];
};
int policy_at(const struct fleet_settings *settings, const struct zones *zones, int64_t now_s,
              struct policy *out, struct error *err);

/* "image esxi4 until Tue 06:00 (between 19:00-06:00 mon-fri, Europe/Vienna); then the local disk" */
#define POLICY_NEXT_MAX 512
void policy_next_text(const struct fleet_settings *settings, const struct policy *policy, int64_t now_s,
                      char out[static POLICY_NEXT_MAX]);

/* "2026-11-24 07:00" or "2026-11-24T07:00", on the clock of the node's zone; "" is now_s. */
int policy_time(const struct fleet_settings *settings, const struct zones *zones, const char *text,
                int64_t now_s, int64_t *out, struct error *err);
