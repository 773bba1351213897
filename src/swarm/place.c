#include "swarm/place.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HEX_DIGITS 8u

static bool take_host(const char *host, size_t size, struct script_server *out)
{
    char text[64];
    uint64_t port;
    if (size >= sizeof text)
        return false;
    memcpy(text, host, size);
    text[size] = 0;
    char *colon = strchr(text, ':');
    if (colon) {
        if (!text_u64(colon + 1, 1, 65535, &port))
            return false;
        out->port = (uint16_t)port;
        *colon = 0;
    }
    return ip4_parse(text, &out->ip);
}

bool place_parse(const char *text, const struct script_server *server, struct place *out)
{
    static const struct {
        const char *scheme;
        enum script_door door;
        uint16_t port;
    } schemes[] = {{"http://", SCRIPT_HTTP, PLACE_PORT_HTTP}, {"tftp://", SCRIPT_TFTP, PLACE_PORT_TFTP}};
    *out = (struct place){.server = *server};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!text_starts(text, schemes[i].scheme))
            continue;
        const char *host = text + strlen(schemes[i].scheme), *path = host + strcspn(host, "/");
        out->server = (struct script_server){schemes[i].door, 0, schemes[i].port};
        if (!*path || !take_host(host, (size_t)(path - host), &out->server))
            return false;
        path += schemes[i].door == SCRIPT_TFTP;
        return snprintf(out->path, sizeof out->path, "%s", path) < (int)sizeof out->path;
    }
    return !strstr(text, "://") && snprintf(out->path, sizeof out->path, "%s", text) < (int)sizeof out->path;
}

const char *place_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void place_folder(const char *path, char out[static SCRIPT_PATH_MAX])
{
    size_t size = (size_t)(place_name(path) - path);
    if (size >= SCRIPT_PATH_MAX)
        size = 0;
    memcpy(out, path, size);
    out[size] = 0;
}

bool place_beside(const struct place *at, const char *name, struct place *out)
{
    char folder[SCRIPT_PATH_MAX];
    place_folder(at->path, folder);
    out->server = at->server;
    return snprintf(out->path, sizeof out->path, "%s%s", folder, name) < (int)sizeof out->path;
}

bool place_pxelinux_config(unsigned n, const struct mac *mac, uint32_t ip, char out[static 64])
{
    char dashes[MAC_TEXT_SIZE], hex[HEX_DIGITS + 1];
    snprintf(hex, sizeof hex, "%08X", ip);
    if (n == 0)
        snprintf(out, 64, "pxelinux.cfg/01-%s", mac_format_dash(mac, dashes));
    else if (n <= HEX_DIGITS)
        snprintf(out, 64, "pxelinux.cfg/%.*s", (int)(HEX_DIGITS + 1 - n), hex);
    else
        snprintf(out, 64, "pxelinux.cfg/default");
    return n <= HEX_DIGITS + 1;
}
