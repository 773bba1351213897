#include "vmkboot.h"

#include "multiboot.h"

static struct handover handover;

void vmkboot(uint32_t magic, const struct multiboot_info *info);

static void print_module(const struct module *module)
{
    serial_text("VMK: module ");
    serial_number(module->number);
    serial_text(" ");
    serial_text(module->name);
    serial_text(" ");
    serial_number(module->size);
    serial_text(" bytes\n");
}

void vmkboot(uint32_t magic, const struct multiboot_info *info)
{
    serial_init();
    serial_text("\nVMK: vmkboot\n");
    if (magic != MULTIBOOT_MAGIC)
        serial_stop("not started by a multiboot loader");
    handover_read(&handover, info);
    print_module(&handover.kernel);
    for (unsigned i = 0; i < handover.modules; i++)
        print_module(&handover.module[i]);
    serial_text("VMK: options ");
    serial_text(handover.cmdline);
    serial_text("\n");
    linux_boot(&handover);
}
