#include "base/text.h"
#include "image/esxi_release.h"
#include "plan/plan_family.h"

#include <stdio.h>
#include <string.h>

const char *plan_cannot_mount(const struct image *image, const struct fleet_datastore *d)
{
    struct esxi_release release = {0};
    bool esxi5 = text_equal(image->family, "esxi_bootcfg");
    bool esxi = esxi5 || text_equal(image->family, "esxi_dd");
    snprintf(release.version, sizeof release.version, "%s", image->version);
    bool told = *release.version && !release.version[strspn(release.version, "0123456789.")];
    switch (d->kind) {
    case FLEET_STORE_NFS:
        break;
    case FLEET_STORE_NFS41:
        return esxi && told && !esxi_release_since(&release, 6, 0) ? "NFS 4.1 needs ESXi 6.0" : NULL;
    case FLEET_STORE_VMFS:
        return esxi ? NULL : "only ESXi mounts VMFS";
    case FLEET_STORE_ISCSI:
        return esxi && d->read_only ? "ESXi mounts no volume by iSCSI for reading alone" : NULL;
    }
    return NULL;
}

void plan_check_datastores(struct plan *plan, const struct fleet_settings *settings)
{
    if (settings->datastore_count && text_equal(settings->agent, "off")) {
        plan_warn(plan, "the agent is off, so nothing mounts the datastores");
        return;
    }
    for (size_t i = 0; i < settings->datastore_count; i++) {
        const char *why = plan_cannot_mount(plan->image, &settings->datastores[i]);
        if (why)
            plan_warn(plan, "datastore %s will not be mounted: %s", settings->datastores[i].label, why);
    }
}
