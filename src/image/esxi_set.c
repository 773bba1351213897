#include "image/esxi_set.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Sources: 4.x: the APPEND line of docs/hypervisors.md, as xCAT wrote it, cimstg.tgz last. 4.1 by letters:
 * its bootbank holds the same files as b.z (vmkboot.gz), k.z (vmk.gz), s.z (sys.vgz), c.z (cim.vgz) and m.z
 * (mod.tgz). 3.5: vmkernel.gz is started directly; binmod, environ, cim, oem, license as in its pxelinux
 * recipes of 2008.
 */
const struct esxi_set esxi_sets[] = {
    {NULL,
     "vmkboot.gz",
     3,
     {"vmk.gz", "sys.vgz", "cim.vgz", "oem.tgz", "license.tgz", "mod.tgz", "cimstg.tgz"}},
    {"4.1", "b.z", 3, {"k.z", "s.z", "c.z", "oem.tgz", "license.tgz", "m.z", "cimstg.tgz"}},
    {"3.5", "vmkernel.gz", 3, {"binmod.tgz", "environ.tgz", "cim.tgz", "oem.tgz", "license.tgz", "mod.tgz"}},
};
const size_t esxi_set_count = sizeof esxi_sets / sizeof esxi_sets[0];

const char *const esxi_appended[] = {"oem.tgz", "license.tgz", "mod.tgz", "m.z", "cimstg.tgz", NULL};

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(*list, name) == 0)
            return true;
    return false;
}

bool esxi_is_overlay(const char *name)
{
    return is_one_of(name, (const char *const[]){"mod.tgz", "m.z", NULL});
}

bool esxi_is_installer(const char *name)
{
    return is_one_of(
        name, (const char *const[]){"install.vgz", "ienviron.vgz", "install.tgz", "ienviron.tgz", NULL});
}

bool esxi_is_state(const char *name)
{
    return is_one_of(name, (const char *const[]){"state.tgz", "local.tgz", NULL});
}

static int adopt(char **to, const char *text, const char *module, struct error *err)
{
    if (!text || esxi_is_overlay(module))
        return 0;
    free(*to);
    *to = strdup(text);
    return *to ? 0 : error_set(err, "out of memory at %s", module);
}

int esxi_adopt_texts(struct image *image, const char *accounts, const char *inetd, const char *module,
                     struct error *err)
{
    return adopt(&image->accounts, accounts, module, err) < 0 || adopt(&image->inetd, inetd, module, err) < 0
               ? -1
               : 0;
}
