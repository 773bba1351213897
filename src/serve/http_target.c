#include "serve/http_target.h"

#include <string.h>
#include <strings.h>

#define TARGET_MAX (2 * BOOT_PATH_MAX) /* decoded; slashes that fold may make it longer than a name */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Behind "http://host:port" of a target in absolute form. */
static const char *skip_authority(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], size) == 0)
            return target + size + strcspn(target + size, "/?");
    }
    return target;
}

bool http_target_decode(const char *target, char out[static BOOT_PATH_MAX])
{
    char decoded[TARGET_MAX];
    size_t used = 0;
    for (const char *at = skip_authority(target); *at && *at != '?'; at++) {
        if (used == sizeof decoded)
            return false;
        decoded[used] = *at;
        if (*at == '%') {
            int high = hex_digit(at[1]);
            int low = high < 0 ? -1 : hex_digit(at[2]);
            if (low < 0)
                return false;
            decoded[used] = (char)(high << 4 | low);
            at += 2;
        }
        used++;
    }
    return boot_path_clean(decoded, used, out);
}

const char *http_target_query(const char *target)
{
    const char *mark = strchr(target, '?');
    return mark ? mark + 1 : "";
}
