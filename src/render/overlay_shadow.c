#include "render/overlay.h"

#include "base/text.h"
#include "render/overlay_parts.h"

#include <string.h>

/*
 * The accounts of a hypervisor whose own file could not be read, root first. All but root are
 * locked, as they are in the vendor's file; the day numbers only have to be in the past.
 */
#define SHADOW_REST ":14000:0:99999:7:::\n"
static const char *const shadow_accounts[] = {"nobody", "nfsnobody", "dcui", "daemon"};

/* The account that vCenter uses. */
static const struct {
    const char *family, *account;
} shadow_vcenter[] = {{"esxi_dd", "vimuser"}, {"esxi_bootcfg", "vpxuser"}};

static void shadow_put_root(const char *hash, struct buf *out)
{
    buf_format(out, "root:%s" SHADOW_REST, hash);
}

static void shadow_make(const char *family, const char *hash, struct buf *out)
{
    shadow_put_root(hash, out);
    for (size_t i = 0; i < sizeof shadow_accounts / sizeof shadow_accounts[0]; i++)
        buf_format(out, "%s:" OVERLAY_LOCKED SHADOW_REST, shadow_accounts[i]);
    for (size_t i = 0; i < sizeof shadow_vcenter / sizeof shadow_vcenter[0]; i++)
        if (text_equal(shadow_vcenter[i].family, family))
            buf_format(out, "%s:" OVERLAY_LOCKED SHADOW_REST, shadow_vcenter[i].account);
}

/* The rest of a line of root's from the ':' that ends the hash, or NULL: another account, or no such line. */
static const char *shadow_after_hash(const char *line, const char *end)
{
    if (end - line < 5 || memcmp(line, "root:", 5) != 0)
        return NULL;
    return memchr(line + 5, ':', (size_t)(end - line - 5));
}

static void shadow_replace(const char *accounts, const char *hash, struct buf *out)
{
    bool found = false;
    cleanup_buf struct buf lines = BUF_INIT;
    for (const char *line = accounts; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *next = *end ? end + 1 : end;
        const char *rest = shadow_after_hash(line, end);
        if (rest) {
            buf_format(&lines, "root:%s", hash);
            found = true;
        }
        const char *keep = rest ? rest : line;
        buf_append(&lines, keep, (size_t)(next - keep));
        line = next;
    }
    if (!found)
        shadow_put_root(hash, out);
    buf_append(out, lines.data, lines.size);
    out->failed |= lines.failed;
}

int overlay_check_hash(const char *hash, struct error *err)
{
    for (const char *p = hash; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == ':')
            return error_set(err,
                             "root's password hash has a character that etc/shadow cannot hold (byte %zu)",
                             (size_t)(p - hash));
    return hash[0] ? 0 : error_set(err, "root's password hash is empty, which would let everybody in");
}

int overlay_shadow(const struct image *image, const char *hash, struct buf *out, struct error *err)
{
    if (!hash)
        hash = OVERLAY_LOCKED;
    if (overlay_check_hash(hash, err))
        return -1;
    if (image->accounts)
        shadow_replace(image->accounts, hash, out);
    else
        shadow_make(image->family, hash, out);
    return out->failed ? error_set(err, "out of memory") : 0;
}
