/* Hashing for tables in memory whose keys strangers choose: without the secret nobody can choose one chain
 * for all. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>

#define MIX_ODD 0x9e3779b97f4a7c15u /* 2^64 over the golden ratio */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline bool mix_secret(uint64_t *out)
{
    return getrandom(out, sizeof *out, 0) == sizeof *out;
}
