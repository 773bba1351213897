/*
 * What a machine says of itself when it asks for an address (DHCP options 60, 77, 93, 97, 175), and so what
 * can be sent to it.
 */
#pragma once

#include "base/net.h"

#include <stdbool.h>

enum plan_platform {
    PLAN_PLATFORM_BIOS,
    PLAN_PLATFORM_UEFI,
    PLAN_PLATFORM_OTHER, /* a firmware that no chain of ours starts on */
};

/* A line of IANA's registry "Processor Architecture Types" (RFC 5970, section 3.3; the values of option 93).
 */
struct plan_arch {
    unsigned code;
    enum plan_platform platform;
    const char
        *cpu;  /* as image.arch has it: "386", "amd64", "arm64", "riscv64", ...; NULL: none of OCI's words */
    bool http; /* boots by HTTP: its boot file must be a URL */
    const char *name; /* for people: "UEFI x86-64" */
};

/* NULL: not in the registry. 9, "EBC" there, means x86-64 in practice. */
const struct plan_arch *plan_arch_find(unsigned code);

#define PLAN_ARCH_UNKNOWN 0xffffffffu /* nobody has heard of the machine yet: any platform may come */

/* What an iPXE can do, from the flags in option 175. */
enum plan_ipxe_feature {
    PLAN_IPXE_PXE = 1u << 0,
    PLAN_IPXE_HTTP = 1u << 1,
    PLAN_IPXE_HTTPS = 1u << 2,
    PLAN_IPXE_TFTP = 1u << 3,
    PLAN_IPXE_BZIMAGE = 1u << 4,
    PLAN_IPXE_MULTIBOOT = 1u << 5,
    PLAN_IPXE_EFI = 1u << 6,
};

/* How many times iPXE may be sent iPXE before it is told so: the ROM, and the one that replaced it. */
#define PLAN_ROUNDS_MAX 2u

struct plan_client {
    struct mac mac;
    unsigned arch;     /* option 93 as sent; 0 when absent (RFC 4578 came late), or PLAN_ARCH_UNKNOWN */
    bool http;         /* HTTP Boot: option 60 is "HTTPClient", or the architecture says so */
    bool ipxe;         /* iPXE itself asks: option 77 "iPXE", or option 175 */
    unsigned features; /* of it: bits of plan_ipxe_feature; 0 without option 175 */
    bool proxied;      /* another server gave it its address, with that server's idea of where files are */
    unsigned rounds;   /* how often in a row iPXE has asked and was sent iPXE again */
    unsigned failed;   /* chains (bits 1 << enum plan_chain) that did not get this machine to its system */
    int worked;        /* the chain (enum plan_chain) that did for machines of its kind; 0: none yet */
};

enum plan_platform plan_client_platform(const struct plan_client *client);
/* "UEFI x86-64 by HTTP Boot", "BIOS, iPXE", "architecture 37". */
#define PLAN_CLIENT_TEXT_MAX 64
const char *plan_client_text(const struct plan_client *client, char out[static PLAN_CLIENT_TEXT_MAX]);
