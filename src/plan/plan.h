/*
 * The plan: what a machine gets. A pure function of the node, its image and what the client said of itself;
 * no I/O, no clock, memory only from the arrays in the struct. Strings are borrowed from the fleet, the image
 * and the request, so a plan lives no longer than they do.
 */
#pragma once

#include "base/error.h"
#include "fleet/fleet.h"
#include "image/image.h"

#define PLAN_MODULES_MAX IMAGE_FILES_MAX
#define PLAN_PATH_MAX    256
#define PLAN_TEXT_MAX    256
#define PLAN_WARNINGS    8

/*
 * Bytes of the command that pxelinux makes of a config: "mboot.c32 " + the APPEND text + what IPAPPEND 2
 * adds. SYSLINUX 6.04 answers more with "cmdline too long" (MAX_CMDLINE_LEN 2048 with its NUL, execute.c of
 * ldlinux); 3.x and 4.x cut it off (max_cmd_len 2047, core/config.inc).
 */
#define PLAN_LINE_MAX 2047

/* How the machine asks, from DHCP options 60, 77, 93 and 175, or from `explain --firmware`. */
enum plan_firmware {
    PLAN_FIRMWARE_BIOS, /* option 93 = 0, or none */
    PLAN_FIRMWARE_UEFI,
    PLAN_FIRMWARE_UEFI_HTTP,
    PLAN_FIRMWARE_IPXE,
    PLAN_FIRMWARE_OTHER, /* an architecture nobody here knows: reported, never dropped */
};

struct plan_client {
    struct mac mac;
    enum plan_firmware firmware;
    unsigned arch; /* option 93 as sent; 0 when absent */
    bool ipxe;     /* option 77 "iPXE" or option 175 present: it is, or runs on, an iPXE ROM */
};

/* One thing the loader will ask for. `path` is what is written in the config and asked for by TFTP or HTTP.
 */
struct plan_file {
    char path[PLAN_PATH_MAX];
    const struct image_file *file; /* NULL: the overlay, rendered per node */
};

struct plan {
    const struct fleet_node *node;
    const struct image *image;
    struct digest manifest;     /* of the image */
    char loader[PLAN_PATH_MAX]; /* DHCP boot file: "pxelinux.0" */
    char kernel_options[1024];  /* image's words, then the node's */
    struct plan_file kernel;
    size_t module_count;
    struct plan_file module[PLAN_MODULES_MAX]; /* in load order, the overlay in its place */
    int overlay_at;                            /* index in module[], or -1: none */
    size_t warning_count;
    char warning[PLAN_WARNINGS]
                [PLAN_TEXT_MAX]; /* things that will work badly, in words, for explain and the story */
};

/* The name under which an image's files are served: the first PLAN_IMAGE_ID digits of its manifest's digest.
 */
#define PLAN_IMAGE_ID 12
void plan_image_id(const struct digest *manifest, char out[static PLAN_IMAGE_ID + 1]);

/*
 * Fails, in words for the operator, when the node cannot boot as asked: no image set, a firmware that the
 * family cannot boot, limits of the loader exceeded (kernel line, module string). `plan` is large: callers
 * keep it off small stacks.
 */
int plan_make(const struct fleet *fleet, const struct fleet_node *node, const struct image *image,
              const struct digest *manifest, const struct plan_client *client, struct plan *plan,
              struct error *err);

/* Bytes of the loader's command for this plan, to compare with PLAN_LINE_MAX. */
size_t plan_line_size(const struct plan *plan);

/* Whether the image's hypervisor accepts a strong password hash; false for ESXi 3.5 to 4.1. */
bool plan_takes_strong_hash(const struct image *image);

/* Whether this family takes an overlay, and the name it has in this image ("mod.tgz", or "m.z" as ESXi 4.1 on
 * a disk calls it); NULL when none. */
const char *plan_overlay_name(const struct image *image);
