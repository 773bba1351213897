#include "state/story_cause.h"

#include "base/net.h"
#include "base/text.h"
#include "serve/storm.h"

#include <stdio.h>
#include <string.h>

/* What was seen. The "last" ones count only while nothing has gone on after them. */
enum fact {
    NET_DISCOVER, /* from firmware or a loader */
    WAITS,        /* one whose OFFER was held (serve/storm.h) */
    OFFER,
    PROXY_OFFER, /* of a boot file alone: another server gives the address */
    REQUEST,
    ACK,
    BOOT_FILE, /* an ACK that names one */
    BOOT_URL,  /* by HTTP */
    ASKED,     /* for any file, in any way */
    LOADER,    /* sent whole; so below */
    NO_CONFIG, /* a name it tries for its configuration was missed */
    CONFIG,
    LOCAL,      /* what starts its own disk */
    TOLD_LOCAL, /* an answer that says so */
    FILES,      /* at least one of kernel, modules, overlay */
    EXPECTED,   /* their number is known */
    ALL,
    BOOTED,
    UNKNOWN,
    LAST_OPEN, /* being transferred */
    LAST_FAILED,
    LAST_MISSING,
    LAST_REFUSED,
    LAST_NO_PLAN,
    LAST_NAK,
    LAST_DECLINE,
    FACTS
};
#define BIT(fact) (1u << (fact))

struct seen {
    unsigned facts;
    const struct story_event *about[FACTS]; /* the latest of each */
};

/* Times after which silence means something: firmware waits 1 to 4 s between its tries, the stand-in's kernel
 * takes some 20 s to its own DHCP under emulation, real hypervisors up to two minutes. */
#define ANSWER_MS    10000  /* the next packet of DHCP, the first of TFTP */
#define HOLD_MS      35000  /* an OFFER is held for less (STORM_PATIENCE_PXE_MS), then a lost packet */
#define PROMPT_MS    5000   /* a retry after a miss or a broken transfer */
#define LOADER_MS    30000  /* a loader's own work between two files */
#define TRANSFER_MS  600000 /* one file */
#define TAKE_OVER_MS 120000 /* kernel start to the booted system's DHCP */

/*
 * The first rule that fits decides. quiet_ms: nothing may have happened for so long. {file} {text} {local}
 * {ip} {bytes} {label} are those of the fact `about`.
 */
static const struct rule {
    unsigned have, lack;
    int64_t quiet_ms;
    enum story_outcome outcome;
    enum fact about;
    const char *cause;
} rules[] = {
    {BIT(LOCAL) | BIT(TOLD_LOCAL), 0, 0, STORY_TO_DISK, TOLD_LOCAL, "{local}"},
    {BIT(LOCAL), 0, 0, STORY_TO_DISK, LOCAL, ""},
    {BIT(TOLD_LOCAL) | BIT(BOOTED), BIT(FILES), 0, STORY_TO_DISK, TOLD_LOCAL, "{local}"},
    {BIT(TOLD_LOCAL), BIT(BOOT_FILE), 0, STORY_TO_DISK, TOLD_LOCAL, "{local}"},
    {BIT(BOOTED) | BIT(EXPECTED), BIT(ALL), 0, STORY_STOPPED, BOOTED,
     "a system runs on it ({ip}), but not all files were fetched from here: it may have started from its "
     "disk; "
     "look at the boot order in its firmware"},
    {BIT(BOOTED) | BIT(BOOT_FILE), BIT(FILES), 0, STORY_STOPPED, BOOTED,
     "a system runs on it ({ip}), but its files were not fetched from here: it may have started from its "
     "disk; "
     "does a firewall stand before UDP port 69?"},
    {BIT(BOOTED) | BIT(PROXY_OFFER), BIT(FILES), 0, STORY_STOPPED, BOOTED,
     "a system runs on it ({ip}), but its files were not fetched from here: it may have started from its "
     "disk, "
     "or taken another server's boot file"},
    {BIT(BOOTED), BIT(FILES), 0, STORY_ELSEWHERE, BOOTED, ""},
    {BIT(BOOTED), 0, 0, STORY_FINISHED, BOOTED, ""},
    {BIT(UNKNOWN), 0, 0, STORY_STOPPED, UNKNOWN, "no node has this hardware address; to add it: {text}"},
    {BIT(LAST_NO_PLAN), 0, 0, STORY_STOPPED, LAST_NO_PLAN, "{text}"},
    {BIT(LAST_REFUSED), 0, PROMPT_MS, STORY_STOPPED, LAST_REFUSED,
     "it asked for {file}, which was refused: {text}"},
    {BIT(LAST_FAILED), 0, PROMPT_MS, STORY_STOPPED, LAST_FAILED,
     "{label} ({file}) broke off after {bytes}: {text}"},
    {BIT(LAST_MISSING), 0, PROMPT_MS, STORY_STOPPED, LAST_MISSING,
     "it asked for {file}, which is not there: compare with what `bootherd explain` says it is given"},
    {BIT(LAST_OPEN), 0, TRANSFER_MS, STORY_STOPPED, LAST_OPEN,
     "the transfer of {file} began and neither ended nor failed"},
    {BIT(LAST_OPEN), 0, 0, STORY_RUNNING, LAST_OPEN, ""},
    {BIT(ALL), 0, TAKE_OVER_MS, STORY_STOPPED, ALL,
     "the kernel got everything, but the booted system did not ask for its address: look at the machine's "
     "console"},
    {BIT(ALL), 0, 0, STORY_RUNNING, ALL, ""},
    {BIT(FILES), BIT(EXPECTED), TAKE_OVER_MS, STORY_STOPPED, FILES,
     "it got all it asked for, {file} last, but the booted system did not ask for its address: look at the "
     "machine's console"},
    {BIT(FILES), BIT(EXPECTED), 0, STORY_RUNNING, FILES, ""},
    {BIT(FILES), 0, LOADER_MS, STORY_STOPPED, FILES,
     "it asked for nothing after {label}, {file}: look at the machine's console; it may have too little "
     "memory, "
     "or have been switched off"},
    {BIT(CONFIG), BIT(FILES), LOADER_MS, STORY_STOPPED, CONFIG,
     "it has its configuration ({file}) but asked for no kernel: look at the machine's console for the "
     "loader's message"},
    {BIT(LOADER) | BIT(NO_CONFIG), BIT(CONFIG), PROMPT_MS, STORY_STOPPED, NO_CONFIG,
     "the loader looked for its configuration and found none ({file} was its last try): it must ask from the "
     "address it was given, with the node's MAC"},
    {BIT(LOADER), BIT(CONFIG), LOADER_MS, STORY_STOPPED, LOADER,
     "the loader ({file}) was sent but asked for no configuration: look at the machine's console; it may not "
     "suit this firmware"},
    {BIT(ASKED), BIT(LOADER) | BIT(CONFIG), ANSWER_MS, STORY_STOPPED, ASKED,
     "it asked for {file} but did not fetch it: a firewall may hold back the answers, which come from "
     "another "
     "UDP port than 69"},
    {BIT(PROXY_OFFER), BIT(ASKED) | BIT(REQUEST) | BIT(ACK), ANSWER_MS, STORY_STOPPED, PROXY_OFFER,
     "it was told what to boot, but took no address from the DHCP server of its network: does that server "
     "answer it?"},
    {BIT(PROXY_OFFER) | BIT(REQUEST), BIT(ASKED) | BIT(ACK), ANSWER_MS, STORY_STOPPED, REQUEST,
     "it has its address ({ip}) from another DHCP server but did not ask here for its boot file: does that "
     "server name one too? Does a firewall stand before UDP ports 4011 and 69?"},
    {BIT(BOOT_URL), BIT(ASKED), ANSWER_MS, STORY_STOPPED, BOOT_URL,
     "it has its address ({ip}) but did not fetch its boot file: HTTP does not reach this server; a firewall "
     "before the HTTP port?"},
    {BIT(BOOT_FILE), BIT(ASKED), ANSWER_MS, STORY_STOPPED, BOOT_FILE,
     "it has its address ({ip}) but did not ask for its boot file: TFTP does not reach this server; a "
     "firewall "
     "before UDP port 69?"},
    {BIT(LAST_DECLINE), 0, 0, STORY_STOPPED, LAST_DECLINE,
     "it found its address {ip} in use by another machine: find that machine, or give the node another "
     "address"},
    {BIT(LAST_NAK), 0, ANSWER_MS, STORY_STOPPED, LAST_NAK,
     "the address it asked for was refused and it did not start over: {text}"},
    {BIT(NET_DISCOVER) | BIT(ACK), BIT(BOOT_FILE), ANSWER_MS, STORY_STOPPED, ACK,
     "it has its address ({ip}) but was given nothing to boot: {text}; see `bootherd explain`"},
    {BIT(REQUEST), BIT(ACK) | BIT(PROXY_OFFER), ANSWER_MS, STORY_STOPPED, REQUEST,
     "its request was not acknowledged: it took another DHCP server's offer, or asks for an address that is "
     "not its own"},
    {BIT(OFFER), BIT(REQUEST) | BIT(ACK) | BIT(PROXY_OFFER), ANSWER_MS, STORY_STOPPED, OFFER,
     "the machine did not take the offer of {ip}: another DHCP server may have answered first, or the offer "
     "does not reach it (VLAN, relay, spanning tree)"},
    {BIT(WAITS), BIT(OFFER), HOLD_MS, STORY_STOPPED, WAITS, "it did not wait for its OFFER: {text}"},
    {BIT(WAITS), BIT(OFFER), 0, STORY_RUNNING, WAITS, ""},
    {BIT(NET_DISCOVER), BIT(OFFER), ANSWER_MS, STORY_STOPPED, NET_DISCOVER,
     "it was offered no address: {text}"},
};

static void note(struct seen *seen, enum fact fact, const struct story_event *event)
{
    seen->facts |= BIT(fact);
    if (!seen->about[fact] || event->last_order > seen->about[fact]->last_order)
        seen->about[fact] = event;
}

static void note_file(struct seen *seen, const struct story_event *at)
{
    const struct boot_event *event = &at->event;
    note(seen, ASKED, at);
    if (event->kind == BOOT_EVENT_FILE_START)
        note(seen, LAST_OPEN, at);
    if (event->kind == BOOT_EVENT_FILE_FAILED)
        note(seen, LAST_FAILED, at);
    if (event->kind == BOOT_EVENT_FILE_REFUSED)
        note(seen, LAST_REFUSED, at);
    if (event->kind == BOOT_EVENT_FILE_MISSING) {
        bool is_normal = story_is_normal_miss(event->file);
        note(seen, is_normal ? NO_CONFIG : LAST_MISSING, at);
    }
    if (event->kind != BOOT_EVENT_FILE_DONE)
        return;
    if (event->role == BOOT_FILE_LOADER)
        note(seen, LOADER, at);
    if (event->role == BOOT_FILE_CONFIG || event->role == BOOT_FILE_LOCAL)
        note(seen, CONFIG, at);
    if (event->role == BOOT_FILE_LOCAL)
        note(seen, LOCAL, at);
    if (event->role >= BOOT_FILE_KERNEL)
        note(seen, FILES, at);
}

static void note_event(struct seen *seen, const struct story_event *at)
{
    static const int facts[BOOT_EVENT_KINDS] = {
        [BOOT_EVENT_OFFER] = OFFER,
        [BOOT_EVENT_REQUEST] = REQUEST,
        [BOOT_EVENT_ACK] = ACK,
        [BOOT_EVENT_NAK] = LAST_NAK,
        [BOOT_EVENT_DECLINE] = LAST_DECLINE,
        [BOOT_EVENT_UNKNOWN_MACHINE] = UNKNOWN,
        [BOOT_EVENT_PLAN_FAILED] = LAST_NO_PLAN,
        [BOOT_EVENT_BOOTED] = BOOTED,
        [BOOT_EVENT_AGENT_STEP] = BOOTED,
        [BOOT_EVENT_AGENT_FAILED] = BOOTED,
        [BOOT_EVENT_AGENT_RESTORED] = BOOTED,
    };
    const struct boot_event *event = &at->event;
    if (event->kind >= BOOT_EVENT_FILE_START && event->kind <= BOOT_EVENT_FILE_REFUSED)
        note_file(seen, at);
    else if (facts[event->kind])
        note(seen, (enum fact)facts[event->kind], at);
    if (event->kind == BOOT_EVENT_DISCOVER && story_is_network_boot(event))
        note(seen, NET_DISCOVER, at);
    if (event->kind == BOOT_EVENT_DISCOVER && strstr(event->text, STORM_WAITS))
        note(seen, WAITS, at);
    if (event->kind == BOOT_EVENT_ACK && text_starts(event->text, "boot file"))
        note(seen, BOOT_FILE, at);
    if (event->kind == BOOT_EVENT_ACK && text_starts(event->text, "boot file http"))
        note(seen, BOOT_URL, at);
    if ((event->kind == BOOT_EVENT_ACK || event->kind == BOOT_EVENT_OFFER) &&
        strstr(event->text, BOOT_EVENT_LOCAL))
        note(seen, TOLD_LOCAL, at);
    if (event->kind == BOOT_EVENT_OFFER && event->ip == 0)
        note(seen, PROXY_OFFER, at);
}

/* A "last" fact falls when one of these came after it. */
static const struct {
    enum fact fact;
    unsigned by;
} overtaken[] = {
    {LAST_FAILED, BIT(LAST_OPEN) | BIT(LOADER) | BIT(CONFIG) | BIT(FILES)},
    {LAST_MISSING, BIT(LAST_OPEN) | BIT(LOADER) | BIT(CONFIG) | BIT(FILES)},
    {LAST_REFUSED, BIT(LAST_OPEN) | BIT(LOADER) | BIT(CONFIG) | BIT(FILES)},
    {LAST_NO_PLAN, BIT(CONFIG) | BIT(BOOT_FILE)},
    {LAST_NAK, BIT(ACK)},
    {LAST_DECLINE, BIT(ACK)},
};

static void drop_overtaken(struct seen *seen)
{
    unsigned facts = seen->facts;
    for (size_t i = 0; i < sizeof overtaken / sizeof overtaken[0]; i++) {
        enum fact fact = overtaken[i].fact;
        for (unsigned by = 0; by < FACTS && facts & BIT(fact); by++)
            if (facts & overtaken[i].by & BIT(by) &&
                seen->about[by]->last_order > seen->about[fact]->last_order)
                seen->facts &= ~BIT(fact);
    }
}

/* Loaders fetch one file at a time, so only the transfer that began last can be going on. */
static void drop_ended_transfer(struct seen *seen, const struct story_event *events, size_t count)
{
    const struct story_event *open = seen->about[LAST_OPEN];
    for (size_t i = 0; open && i < count; i++) {
        enum boot_event_kind kind = events[i].event.kind;
        if (kind > BOOT_EVENT_FILE_START && kind <= BOOT_EVENT_FILE_REFUSED &&
            events[i].last_order > open->last_order && text_equal(events[i].event.file, open->event.file))
            seen->facts &= ~BIT(LAST_OPEN);
    }
}

static const char *fill_word(const char *word, const struct boot_event *event,
                             char out[static STORY_TEXT_MAX])
{
    out[0] = 0;
    if (text_starts(word, "{file}"))
        snprintf(out, STORY_TEXT_MAX, "%s", event->file);
    else if (text_starts(word, "{text}"))
        snprintf(out, STORY_TEXT_MAX, "%s", event->text[0] ? event->text : "no reason was given");
    else if (text_starts(word, "{local}")) /* of an event that has it */
        snprintf(out, STORY_TEXT_MAX, "%s", strstr(event->text, BOOT_EVENT_LOCAL) + strlen(BOOT_EVENT_LOCAL));
    else if (text_starts(word, "{ip}"))
        ip4_format(event->ip, out);
    else if (text_starts(word, "{bytes}"))
        text_size(event->bytes, out);
    return out;
}

static void fill(const char *text, const struct boot_event *event, uint32_t expected,
                 char out[static STORY_CAUSE_MAX])
{
    size_t used = 0;
    while (*text && used + 1 < STORY_CAUSE_MAX) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (!end) {
            out[used++] = *text++;
            continue;
        }
        char word[STORY_TEXT_MAX], label[STORY_LABEL_MAX];
        const char *value =
            text_starts(text, "{label}") ? story_label(event, expected, label) : fill_word(text, event, word);
        int n = snprintf(out + used, STORY_CAUSE_MAX - used, "%s", value);
        used += (size_t)n < STORY_CAUSE_MAX - used ? (size_t)n : STORY_CAUSE_MAX - used - 1;
        text = end + 1;
    }
    out[used] = 0;
}

void story_find_cause(struct story *story, const struct story_event *events, size_t count, int64_t now_ms)
{
    struct seen seen = {0};
    for (size_t i = 0; i < count; i++)
        note_event(&seen, &events[i]);
    if (story->files_expected)
        seen.facts |= BIT(EXPECTED);
    if (story->stage >= STORY_DONE && seen.facts & BIT(FILES))
        note(&seen, ALL, seen.about[FILES]);
    drop_overtaken(&seen);
    drop_ended_transfer(&seen, events, count);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if ((seen.facts & rule->have) != rule->have || seen.facts & rule->lack ||
            now_ms - story->last_ms < rule->quiet_ms)
            continue;
        story->outcome = rule->outcome;
        if (story->outcome == STORY_FINISHED && story->restore_failed)
            snprintf(story->cause, sizeof story->cause, "%s", story->restore_failed->event.text);
        else
            fill(rule->cause, &seen.about[rule->about]->event, story->files_expected, story->cause);
        return;
    }
}
