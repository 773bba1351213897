/*
 * What happened on the wire, told by the net process, kept and made into a story by state/.
 */
#pragma once

#include "base/net.h"

#define BOOT_EVENT_FILE_MAX 256
#define BOOT_EVENT_TEXT_MAX 256
#define BOOT_EVENT_LOCAL                                                                                     \
    "local disk, " /* in the text of an ACK, or of an OFFER without a file: sent there, and behind it why */

enum boot_event_kind {
    BOOT_EVENT_DISCOVER, /* text: what the client is ("PXE, BIOS, iPXE ROM") */
    BOOT_EVENT_OFFER,
    BOOT_EVENT_REQUEST,
    BOOT_EVENT_ACK, /* text: "boot file pxelinux.0" or "lease only" */
    BOOT_EVENT_NAK,
    BOOT_EVENT_DECLINE,
    BOOT_EVENT_RELEASE,
    BOOT_EVENT_INFORM,
    BOOT_EVENT_UNKNOWN_MACHINE, /* nobody's MAC; text: the command that adds it */
    BOOT_EVENT_FILE_START,
    BOOT_EVENT_FILE_DONE,    /* complete; bytes, duration */
    BOOT_EVENT_FILE_PROBED,  /* only the size was asked, or the client broke off after the OACK */
    BOOT_EVENT_FILE_FAILED,  /* broke off; text: why, bytes: how far */
    BOOT_EVENT_FILE_MISSING, /* asked for what is not there */
    BOOT_EVENT_FILE_REFUSED, /* another machine's overlay; text: whose */
    BOOT_EVENT_PLAN_FAILED,  /* no plan; text: why and what to do */
    BOOT_EVENT_BOOTED,       /* the booted system's own DHCP */
    BOOT_EVENT_ONCE,         /* setting boot was once, and was changed; told by state itself */
    /* The host's agent tells; text: all of it in words, file: LABEL or LABEL/FILE where it is of one */
    BOOT_EVENT_AGENT_STEP,     /* "mounted vms", "vms/web1.vmx on" */
    BOOT_EVENT_AGENT_FAILED,   /* "vms/web1.vmx not on: locked" */
    BOOT_EVENT_AGENT_RESTORED, /* it has tried everything: "8 of 9 machines" */
    BOOT_EVENT_AGENT_CHANGE,   /* the inventory follows it: "web1 (vms/web1.vmx) is new, on" */
    BOOT_EVENT_AGENT_CONFLICT, /* "vms/web1.vmx is on here, and rack02 has it" */
    BOOT_EVENT_KINDS
};

enum boot_file_role {
    BOOT_FILE_OTHER,
    BOOT_FILE_LOADER,
    BOOT_FILE_CONFIG,
    BOOT_FILE_LOCAL, /* a config, or a disk image, that starts the machine's own disk: it asks for no more */
    BOOT_FILE_KERNEL,
    BOOT_FILE_MODULE,
    BOOT_FILE_OVERLAY,
};

struct boot_event {
    enum boot_event_kind kind;
    int64_t at_ms;  /* wall clock */
    struct mac mac; /* zero when unknown (a file asked from an address without a lease) */
    uint32_t ip;    /* the client's; 0 when it has none yet */
    enum boot_file_role role;
    uint32_t files_expected; /* CONFIG done: how many files the plan will make it fetch (kernel, modules,
                                overlay); a disk image, which needs no config: 1 */
    uint32_t file_number;    /* kernel 1, first module 2, ...; 0 otherwise */
    uint64_t bytes;
    int64_t duration_ms;
    char file[BOOT_EVENT_FILE_MAX];
    char text[BOOT_EVENT_TEXT_MAX];
};

const char *boot_event_name(enum boot_event_kind kind); /* "DISCOVER", "file done", ... */
