/* Multiboot header, entry, and the way out into Linux. */
    .set MAGIC, 0x1BADB002
    .set FLAGS, 3 /* modules on page boundaries, memory information wanted */

    .section .multiboot, "a"
    .balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

    .text
    .globl _start
_start:
    cli
    cld
    movl $stack_top, %esp
    pushl %ebx
    pushl %eax
    call vmkboot
1:  hlt
    jmp 1b

/* linux_enter(entry, boot_params): Linux' 32-bit boot protocol, Documentation/x86/boot.rst: flat 4 GiB segments,
 * CS 0x10, DS ES SS 0x18, interrupts off, ESI = boot_params, EBP EDI EBX = 0. */
    .globl linux_enter
linux_enter:
    movl 4(%esp), %eax
    movl 8(%esp), %esi
    lgdt gdt_pointer
    ljmp $0x10, $1f
1:  movl $0x18, %ecx
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %fs
    movl %ecx, %gs
    movl %ecx, %ss
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %edi, %edi
    jmp *%eax

    .section .rodata
    .balign 8
gdt:
    .quad 0, 0
    .quad 0x00cf9b000000ffff /* 0x10: code, base 0, 4 GiB */
    .quad 0x00cf93000000ffff /* 0x18: data, base 0, 4 GiB */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .globl ramdisk_start, ramdisk_end
    .balign 16
ramdisk_start:
    .incbin RAMDISK
ramdisk_end:

    .globl kernel_start, kernel_end
    .balign 16
kernel_start:
#ifdef KERNEL
    .incbin KERNEL
#endif
kernel_end:

    .bss
    .balign 16
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
