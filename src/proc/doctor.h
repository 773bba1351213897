/*
 * The doctor: everything that stops a boot, looked at before a machine meets it.
 *
 * Looking and judging are apart. What was seen of the host, the network, the store and the fleet goes into
 * struct doctor_facts (doctor_look.h fills it in); the checks are pure functions of the facts, in one table
 * (doctor.c), and say what is wrong and how it is mended. What could not be looked at is a finding too.
 */
#pragma once

#include "fleet/fleet.h"
#include "image/image.h"
#include "plan/chain.h"
#include "proc/doctor_firewall.h"
#include "proc/doctor_packet.h"

#include <sys/types.h>

#define DOCTOR_INTERFACES_MAX 15 /* as many as `serve` takes */
#define DOCTOR_ADDRESSES_MAX  8
#define DOCTOR_PORTS          5
#define DOCTOR_OFFERS_MAX     16 /* servers told one by one */
#define DOCTOR_ANSWERS_MAX    32
#define DOCTOR_IMAGES_MAX     64
#define DOCTOR_MISSING_MAX    16
#define DOCTOR_WHY_MAX        256

/* In rising order. */
enum doctor_level {
    DOCTOR_OK,      /* looked at, and well */
    DOCTOR_NOTE,    /* worth knowing; boots go on */
    DOCTOR_WARNING, /* some machines, or some ways to boot, will have trouble */
    DOCTOR_FAULT,   /* boots will fail */
};

struct doctor_address {
    uint32_t ip;
    unsigned prefix;
};

enum doctor_port_state {
    DOCTOR_PORT_FREE,
    DOCTOR_PORT_OURS,    /* the server that runs on this --root holds it */
    DOCTOR_PORT_UNKNOWN, /* nobody seems to hold it, but only root may try */
    DOCTOR_PORT_TAKEN,   /* somebody else holds it */
};

struct doctor_port {
    const char *what; /* "DHCP" */
    bool tcp;
    unsigned number;
    enum doctor_port_state state;
    pid_t pid;        /* of who holds it; 0: not known */
    char program[32]; /* its name; "" when not known */
};

struct doctor_interface {
    char name[16];
    bool exists, up, carrier;
    int index;
    struct mac mac;
    unsigned mtu;
    unsigned vlan;   /* its number, when it is a VLAN of another interface; else 0 */
    char parent[16]; /* of the VLAN */
    char master[16]; /* the bridge or bond that it is a port of; "" */
    size_t address_count;
    struct doctor_address address[DOCTOR_ADDRESSES_MAX]; /* as the kernel lists them */
    size_t port_count;
    struct doctor_port port[DOCTOR_PORTS];
    bool probed;                   /* for other DHCP servers, and for nodes' addresses in use */
    char unprobed[DOCTOR_WHY_MAX]; /* why not, and the fix; "" when it is another check's business */
};

/* Somebody answers for a node's address. */
struct doctor_answer {
    const char *interface;
    uint32_t ip;
    struct mac mac;
};

/* An offer of another DHCP server, and where it came in. */
struct doctor_heard {
    const char *interface;
    struct doctor_offer offer;
};

/* An image that nodes name. */
struct doctor_image {
    const char *name;    /* borrowed from the fleet */
    struct image *image; /* NULL: not there, or not to be loaded */
    struct digest manifest;
    bool missing;             /* no such name in the store */
    char why[ERROR_TEXT_MAX]; /* why it cannot be served; "" when it can */
};

struct doctor_folder {
    const char *path;
    bool exists;
    char why[DOCTOR_WHY_MAX]; /* why we could not look; "" */
    uid_t owner, wanted;      /* whose it is, and whose processes use it */
    bool root;                /* we are root, so `serve` hands a folder of root's over */
    mode_t mode;
    uint64_t free_bytes;
};

struct doctor_facts {
    int64_t now_ms;      /* wall clock */
    pid_t server;        /* the server that runs on this --root; 0: none */
    unsigned https_port; /* that `serve` is to use; 0: none */
    bool chosen;         /* the operator or the fleet says which interfaces; else all were taken */
    char interface_names[DOCTOR_WHY_MAX]; /* all that this machine has: "eth0, eth1" */
    size_t interface_count;
    struct doctor_interface interface[DOCTOR_INTERFACES_MAX];
    uint64_t neighbours_max; /* hardware addresses that the kernel remembers at most; 0: not known */
    size_t heard_count;
    struct doctor_heard heard[DOCTOR_OFFERS_MAX];
    size_t answer_count;
    struct doctor_answer answer[DOCTOR_ANSWERS_MAX];

    json_t *ruleset;                 /* nftables', or NULL */
    char no_ruleset[DOCTOR_WHY_MAX]; /* why it is NULL, and the fix, as doctor_find takes them */
    bool legacy_rules;               /* iptables' old kind is loaded, which cannot be looked into */

    struct doctor_folder folder;
    struct fleet *fleet;           /* never NULL; empty when there is none */
    char no_fleet[ERROR_TEXT_MAX]; /* why it could not be read; "" */
    unsigned loaders;              /* bits: in the store, or there when `serve` starts */
    size_t image_count;
    struct doctor_image image[DOCTOR_IMAGES_MAX];
    size_t missing_count;
    char missing[DOCTOR_MISSING_MAX][FLEET_NAME_MAX]; /* folders below ROOT/files that nodes want */
};

struct doctor_finding {
    enum doctor_level level;
    const char *check;
    char *what;
    char *fix; /* NULL: nothing to mend */
};

struct doctor_report {
    const char *check; /* the one that runs */
    size_t count, capacity;
    struct doctor_finding *finding; /* owned */
    bool failed;                    /* memory ran out */
};

/* The text is what is found and, behind a newline, how it is mended. Without one there is nothing to mend. */
void doctor_find(struct doctor_report *report, enum doctor_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Nodes counted, the first ones by name: "n1, n2 and 30 more". */
struct doctor_some {
    size_t count;
    struct buf names; /* owned */
};
void doctor_some_add(struct doctor_some *some, const char *name);
const char *doctor_some_text(struct doctor_some *some); /* once, at the end */

/* Runs every check. */
void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_report_fini(struct doctor_report *report);

size_t doctor_count(const struct doctor_report *report, enum doctor_level level);

/* Most serious first, what is well last. */
int doctor_text(struct doctor_report *report, struct buf *out, struct error *err);
int doctor_json(struct doctor_report *report, struct buf *out, struct error *err);

/* --- the checks --- */

void doctor_check_address(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_clock(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_dhcp(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_firewall(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_folder(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_image(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_interface(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_loader(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_network(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_node(const struct doctor_facts *facts, struct doctor_report *report);
void doctor_check_port(const struct doctor_facts *facts, struct doctor_report *report);
