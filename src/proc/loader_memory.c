#include "proc/loader_memory.h"

#include <stdlib.h>
#include <string.h>

/* Kinds of clients in one boot: a firmware by PXE, by HTTP Boot, iPXE as a ROM, and the iPXE that was loaded.
 */
#define TRIES_MAX 4

/* A firmware needs longer to fetch a loader, give it up and start again; copies of a DISCOVER are up to a
 * second apart. */
#define AGAIN_MS 2000

#define NEVER INT64_MIN

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
    uint32_t next;         /* of its bucket */
    uint32_t older, newer; /* in the order of use */
    bool kernel; /* fetched since the tries were granted; or it was sent to its own disk, and went */
    bool has_begun, local; /* as in loader_begun */
    struct kind first;     /* that it began with */
    unsigned arch;         /* of who asked last */
    int64_t heard_ms;      /* of that boot */
    uint32_t files;        /* that its config makes it fetch; 0: not known */
    unsigned rounds;       /* as in plan_client */
    int64_t rounds_ms;     /* when the last was counted */
    size_t try_count;
    struct try try[TRIES_MAX];
    int64_t failed_ms[PLAN_CHAINS]; /* when; NEVER: it did not */
};

/* Machines with cards of one vendor that ask in the same way. */
struct vendor {
    uint8_t oui[3];
    struct kind kind;
    int64_t used_ms;
    unsigned worked; /* bits 1 << enum plan_chain */
};

/* Machines by hardware address, and from the one that was not heard of for longest to the one heard of last.
 * Most of it is memory that is not touched before there are so many machines. */
struct loader_memory {
    size_t machine_count, vendor_count;
    struct vendor vendor[LOADER_MEMORY_VENDORS];
    uint32_t oldest, newest;
    uint32_t bucket[LOADER_MEMORY_MACHINES];
    struct machine machine[LOADER_MEMORY_MACHINES + 1]; /* from 1: 0 is none */
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

static void forget_failures(struct machine *m)
{
    for (size_t i = 0; i < PLAN_CHAINS; i++)
        m->failed_ms[i] = NEVER;
}

/* Only machines of the fleet come here: nobody chooses addresses that fall into one bucket. */
static uint32_t *bucket_of(struct loader_memory *memory, const struct mac *mac)
{
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < MAC_SIZE; i++)
        sum = (sum ^ mac->byte[i]) * 16777619u;
    return &memory->bucket[sum % LOADER_MEMORY_MACHINES];
}

static struct machine *machine_of(struct loader_memory *memory, const struct mac *mac)
{
    uint32_t at = *bucket_of(memory, mac);
    while (at && !mac_equal(&memory->machine[at].mac, mac))
        at = memory->machine[at].next;
    return at ? &memory->machine[at] : NULL;
}

static void order_out(struct loader_memory *memory, const struct machine *m)
{
    *(m->older ? &memory->machine[m->older].newer : &memory->oldest) = m->newer;
    *(m->newer ? &memory->machine[m->newer].older : &memory->newest) = m->older;
}

static void order_in(struct loader_memory *memory, struct machine *m)
{
    uint32_t at = (uint32_t)(m - memory->machine);
    m->older = memory->newest;
    m->newer = 0;
    *(memory->newest ? &memory->machine[memory->newest].newer : &memory->oldest) = at;
    memory->newest = at;
}

static void machine_used(struct loader_memory *memory, struct machine *m)
{
    order_out(memory, m);
    order_in(memory, m);
}

/* The one that was not heard of for longest makes room. */
static struct machine *machine_drop(struct loader_memory *memory)
{
    struct machine *m = &memory->machine[memory->oldest];
    uint32_t *link = bucket_of(memory, &m->mac);
    while (*link != memory->oldest)
        link = &memory->machine[*link].next;
    *link = m->next;
    order_out(memory, m);
    return m;
}

static struct machine *machine_make(struct loader_memory *memory, const struct mac *mac)
{
    struct machine *m = machine_of(memory, mac);
    if (m) {
        machine_used(memory, m);
        return m;
    }
    m = memory->machine_count < LOADER_MEMORY_MACHINES ? &memory->machine[++memory->machine_count]
                                                       : machine_drop(memory);
    uint32_t *bucket = bucket_of(memory, mac);
    *m = (struct machine){.mac = *mac, .next = *bucket};
    forget_failures(m);
    *bucket = (uint32_t)(m - memory->machine);
    order_in(memory, m);
    return m;
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
        if (m->failed_ms[i] != NEVER && now_ms - m->failed_ms[i] < LOADER_MEMORY_FAILED_MS)
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
        machine_used(memory, m);
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
    m->failed_ms[failed] = now_ms;
    if (failed_chains(m, now_ms) & (1u << sent))
        forget_failures(m);
}

void loader_memory_granted(struct loader_memory *memory, const struct plan_client *client,
                           enum plan_chain chain, bool is_ipxe, int64_t now_ms)
{
    struct kind kind = kind_of(client);
    struct machine *m = machine_make(memory, &client->mac);
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

/* --- the whole boot --- */

static bool goes_on(struct machine *m, int64_t now_ms, struct loader_begun *out)
{
    if (!m || !m->has_begun || now_ms - m->heard_ms >= LOADER_MEMORY_BEGUN_MS)
        return false;
    m->heard_ms = now_ms;
    *out = (struct loader_begun){m->local, m->arch};
    return true;
}

bool loader_memory_goes_on(struct loader_memory *memory, const struct plan_client *client, bool granted,
                           int64_t now_ms, struct loader_begun *out)
{
    struct kind kind = kind_of(client);
    struct machine *m = machine_of(memory, &client->mac);
    bool anew = m && !granted && kind_equal(&kind, &m->first); /* a DISCOVER of who began the last one */
    if (anew || !goes_on(m, now_ms, out))
        return false;
    m->arch = out->arch = client->arch;
    return true;
}

void loader_memory_begin(struct loader_memory *memory, const struct plan_client *client, bool local,
                         int64_t now_ms)
{
    struct machine *m = machine_make(memory, &client->mac);
    m->has_begun = true;
    m->local = local;
    m->first = kind_of(client);
    m->arch = client->arch;
    m->heard_ms = now_ms;
}

bool loader_memory_begun(struct loader_memory *memory, const struct mac *mac, int64_t now_ms,
                         struct loader_begun *out)
{
    return goes_on(machine_of(memory, mac), now_ms, out);
}

/* --- what came of it --- */

static void worked(struct loader_memory *memory, struct machine *m, int64_t now_ms)
{
    forget_failures(m);
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
    if (event->role == BOOT_FILE_KERNEL || event->role == BOOT_FILE_LOCAL)
        m->kernel = true;
    if (m->kernel && m->files && event->file_number >= m->files)
        worked(memory, m, now_ms);
}

void loader_memory_event(struct loader_memory *memory, const struct boot_event *event, int64_t now_ms)
{
    struct machine *m = machine_of(memory, &event->mac);
    if (!m || !m->try_count)
        return;
    machine_used(memory, m);
    if (event->kind == BOOT_EVENT_FILE_DONE)
        file_done(memory, m, event, now_ms);
    else if (event->kind == BOOT_EVENT_BOOTED && m->kernel) /* else it runs what is on its disk */
        worked(memory, m, now_ms);
}

unsigned loader_memory_rounds(struct loader_memory *memory, const struct mac *mac, int64_t now_ms)
{
    const struct machine *m = machine_of(memory, mac);
    return m ? rounds(m, now_ms) : 0;
}
