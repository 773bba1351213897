#include "vmkboot.h"

#define COM1 0x3f8

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void serial_init(void)
{
    out8(COM1 + 1, 0x00); /* no interrupts */
    out8(COM1 + 3, 0x80); /* the next two are the divisor: 1 is 115200 */
    out8(COM1 + 0, 0x01);
    out8(COM1 + 1, 0x00);
    out8(COM1 + 3, 0x03); /* 8n1 */
    out8(COM1 + 2, 0xc7); /* FIFO on and empty */
    out8(COM1 + 4, 0x03);
}

static void serial_byte(char byte)
{
    /* A machine without the port reads 0xff here, which is "empty": no hang. */
    while (!(in8(COM1 + 5) & 0x20)) {
    }
    out8(COM1, (uint8_t)byte);
}

void serial_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            serial_byte('\r');
        serial_byte(*text);
    }
}

void serial_number(uint32_t value)
{
    char digits[11], *p = digits + sizeof(digits) - 1;

    *p = 0;
    do
        *--p = (char)('0' + value % 10);
    while (value /= 10);
    serial_text(p);
}

void serial_address(uint32_t value)
{
    serial_text("0x");
    for (int shift = 28; shift >= 0; shift -= 4)
        serial_byte("0123456789abcdef"[value >> shift & 15]);
}

_Noreturn void serial_stop(const char *reason)
{
    serial_text("VMK: stopped: ");
    serial_text(reason);
    serial_text("\n");
    for (;;)
        __asm__ volatile("hlt");
}
