/*
 * How each kind of firmware behaves: what it says by DHCP, how long it waits, how it loads. From what was
 * seen on the wire (docs/clients.md) and, where nothing was, from the specifications named in habit.c.
 */
#pragma once

#include "swarm/tftp_client.h"

#define HABIT_WAITS_MAX 4

struct habit {
    const char *name;       /* as after --firmware */
    const char *class_id;   /* option 60 */
    uint16_t arch;          /* 93 */
    uint8_t ndi[3];         /* 94 */
    const char *user_class; /* 77; NULL: none */
    struct slice features;  /* 175; data NULL: none */
    struct slice asked;     /* 55 */
    uint16_t size_discover; /* 57 */
    uint16_t size_request;  /* 57 in the REQUEST */
    bool client_id;         /* 61 */
    bool broadcast;         /* flag */
    bool efi;
    bool http;       /* the firmware itself loads by HTTP */
    bool head_first; /* by HTTP: HEAD, then GET */
    bool probe;      /* by TFTP: asks the size, breaks off, asks again */
    const char *user_agent;
    unsigned proxy_wait_ms;           /* for a boot file from elsewhere, when the OFFER names none */
    uint16_t wait_s[HABIT_WAITS_MAX]; /* for an answer by DHCP; then again; after the last that boot failed */
    struct tftp_manner tftp;
};

extern const struct habit habits[];
extern const size_t habit_count;

const struct habit *habit_find(const char *name, size_t size); /* NULL: none is called so */

/* What loaders do differently from the firmware that fetched them. */
extern const struct tftp_manner habit_pxelinux_tftp;
extern const struct tftp_manner habit_grub_tftp;
