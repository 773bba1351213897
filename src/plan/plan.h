/*
 * The plan: what a machine gets. A pure function of the node, its image, the server and what the client said
 * of itself; no I/O, no clock, memory only from the arrays in the struct. Strings are borrowed from the
 * fleet, the image and the request, so a plan lives no longer than they do.
 */
#pragma once

#include "base/error.h"
#include "fleet/fleet.h"
#include "image/image.h"
#include "plan/chain.h"

#define PLAN_MODULES_MAX IMAGE_FILES_MAX
#define PLAN_PATH_MAX    256
#define PLAN_BASE_MAX    64 /* "http://255.255.255.255:65535/" */
#define PLAN_TEXT_MAX    256
#define PLAN_WARNINGS    8
#define PLAN_OPTIONS_MAX 1024

/*
 * Bytes of the command that pxelinux makes of a config: "mboot.c32 " + the APPEND text + what IPAPPEND 2
 * adds. SYSLINUX 6.04 answers more with "cmdline too long" (MAX_CMDLINE_LEN 2048 with its NUL, execute.c of
 * ldlinux); 3.x and 4.x cut it off (max_cmd_len 2047, core/config.inc).
 */
#define PLAN_LINE_MAX 2047 /* Linux on x86 takes as many (COMMAND_LINE_SIZE 2048) */

/* What iPXE has for the URLs and words of a multiboot kernel and all its modules (MB_MAX_CMDLINE,
 * src/arch/x86/image/multiboot.c); it cuts off the rest. */
#define PLAN_MULTIBOOT_MAX 512

/* The server that a machine talks to. */
struct plan_site {
    uint32_t server;     /* its address, as the client sees it; 0: not known, "SERVER" in URLs */
    unsigned http_port;  /* 80 stays out of URLs */
    unsigned https_port; /* 0: no HTTPS; else URLs are of that kind where the loader can */
    unsigned loaders;    /* which loader images are there: bits 1 << enum plan_loader */
    const char *loader;  /* the network's setting `loader`, or NULL */
    uint32_t client_ip;  /* for %{ip}; 0: the node's own, or none */
    bool local;          /* the machine is to start from its own disk now (fleet/policy.h) */
};

/* One thing the loader will ask for. `path` is what boot_file.h calls it. */
struct plan_file {
    char path[PLAN_PATH_MAX];
    const struct image_file *file; /* NULL: the overlay alone, rendered per node */
    bool overlay;                  /* the overlay, or `file` with the overlay behind it */
};

struct plan {
    const struct fleet_node *node;
    const struct image *image; /* NULL: PLAN_SHAPE_LOCAL */
    struct digest manifest;    /* of the image */
    enum plan_chain
        chain; /* PLAN_CHAIN_ANY: none sends this machine to its disk; it is given an address alone */
    enum plan_shape shape;
    bool secure_boot;                           /* setting of the node */
    struct mac mac;                             /* the card it boots from; zero when not known */
    char base[PLAN_BASE_MAX];                   /* "http://10.77.0.1/" */
    char loader[PLAN_BASE_MAX + PLAN_PATH_MAX]; /* DHCP boot file: "pxelinux.0", or a URL */
    char prefix[PLAN_BASE_MAX];                 /* DHCP option 210 (RFC 5071); "": none */
    char kernel_options[PLAN_OPTIONS_MAX];      /* image's words, then the node's */
    struct plan_file kernel;
    size_t module_count;
    struct plan_file module[PLAN_MODULES_MAX]; /* in load order, the overlay in its place */
    int overlay_at;                            /* index in module[], or -1: none */
    char local_why[PLAN_TEXT_MAX];             /* of PLAN_SHAPE_LOCAL: why it is not the image */
    size_t warning_count;
    char warning[PLAN_WARNINGS]
                [PLAN_TEXT_MAX]; /* things that will work badly, in words, for explain and the story */
};

/* The name under which an image's files are served: the first PLAN_IMAGE_ID digits of its manifest's digest.
 */
#define PLAN_IMAGE_ID 12
void plan_image_id(const struct digest *manifest, char out[static PLAN_IMAGE_ID + 1]);

/*
 * chain: PLAN_CHAIN_ANY lets the settings and the table choose; another is what the client turned out to use
 * (it asked for that loader's config). Fails, in words for the operator, when the node cannot boot as asked:
 * no image set, no chain for this machine and image, limits of the loader exceeded (kernel line, module
 * string). With site->local there is no image (NULL, and manifest too): the plan has a loader at most, and no
 * files. `plan` is large: callers keep it off small stacks.
 */
int plan_make(const struct fleet *fleet, const struct fleet_node *node, const struct image *image,
              const struct digest *manifest, const struct plan_site *site, const struct plan_client *client,
              enum plan_chain chain, struct plan *plan, struct error *err);

/* What plan_make tells the chains of a node with these settings and its image (plan_chain_fits). */
struct plan_need plan_need_of(const struct image *image, const struct fleet_settings *settings,
                              const struct plan_site *site);

/* The same of a node that is to start from its own disk. */
struct plan_need plan_need_local(const struct fleet_settings *settings, const struct plan_site *site);

/* Bytes of what the loader makes of the kernel's words and files, and how many it takes; a size of 0 where it
 * has no limit. */
size_t plan_line_size(const struct plan *plan);
size_t plan_line_max(const struct plan *plan);

/* Whether the image's hypervisor accepts a strong password hash; false for ESXi 3.5 to 4.1. */
bool plan_takes_strong_hash(const struct image *image);

/* Whether this family takes an overlay, and the name it has in this image ("mod.tgz", or "m.z" as ESXi 4.1 on
 * a disk calls it); NULL when none. */
const char *plan_overlay_name(const struct image *image);

/* iPXE does not unpack a multiboot kernel: the image has it unpacked beside, named without .gz. NULL: not in
 * this one. */
const struct image_file *plan_kernel_plain(const struct image *image);

enum plan_shape plan_shape_of(const struct image *image);

/* Why the image's system cannot mount it as it is set; NULL: it can. */
const char *plan_cannot_mount(const struct image *image, const struct fleet_datastore *datastore);
