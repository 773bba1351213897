/*
 * bzip2 on one core and on several, against bzip2 and lbzip2: streams and blocks of all sizes, marks of
 * blocks in the midst of data, damage. What is made here bit by bit is unpacked by bzip2 first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"
#include "media/bzip2_block.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* --- on one core, and on all --- */

static cpu_set_t every;

static int enter(void **state)
{
    sched_getaffinity(0, sizeof every, &every);
    return fixture_enter(state);
}

static void on_cores(bool all)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, all ? &every : &one), 0);
}

/* packed unpacks to `plain`, however many cores there are. */
static void unpacks_to(const char *packed, const char *plain)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(packed, "."), packed);
    for (int all = 0; all <= 1; all++) {
        struct seen seen = {0};
        on_cores(all);
        walk_ok(packed, &seen);
        on_cores(true);
        same_as_file(&seen, name, plain);
        seen_fini(&seen);
    }
}

static void unpacks(const char *packed)
{
    run("bzip2 -dc %s >expected", packed);
    unpacks_to(packed, "expected");
}

/* --- blocks --- */

static void block_sizes(void **state)
{
    run("head -c 2000000 /dev/urandom >m; yes 'words that repeat' | head -c 1500000 >>m; head -c 40000000 "
        "/dev/zero "
        ">>m; seq 300000 >>m; printf 'aaaa' >>m");
    for (unsigned level = 1; level <= 9; level += 4) {
        run("bzip2 -%uc m >m.bz2", level);
        unpacks_to("m.bz2", "m");
    }
    run("lbzip2 -c m >m.bz2");
    unpacks_to("m.bz2", "m");
    run("bzip2 -9c m m m >m.bz2; cat m m m >mmm");
    unpacks_to("m.bz2", "mmm");
}

/* Runs end where blocks do, and lengths about the four bytes from which a run is counted. */
static void runs(void **state)
{
    run("for n in 1 2 3 4 5 6 254 255 256 258 259 260 261 517 518 519 99980 99981 99982 5180000; do head -c "
        "$n /dev/zero | "
        "tr '\\0' $((n %% 10)) | tee -a r >r1; bzip2 -1c r1 >r1.bz2; bzip2 -tv r1.bz2; done; bzip2 -1 -k r");
    unpacks_to("r.bz2", "r");
    for (unsigned n = 99970; n < 100020; n += 7) {
        run("{ head -c %u /dev/urandom; printf 'bbbbbbbbbbbb'; seq 99; } >r1; bzip2 -1c r1 >r1.bz2", n);
        unpacks_to("r1.bz2", "r1");
    }
}

static void streams(void **state)
{
    run(": >s.bz2; : >s; for n in 1 0 250000 7 0 0 1000000 90000; do head -c $n /dev/urandom >s1; cat s1 "
        ">>s; bzip2 -$((n %% "
        "9 + 1))c s1 >>s.bz2; done");
    unpacks_to("s.bz2", "s");
    run("head -c 100000 /dev/zero >>s.bz2");
    unpacks_to("s.bz2", "s");
    struct seen seen = {0};
    run("head -c 100 s >>s.bz2");
    walk_fails("s.bz2", &seen, "the bzip2 data is complete, yet other bytes follow", NULL);
    run("bzip2 -c s >t.bz2; printf 'BZh' >>t.bz2");
    walk_fails("t.bz2", &seen, "ends early", NULL);
    run("printf '9' >>t.bz2");
    walk_fails("t.bz2", &seen, "ends early", NULL);
    run("bzip2 -c s >t.bz2; printf 'BZh0xxxxxxxxxxxxxx' >>t.bz2");
    walk_fails("t.bz2", &seen, "damaged", "no bzip2 header", NULL);
}

/* --- damage --- */

static void damage(void **state)
{
    run("head -c 700000 /dev/urandom >d; seq 200000 >>d; bzip2 -1 -k d");
    long size = size_of("d.bz2");
    struct seen seen = {.keep_nothing = true};
    for (unsigned i = 0; i < 16; i++) {
        long at = 20 + (size - 20) / 16 * i + i % 9;
        run("cp d.bz2 bad.bz2");
        flip("bad.bz2", at, i % 8);
        run("! bzip2 -t bad.bz2 2>/dev/null");
        on_cores(i % 2);
        walk_fails("bad.bz2", &seen, "bad.bz2: the bzip2 data is damaged before byte", "again", NULL);
        on_cores(true);
        run("head -c %ld d.bz2 >bad.bz2; ! bzip2 -t bad.bz2 2>/dev/null", at);
        walk_fails("bad.bz2", &seen, "bad.bz2: ends early, after", "in bzip2 data", NULL);
    }
    /* The end's own checksum, which no block has. */
    run("cp d.bz2 bad.bz2");
    flip("bad.bz2", size - 3, 0);
    walk_fails("bad.bz2", &seen, "the whole does not match its checksum", NULL);
    /* A block of 900,000 bytes in a stream that has said 100,000. */
    run("head -c 500000 d | bzip2 -9c >bad.bz2");
    poke("bad.bz2", 3, "1", 1);
    run("! bzip2 -t bad.bz2");
    walk_fails("bad.bz2", &seen, "too long", NULL);
}

/* --- made bit by bit --- */

struct bits {
    uint8_t byte[1 << 20];
    size_t count;
};

static void put(struct bits *b, unsigned count, uint64_t value)
{
    for (; count; count--, b->count++)
        b->byte[b->count / 8] |= (uint8_t)((value >> (count - 1) & 1) << (7 - b->count % 8));
}

static void put_save(const struct bits *b, const char *name)
{
    FILE *f = fopen(name, "w");
    assert_int_equal(fwrite(b->byte, 1, (b->count + 7) / 8, f), (b->count + 7) / 8);
    fclose(f);
}

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size * 8; i++) {
        uint32_t bit = crc >> 31 ^ (bytes[i / 8] >> (7 - i % 8) & 1u);
        crc = crc << 1 ^ (bit ? 0x04c11db7u : 0);
    }
    return ~crc;
}

/* What a block with these symbols and this origin stands for; no byte may come four times in a row. */
static void plain_of(const uint8_t *symbol, size_t count, size_t origin, uint8_t *out)
{
    uint8_t recent[256], *last = malloc(count);
    size_t *next = malloc(count * sizeof *next), at = 0;
    for (unsigned i = 0; i < 256; i++)
        recent[i] = (uint8_t)i;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = last[i] = recent[symbol[i] - 1];
        memmove(recent + 1, recent, symbol[i] - 1u);
        recent[0] = byte;
    }
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t i = 0; i < count; i++)
            if (last[i] == byte)
                next[at++] = i;
    size_t place = next[origin];
    for (size_t i = 0; i < count; i++, place = next[place])
        out[i] = last[place];
    free(last);
    free(next);
}

/* A block in which symbol n is coded as the byte n, so that its packed bytes can be chosen: 2 to 253, which
 * also keeps runs out. All bytes occur, and two equal tables say that codes have 8 bits and the last four 9.
 * Says its checksum. */
static uint32_t put_block(struct bits *b, const uint8_t *symbol, size_t count, size_t origin, bool old)
{
    uint8_t *plain = malloc(count);
    plain_of(symbol, count, origin, plain);
    uint32_t crc = crc_of(plain, count);
    free(plain);
    put(b, 48, BZIP2_BLOCK_MARK);
    put(b, 32, crc);
    put(b, 1, old);
    put(b, 24, origin);
    for (unsigned i = 0; i < 17; i++)
        put(b, 16, 0xffff);
    unsigned groups = (unsigned)(count + 1 + 49) / 50;
    put(b, 3, 2);
    put(b, 15, groups);
    for (unsigned i = 0; i < groups; i++)
        put(b, 1, 0);
    for (unsigned table = 0; table < 2; table++) {
        put(b, 5, 8);
        for (unsigned i = 0; i < 258; i++) {
            if (i == 254)
                put(b, 2, 2); /* one bit more */
            put(b, 1, 0);
        }
    }
    for (size_t i = 0; i < count; i++)
        put(b, 8, symbol[i]);
    put(b, 9, 0x1ff);
    return crc;
}

static uint32_t add_crc(uint32_t all, uint32_t crc)
{
    return (all << 1 | all >> 31) ^ crc;
}

static void put_end(struct bits *b, uint32_t crc)
{
    put(b, 48, BZIP2_END_MARK);
    put(b, 32, crc);
    b->count = (b->count + 7) / 8 * 8;
}

static void fill_symbols(uint8_t *symbol, size_t count)
{
    for (size_t i = 0; i < count; i++)
        symbol[i] = (uint8_t)(2 + (i * 167 + i / 7) % 252);
}

/* Symbols whose packed bits hold `mark`, at bit `shift` of a byte. False where a byte in it is no symbol's
 * code. */
static bool put_mark(uint8_t symbol[7], uint64_t mark, unsigned shift)
{
    uint8_t packed[7] = {0};
    if (shift)
        packed[0] = 0x40, packed[6] = 0x02;
    for (unsigned i = shift; i < 48 + shift; i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        packed[i / 8] &= (uint8_t)~bit;
        packed[i / 8] |= mark >> (47 + shift - i) & 1 ? bit : 0;
    }
    unsigned size = shift ? 7 : 6;
    for (unsigned i = 0; i < size; i++)
        if (packed[i] < 2 || packed[i] > 253)
            return false;
    memcpy(symbol, packed, size);
    return true;
}

/* A mark in the midst of a block, at each bit of a byte at which it can be. */
static void marks_in_data(void **state)
{
    static const uint64_t marks[] = {BZIP2_BLOCK_MARK, BZIP2_END_MARK};
    static uint8_t symbol[3000];
    struct bits *b = malloc(sizeof *b);
    unsigned there = 0;
    for (unsigned i = 0; i < 16; i++) {
        uint32_t all = 0;
        memset(b, 0, sizeof *b);
        put(b, 32, 0x425a6839);
        for (unsigned block = 0; block < 6; block++) {
            fill_symbols(symbol, sizeof symbol);
            there += put_mark(symbol + 100 + 400 * block, marks[(i + block) % 2], i / 2);
            if (block == 3) /* two, and as near to the end as can be */
                there += put_mark(symbol + sizeof symbol - 7, marks[i % 2], i / 2);
            all = add_crc(all, put_block(b, symbol, sizeof symbol, block * 17, false));
        }
        put_end(b, all);
        put_save(b, "c.bz2");
        unpacks("c.bz2");
    }
    free(b);
    assert_in_range(there, 70, 7 * 16);
}

static void randomised(void **state)
{
    struct bits *b = calloc(1, sizeof *b);
    uint8_t symbol[100];
    struct seen seen = {0};
    fill_symbols(symbol, sizeof symbol);
    put(b, 32, 0x425a6839);
    put_end(b, put_block(b, symbol, sizeof symbol, 3, true));
    put_save(b, "o.bz2");
    free(b);
    walk_fails("o.bz2", &seen, "0.9.0 or older", "pack it again", NULL);
}

/* All the same byte: positions form a ring each. */
static void rings(void **state)
{
    run("for n in 1 2 3 15 16 17 31 1000; do for w in a ab abc abcabcab; do yes $w | tr -d '\\n' | head -c "
        "$n >>p; bzip2 "
        "-c p; done; done >p.bz2");
    unpacks("p.bz2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_sizes), cmocka_unit_test(runs),          cmocka_unit_test(streams),
        cmocka_unit_test(damage),      cmocka_unit_test(marks_in_data), cmocka_unit_test(randomised),
        cmocka_unit_test(rings),
    };
    return cmocka_run_group_tests_name("media/bzip2", tests, enter, fixture_leave);
}
