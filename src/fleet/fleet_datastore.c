#include "fleet/fleet_datastore.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/fleet_rules.h"
#include "fleet/fleet_types.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ISCSI_PORT     "3260" /* RFC 7143, 14 */
#define ISCSI_NAME_MAX 223    /* bytes: RFC 7143, 4.2.7.1 */

const char *const fleet_store_words[] = {"nfs", "nfs41", "vmfs", "iscsi", NULL};

static const struct {
    const char *what, *example; /* for messages */
} kinds[] = {
    [FLEET_STORE_NFS] = {"NFS share; write host:/path", "10.77.0.1:/srv/vms"},
    [FLEET_STORE_NFS41] = {"NFS 4.1 share; write host:/path", "10.77.0.1,10.78.0.1:/srv/vms"},
    [FLEET_STORE_VMFS] = {"VMFS volume; write its label", "vmfs: on"},
    [FLEET_STORE_ISCSI] = {"iSCSI disk; write address/target", "10.0.0.5:3260/iqn.2001-04.com.example:disk1"},
};

static int refuse_place(enum fleet_store_kind kind, const char *text, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    return error_set(err, "'%s' is no %s, as in %s", fleet_shown(text, shown), kinds[kind].what,
                     kinds[kind].example);
}

void fleet_datastore_fini(struct fleet_datastore *d)
{
    free(d->label);
    free(d->host);
    free(d->path);
    *d = (struct fleet_datastore){0};
}

int fleet_datastore_copy(struct fleet_datastore *to, const struct fleet_datastore *from)
{
    *to = *from;
    to->label = strdup(from->label);
    to->host = strdup(from->host);
    to->path = strdup(from->path);
    return to->label && to->host && to->path ? 0 : -1;
}

bool fleet_datastore_equal(const struct fleet_datastore *a, const struct fleet_datastore *b)
{
    return a->kind == b->kind && text_equal(a->label, b->label) && text_equal(a->host, b->host) &&
           text_equal(a->path, b->path) && a->read_only == b->read_only && a->probe_write == b->probe_write;
}

/* --- one way to write it --- */

static void lower(char *text)
{
    for (char *p = text; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Several addresses of a server are one server, whatever their order. */
static int normalise_hosts(char **hosts, struct error *err)
{
    char *part[FLEET_STORE_HOSTS_MAX], *rest = *hosts;
    size_t count = 0;
    struct buf sorted = BUF_INIT;
    lower(*hosts);
    for (char *host; (host = strsep(&rest, ","));) {
        size_t size = strlen(host);
        if (count == FLEET_STORE_HOSTS_MAX)
            return error_set(err, "more than %d hosts for one share", FLEET_STORE_HOSTS_MAX);
        if (size > 1 && host[size - 1] == '.')
            host[size - 1] = 0;
        part[count++] = host;
    }
    qsort(part, count, sizeof part[0], compare_texts);
    for (size_t i = 0; i < count; i++)
        buf_format(&sorted, "%s%s", i ? "," : "", part[i]);
    char *text = sorted.failed ? NULL : strdup(buf_text(&sorted));
    buf_fini(&sorted);
    if (!text)
        return error_set(err, "out of memory");
    free(*hosts);
    *hosts = text;
    return 0;
}

static void normalise_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        bool at_start = to > path && to[-1] == '/';
        if (at_start && *from == '/')
            from++;
        else if (at_start && from[0] == '.' && (from[1] == '/' || !from[1]))
            from++;
        else
            *to++ = *from++;
    }
    if (to > path + 1 && to[-1] == '/')
        to--;
    *to = 0;
}

static int place_share(struct fleet_datastore *d, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || colon[1] != '/')
        return refuse_place(d->kind, text, err);
    d->host = strndup(text, (size_t)(colon - text));
    d->path = strdup(colon + 1);
    if (!d->host || !d->path)
        return error_set(err, "out of memory");
    normalise_path(d->path);
    return normalise_hosts(&d->host, err);
}

static int place_target(struct fleet_datastore *d, const char *text, struct error *err)
{
    const char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1])
        return refuse_place(d->kind, text, err);
    int size = (int)(slash - text);
    bool has_port = memchr(text, ':', (size_t)size) != NULL;
    if (asprintf(&d->host, "%.*s%s", size, text, has_port ? "" : ":" ISCSI_PORT) < 0)
        d->host = NULL;
    d->path = strdup(slash + 1);
    if (!d->host || !d->path)
        return error_set(err, "out of memory");
    lower(d->path);
    return 0;
}

int fleet_datastore_place(struct fleet_datastore *d, enum fleet_store_kind kind, const char *text,
                          struct error *err)
{
    if (d->host)
        return error_set(err, "a datastore is one of nfs, nfs41, vmfs and iscsi; keep one");
    d->kind = kind;
    if (kind == FLEET_STORE_ISCSI)
        return place_target(d, text, err);
    if (kind != FLEET_STORE_VMFS)
        return place_share(d, text, err);
    d->host = strdup("");
    d->path = strdup("");
    return d->host && d->path ? 0 : error_set(err, "out of memory");
}

int fleet_datastore_probe(struct fleet_datastore *d, const char *word, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    if (!text_equal(word, "read") && !text_equal(word, "write"))
        return error_set(err, "probe: '%s' is neither read nor write", fleet_shown(word, shown));
    d->probe_write = word[0] == 'w';
    return 0;
}

/* Takes what stands behind the place off it. */
static int take_options(struct fleet_datastore *d, char *text, struct error *err)
{
    for (;;) {
        char *colon = strrchr(text, ':');
        if (colon && text_equal(colon, ":ro"))
            d->read_only = true;
        else if (!colon || !text_starts(colon, ":probe="))
            return 0;
        else if (fleet_datastore_probe(d, colon + strlen(":probe="), err) < 0)
            return -1;
        *colon = 0;
    }
}

/* A host may have the name of a kind: "nfs41:/srv". */
static enum fleet_store_kind take_kind(const char **text)
{
    if (text_equal(*text, "vmfs"))
        return FLEET_STORE_VMFS;
    for (int kind = 0; fleet_store_words[kind]; kind++) {
        size_t size = strlen(fleet_store_words[kind]);
        if (!text_starts(*text, fleet_store_words[kind]) || (*text)[size] != ':' || (*text)[size + 1] == '/')
            continue;
        *text += size + 1;
        return (enum fleet_store_kind)kind;
    }
    return FLEET_STORE_NFS;
}

int fleet_datastore_parse(struct fleet_datastore *d, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no datastore; write label=host:/path, as in vms=10.77.0.1:/srv/vms",
                         fleet_shown(text, shown));
    }
    cleanup_free char *place = strdup(equals + 1);
    d->label = strndup(text, (size_t)(equals - text));
    if (!place || !d->label)
        return error_set(err, "out of memory");
    if (take_options(d, place, err) < 0)
        return -1;
    const char *rest = place;
    enum fleet_store_kind kind = take_kind(&rest);
    return fleet_datastore_place(d, kind, rest, err);
}

void fleet_datastore_format(const struct fleet_datastore *d, struct buf *out)
{
    static const char *const between[] = {":", ":", "", "/"};
    buf_format(out, "%s%s%s", d->host, between[d->kind], d->path);
}

/* --- what can be meant --- */

/* What vim-cmd writes as "[label] file", a mount command takes for an option, or a folder cannot be named. */
static int check_label(const char *label, struct error *err)
{
    if (fleet_line_valid(label, FLEET_STORE_LABEL_MAX, err) < 0)
        return -1;
    size_t size = strlen(label), bad = strcspn(label, "/\\%[],=\"'`$");
    if (bad < size)
        return error_set(err, "'%s' holds '%c'; no label of a datastore may", label, label[bad]);
    if (label[0] == '-' || label[0] == '.')
        return error_set(err, "'%s' begins with '%c'; begin it with a letter or digit", label, label[0]);
    if (label[0] == ' ' || label[size - 1] == ' ')
        return error_set(err, "'%s' begins or ends with a blank; take it off", label);
    return 0;
}

static int check_path(const char *path, struct error *err)
{
    if (fleet_line_valid(path, FLEET_STORE_PATH_MAX, err) < 0)
        return -1;
    size_t size = strlen(path);
    if (path[0] != '/' || strstr(path, "//") || (size > 1 && path[size - 1] == '/'))
        return error_set(err, "'%s' is no clean absolute path; write it as in /srv/vms", path);
    if (path[size - 1] == ' ')
        return error_set(err, "'%s' ends with a blank; take it off", path);
    for (const char *part = path; part; part = strchr(part, '/')) {
        part++;
        size_t length = strcspn(part, "/");
        if ((length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.'))
            return error_set(err, "'%s' holds '.' or '..'; write the path the server exports", path);
    }
    return 0;
}

/* 10.0.0.256 and 010.0.0.1 would be host names by their letters, and are none that can be meant. */
static int check_host(const char *host, struct error *err)
{
    uint32_t ip;
    char shown[FLEET_SHOWN_MAX];
    if (ip4_parse(host, &ip))
        return ip >> 24 && ip < 0xe0000000u
                   ? 0
                   : error_set(err, "%s is no machine's address; write a unicast one", host);
    if (*host && !host[strspn(host, "0123456789.")])
        return error_set(err, "'%s' is no IPv4 address; write four numbers up to 255, without leading zeros",
                         fleet_shown(host, shown));
    if (fleet_hostname_valid(host, FLEET_DOMAIN_MAX, err) < 0)
        return -1;
    for (const char *p = host; *p; p++)
        if (isupper((unsigned char)*p))
            return error_set(err, "'%s' has capital letters; write it in lower case", host);
    return 0;
}

static int check_hosts(const struct fleet_datastore *d, struct error *err)
{
    cleanup_free char *hosts = strdup(d->host);
    char *rest = hosts, *before = NULL;
    if (!hosts)
        return error_set(err, "out of memory");
    if (d->kind == FLEET_STORE_NFS && strchr(hosts, ','))
        return error_set(err, "'%s': only NFS 4.1 takes several hosts for one share", hosts);
    for (char *host; (host = strsep(&rest, ",")); before = host) {
        if (check_host(host, err) < 0)
            return -1;
        if (before && text_equal(before, host))
            return error_set(err, "%s is there twice; keep one", host);
    }
    return 0;
}

/* RFC 7143, 4.2.7: the type, a dot, and what RFC 3722 leaves of letters. */
static int check_target(const char *name, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    bool type = text_starts(name, "iqn.") || text_starts(name, "eui.") || text_starts(name, "naa.");
    size_t size = strlen(name);
    if (!type || size > ISCSI_NAME_MAX || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-:")])
        return error_set(err, "'%s' is no iSCSI name; write it as in iqn.2001-04.com.example:disk1",
                         fleet_shown(name, shown));
    return 0;
}

static int check_portal(const char *portal, struct error *err)
{
    char address[IP4_TEXT_SIZE], shown[FLEET_SHOWN_MAX];
    size_t size = strcspn(portal, ":");
    uint32_t ip;
    uint64_t port;
    if (size < sizeof address) {
        memcpy(address, portal, size);
        address[size] = 0;
        if (portal[size] && text_u64(portal + size + 1, 1, UINT16_MAX, &port) && portal[size + 1] != '0' &&
            ip4_parse(address, &ip))
            return check_host(address, err);
    }
    return error_set(err, "'%s' is no iSCSI portal; write its address, as in 10.0.0.5:" ISCSI_PORT,
                     fleet_shown(portal, shown));
}

int fleet_datastore_check(const struct fleet_datastore *d, struct error *err)
{
    if (check_label(d->label, err) < 0)
        return error_wrap(err, "label");
    if (d->read_only && d->probe_write)
        return error_set(err, "%s is read only, and to be probed by a write; keep one", d->label);
    switch (d->kind) {
    case FLEET_STORE_NFS:
    case FLEET_STORE_NFS41:
        if (check_hosts(d, err) < 0)
            return error_wrap(err, "%s host", fleet_store_words[d->kind]);
        return check_path(d->path, err) < 0 ? error_wrap(err, "%s path", fleet_store_words[d->kind]) : 0;
    case FLEET_STORE_ISCSI:
        return check_portal(d->host, err) < 0 || check_target(d->path, err) < 0 ? error_wrap(err, "iscsi")
                                                                                : 0;
    case FLEET_STORE_VMFS:
        if (d->read_only)
            return error_set(err, "%s is a VMFS volume, and ESXi mounts none read only", d->label);
        break;
    }
    return 0;
}

static bool is_share(const struct fleet_datastore *d)
{
    return d->kind == FLEET_STORE_NFS || d->kind == FLEET_STORE_NFS41;
}

/* Whether the two lists have an address in common. */
static bool same_server(const char *a, const char *b)
{
    for (; *a; a += *a == ',') {
        size_t size = strcspn(a, ",");
        for (const char *other = b; *other; other += *other == ',') {
            size_t other_size = strcspn(other, ",");
            if (size == other_size && memcmp(a, other, size) == 0)
                return true;
            other += other_size;
        }
        a += size;
    }
    return false;
}

int fleet_datastore_check_pair(const struct fleet_datastore *a, const struct fleet_datastore *b,
                               struct error *err)
{
    if (text_equal(a->label, b->label))
        return error_set(err, "two datastores are labelled %s; give each its own label", b->label);
    if (!is_share(a) || !is_share(b) || !text_equal(a->path, b->path) || !same_server(a->host, b->host))
        return 0;
    if (a->kind == b->kind)
        return error_set(err, "%s and %s are the same share; keep one", a->label, b->label);
    return error_set(
        err,
        "%s and %s are the same share, once by NFS 3 and once by NFS 4.1, whose locks do not see "
        "each other: keep one",
        a->label, b->label);
}
