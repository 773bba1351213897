#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *text_size(uint64_t bytes, char out[static TEXT_SIZE_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(out, TEXT_SIZE_MAX, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

const char *text_duration_ms(int64_t ms, char out[static TEXT_DURATION_MAX])
{
    if (ms < 1000)
        snprintf(out, TEXT_DURATION_MAX, "%lld ms", (long long)ms);
    else if (ms < 60000)
        snprintf(out, TEXT_DURATION_MAX, "%.1f s", (double)ms / 1000);
    else if (ms < 3600000)
        snprintf(out, TEXT_DURATION_MAX, "%lld min %02lld s", (long long)ms / 60000,
                 (long long)ms / 1000 % 60);
    else
        snprintf(out, TEXT_DURATION_MAX, "%lld h %02lld min", (long long)ms / 3600000,
                 (long long)ms / 60000 % 60);
    return out;
}

const char *text_time_utc(int64_t wall_ms, char out[static TEXT_TIME_MAX])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || !strftime(out, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts))
        strcpy(out, "?");
    return out;
}

/* The length of a valid UTF-8 sequence at `at` (2 to 4), or 0. Overlong forms, surrogates and C1 controls
 * count as invalid. */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    size_t size = at[0] >= 0xc2 && at[0] <= 0xdf   ? 2
                  : at[0] >= 0xe0 && at[0] <= 0xef ? 3
                  : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                   : 0;
    if (!size || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xe0 && at[1] < 0xa0) ||
        (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return size;
}

void text_printable(const char *text, size_t size, char *out, size_t out_size)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < out_size;) {
        if (in[i] >= 0x20 && in[i] < 0x7f) {
            out[used++] = (char)in[i++];
            continue;
        }
        size_t sequence = in[i] >= 0x80 ? utf8_sequence(in + i, size - i) : 0;
        if (sequence && used + sequence < out_size) {
            memcpy(out + used, in + i, sequence);
            used += sequence;
            i += sequence;
        } else {
            out[used++] = '?';
            i++;
        }
    }
    if (out_size)
        out[used] = 0;
}

size_t text_valid(const char *text, size_t size, const char *also)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t i = 0;
    while (i < size) {
        size_t sequence = in[i] >= 0x80 ? utf8_sequence(in + i, size - i)
                                        : (in[i] >= 0x20 && in[i] < 0x7f) || (in[i] && strchr(also, in[i]));
        if (!sequence)
            break;
        i += sequence;
    }
    return i;
}

void text_scrub(char *text, size_t size, const char *also)
{
    for (size_t at = 0; (at += text_valid(text + at, size - at, also)) < size; at++)
        text[at] = '?';
}

bool text_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (!*text)
        return false;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        uint64_t digit = (uint64_t)(*p - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v < min || v > max)
        return false;
    *out = v;
    return true;
}

bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

unsigned text_distance(const char *a, const char *b, unsigned limit)
{
    enum {
        MOST = 64
    };
    size_t n = strlen(a), m = strlen(b);
    if (n > MOST || m > MOST)
        return limit + 1;
    unsigned row[MOST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m] > limit ? limit + 1 : row[m];
}
