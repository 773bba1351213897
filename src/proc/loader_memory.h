/*
 * What became of the loaders that machines were sent: which chain did not get a machine to its kernel, so
 * that another is tried, and which one worked for machines of its kind. In memory only: a restart forgets.
 *
 * One boot is several dialogs, each of a client of another kind: the firmware, the iPXE it loaded, the system
 * (docs/clients.md). A chain failed when a client of the same kind starts another dialog (a DISCOVER, then
 * the ACK) although no kernel was fetched since its last one; copies of packets are none. A machine that was
 * only switched off halfway looks the same: so a failure is forgotten after LOADER_MEMORY_FAILED_MS, and at
 * once when the machine boots.
 *
 * Pure: now_ms is given, of a clock that does not go back.
 */
#pragma once

#include "plan/chain.h"
#include "serve/boot_event.h"

#define LOADER_MEMORY_MACHINES  65536 /* the one that was not heard of for longest makes room */
#define LOADER_MEMORY_VENDORS   1024  /* by the first half of the hardware address and kind of client */
#define LOADER_MEMORY_FAILED_MS (30 * 60 * 1000)
#define LOADER_MEMORY_BEGUN_MS                                                                               \
    (15 * 60 * 1000) /* since its last word; a boot is shorter, or asks meanwhile */

struct loader_memory;

struct loader_memory *loader_memory_new(void); /* NULL when memory runs out */
void loader_memory_free(struct loader_memory *memory);

/* A client asks what to boot: fills failed, worked and rounds. `granted`: for an ACK, which goes on with the
 * dialog that its DISCOVER began. */
void loader_memory_ask(struct loader_memory *memory, struct plan_client *client, bool granted,
                       int64_t now_ms);

/* What the ACK told it: the chain, and whether the boot file is an iPXE. */
void loader_memory_granted(struct loader_memory *memory, const struct plan_client *client,
                           enum plan_chain chain, bool is_ipxe, int64_t now_ms);

/*
 * A boot ends as it began: whether from the image or to the machine's own disk is judged when its first
 * client asks (fleet/policy.h), and holds for the clients and files behind it, whatever the clock and the
 * operator say meanwhile.
 *
 * goes_on: whether this client goes on with a boot, and with which; false: it begins one, to be judged and
 * told by loader_memory_begin. begun: the same for who asks for a file.
 */
struct loader_begun {
    bool local;    /* to its own disk */
    unsigned arch; /* option 93 of its latest client */
};
bool loader_memory_goes_on(struct loader_memory *memory, const struct plan_client *client, bool granted,
                           int64_t now_ms, struct loader_begun *out);
void loader_memory_begin(struct loader_memory *memory, const struct plan_client *client, bool local,
                         int64_t now_ms);
bool loader_memory_begun(struct loader_memory *memory, const struct mac *mac, int64_t now_ms,
                         struct loader_begun *out);

/* What happened since. Events of machines that were sent nothing do not count. */
void loader_memory_event(struct loader_memory *memory, const struct boot_event *event, int64_t now_ms);

/* How often an iPXE without HTTP was sent iPXE, as in plan_client. */
unsigned loader_memory_rounds(struct loader_memory *memory, const struct mac *mac, int64_t now_ms);
