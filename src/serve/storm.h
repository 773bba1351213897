/*
 * When the power comes back, a thousand machines ask within a minute. While the link is full, OFFERs are
 * given out as it can carry the boots: who is told to wait loses nothing, since a boot ROM without an OFFER
 * just asks again, while one whose files crawl may give up. Pure: times come from the caller, monotonic.
 *
 * A machine loads from its OFFER until its last file, its booted system's DHCP, or silence. The link is full
 * when STORM_FLOOR machines or more are fetching and each gets less than STORM_MACHINE_RATE, unless the whole
 * rate has just fallen by half: then it is they who are slow. Before anything flows nobody waits.
 *
 * Machines of high priority are never held. A held OFFER is given when there is room, in the order of
 * priority and then of asking; and in any case before the client's patience ends, so that holding never makes
 * a boot fail.
 */
#pragma once

#include "serve/boot_event.h"

#include <stdbool.h>
#include <stddef.h>

/* So many load at once whatever the rate: a rack or two never notice any of this. On 1 Gb/s each has 1.8
 * MB/s. */
#define STORM_FLOOR 64u

/* Beyond it, so many that each has this much: an image of 70 MB in 28 s, so that those who wait now have room
 * in time. */
#define STORM_MACHINE_RATE 2500000u /* bytes a second */

/* So many are let go in a sample once the link is not full any more: they take some seconds to show on it.
 * And while it seems full, as long as more machines make more of it: lock-step clients with a long round trip
 * get little each, and the link has room for others. */
#define STORM_STEP 16u

/* PXE 2.1 and EDK2 (mPxeDhcpTimeout, mHttpDhcpTimeout) ask four times, wait 4, 8, 16 and 32 s, and give up;
 * iPXE (config/dhcp.h) waits 1, 2, 4 and 8 s. The DISCOVER seen first may be the last of the four: so it is
 * the last wait that counts, less what a lost packet, the ACK and the disk need. */
#define STORM_PATIENCE_PXE_MS  28000
#define STORM_PATIENCE_IPXE_MS 6000

/* An OFFER that was held is given this often again where nothing is heard of it: the client may have sent its
 * last DISCOVER, and on a full link packets are lost. It ends before the last wait does. */
#define STORM_AGAIN    3u
#define STORM_AGAIN_MS 500

/* A loader is silent while it unpacks, starts the next one, asks by DHCP again; an open transfer of a slow
 * machine on a full link may take minutes without a word here. Who is silent for longer gives up its place,
 * not its boot. */
#define STORM_SILENCE_MS      10000
#define STORM_SILENCE_FILE_MS 60000

#define STORM_MACHINES_MAX 16384u /* known at a time; who comes beyond is not held */
#define STORM_PACKET_MAX   1500u  /* bytes of a DISCOVER that is kept; longer ones are not held */
#define STORM_SAMPLE_MS    500    /* how often storm_sent should be called */

enum storm_priority {
    STORM_HIGH,
    STORM_NORMAL,
    STORM_LOW,
};

/* A DISCOVER, so that it can be answered later as if it came then. */
struct storm_packet {
    int interface_index;
    uint32_t source_ip;
    uint16_t source_port;
    bool broadcast;
    const uint8_t *data; /* borrowed */
    size_t size;
};

struct storm_ask {
    struct mac mac;
    enum storm_priority priority;
    bool ipxe; /* the less patient */
    struct storm_packet packet;
};

struct storm;

struct storm *storm_new(uint64_t seed); /* random; NULL when memory runs out */
void storm_free(struct storm *s);

/* A machine that boots asks. True: it may have its OFFER now, and counts as loading. False: it waits; the
 * newest DISCOVER of it is kept. */
bool storm_ask(struct storm *s, const struct storm_ask *ask, int64_t now_ms);

/* Whose turn has come, or who did not take its OFFER: call until it is false, after storm_sent and
 * storm_event. The machine counts as loading, so storm_ask says yes to it. *out is borrowed until the next
 * call. */
bool storm_next(struct storm *s, int64_t now_ms, struct storm_packet *out);

void storm_event(struct storm *s, const struct boot_event *event, int64_t now_ms);

/* All bytes sent so far by all servers, every STORM_SAMPLE_MS. */
void storm_sent(struct storm *s, uint64_t total_bytes, int64_t now_ms);

/* Whether storm_sent and storm_next must go on being called. */
bool storm_is_busy(const struct storm *s);

bool storm_is_full(const struct storm *s); /* the link */
size_t storm_loading(const struct storm *s);
size_t storm_waiting(const struct storm *s);
size_t storm_limit(const struct storm *s); /* how many may load at once on a full link */

/* STORM_WAITS ": 64 machines are loading (118.2 MB a second)". */
#define STORM_WAITS    "its OFFER waits"
#define STORM_TEXT_MAX 120
const char *storm_text(const struct storm *s, char out[static STORM_TEXT_MAX]);
