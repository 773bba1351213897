/*
 * vmkboot: the first file of the stand-in hypervisor. A multiboot kernel, as ESXi 4's vmkboot.gz is, that
 * finds a Linux kernel (vmk.gz, k.b00) among its modules and makes all others files of that kernel's initial
 * file system.
 */
#ifndef STANDIN_VMKBOOT_H
#define STANDIN_VMKBOOT_H

#include <stdint.h>

#define MODULES_MAX     250
#define RANGES_MAX      64
#define MODULE_NAME_MAX 48
#define CMDLINE_MAX     2048 /* cmdline_size of an x86 Linux, COMMAND_LINE_SIZE */

struct module {
    uint32_t start, size;
    unsigned number;            /* its place in the load order, from 1 */
    char name[MODULE_NAME_MAX]; /* the last component of the path the loader was given */
};

/* The layout of an e820 entry in Linux' boot_params. */
struct range {
    uint64_t address, length;
    uint32_t type;
} __attribute__((packed));

#define RANGE_IS_RAM 1

/* What the loader said, copied into our own memory before anything is moved. */
struct handover {
    char cmdline[CMDLINE_MAX]; /* of the kernel, then of the modules; without file names */
    struct module kernel;      /* Linux: the first module that is one, or the one inside vmkboot */
    unsigned modules, ranges;
    struct module module[MODULES_MAX];
    struct range range[RANGES_MAX];
};

struct multiboot_info;

/* serial.c: the first serial port, 115200 8n1. */
void serial_init(void);
void serial_text(const char *text);
void serial_number(uint32_t value);
void serial_address(uint32_t value);
_Noreturn void serial_stop(const char *reason);

/* memory.c: there is no C library. memset, memcpy and memmove are also what the compiler calls by itself. */
void *memset(void *to, int byte, uint32_t size);
void *memcpy(void *to, const void *from, uint32_t size);
void *memmove(void *to, const void *from, uint32_t size);
uint32_t text_length(const char *text);
/* Appends text to the string in buffer, cutting it at size - 1 characters. */
void text_append(char *buffer, uint32_t size, const char *text);

/* The number in decimal, with leading zeros up to three digits, without a NUL. */
void text_digits3(char to[3], unsigned number);

/* handover.c */
void handover_read(struct handover *handover, const struct multiboot_info *info);

/* initrd.c: the size of the initial file system made of our own archive and all modules, and its building at
 * base. Each module is moved, so no lower module may lie where a higher one goes: initrd_build stops with a
 * message if one does. */
uint32_t initrd_size(const struct handover *handover);
void initrd_build(const struct handover *handover, uint32_t base);

/* linux.c: whether the module is a Linux kernel that was unpacked. */
int linux_is_kernel(const struct module *module);

/* Fills boot_params from the kernel, moves it to where it runs and enters it. */
_Noreturn void linux_boot(const struct handover *handover);

/* start.S */
_Noreturn void linux_enter(uint32_t entry, const void *boot_params);
extern const uint8_t ramdisk_start[], ramdisk_end[]; /* busybox and /init, a gzip'd cpio */
extern const uint8_t kernel_start[], kernel_end[];   /* a Linux kernel, or nothing: then it is a module */
extern const uint8_t image_end[];

#endif
