#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

/* A string literal as the writable text that the model's structs own. */
#define TEXT(literal) ((char[]){literal})

#define OLD   "NFS 4.1 needs ESXi 6.0"
#define VMFS  "only ESXi mounts VMFS"
#define ISCSI "ESXi mounts no volume by iSCSI for reading alone"

static void by_kind_and_system(void **state)
{
    const struct {
        char *family, *version;
        /* nfs, nfs read only, nfs41, vmfs, iscsi, iscsi read only */
        const char *says[6];
    } table[] = {
        {TEXT("esxi_dd"), TEXT("3.5.0"), {NULL, NULL, OLD, NULL, NULL, ISCSI}},
        {TEXT("esxi_dd"), TEXT("4.1.0"), {NULL, NULL, OLD, NULL, NULL, ISCSI}},
        {TEXT("esxi_bootcfg"), TEXT("5.5.0"), {NULL, NULL, OLD, NULL, NULL, ISCSI}},
        {TEXT("esxi_bootcfg"), TEXT("6.0.0"), {NULL, NULL, NULL, NULL, NULL, ISCSI}},
        {TEXT("esxi_bootcfg"), TEXT("12.0"), {NULL, NULL, NULL, NULL, NULL, ISCSI}},
        {TEXT("esxi_bootcfg"), TEXT("unknown"), {NULL, NULL, NULL, NULL, NULL, ISCSI}},
        {TEXT("linux"), TEXT("6.1"), {NULL, NULL, NULL, VMFS, NULL, NULL}},
        {TEXT("xen"), TEXT("4.17"), {NULL, NULL, NULL, VMFS, NULL, NULL}},
    };
    static const struct fleet_datastore stores[] = {
        {.kind = FLEET_STORE_NFS},   {.kind = FLEET_STORE_NFS, .read_only = true},
        {.kind = FLEET_STORE_NFS41}, {.kind = FLEET_STORE_VMFS},
        {.kind = FLEET_STORE_ISCSI}, {.kind = FLEET_STORE_ISCSI, .read_only = true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct image image = {.family = table[i].family, .version = table[i].version};
        for (size_t j = 0; j < 6; j++) {
            const char *says = plan_cannot_mount(&image, &stores[j]), *wanted = table[i].says[j];
            if (!says != !wanted || (says && strcmp(says, wanted) != 0))
                fail_msg("%s %s, %zu: %s", image.family, image.version, j, says ? says : "nothing");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_kind_and_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
