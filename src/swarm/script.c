#include "swarm/script.h"

#include "base/text.h"
#include "image/bootcfg.h"
#include "swarm/script_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TFTP_PORT 69
#define HTTP_PORT 80

/* --- names --- */

struct script_server script_tftp(uint32_t ip)
{
    return (struct script_server){SCRIPT_TFTP, ip, TFTP_PORT};
}

int script_host(const char *text, size_t size, struct script_server *server, struct error *err)
{
    char host[64];
    uint64_t port;
    snprintf(host, sizeof host, "%.*s", (int)(size < sizeof host ? size : sizeof host - 1), text);
    char *colon = strchr(host, ':');
    if (colon)
        *colon++ = 0;
    if (colon && !text_u64(colon, 1, UINT16_MAX, &port))
        return error_set(err, "\"%.*s\" has no port behind its colon", (int)sizeof host, text);
    if (!ip4_parse(host, &server->ip)) {
        text_scrub(host, strlen(host), "");
        return error_set(err, "the server is named \"%s\": a simulated machine takes addresses only", host);
    }
    if (colon)
        server->port = (uint16_t)port;
    return 0;
}

int script_url(const char *text, struct script_server *server, const char **path, struct error *err)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
        return 0;
    if (scheme == 4 && strncasecmp(text, "http", 4) == 0)
        *server = (struct script_server){SCRIPT_HTTP, 0, HTTP_PORT};
    else if (scheme == 4 && strncasecmp(text, "tftp", 4) == 0)
        *server = script_tftp(0);
    else
        return error_set(err, "\"%.*s\" is a way to load that simulated machines do not know",
                         (int)(scheme < 16 ? scheme : 16), text);
    const char *host = text + scheme + 3;
    size_t size = strcspn(host, "/");
    *path = host + size;
    return script_host(host, size, server, err) ? -1 : 1;
}

/* Takes the last part away; the '/' before it stays. */
static size_t up(const char *out, size_t used)
{
    used -= used > 0;
    while (used && out[used - 1] != '/')
        used--;
    return used;
}

int script_beside(const char *file, const char *name, char out[static SCRIPT_PATH_MAX], struct error *err)
{
    const char *slash = strrchr(file, '/');
    size_t used = slash && name[0] != '/' ? (size_t)(slash + 1 - file) : 0;
    if (used >= SCRIPT_PATH_MAX)
        return error_set(err, "the name of a folder has %zu bytes", used);
    memcpy(out, file, used);
    while (*name) {
        size_t size = strcspn(name, "/");
        bool more = name[size] == '/';
        if (size == 2 && memcmp(name, "..", 2) == 0) {
            used = used > 1 ? up(out, used) : used;
        } else if (!(size == 1 && *name == '.')) {
            if (used + size + more >= SCRIPT_PATH_MAX)
                return error_set(err, "the name of a file has more than %d bytes", SCRIPT_PATH_MAX - 1);
            memcpy(out + used, name, size + more);
            used += size + more;
        }
        name += size + more;
    }
    out[used] = 0;
    return 0;
}

/* --- the list --- */

/* Capacity is the next power of two. */
static struct script_file *add(struct script *s, struct error *err)
{
    if (s->count == SCRIPT_FILES_MAX) {
        error_set(err, "more than %d files", SCRIPT_FILES_MAX);
        return NULL;
    }
    if ((s->count & (s->count - 1)) == 0) {
        struct script_file *grown = realloc(s->file, (s->count ? 2 * s->count : 1) * sizeof *grown);
        if (!grown) {
            error_errno(err, ENOMEM, "files of a configuration");
            return NULL;
        }
        s->file = grown;
    }
    return &s->file[s->count];
}

int script_add(struct script *s, enum script_role role, const struct script_server *server, const char *path,
               struct error *err)
{
    size_t size = strlen(path);
    bool slash = server->door == SCRIPT_HTTP && path[0] != '/';
    if (size + slash >= SCRIPT_PATH_MAX)
        return error_set(err, "the name of a file has %zu bytes", size);
    struct script_file *file = add(s, err);
    if (!file)
        return -1;
    char *own = malloc(size + slash + 1);
    if (!own)
        return error_errno(err, ENOMEM, "files of a configuration");
    own[0] = '/';
    memcpy(own + slash, path, size + 1);
    *file = (struct script_file){.server = *server, .role = role, .path = own};
    s->count++;
    return 0;
}

int script_add_config(struct script *s, enum script_language language, const struct script_server *server,
                      const char *path, struct error *err)
{
    if (script_add(s, SCRIPT_CONFIG, server, path, err) < 0)
        return -1;
    s->file[s->count - 1].language = language;
    return 0;
}

void script_note(struct script *s, const char *text, size_t size)
{
    text_printable(text, size, s->note, sizeof s->note);
}

void script_fini(struct script *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->file[i].path);
    free(s->file);
    *s = (struct script){0};
}

/* --- boot.cfg --- */

/* Names with a '/' or a URL in front are what they are; others lie below prefix=, or beside the boot.cfg. */
static int add_below(struct script *s, enum script_role role, const struct script_asker *asker,
                     const char *prefix, const char *name, struct error *err)
{
    char full[SCRIPT_PATH_MAX];
    struct script_server server = asker->server;
    const char *path = full;
    int url = script_url(name, &server, &path, err);
    if (url == 0 && (name[0] == '/' || !prefix)) {
        if (script_beside(asker->path, name, full, err) < 0)
            return -1;
    } else if (url == 0) {
        bool slash = prefix[0] && prefix[strlen(prefix) - 1] != '/';
        if (snprintf(full, sizeof full, "%s%s%s", prefix, slash ? "/" : "", name) >= (int)sizeof full)
            return error_set(err, "a name has more than %zu bytes below its prefix", sizeof full - 1);
        url = script_url(full, &server, &path, err);
    }
    return url < 0 ? -1 : script_add(s, role, &server, path, err);
}

int script_parse_bootcfg(struct slice text, const struct script_asker *asker, struct script *out,
                         struct error *err)
{
    struct bootcfg cfg;
    int result = 0;
    if (bootcfg_parse(text, &cfg, err) < 0)
        return -1;
    if (!cfg.kernel)
        result = error_set(err, "the boot.cfg names no kernel");
    if (result == 0)
        result = add_below(out, SCRIPT_KERNEL, asker, cfg.prefix, cfg.kernel, err);
    for (size_t i = 0; result == 0 && i < cfg.module_count; i++)
        result = add_below(out, SCRIPT_MODULE, asker, cfg.prefix, cfg.modules[i].path, err);
    bootcfg_fini(&cfg);
    return result;
}

/* --- all --- */

char *script_copy(struct slice text, struct error *err)
{
    char *copy = malloc(text.size + 1);
    if (!copy) {
        error_errno(err, ENOMEM, "a configuration");
        return NULL;
    }
    for (size_t i = 0; i < text.size; i++)
        copy[i] = text.data[i] ? (char)text.data[i] : ' ';
    copy[text.size] = 0;
    return copy;
}

bool script_is_ipxe(struct slice text)
{
    static const char magic[] = "#!ipxe", old_magic[] = "#!gpxe";
    size_t size = sizeof magic - 1;
    return text.size > size &&
           (memcmp(text.data, magic, size) == 0 || memcmp(text.data, old_magic, size) == 0) &&
           strchr(" \t\r\n", text.data[size]);
}

static const struct {
    const char *name;
    int (*parse)(struct slice text, const struct script_asker *asker, struct script *out, struct error *err);
} languages[] = {
    [SCRIPT_PXELINUX] = {"pxelinux configuration", script_parse_pxelinux},
    [SCRIPT_IPXE] = {"iPXE script", script_parse_ipxe},
    [SCRIPT_BOOTCFG] = {"boot.cfg", script_parse_bootcfg},
    [SCRIPT_GRUB] = {"grub.cfg", script_parse_grub},
};

static int check_doors(const struct script *s, const struct script_asker *asker, struct error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->file[i].server.door == SCRIPT_HTTP && !asker->http)
            return error_set(err, "it names a file by HTTP, which this loader does not speak");
    return 0;
}

int script_parse(enum script_language language, struct slice text, const struct script_asker *asker,
                 struct script *out, struct error *err)
{
    *out = (struct script){0};
    int result = text.size > SCRIPT_SIZE_MAX ? error_set(err, "it has more than %u bytes", SCRIPT_SIZE_MAX)
                                             : languages[language].parse(text, asker, out, err);
    if (result == 0)
        result = check_doors(out, asker, err);
    if (result < 0) {
        script_fini(out);
        return error_wrap(err, "%s", languages[language].name);
    }
    if (out->count)
        out->note[0] = 0;
    return 0;
}
