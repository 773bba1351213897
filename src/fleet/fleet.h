/*
 * The fleet: what the operator wants. Networks, profiles, nodes; pure data and text, no I/O.
 *
 * A node takes every setting it does not have from its profile. Objects own their strings; a fleet owns its
 * objects. Names: letters, digits, '-', '_' and '.', first a letter or digit, at most FLEET_NAME_MAX - 1.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/net.h"

#include <stdbool.h>

#define FLEET_NAME_MAX       64
#define FLEET_NODES_MAX      200000
#define FLEET_MACS_MAX       8 /* network cards of one node */
#define FLEET_KEYS_MAX       64
#define FLEET_DATASTORES_MAX 64
#define FLEET_DNS_MAX        8
#define FLEET_NETWORKS_MAX   4096
#define FLEET_PROFILES_MAX   4096
#define FLEET_VLAN_MAX       4094 /* IEEE 802.1Q */
#define FLEET_PREFIX_MIN     8    /* of a subnet */
#define FLEET_PREFIX_MAX     30   /* a longer one has no address to give */

enum fleet_kind {
    FLEET_NETWORK,
    FLEET_PROFILE,
    FLEET_NODE,
    FLEET_KINDS,
};

enum fleet_switch {
    FLEET_UNSET, /* inherited; the default when nobody sets it */
    FLEET_ON,
    FLEET_OFF,
};

enum fleet_store_kind {
    FLEET_STORE_NFS,   /* NFS 3 */
    FLEET_STORE_NFS41, /* NFS 4.1 */
    FLEET_STORE_VMFS,  /* a volume on a disk of the host */
    FLEET_STORE_ISCSI, /* a volume on a disk that others may see, too */
};
extern const char
    *const fleet_store_words[]; /* by kind: "nfs", "nfs41", "vmfs", "iscsi"; NULL ends the list */

/*
 * One way to write each (fleet_datastore.h): a hypervisor makes a volume's identity of the very bytes of host
 * and path. All texts are there, "" where the kind has none.
 */
struct fleet_datastore {
    enum fleet_store_kind kind;
    char *label; /* as the hypervisor shows it; of vmfs and iscsi also the volume's own */
    char *host;  /* nfs: name or address. nfs41: one or several with commas between. iscsi: the portal,
                    "10.0.0.5:3260" */
    char *path;  /* nfs, nfs41: absolute. iscsi: the target's name */
    bool read_only;
    bool probe_write; /* it counts as mounted only when a write works, too; default: a read */
};

/* What a profile sets and a node may set for itself. NULL or FLEET_UNSET: inherited. */
struct fleet_settings {
    char *image;           /* name in the store */
    char *kernel_options;  /* words added to the image's own */
    char *root_hash;       /* crypt(5), strong: $6$ */
    char *root_hash_weak;  /* crypt(5), $1$: only for hypervisors that know no better; else NULL */
    enum fleet_switch ssh; /* default on */
    size_t key_count;
    char **keys; /* authorized_keys lines */
    size_t datastore_count;
    struct fleet_datastore *datastores;
    char *welcome;   /* console (DCUI) text */
    char *files;     /* folder ROOT/files/<this> with the operator's own files, laid over everything else */
    char *loader;    /* one of fleet_loader_words: the way to boot, instead of what would be chosen */
    char *leave_out; /* stems of modules not to load, e.g. "tools,vsan" */
    char *overlay;   /* one of fleet_overlay_words; default auto */
    char *agent;     /* one of fleet_agent_words; default auto */
    char *priority;  /* one of fleet_priority_words; default normal */
    enum fleet_switch secure_boot; /* the machine's firmware has it on; default off */
    uint32_t vlan;                 /* of the hypervisor's management network; 0: none */
    char *boot;           /* one of policy_boot_words; default image. policy.h says what these mean */
    char *between, *days; /* windows of the week, as calendar.h reads them */
    char *time_zone;      /* of those; default the server's */
};

/* Words that `loader` takes; plan/chain.h says what they mean. NULL ends the list. */
extern const char *const fleet_loader_words[];
/* auto: when there is something to put in; off: never; force: also where Secure Boot will refuse it. */
extern const char *const fleet_overlay_words[];
/* auto: where there are datastores or machines to restore; on: always; off: never. docs/agent.md */
extern const char *const fleet_agent_words[];
/* Who boots first when many ask at once (serve/storm.h). */
extern const char *const fleet_priority_words[];
/* dhcp: we give addresses; proxy: another server does, and we only say what to boot. */
extern const char *const fleet_mode_words[];

struct fleet_network {
    char *name;
    char *interface; /* serve on it; NULL: any interface with an address in the subnet, or a relay */
    uint32_t subnet; /* host byte order */
    unsigned prefix;
    uint32_t gateway; /* 0: none */
    size_t dns_count;
    uint32_t dns[FLEET_DNS_MAX];
    char *domain;
    uint32_t ntp;
    uint32_t pool_first, pool_last; /* for machines without a reservation; 0: none */
    uint32_t lease_seconds;         /* default FLEET_LEASE_SECONDS */
    char *mode;                     /* one of fleet_mode_words, or NULL: dhcp */
    char *loader;                   /* as in fleet_settings, for nodes that set none */
    enum fleet_switch https;        /* default off: URLs by HTTPS where the loader can */
};
bool fleet_network_is_proxy(const struct fleet_network *network);
#define FLEET_LEASE_SECONDS     3600u
#define FLEET_LEASE_SECONDS_MIN 60u       /* a client renews at half of it; less is a flood */
#define FLEET_LEASE_SECONDS_MAX 31536000u /* a year */

struct fleet_profile {
    char *name;
    struct fleet_settings settings;
};

struct fleet_node {
    char *name;
    size_t mac_count;
    struct mac macs[FLEET_MACS_MAX];
    uint32_t ip;    /* 0: from the pool */
    char *profile;  /* NULL: none */
    char *hostname; /* NULL: the name */
    struct fleet_settings settings;
};

struct fleet {
    size_t network_count;
    struct fleet_network *networks; /* sorted by name */
    size_t profile_count;
    struct fleet_profile *profiles; /* sorted by name */
    size_t node_count;
    struct fleet_node *nodes;  /* sorted by name in natural order (rack2 before rack10) */
    struct fleet_index *index; /* lookups by MAC, IP and name; built by fleet_finish */
};

struct fleet *fleet_new(void); /* NULL when memory runs out */
void fleet_free(struct fleet *fleet);

/* A deep copy, finished if the original is. NULL when memory runs out. */
struct fleet *fleet_copy(const struct fleet *fleet);

/*
 * Put adds or replaces by name. On success the inside is the fleet's and *object is zeroed; on failure it
 * stays the caller's. Remove returns false when there is no such name. Both void the order of the nodes, the
 * lookups by MAC and IP, and borrowed pointers, until the next fleet_finish.
 */
int fleet_put_network(struct fleet *fleet, struct fleet_network *network, struct error *err);
int fleet_put_profile(struct fleet *fleet, struct fleet_profile *profile, struct error *err);
int fleet_put_node(struct fleet *fleet, struct fleet_node *node, struct error *err);
bool fleet_remove_network(struct fleet *fleet, const char *name);
bool fleet_remove_profile(struct fleet *fleet, const char *name);
bool fleet_remove_node(struct fleet *fleet, const char *name);
void fleet_network_fini(struct fleet_network *network);
void fleet_profile_fini(struct fleet_profile *profile);
void fleet_node_fini(struct fleet_node *node);

/*
 * Checks the whole (two nodes with one MAC or IP, an address outside its network, a pool over a gateway, a
 * profile that does not exist, ...) and builds the index. The first problem is the error: which objects, and
 * the fix.
 */
int fleet_finish(struct fleet *fleet, struct error *err);

/* Lookups; O(1) after fleet_finish; before it only those by name work at that speed, the others search.
 * Borrowed; NULL when there is none. */
const struct fleet_node *fleet_node_by_name(const struct fleet *fleet, const char *name);
const struct fleet_node *fleet_node_by_mac(const struct fleet *fleet, const struct mac *mac);
const struct fleet_node *fleet_node_by_ip(const struct fleet *fleet, uint32_t ip);
const struct fleet_profile *fleet_profile_by_name(const struct fleet *fleet, const char *name);
const struct fleet_network *fleet_network_by_name(const struct fleet *fleet, const char *name);
const struct fleet_network *fleet_network_of(const struct fleet *fleet,
                                             uint32_t ip); /* longest prefix that holds ip */

/*
 * The node's settings with its profile's under them. Borrowed from the fleet; nothing to free. ssh is never
 * FLEET_UNSET. The two hashes go together: a node that has one of its own takes neither from its profile, so
 * that no old password stays valid beside a new one.
 */
struct fleet_settings fleet_effective(const struct fleet *fleet, const struct fleet_node *node);
const char *fleet_hostname(const struct fleet_node *node);

bool fleet_name_valid(const char *text, struct error *err);
