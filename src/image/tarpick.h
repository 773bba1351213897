/*
 * Picks a few small texts out of a module while it streams by: gzip around tar (ustar, GNU) or around
 * VMware's vmtar (facts: magic "visor  ", data behind all headers at the offset that a header gives). Best
 * effort by design: what cannot be read yields nothing and breaks nothing; the module itself is checked
 * elsewhere.
 */
#pragma once

#include <stddef.h>

enum tarpick_file {
    TARPICK_SHADOW, /* etc/shadow */
    TARPICK_INETD,  /* etc/inetd.conf */
    TARPICK_COUNT,
};

#define TARPICK_SIZE_MAX (64u << 10) /* bytes of one text; ESXi's are below 4 KiB */

struct tarpick;

struct tarpick *tarpick_new(void); /* NULL when memory runs out */
void tarpick_free(struct tarpick *p);
void tarpick_add(struct tarpick *p, const void *bytes, size_t size); /* of the module as it is stored */

/* The text, owned by the caller, or NULL: not there, not complete, too large, or no UTF-8 text. */
char *tarpick_take(const struct tarpick *p, enum tarpick_file file);
