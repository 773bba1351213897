#include "inventory/volume.h"

#include <stdio.h>
#include <string.h>

static const struct fleet_datastore *store_of(const struct fleet_settings *settings, const char *label)
{
    for (size_t i = 0; i < settings->datastore_count; i++)
        if (strcmp(settings->datastores[i].label, label) == 0)
            return &settings->datastores[i];
    return NULL;
}

int volume_of(const struct fleet_settings *settings, const char *node, const char *label,
              char out[static VOLUME_MAX], struct error *err)
{
    const struct fleet_datastore *store = store_of(settings, label);
    int size;
    if (!store)
        size = snprintf(out, VOLUME_MAX, "local://%s/%s", node, label);
    else if (store->kind == FLEET_STORE_VMFS)
        size = snprintf(out, VOLUME_MAX, "vmfs://%s/%s", node, label);
    else if (store->kind == FLEET_STORE_ISCSI)
        size = snprintf(out, VOLUME_MAX, "iscsi://%s/%s", store->path, label);
    else
        size = snprintf(out, VOLUME_MAX, "nfs://%.*s%s", (int)strcspn(store->host, ","), store->host,
                        store->path);
    return size > 0 && size < VOLUME_MAX
               ? 0
               : error_set(err, "datastore \"%s\" of %s: its volume's name is too long", label, node);
}
