#include "proc/loader_memory.h"

#include <stdlib.h>
#include <string.h>

/* Kinds of clients in one boot: a firmware by PXE, by HTTP Boot, iPXE as a ROM, and the iPXE that was loaded.
 */
#define TRIES_MAX 4

/* A firmware needs longer to fetch a loader, give it up and start again; copies of a DISCOVER are up to a
 * second apart. */
#define AGAIN_MS 2000

struct kind {
    unsigned arch;
    bool http, ipxe, ipxe_http; /* option 175: iPXE that takes URLs */
};

/* One dialog of this boot. */
struct
try {
    struct kind kind;
    enum plan_chain chain;
    int64_t granted_ms;
    bool again; /* it has asked once more since */
};

struct machine {
    struct mac mac;
    int64_t used_ms;
    bool kernel;       /* fetched since the tries were granted */
    uint32_t files;    /* that its config makes it fetch; 0: not known */
    unsigned rounds;   /* as in plan_client */
    int64_t rounds_ms; /* when the last was counted */
    size_t try_count;
    struct try try[TRIES_MAX];
    struct {
        bool is;
        int64_t at_ms;
    } failed[PLAN_CHAINS];
};

/* Machines with cards of one vendor that ask in the same way. */
struct vendor {
    uint8_t oui[3];
    struct kind kind;
    int64_t used_ms;
    unsigned worked; /* bits 1 << enum plan_chain */
};

struct loader_memory {
    size_t machine_count, vendor_count;
    struct vendor vendor[LOADER_MEMORY_VENDORS];
    struct machine machine[LOADER_MEMORY_MACHINES];
};

struct loader_memory *loader_memory_new(void)
{
    return calloc(1, sizeof(struct loader_memory));
}

void loader_memory_free(struct loader_memory *memory)
{
    free(memory);
}

static struct kind kind_of(const struct plan_client *client)
{
    return (struct kind){.arch = client->arch,
                         .http = client->http,
                         .ipxe = client->ipxe,
                         .ipxe_http = client->features & PLAN_IPXE_HTTP};
}

static bool kind_equal(const struct kind *a, const struct kind *b)
{
    return a->arch == b->arch && a->http == b->http && a->ipxe == b->ipxe && a->ipxe_http == b->ipxe_http;
}

/* --- the two lists --- */

static size_t machine_find(const struct loader_memory *memory, const struct mac *mac)
{
    size_t i = 0;
    while (i < memory->machine_count && !mac_equal(&memory->machine[i].mac, mac))
        i++;
    return i;
}

static struct machine *machine_of(struct loader_memory *memory, const struct mac *mac)
{
    size_t i = machine_find(memory, mac);
    return i < memory->machine_count ? &memory->machine[i] : NULL;
}

static struct machine *machine_make(struct loader_memory *memory, const struct mac *mac)
{
    struct machine *m = machine_of(memory, mac);
    if (m)
        return m;
    size_t at = 0;
    if (memory->machine_count < LOADER_MEMORY_MACHINES)
        at = memory->machine_count++;
    else
        for (size_t i = 1; i < memory->machine_count; i++)
            if (memory->machine[i].used_ms < memory->machine[at].used_ms)
                at = i;
    memory->machine[at] = (struct machine){.mac = *mac};
    return &memory->machine[at];
}

static struct vendor *vendor_of(struct loader_memory *memory, const struct mac *mac, const struct kind *kind)
{
    for (size_t i = 0; i < memory->vendor_count; i++)
        if (memcmp(memory->vendor[i].oui, mac->byte, sizeof memory->vendor[i].oui) == 0 &&
            kind_equal(&memory->vendor[i].kind, kind))
            return &memory->vendor[i];
    return NULL;
}

static struct vendor *vendor_make(struct loader_memory *memory, const struct mac *mac,
                                  const struct kind *kind)
{
    struct vendor *v = vendor_of(memory, mac, kind);
    if (v)
        return v;
    size_t at = 0;
    if (memory->vendor_count < LOADER_MEMORY_VENDORS)
        at = memory->vendor_count++;
    else
        for (size_t i = 1; i < memory->vendor_count; i++)
            if (memory->vendor[i].used_ms < memory->vendor[at].used_ms)
                at = i;
    v = &memory->vendor[at];
    *v = (struct vendor){.kind = *kind};
    memcpy(v->oui, mac->byte, sizeof v->oui);
    return v;
}

/* --- asking --- */

static struct try *try_of(struct machine *m, const struct kind *kind)
{
    for (size_t i = 0; i < m->try_count; i++)
        if (kind_equal(&m->try[i].kind, kind))
            return &m->try[i];
    return NULL;
}

static unsigned failed_chains(const struct machine *m, int64_t now_ms)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < PLAN_CHAINS; i++)
        if (m->failed[i].is && now_ms - m->failed[i].at_ms < LOADER_MEMORY_FAILED_MS)
            failed |= 1u << i;
    return failed;
}

static unsigned rounds(const struct machine *m, int64_t now_ms)
{
    return now_ms - m->rounds_ms < LOADER_MEMORY_FAILED_MS ? m->rounds : 0;
}

/* Of several that worked the one that is tried first anyway: one failure that was none must not keep a whole
 * vendor on the slower way. */
static int first_chain(unsigned chains)
{
    for (int i = 0; i < PLAN_CHAINS; i++)
        if (chains & (1u << i))
            return i;
    return PLAN_CHAIN_ANY;
}

void loader_memory_ask(struct loader_memory *memory, struct plan_client *client, bool granted, int64_t now_ms)
{
    struct kind kind = kind_of(client);
    struct vendor *v = vendor_of(memory, &client->mac, &kind);
    struct machine *m = machine_of(memory, &client->mac);
    client->failed = client->rounds = 0;
    if (m) {
        struct try *t = try_of(m, &kind);
        if (t && !granted && now_ms - t->granted_ms >= AGAIN_MS)
            t->again = true;
        client->failed = failed_chains(m, now_ms) | (t && t->again && !m->kernel ? 1u << t->chain : 0);
        client->rounds = rounds(m, now_ms);
        m->used_ms = now_ms;
    }
    client->worked = v ? first_chain(v->worked & ~client->failed) : PLAN_CHAIN_ANY;
}

/* --- answering --- */

static struct try *try_make(struct machine *m, const struct kind *kind)
{
    struct try *t = try_of(m, kind);
    if (!t) {
        if (m->try_count == TRIES_MAX)
            memmove(&m->try[0], &m->try[1], --m->try_count * sizeof m->try[0]);
        t = &m->try[m->try_count++];
    }
    *t = (struct try){.kind = *kind};
    return t;
}

/* A chain is sent although it failed when all that fit did: then they go round again, each once. */
static void note_failure(struct machine *m, enum plan_chain failed, enum plan_chain sent, int64_t now_ms)
{
    m->failed[failed].is = true;
    m->failed[failed].at_ms = now_ms;
    if (failed_chains(m, now_ms) & (1u << sent))
        memset(m->failed, 0, sizeof m->failed);
}

void loader_memory_granted(struct loader_memory *memory, const struct plan_client *client,
                           enum plan_chain chain, bool is_ipxe, int64_t now_ms)
{
    struct kind kind = kind_of(client);
    struct machine *m = machine_make(memory, &client->mac);
    m->used_ms = now_ms;
    if (m->kernel) { /* another boot */
        m->kernel = false;
        m->try_count = 0;
    }
    struct try *t = try_of(m, &kind);
    if (t && !t->again)
        return; /* a REQUEST that was sent twice */
    if (t)
        note_failure(m, t->chain, chain, now_ms);
    t = try_make(m, &kind);
    t->chain = chain;
    t->granted_ms = now_ms;
    if (!client->ipxe)
        return;
    m->rounds = is_ipxe ? rounds(m, now_ms) + 1 : 0;
    m->rounds_ms = now_ms;
}

/* --- what came of it --- */

static void worked(struct loader_memory *memory, struct machine *m, int64_t now_ms)
{
    memset(m->failed, 0, sizeof m->failed);
    for (size_t i = 0; i < m->try_count; i++) {
        struct vendor *v = vendor_make(memory, &m->mac, &m->try[i].kind);
        v->worked |= 1u << m->try[i].chain;
        v->used_ms = now_ms;
    }
}

/* Loaders fetch one file after the other, so that the last one's number says that all are there. */
static void file_done(struct loader_memory *memory, struct machine *m, const struct boot_event *event,
                      int64_t now_ms)
{
    if (event->files_expected)
        m->files = event->files_expected;
    if (event->role == BOOT_FILE_KERNEL)
        m->kernel = true;
    if (m->kernel && m->files && event->file_number >= m->files)
        worked(memory, m, now_ms);
}

void loader_memory_event(struct loader_memory *memory, const struct boot_event *event, int64_t now_ms)
{
    struct machine *m = machine_of(memory, &event->mac);
    if (!m || !m->try_count)
        return;
    m->used_ms = now_ms;
    if (event->kind == BOOT_EVENT_FILE_DONE)
        file_done(memory, m, event, now_ms);
    else if (event->kind == BOOT_EVENT_BOOTED && m->kernel) /* else it runs what is on its disk */
        worked(memory, m, now_ms);
}

unsigned loader_memory_rounds(const struct loader_memory *memory, const struct mac *mac, int64_t now_ms)
{
    size_t i = machine_find(memory, mac);
    return i < memory->machine_count ? rounds(&memory->machine[i], now_ms) : 0;
}
