/* What bytes are, by content alone. Pure. */
#pragma once

#include "base/buf.h"
#include "media/media.h"

/* Bytes from the start that decide: an ISO's first volume descriptor is its sector 16 (ECMA-119, 6.2.1). */
#define SNIFF_SIZE 34816u

#define TAR_BLOCK 512

enum media_kind sniff_kind(struct slice head);

/* A tar header whose checksum is right (ustar, GNU, v7 and VMware's alike): POSIX.1-1988, 10.1.1. */
bool sniff_tar_header(struct slice block);

bool sniff_is_vmtar(struct slice head);

/* What the primary volume descriptor says the ISO's size is, in bytes; 0 when head holds none. */
uint64_t sniff_iso_bytes(struct slice head);
