#include "base/zones.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/tzif.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FOLDER    "/usr/share/zoneinfo"
#define LOCALTIME "/etc/localtime"
#define FILE_MAX  (64u << 10)
#define DEPTH_MAX 4 /* America/Argentina/Ushuaia */
#define ZONES_MAX 4096
#define DISTANCE  3 /* "Europe/Wienna" is a slip; a name that differs more is another */

struct named_zone {
    char name[ZONES_NAME_MAX];
    struct zone zone;
    struct zone_change *changes; /* owned */
};

struct zones {
    size_t count, capacity;
    struct named_zone *list;
    struct named_zone own;
    int64_t at_s;
};

static int zone_take(struct named_zone *out, const struct tzif *file)
{
    out->changes = malloc(file->change_count * sizeof *out->changes);
    if (!out->changes)
        return -1;
    memcpy(out->changes, file->changes, file->change_count * sizeof *out->changes);
    out->zone = (struct zone){file->rule, file->change_count, out->changes};
    return 0;
}

static int zone_load(int folder, const char *path, int64_t at_s, struct named_zone *out)
{
    cleanup_buf struct buf bytes = BUF_INIT;
    struct tzif file;
    struct error ignored;
    if (file_read_at(folder, path, FILE_MAX, &bytes, &ignored) < 0 ||
        tzif_parse(buf_slice(&bytes), at_s, &file, &ignored) < 0)
        return -1;
    return zone_take(out, &file);
}

static void zone_add(struct zones *zones, int folder, const char *file, const char *name)
{
    if (zones->count == zones->capacity) {
        size_t capacity = zones->capacity ? 2 * zones->capacity : 1024;
        struct named_zone *list = reallocarray(zones->list, capacity, sizeof *list);
        if (!list)
            return;
        zones->list = list;
        zones->capacity = capacity;
    }
    struct named_zone *zone = &zones->list[zones->count];
    *zone = (struct named_zone){0};
    snprintf(zone->name, sizeof zone->name, "%s", name);
    if (zone_load(folder, file, zones->at_s, zone) == 0)
        zones->count++;
}

/* The same zones again, with leap seconds and without; and what is none. */
static bool is_other(const char *name)
{
    static const char *const others[] = {"posix", "right", "localtime", "posixrules"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return name[0] == '.' || strchr(name, '.');
}

/* Takes fd. prefix: "Europe/". */
static void folder_read(struct zones *zones, int fd, const char *prefix, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    if (!folder) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) && zones->count < ZONES_MAX;) {
        char name[ZONES_NAME_MAX];
        struct stat st;
        int size = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        if (is_other(entry->d_name) || size >= (int)sizeof name || fstatat(fd, entry->d_name, &st, 0) < 0)
            continue;
        int inner = S_ISDIR(st.st_mode) && depth < DEPTH_MAX && size + 1 < (int)sizeof name
                        ? openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                        : -1;
        if (inner >= 0) {
            strcat(name, "/");
            folder_read(zones, inner, name, depth + 1);
        } else if (S_ISREG(st.st_mode)) {
            zone_add(zones, fd, entry->d_name, name);
        }
    }
    closedir(folder);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct named_zone *)a)->name, ((const struct named_zone *)b)->name);
}

static const struct named_zone *find(const struct zones *zones, const char *name)
{
    struct named_zone key = {.name = ""};
    if (strlen(name) >= sizeof key.name)
        return NULL;
    strcpy(key.name, name);
    return zones->count ? bsearch(&key, zones->list, zones->count, sizeof key, compare) : NULL;
}

/* TZ as tzset(3) takes it: a name, with or without ':', or a rule. */
static void own_from_environment(struct zones *zones, const char *tz)
{
    struct error ignored;
    tz += *tz == ':';
    const struct named_zone *known = find(zones, text_starts(tz, FOLDER "/") ? tz + strlen(FOLDER "/") : tz);
    if (known) {
        zones->own.zone = known->zone;
        strcpy(zones->own.name, known->name);
    } else if (zone_rule_parse(tz, &zones->own.zone.rule, &ignored) < 0) {
        zones->own.zone.rule = (struct zone_rule){0}; /* as glibc does */
    }
}

static void own_from_host(struct zones *zones)
{
    char target[PATH_MAX];
    ssize_t size = readlink(LOCALTIME, target, sizeof target - 1);
    target[size > 0 ? size : 0] = 0;
    const char *name = strstr(target, "zoneinfo/");
    if (name && strlen(name + strlen("zoneinfo/")) < sizeof zones->own.name)
        strcpy(zones->own.name, name + strlen("zoneinfo/"));
    zone_load(AT_FDCWD, LOCALTIME, zones->at_s, &zones->own);
}

struct zones *zones_read(int64_t at_s)
{
    struct zones *zones = calloc(1, sizeof *zones);
    if (!zones)
        return NULL;
    zones->at_s = at_s - ZONE_DAY_S; /* for the windows of yesterday */
    int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        folder_read(zones, fd, "", 1);
    if (zones->count)
        qsort(zones->list, zones->count, sizeof *zones->list, compare);
    const char *tz = getenv("TZ");
    if (tz)
        own_from_environment(zones, tz);
    else
        own_from_host(zones);
    return zones;
}

void zones_free(struct zones *zones)
{
    if (!zones)
        return;
    for (size_t i = 0; i < zones->count; i++)
        free(zones->list[i].changes);
    free(zones->own.changes);
    free(zones->list);
    free(zones);
}

const struct zone *zones_find(const struct zones *zones, const char *name)
{
    static const struct zone utc;
    if (!name)
        return &zones->own.zone;
    const struct named_zone *found = find(zones, name);
    if (found)
        return &found->zone;
    return strcmp(name, "UTC") == 0 ? &utc : NULL;
}

const char *zones_own_name(const struct zones *zones)
{
    return zones->own.name;
}

const char *zones_nearest(const struct zones *zones, const char *name)
{
    const char *best = NULL, *slash = strrchr(name, '/');
    const char *place = slash ? slash + 1 : name;
    unsigned most = DISTANCE;
    for (size_t i = 0; i < zones->count; i++) {
        const char *known = zones->list[i].name, *known_slash = strrchr(known, '/');
        if (strcasecmp(known, name) == 0 || (known_slash && strcasecmp(known_slash + 1, place) == 0))
            return known; /* "vienna", "Asia/Vienna" */
        unsigned distance = text_distance(name, known, most);
        if (distance <= most && (!best || distance < most)) {
            best = known;
            most = distance;
        }
    }
    return best;
}

size_t zones_count(const struct zones *zones)
{
    return zones->count;
}
