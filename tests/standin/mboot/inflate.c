/* RFC 1951. A code is decoded bit by bit from the number of codes of each length, as section 3.2.2 orders
 * them. */
#include "mboot.h"

#define BITS_MAX      15
#define LITERALS      288
#define DISTANCES     30
#define LENGTH_CODES  19
#define END_OF_BLOCK  256
#define FIRST_LENGTH  257
#define LAST_LENGTH   285
#define REPEAT_LENGTH 16
#define REPEAT_ZERO   17

struct code {
    uint16_t count[BITS_MAX + 1]; /* of codes of each length */
    uint16_t symbol[LITERALS];    /* ordered by code */
};

struct stream {
    struct bytes from;
    size_t at;
    uint32_t bits, bit_count; /* taken from the input, not used yet */
    uint8_t *to;
    size_t size, have;
    bool failed;
};

static uint32_t take_bits(struct stream *s, uint32_t count)
{
    uint32_t value;

    while (s->bit_count < count) {
        if (s->at == s->from.size) {
            s->failed = true;
            return 0;
        }
        s->bits |= (uint32_t)s->from.data[s->at++] << s->bit_count;
        s->bit_count += 8;
    }
    value = s->bits & ((1u << count) - 1);
    s->bits >>= count;
    s->bit_count -= count;
    return value;
}

static void make_code(struct code *code, const uint8_t *length, unsigned symbols)
{
    uint16_t next[BITS_MAX + 2] = {0};

    ZeroMem(code, sizeof(*code));
    for (unsigned i = 0; i < symbols; i++)
        code->count[length[i]]++;
    code->count[0] = 0;
    for (unsigned i = 1; i <= BITS_MAX; i++)
        next[i + 1] = next[i] + code->count[i];
    for (unsigned i = 0; i < symbols; i++)
        if (length[i])
            code->symbol[next[length[i]]++] = (uint16_t)i;
}

static unsigned take_symbol(struct stream *s, const struct code *code)
{
    int bits = 0, first = 0, index = 0;

    for (unsigned length = 1; length <= BITS_MAX; length++) {
        bits |= (int)take_bits(s, 1);
        if (bits - first < code->count[length])
            return code->symbol[index + bits - first];
        index += code->count[length];
        first = (first + code->count[length]) << 1;
        bits <<= 1;
    }
    s->failed = true;
    return END_OF_BLOCK;
}

static void put(struct stream *s, uint8_t byte)
{
    if (s->have == s->size)
        s->failed = true;
    else
        s->to[s->have++] = byte;
}

static void copy_stored(struct stream *s)
{
    uint32_t size, check;

    take_bits(s, s->bit_count % 8);
    size = take_bits(s, 16);
    check = take_bits(s, 16);
    if (size != (~check & 0xffff))
        s->failed = true;
    while (size-- && !s->failed)
        put(s, (uint8_t)take_bits(s, 8));
}

/* Section 3.2.5: lengths and distances rise by powers of two, each with so many bits behind its code. */
static void copy_match(struct stream *s, unsigned symbol, const struct code *distances)
{
    unsigned code = symbol - FIRST_LENGTH, extra, length, distance;

    if (symbol > LAST_LENGTH) {
        s->failed = true;
        return;
    }
    extra = code < 8 || symbol == LAST_LENGTH ? 0 : code / 4 - 1;
    length = symbol == LAST_LENGTH ? 258 : code < 8 ? code + 3 : ((4 + code % 4) << extra) + 3;
    length += take_bits(s, extra);
    code = take_symbol(s, distances);
    extra = code < 4 ? 0 : code / 2 - 1;
    distance = code < 4 ? code + 1 : ((2 + code % 2) << extra) + 1;
    distance += take_bits(s, extra);
    if (code >= DISTANCES || distance > s->have)
        s->failed = true;
    while (length-- && !s->failed)
        put(s, s->to[s->have - distance]);
}

static void copy_codes(struct stream *s, const struct code *literals, const struct code *distances)
{
    while (!s->failed) {
        unsigned symbol = take_symbol(s, literals);

        if (symbol < END_OF_BLOCK)
            put(s, (uint8_t)symbol);
        else if (symbol == END_OF_BLOCK)
            return;
        else
            copy_match(s, symbol, distances);
    }
}

static void fixed_codes(struct code *literals, struct code *distances)
{
    uint8_t length[LITERALS];

    for (unsigned i = 0; i < LITERALS; i++)
        length[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    make_code(literals, length, LITERALS);
    SetMem(length, DISTANCES, 5);
    make_code(distances, length, DISTANCES);
}

/* Section 3.2.7. */
static void take_codes(struct stream *s, struct code *literals, struct code *distances)
{
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t length[LITERALS + 32] = {0};
    unsigned literal_count = take_bits(s, 5) + FIRST_LENGTH, distance_count = take_bits(s, 5) + 1;
    unsigned count = take_bits(s, 4) + 4;

    for (unsigned i = 0; i < count; i++)
        length[order[i]] = (uint8_t)take_bits(s, 3);
    make_code(literals, length, LENGTH_CODES);
    ZeroMem(length, sizeof(length));
    for (unsigned i = 0; i < literal_count + distance_count && !s->failed;) {
        unsigned symbol = take_symbol(s, literals), repeat = 1;
        uint8_t value = (uint8_t)symbol;

        if (symbol == REPEAT_LENGTH && i == 0)
            s->failed = true;
        else if (symbol == REPEAT_LENGTH)
            repeat = 3 + take_bits(s, 2), value = length[i - 1];
        else if (symbol > REPEAT_LENGTH)
            repeat = symbol == REPEAT_ZERO ? 3 + take_bits(s, 3) : 11 + take_bits(s, 7), value = 0;
        if (i + repeat > literal_count + distance_count)
            s->failed = true;
        while (repeat-- && !s->failed)
            length[i++] = value;
    }
    make_code(literals, length, literal_count < LITERALS ? literal_count : LITERALS);
    make_code(distances, length + literal_count, distance_count);
}

intptr_t inflate(struct bytes from, uint8_t *to, size_t size, size_t *used)
{
    struct stream s = {.from = from, .to = to, .size = size};
    struct code literals, distances;
    bool last = false;

    while (!last && !s.failed) {
        last = take_bits(&s, 1);
        switch (take_bits(&s, 2)) {
        case 0:
            copy_stored(&s);
            break;
        case 1:
            fixed_codes(&literals, &distances);
            copy_codes(&s, &literals, &distances);
            break;
        case 2:
            take_codes(&s, &literals, &distances);
            copy_codes(&s, &literals, &distances);
            break;
        default:
            s.failed = true;
        }
    }
    *used = s.at - s.bit_count / 8;
    return s.failed ? -1 : (intptr_t)s.have;
}
