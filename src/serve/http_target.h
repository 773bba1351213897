/* The target of an HTTP request as a boot file's name. */
#pragma once

#include "serve/boot_file.h"

/*
 * Percent-decodes and cleans: "/a%20b" and "http://host/a%20b" (RFC 9112, section 3.2.2) give "a b". A query
 * is left out. False for a broken escape and for what boot_path_clean refuses.
 */
bool http_target_decode(const char *target, char out[static BOOT_PATH_MAX]);

/* The query, as it is: behind the first '?'. "" when there is none. */
const char *http_target_query(const char *target);
