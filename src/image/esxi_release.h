/*
 * Which release of ESXi a medium holds, by the files that say so: upgrade/metadata.xml,
 * .DISCINFO, vmware-esx-base-readme, build= of boot.cfg.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

#define ESXI_RELEASE_TEXT_MAX 32 /* with NUL */

struct esxi_release {
    char version[ESXI_RELEASE_TEXT_MAX]; /* "8.0.2": digits and dots; "" when it was not told */
    char build[ESXI_RELEASE_TEXT_MAX];   /* "22380479": digits; "" when it was not told */
};

/*
 * Any bytes may come in. True when the text is what its name says and tells a version; *out is then filled,
 * else untouched.
 */
bool esxi_release_metadata(struct slice text, struct esxi_release *out); /* esxVersion, esxRelease */
bool esxi_release_discinfo(struct slice text,
                           struct esxi_release *out);                  /* lines "ESXi" and "Version: 8.0.2" */
bool esxi_release_readme(struct slice text, struct esxi_release *out); /* "VMware ESXi 5.1" */
bool esxi_release_build(struct slice text, struct esxi_release *out);  /* "8.0.2-22380479", or more words */

/* Whether version is at least major.minor; false for one that was not told. */
bool esxi_release_since(const struct esxi_release *release, unsigned major, unsigned minor);
