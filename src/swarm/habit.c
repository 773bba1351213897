#include "swarm/habit.h"

#include <string.h>

#define LIST(...)                                                                                            \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }

/* Option 55 as seen. */
#define ASKED_IPXE                                                                                           \
    LIST(1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 129, 130, 131, 132, 133, 134, 135, 175, 203)
#define ASKED_OVMF                                                                                           \
    LIST(1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67,   \
         97, 128, 129, 130, 131, 132, 133, 134, 135)
#define ASKED_OVMF_HTTP                                                                                      \
    LIST(1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43, 50, 51, 54, 58, 59, 60, 235, 67,  \
         97)
/* PXE 2.1, table 2-1: what a ROM asks for. */
#define ASKED_ROM                                                                                            \
    LIST(1, 2, 3, 5, 6, 11, 12, 13, 15, 16, 17, 18, 43, 54, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134,   \
         135)

/* iPXE's 175: bus, version 1.0.0, then a flag per feature: HTTP, TFTP, bzImage, multiboot, PXE or EFI. */
#define FEATURES_PXE                                                                                         \
    LIST(0xb1, 5, 1, 0x80, 0x86, 0x10, 0x0e, 0xeb, 3, 1, 0, 0, 0x17, 1, 1, 0x15, 1, 1, 0x13, 1, 1, 0x18, 1,  \
         1, 0x19, 1, 1, 0x21, 1, 1)
#define FEATURES_EFI                                                                                         \
    LIST(0xb1, 5, 1, 0x80, 0x86, 0x10, 0x0e, 0xeb, 3, 1, 0, 0, 0x17, 1, 1, 0x15, 1, 1, 0x13, 1, 1, 0x24, 1, 1)

/* PXE 2.1, section 2.2.3 and EDK2: DISCOVERs 4, 8, 16 and 32 s apart. iPXE begins at 1 s and doubles. */
#define WAITS_PXE                                                                                            \
    {                                                                                                        \
        4, 8, 16, 32                                                                                         \
    }
#define WAITS_IPXE                                                                                           \
    {                                                                                                        \
        1, 2, 4, 8                                                                                           \
    }

const struct habit habits[] = {
    {.name = "bios",
     .class_id = "PXEClient:Arch:00000:UNDI:002001",
     .arch = 0,
     .ndi = {1, 2, 1},
     .asked = ASKED_ROM,
     .size_discover = 1260,
     .size_request = 1260,
     .broadcast = true,
     .proxy_wait_ms = 4000,
     .wait_s = WAITS_PXE,
     .tftp = {1456, 0, true, 4000, 6}},
    {.name = "bios-ipxe",
     .class_id = "PXEClient:Arch:00000:UNDI:002001",
     .arch = 0,
     .ndi = {1, 2, 1},
     .user_class = "iPXE",
     .features = FEATURES_PXE,
     .asked = ASKED_IPXE,
     .size_discover = 1472,
     .size_request = 1472,
     .client_id = true,
     .http = true,
     .user_agent = "iPXE/1.0.0+git-20190125.36a4c85-5.1",
     .proxy_wait_ms = 3000,
     .wait_s = WAITS_IPXE,
     .tftp = {1432, 0, true, 1000, 6}},
    {.name = "uefi",
     .class_id = "PXEClient:Arch:00007:UNDI:003000",
     .arch = 7,
     .ndi = {1, 3, 0},
     .asked = ASKED_OVMF,
     .size_discover = 1472,
     .size_request = 65280,
     .broadcast = true,
     .efi = true,
     .probe = true,
     .proxy_wait_ms = 3500,
     .wait_s = WAITS_PXE,
     .tftp = {1468, 4, false, 4000, 6}},
    {.name = "uefi-http",
     .class_id = "HTTPClient:Arch:00016:UNDI:003000",
     .arch = 16,
     .ndi = {1, 3, 0},
     .asked = ASKED_OVMF_HTTP,
     .size_discover = 1472,
     .size_request = 1472,
     .broadcast = true,
     .efi = true,
     .http = true,
     .head_first = true,
     .user_agent = "UefiHttpBoot/1.0",
     .proxy_wait_ms = 3500,
     .wait_s = WAITS_PXE,
     .tftp = {1468, 4, false, 4000, 6}},
    {.name = "ipxe",
     .class_id = "PXEClient:Arch:00007:UNDI:003010",
     .arch = 7,
     .ndi = {1, 3, 10},
     .user_class = "iPXE",
     .features = FEATURES_EFI,
     .asked = ASKED_IPXE,
     .size_discover = 1472,
     .size_request = 1472,
     .client_id = true,
     .efi = true,
     .http = true,
     .user_agent = "iPXE/1.0.0+git-20190125.36a4c85-5.1",
     .proxy_wait_ms = 3000,
     .wait_s = WAITS_IPXE,
     .tftp = {1432, 0, true, 1000, 6}},
};
const size_t habit_count = sizeof habits / sizeof habits[0];

const struct tftp_manner habit_pxelinux_tftp = {1408, 0, true, 1000, 6};
const struct tftp_manner habit_grub_tftp = {1024, 0, true, 4000, 6};

const struct habit *habit_find(const char *name, size_t size)
{
    for (size_t i = 0; i < habit_count; i++)
        if (strlen(habits[i].name) == size && memcmp(habits[i].name, name, size) == 0)
            return &habits[i];
    return NULL;
}
