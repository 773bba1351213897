#include "render/fat_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define BASE_MAX      8u
#define EXTENSION_MAX 3u
#define PIECE_UNITS   13u /* characters of a long name in one entry */

#define ATTRIBUTE_LONG 0x0f
#define LONG_LAST      0x40 /* marks the piece that comes first and holds the name's end */

#define DATE_1980_01_01 0x0021 /* FAT's first day; its times start at 0 */

const char *fat_name_fault(const char *text, size_t size)
{
    if (size == 0)
        return "has an empty part";
    if (size > FAT_NAME_LONG_MAX)
        return "has a part of more than 255 characters";
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c > 0x7e)
            return "has a character that is not printable ASCII";
        if (strchr("\"*/:<>?\\|", c))
            return "has one of the characters \" * : < > ? \\ | which FAT does not allow";
    }
    /* "." and ".." with them; blanks and dots there are dropped by systems that write FAT. */
    if (text[size - 1] == '.' || text[size - 1] == ' ' || text[0] == ' ')
        return "has a part that begins with a blank, or ends with one or with a dot";
    return NULL;
}

static bool is_brief(unsigned char c)
{
    return isalnum(c) || strchr("$%'-_@!(){}^#&`", c);
}

/* "grub.cfg" and "BOOTX64.EFI": in upper case they are short names as they stand. */
static bool fits(const char *text, size_t size)
{
    const char *dot = memchr(text, '.', size);
    size_t base = dot ? (size_t)(dot - text) : size;
    size_t extension = dot ? size - base - 1 : 0;
    if (base == 0 || base > BASE_MAX || extension > EXTENSION_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (i != base && !is_brief((unsigned char)text[i]))
            return false;
    return true;
}

/* Upper case, '_' for what a short name cannot have, dots and blanks left out. Returns characters written. */
static size_t put_part(uint8_t *to, size_t room, const char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < size && used < room; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '.' || c == ' ')
            continue;
        to[used++] = is_brief(c) ? (uint8_t)toupper(c) : '_';
    }
    return used;
}

struct fat_name fat_name_make(const char *text, size_t size, unsigned *tails)
{
    struct fat_name name = {.text = text, .size = size};
    bool fitting = fits(text, size);
    while (size && *text == '.') { /* ".disk" has no base in front of its dot */
        text++;
        size--;
    }
    const char *dot = memrchr(text, '.', size);
    memset(name.brief, ' ', sizeof name.brief);
    size_t used = put_part(name.brief, BASE_MAX, text, dot ? (size_t)(dot - text) : size);
    if (dot)
        put_part(name.brief + BASE_MAX, EXTENSION_MAX, dot + 1, size - (size_t)(dot + 1 - text));
    if (fitting) {
        for (size_t i = 0; i < size; i++)
            name.is_long |= islower((unsigned char)text[i]) != 0;
        return name;
    }
    name.is_long = true;
    char tail[BASE_MAX + 4];
    size_t tail_size = (size_t)snprintf(tail, sizeof tail, "~%u", ++*tails);
    size_t keep = used < BASE_MAX - tail_size ? used : BASE_MAX - tail_size;
    memset(name.brief + keep, ' ', BASE_MAX - keep);
    memcpy(name.brief + keep, tail, tail_size);
    return name;
}

static size_t pieces(const struct fat_name *name)
{
    return name->is_long ? (name->size + PIECE_UNITS - 1) / PIECE_UNITS : 0;
}

size_t fat_name_entries(const struct fat_name *name)
{
    return pieces(name) + 1;
}

/* Ties the pieces of a long name to their short one. */
static uint8_t checksum(const uint8_t brief[static FAT_NAME_SHORT])
{
    uint8_t sum = 0;
    for (size_t i = 0; i < FAT_NAME_SHORT; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + brief[i]);
    return sum;
}

/* UTF-16 units from `at`: the name, a zero where there is room for one, then 0xffff. */
static void put_units(struct wire_out *w, const struct fat_name *name, size_t at, size_t count)
{
    for (size_t i = at; i < at + count; i++)
        wire_put_u16le(w, i < name->size ? (uint8_t)name->text[i] : i == name->size ? 0 : 0xffff);
}

static void put_piece(struct wire_out *w, const struct fat_name *name, size_t number)
{
    size_t at = number * PIECE_UNITS;
    wire_put_u8(w, (uint8_t)(number + 1 == pieces(name) ? (number + 1) | LONG_LAST : number + 1));
    put_units(w, name, at, 5);
    wire_put_u8(w, ATTRIBUTE_LONG);
    wire_put_u8(w, 0);
    wire_put_u8(w, checksum(name->brief));
    put_units(w, name, at + 5, 6);
    wire_put_u16le(w, 0);
    put_units(w, name, at + 11, 2);
}

void fat_name_put_brief(struct wire_out *w, const uint8_t brief[static FAT_NAME_SHORT], uint8_t attributes,
                        uint32_t cluster, uint32_t size)
{
    wire_put(w, brief, FAT_NAME_SHORT);
    wire_put_u8(w, attributes);
    wire_put_zero(w, 4); /* case, time of creation */
    wire_put_u16le(w, DATE_1980_01_01);
    wire_put_u16le(w, DATE_1980_01_01); /* last read */
    wire_put_u16le(w, (uint16_t)(cluster >> 16));
    wire_put_zero(w, 2); /* time of writing */
    wire_put_u16le(w, DATE_1980_01_01);
    wire_put_u16le(w, (uint16_t)cluster);
    wire_put_u32le(w, size);
}

void fat_name_put(struct wire_out *w, const struct fat_name *name, uint8_t attributes, uint32_t cluster,
                  uint32_t size)
{
    for (size_t number = pieces(name); number-- > 0;)
        put_piece(w, name, number);
    fat_name_put_brief(w, name->brief, attributes, cluster, size);
}
