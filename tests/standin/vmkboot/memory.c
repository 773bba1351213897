#include "vmkboot.h"

void *memset(void *to, int byte, uint32_t size)
{
    uint8_t *p = to;

    for (uint32_t i = 0; i < size; i++)
        p[i] = (uint8_t)byte;
    return to;
}

void *memcpy(void *to, const void *from, uint32_t size)
{
    return memmove(to, from, size);
}

/* The string instructions: tens of megabytes are moved, and an emulated machine does these much faster than a
 * loop. */
void *memmove(void *to, const void *from, uint32_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if (target <= source || target >= source + size) {
        uint32_t words = size / 4, rest = size % 4;

        __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(words) : : "memory");
        __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(rest) : : "memory");
    } else {
        uint32_t words = size / 4, rest = size % 4;

        target += size - 1;
        source += size - 1;
        __asm__ volatile("std; rep movsb" : "+D"(target), "+S"(source), "+c"(rest) : : "memory");
        target -= 3;
        source -= 3;
        __asm__ volatile("rep movsl; cld" : "+D"(target), "+S"(source), "+c"(words) : : "memory");
    }
    return to;
}

uint32_t text_length(const char *text)
{
    uint32_t length = 0;

    while (text[length])
        length++;
    return length;
}

void text_append(char *buffer, uint32_t size, const char *text)
{
    uint32_t at = text_length(buffer);

    while (*text && at + 1 < size)
        buffer[at++] = *text++;
    buffer[at] = 0;
}

void text_digits3(char to[3], unsigned number)
{
    to[0] = (char)('0' + number / 100 % 10);
    to[1] = (char)('0' + number / 10 % 10);
    to[2] = (char)('0' + number % 10);
}
