/* Inside proc: one request for a boot file on its way through net_files, net_config and net_node. */
#pragma once

#include "proc/boot_cache.h"
#include "proc/config_cache.h"
#include "proc/loader_memory.h"
#include "proc/net_files.h"

#define NET_BOOT_IPXE "boot.ipxe" /* iPXE's script, by the asker's address */

/* Which file of a node an overlay is asked for. */
enum net_node_file {
    NET_NODE_OVERLAY, /* the overlay alone */
    NET_NODE_JOINED,  /* behind a file of the image */
    NET_NODE_DISK,    /* in the node's disk image */
};

struct net_pending {
    uint64_t serial; /* 0: free */
    enum net_node_file what;
    char node[FLEET_NAME_MAX];
    struct mac mac;
    struct boot_asker asker;
    boot_answer_fn *answer;
    void *answer_ctx;
};

struct net_agent_pending {
    uint64_t serial; /* 0: free */
    boot_answer_fn *answer;
    void *answer_ctx;
};

struct net_files {
    struct image_cache *cache;
    struct net_files_host host;
    struct loader_memory *loaders;
    struct config_cache *configs;
    struct boot_cache *boots;
    struct plan *plan;    /* scratch: a plan is large, and one request is planned at a time */
    uint64_t last_serial; /* of both tables */
    struct net_pending pending[NET_FILES_PENDING_MAX];
    struct net_agent_pending agents[NET_AGENTS_PENDING_MAX];
};

struct net_request {
    struct net_files *files;
    const char *path;        /* clean, and without the loader's folder */
    enum plan_loader beside; /* the loader image in whose folder it was asked for */
    const struct boot_asker *asker;
    int64_t now_ms;
    boot_answer_fn *answer;
    void *answer_ctx;
};

/* Answers at once; 0, the handle of what needs no cancelling. */
uint64_t net_answer(const struct net_request *r, enum boot_answer what, struct boot_file *file,
                    const char *text);

/* The node that holds the asker's address, or NULL. */
const struct fleet_node *net_asker_node(const struct net_request *r, struct mac *mac);

/* What the boot that this file is for began with; where nothing is known of it, what the calendar says. */
int net_begun(struct net_files *files, const struct fleet_node *node, const struct mac *mac, int64_t now_ms,
              struct loader_begun *out, struct error *err);

/* The image that the node boots now; borrowed until the next one is looked up. */
int net_image(struct net_files *files, const struct fleet_node *node, int64_t now_ms,
              const struct cached_image **image, struct error *err);

/*
 * Plans into files->plan; *image is NULL with site->local. Who asks for a loader's config has that loader,
 * whatever the store has now: `chain` and PLAN_ARCH_UNKNOWN in client->arch say so.
 */
int net_plan(struct net_files *files, const struct fleet_node *node, const struct plan_site *site,
             const struct plan_client *client, enum plan_chain chain, int64_t now_ms,
             const struct cached_image **image, struct error *err);

/* The site for who asks for a file of a chain that was chosen before. */
struct plan_site net_asker_site(const struct net_files *files, const struct boot_asker *asker);

/* net_config.c: whether `path` is a config's name; then it is answered. */
bool net_config_open(const struct net_request *r, uint64_t *handle);
/*
 * net_disk.c: the disk image for files->plan, which is of chain disk. image: NULL when it starts the
 * machine's own disk; arch: then of the machine. overlay: one reference, taken; NULL when the plan has none.
 */
int net_disk_make(struct net_files *files, const struct cached_image *image, unsigned arch,
                  struct boot_file *overlay, int64_t now_ms, struct boot_file **out, struct error *err);

/* net_node.c: node/NAME/FILE. */
uint64_t net_node_open(const struct net_request *r, const char *rest);
void net_node_cancel(struct net_files *files, uint64_t handle);

/* net_agent.c: agent/IDENTITY/... */
uint64_t net_agent_open(const struct net_request *r, const char *rest);
void net_agent_cancel(struct net_files *files, uint64_t handle);
