/* A herd of simulated machines: what it is to do. Addresses are in host byte order. */
#pragma once

#include "base/buf.h"
#include "base/net.h"
#include "swarm/habit.h"

#define HERD_MACHINES_MAX 100000u
#define HERD_HABITS_MAX   8

enum herd_mode {
    HERD_BOOT,
    HERD_DHCP,  /* an address each, no more */
    HERD_FETCH, /* one file each, no DHCP */
};

struct herd_interface {
    char name[16]; /* IFNAMSIZ */
    int index;
    uint32_t ip;
    unsigned prefix;
};

struct herd_options {
    enum herd_mode mode;
    struct herd_interface interface;
    struct mac first_mac;                       /* of the first machine; the others count on */
    const struct habit *habit[HERD_HABITS_MAX]; /* dealt out in turn */
    size_t habit_count;
    uint32_t server; /* 0: whoever answers */
    uint16_t port;   /* 0: the door's own */
    unsigned machines;
    unsigned at_once;  /* how many run at the same time at most */
    unsigned ramp;     /* so many are started a second at most; 0: no limit */
    unsigned repeat;   /* what each machine does so many times */
    unsigned attempts; /* boots of a machine until it counts as failed */
    uint32_t
        first_ip; /* of HERD_FETCH: addresses of its own for each machine from here on; 0: the interface's */
    const char *file;             /* of HERD_FETCH, as place_parse takes it; borrowed */
    bool close;                   /* by HTTP: a connection a file */
    struct slice expect;          /* what its bytes are to be; borrowed; data NULL: not looked at */
    unsigned blksize, windowsize; /* 0: not asked for */
    unsigned timeout_ms, tries;   /* of HERD_FETCH by TFTP */
    uint32_t loss_ppm;
    unsigned delay_ms;
    uint64_t rate; /* bytes a second and machine; 0: no limit */
    uint64_t seed;
};

/* What the herd was given that needed privileges to be got; borrowed. */
struct herd_doors {
    int stop_fd;    /* readable: the herd is to stop */
    int dhcp_fd;    /* dhcp_wire_open; -1: none */
    int address_fd; /* swarm/address_io.h; -1: none */
};
