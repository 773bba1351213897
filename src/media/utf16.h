/* UTF-16 as FAT and GPT names hold it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF16_UNIT_MAX 3 /* bytes of UTF-8 per unit at most: a pair makes 4, one unit makes 3 */

/* Writes UTF-8 with NUL. False for an unpaired surrogate or when it does not fit. */
bool utf16_to_text(const uint16_t *units, size_t count, char *out, size_t out_size);
