/*
 * Whether the host's packet filter lets a packet in: nftables' ruleset, as its library prints it in JSON, is
 * followed as the kernel would, rule by rule. Where a rule asks for something that is not known beforehand
 * (a source address, a rate), both ways are followed.
 *
 * iptables of Debian 12 is a front of nftables, and so are firewalld and ufw: their rules are seen too.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* The first packet of a machine to one of our ports. */
struct doctor_inbound {
    const char *interface;
    bool tcp;
    unsigned port;
};

enum doctor_verdict {
    DOCTOR_LETS_IN,
    DOCTOR_MAY_DROP, /* it depends on what we do not know */
    DOCTOR_DROPS,
};

#define DOCTOR_CHAIN_MAX 192

/* chain: the one that drops, or may, as nft names it: "ip filter INPUT"; "" when none. */
enum doctor_verdict doctor_firewall(const json_t *ruleset, const struct doctor_inbound *packet,
                                    char chain[static DOCTOR_CHAIN_MAX]);
