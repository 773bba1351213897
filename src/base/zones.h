/*
 * The time zones of this host, by name ("Europe/Vienna"): read once, from /usr/share/zoneinfo (package
 * tzdata), before a process gives up the file system. Some 600, 300 KB.
 */
#pragma once

#include "base/zone.h"

#define ZONES_NAME_MAX 64

struct zones;

/* at_s: today. Zones that cannot be read are left out: without tzdata there is "UTC" alone. NULL when memory
 * runs out. */
struct zones *zones_read(int64_t at_s);
void zones_free(struct zones *zones);

/* NULL: no zone has this name. NULL for a name: the host's own (TZ, /etc/localtime). */
const struct zone *zones_find(const struct zones *zones, const char *name);

/* The host's own zone's name; "" where nobody says. */
const char *zones_own_name(const struct zones *zones);

/* The name that is meant instead, or NULL. */
const char *zones_nearest(const struct zones *zones, const char *name);
size_t zones_count(const struct zones *zones);
