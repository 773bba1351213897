#include "media/quota.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

int quota_reserve(struct quota *q, size_t size, const char *where, struct error *err)
{
    if (size > QUOTA_MEMORY_MAX - q->memory)
        return error_set(err,
                         "%s: reading this needs more than the %u MiB of memory allowed: too many containers "
                         "within each other, or damaged; unpack the outer ones first",
                         where, QUOTA_MEMORY_MAX >> 20);
    q->memory += size;
    return 0;
}

void quota_release(struct quota *q, size_t size)
{
    q->memory -= size;
}

void *quota_alloc(struct quota *q, size_t size, const char *where, struct error *err)
{
    if (quota_reserve(q, size, where, err) < 0)
        return NULL;
    void *p = calloc(1, size ? size : 1);
    if (!p) {
        quota_release(q, size);
        error_errno(err, ENOMEM, "%s: %zu bytes", where, size);
    }
    return p;
}

void quota_free(struct quota *q, void *p, size_t size)
{
    if (!p)
        return;
    free(p);
    quota_release(q, size);
}

int quota_unpacked(struct quota *q, uint64_t *own, size_t size, const char *where, struct error *err)
{
    char limit[TEXT_SIZE_MAX];
    *own += size;
    q->unpacked += size;
    if (*own > q->limits.entry_bytes)
        return error_set(
            err,
            "%s: unpacks to more than %s, the limit for one file: no hypervisor image is that large; "
            "check where it comes from",
            where, text_size(q->limits.entry_bytes, limit));
    if (q->unpacked > q->limits.total_bytes)
        return error_set(
            err,
            "%s: the whole medium unpacks to more than %s, the limit: no hypervisor image is that "
            "large; check where it comes from",
            where, text_size(q->limits.total_bytes, limit));
    return 0;
}
