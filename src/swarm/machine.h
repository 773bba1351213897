/*
 * One simulated machine, pure: what happened in, what is to be done out. It boots as its firmware would: asks
 * by DHCP, loads the boot file, and then what that loader would load, to the last module. Nothing is run.
 * Times are microseconds, monotonic.
 */
#pragma once

#include "swarm/dhcp_client.h"
#include "swarm/herd.h"
#include "swarm/place.h"
#include "swarm/report.h"

#define MACHINE_CONFIGS_MAX 16 /* one that leads to the next */

/* What all machines of a herd share; borrowed. */
struct machine_setup {
    struct herd_interface interface;
    uint32_t server; /* answers of others are not taken; 0: of all */
    bool only_dhcp;
    struct report *report; /* steps are timed there */
};

enum machine_action {
    MACHINE_WAIT,   /* for an answer, or m->dhcp.deadline_us */
    MACHINE_SAY,    /* dhcp_client_message is to be sent; then wait */
    MACHINE_LOCAL,  /* m->dhcp.lease.ip is to become an address of this host; then machine_local */
    MACHINE_FETCH,  /* m->want; then machine_fetched */
    MACHINE_BOOTED, /* it is done */
    MACHINE_FAILED, /* m->failure says why */
};

struct machine_want {
    struct place place;
    bool size_only; /* HEAD, or the size by TFTP and an ERROR */
    bool keep;      /* hand its bytes to machine_data */
    bool close;     /* by HTTP: a connection of its own */
    const struct tftp_manner *tftp;
    const char *user_agent;
};

enum machine_outcome {
    MACHINE_ARRIVED,
    MACHINE_MISSING, /* the server has no such file */
    MACHINE_LOST,    /* anything else; text says what, alike for all machines */
};

struct machine_loader; /* a row of machine.c's table */

struct machine {
    const struct machine_setup *setup; /* borrowed */
    const struct habit *habit;         /* of its firmware; that of dhcp may be iPXE's by now */
    unsigned boots;                    /* begun so far */
    struct dhcp_client dhcp;
    struct machine_want want;
    char failure[REPORT_CAUSE_MAX]; /* alike for all machines that fail alike */

    /* Inside. */
    enum {
        MACHINE_STAGE_LOADER,
        MACHINE_STAGE_HELPER,
        MACHINE_STAGE_CONFIG,
        MACHINE_STAGE_SIZES,
        MACHINE_STAGE_FILES,
    } stage;
    const struct machine_loader *loader;
    struct place boot_file; /* the loader's own */
    unsigned helper, candidate, configs;
    struct script script;
    size_t file;
    struct buf body; /* of what is kept */
    int64_t began_us, step_us, files_us;
};

void machine_init(struct machine *m, const struct machine_setup *setup, const struct habit *habit,
                  const struct mac *mac);
void machine_fini(struct machine *m); /* may be called again */

/* Power on, for the first time or again. xid as for dhcp_client_start. */
enum machine_action machine_start(struct machine *m, uint32_t xid, int64_t now_us);
enum machine_action machine_answer(struct machine *m, const struct dhcp_message *answer, int64_t now_us);
enum machine_action machine_timer(struct machine *m, int64_t now_us);
enum machine_action machine_local(struct machine *m, bool done, int64_t now_us);
void machine_data(struct machine *m, struct slice data);
enum machine_action machine_fetched(struct machine *m, enum machine_outcome outcome, const char *text,
                                    int64_t now_us);
