#include "serve/boot_event.h"

#include <assert.h>

const char *boot_event_name(enum boot_event_kind kind)
{
    static const char *const names[BOOT_EVENT_KINDS] = {
        [BOOT_EVENT_DISCOVER] = "DISCOVER",
        [BOOT_EVENT_OFFER] = "OFFER",
        [BOOT_EVENT_REQUEST] = "REQUEST",
        [BOOT_EVENT_ACK] = "ACK",
        [BOOT_EVENT_NAK] = "NAK",
        [BOOT_EVENT_DECLINE] = "DECLINE",
        [BOOT_EVENT_RELEASE] = "RELEASE",
        [BOOT_EVENT_INFORM] = "INFORM",
        [BOOT_EVENT_UNKNOWN_MACHINE] = "unknown machine",
        [BOOT_EVENT_FILE_START] = "file start",
        [BOOT_EVENT_FILE_DONE] = "file done",
        [BOOT_EVENT_FILE_PROBED] = "file probed",
        [BOOT_EVENT_FILE_FAILED] = "file failed",
        [BOOT_EVENT_FILE_MISSING] = "file missing",
        [BOOT_EVENT_FILE_REFUSED] = "file refused",
        [BOOT_EVENT_PLAN_FAILED] = "plan failed",
        [BOOT_EVENT_BOOTED] = "booted",
        [BOOT_EVENT_ONCE] = "once",
        [BOOT_EVENT_AGENT_STEP] = "agent step",
        [BOOT_EVENT_AGENT_FAILED] = "agent step failed",
        [BOOT_EVENT_AGENT_RESTORED] = "restored",
        [BOOT_EVENT_AGENT_CHANGE] = "inventory changed",
        [BOOT_EVENT_AGENT_CONFLICT] = "machine of another host",
    };
    assert(kind < BOOT_EVENT_KINDS);
    return names[kind];
}
