/* What a multiboot loader hands over: Multiboot Specification 0.6.96, section 3.3. 32-bit, little-endian. */
#ifndef STANDIN_MULTIBOOT_H
#define STANDIN_MULTIBOOT_H

#include <stdint.h>

#define MULTIBOOT_MAGIC       0x2BADB002u
#define MULTIBOOT_HAS_CMDLINE (1u << 2)
#define MULTIBOOT_HAS_MODULES (1u << 3)
#define MULTIBOOT_HAS_MMAP    (1u << 6)

struct multiboot_info {
    uint32_t flags;
    uint32_t mem_lower_kib, mem_upper_kib;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t modules_count, modules;
    uint32_t symbols[4];
    uint32_t mmap_length, mmap;
};

struct multiboot_module {
    uint32_t start, end; /* the byte behind the last */
    uint32_t string;     /* "PATH ARGUMENTS", NUL-terminated */
    uint32_t reserved;
};

/* size counts the bytes behind itself, and may be larger than this structure. */
struct multiboot_range {
    uint32_t size;
    uint64_t address, length;
    uint32_t type;
} __attribute__((packed));

#endif
