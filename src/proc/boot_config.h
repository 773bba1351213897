/*
 * The configs that loaders read, made from a plan: which ones a chain has, what they are called on the wire,
 * and their text. The same for the server and for `explain`.
 */
#pragma once

#include "base/buf.h"
#include "plan/plan.h"

enum boot_config {
    BOOT_CONFIG_PXELINUX,
    BOOT_CONFIG_IPXE,
    BOOT_CONFIG_GRUB,      /* GRUB from the network */
    BOOT_CONFIG_GRUB_DISK, /* GRUB on the node's disk image */
    BOOT_CONFIG_BOOTCFG,
    BOOT_CONFIGS
};

#define BOOT_CONFIG_NAME_MAX 96

/* Whether a machine that boots by this plan reads such a config. */
bool boot_config_is_of(enum boot_config config, const struct plan *plan);

/* "pxelinux.cfg/01-aa-bb-..." */
const char *boot_config_name(enum boot_config config, const struct plan *plan,
                             char out[static BOOT_CONFIG_NAME_MAX]);

/* by_http: how the config itself was asked for, which is how a boot.cfg's files are fetched. */
int boot_config_render(enum boot_config config, const struct plan *plan, bool by_http, struct buf *out,
                       struct error *err);

/* Whether every config of the plan can be written: before a machine is sent its loader. */
int boot_config_check(const struct plan *plan, bool by_http, struct error *err);

/* For a machine that has nothing to boot from here: says why on its screen, and goes on to its local disk. */
int boot_config_message(enum boot_config config, const char *reason, struct buf *out, struct error *err);
