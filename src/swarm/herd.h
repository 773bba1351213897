/* A herd of simulated machines: what it is to do, and what came of it. Addresses are in host byte order. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/net.h"

#define HERD_MACHINES_MAX 100000u
#define HERD_NAME_MAX     512

enum herd_mode {
    HERD_FETCH, /* one file each, no DHCP */
};

enum herd_door {
    HERD_TFTP,
};

struct herd_interface {
    char name[16]; /* IFNAMSIZ */
    int index;
    uint32_t ip;
    unsigned prefix;
    struct mac mac;
};

struct herd_options {
    enum herd_mode mode;
    enum herd_door door;
    struct herd_interface interface;
    uint32_t server;
    uint16_t port; /* 0: the door's own */
    unsigned machines;
    unsigned at_once;             /* how many run at the same time at most */
    unsigned repeat;              /* what each machine does so many times */
    const char *file;             /* of HERD_FETCH; borrowed */
    struct slice expect;          /* what its bytes are to be; borrowed; data NULL: not looked at */
    unsigned blksize, windowsize; /* 0: not asked for */
    unsigned timeout_ms, tries;
    uint32_t loss_ppm, delay_us;
    uint64_t rate, seed;
};

struct herd_counts {
    uint64_t started, done, failed; /* tasks: a machine's boot, or its fetch */
    uint64_t bytes;
    uint64_t timeouts, gaps, duplicates;
    int64_t took_us;
};
