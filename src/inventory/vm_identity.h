/*
 * A boot's one-time identity: what its agent shows with every request. "BOOT-MAC": the boot's number and a
 * keyed digest of it and the node's name, so that it needs no table, and nobody makes one up who has not the
 * database's secret. Whether that boot is the node's latest is for the caller to decide. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VM_SECRET_SIZE  32
#define VM_IDENTITY_MAX 64 /* with NUL: lower-case hex digits and one '-' */

void vm_identity_make(const uint8_t secret[static VM_SECRET_SIZE], const char *node, int64_t boot,
                      char out[static VM_IDENTITY_MAX]);
/* The boot's number; 0 when it is no identity at all. Does not check it. */
int64_t vm_identity_boot(const char *identity);
/* Compares in constant time. */
bool vm_identity_check(const uint8_t secret[static VM_SECRET_SIZE], const char *node, const char *identity);
