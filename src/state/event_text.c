#include "state/event_text.h"

#include <string.h>

/* --- writing --- */

static void put_number(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buf_append(out, digits + at, sizeof digits - at);
}

static void put_field(struct buf *out, int64_t value)
{
    buf_append(out, ",-", value < 0 ? 2 : 1);
    put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void put_text(struct buf *out, const char *text)
{
    buf_append(out, ",\"", 2);
    for (size_t n; (n = strcspn(text, "\"\\")), text[n]; text += n + 1) {
        char escape[] = {'\\', text[n]};
        buf_append(out, text, n);
        buf_append(out, escape, sizeof escape);
    }
    buf_append_text(out, text);
    buf_append(out, "\"", 1);
}

void event_text_format(const struct story_event *at, struct buf *out)
{
    const struct boot_event *event = &at->event;
    char ip[IP4_TEXT_SIZE];
    buf_append(out, "[", 1);
    put_number(out, at->first_order);
    put_text(out, story_kind_word(event->kind));
    put_text(out, story_role_word(event->role));
    put_text(out, event->file);
    put_text(out, event->text);
    put_field(out, event->file_number);
    put_field(out, event->files_expected);
    put_field(out, (int64_t)event->bytes); /* SQL's integers have a sign */
    put_field(out, event->duration_ms);
    put_text(out, event->ip ? ip4_format(event->ip, ip) : "");
    put_field(out, event->at_ms);
    if (at->times > 1) {
        put_field(out, at->times);
        put_field(out, at->last_order);
        put_field(out, at->first_ms);
    }
    buf_append(out, "]", 1);
}

/* --- reading --- */

struct reader {
    const char *at;
    bool failed; /* sticky, like a wire cursor's */
};

static bool take(struct reader *r, char byte)
{
    if (r->failed || *r->at != byte)
        return false;
    r->at++;
    return true;
}

static void expect(struct reader *r, char byte)
{
    if (!take(r, byte))
        r->failed = true;
}

static int64_t get_number(struct reader *r, int64_t min, int64_t max)
{
    bool is_negative = take(r, '-');
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + is_negative;
    if (*r->at < '0' || *r->at > '9')
        r->failed = true;
    for (; !r->failed && *r->at >= '0' && *r->at <= '9'; r->at++) {
        uint64_t digit = (uint64_t)(*r->at - '0');
        if (value > (uint64_t)INT64_MAX / 10 || value * 10 + digit > limit)
            r->failed = true;
        else
            value = value * 10 + digit;
    }
    int64_t number = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    if (number < min || number > max)
        r->failed = true;
    return r->failed ? 0 : number;
}

static int64_t get_field(struct reader *r, int64_t min, int64_t max)
{
    expect(r, ',');
    return get_number(r, min, max);
}

static void get_text(struct reader *r, char *out, size_t size)
{
    size_t used = 0;
    expect(r, ',');
    expect(r, '"');
    while (!r->failed && *r->at != '"') {
        size_t n = strcspn(r->at, "\"\\");
        if (r->at[n] == '\\' && n == 0 && (r->at[1] == '"' || r->at[1] == '\\')) {
            r->at++;
            n = 1;
        }
        if (n == 0 || n >= size - used) {
            r->failed = true;
            break;
        }
        memcpy(out + used, r->at, n);
        used += n;
        r->at += n;
    }
    out[used] = 0;
    expect(r, '"');
}

static void get_words(struct reader *r, struct boot_event *event)
{
    char word[BOOT_EVENT_TEXT_MAX];
    get_text(r, word, sizeof word);
    if (!story_parse_kind(word, &event->kind))
        r->failed = true;
    get_text(r, word, sizeof word);
    if (!story_parse_role(word, &event->role))
        r->failed = true;
}

static void get_event(struct reader *r, struct story_event *out)
{
    struct boot_event *event = &out->event;
    char ip[IP4_TEXT_SIZE];
    expect(r, '[');
    out->first_order = out->last_order = (uint32_t)get_number(r, 0, UINT32_MAX);
    get_words(r, event);
    get_text(r, event->file, sizeof event->file);
    get_text(r, event->text, sizeof event->text);
    event->file_number = (uint32_t)get_field(r, 0, UINT32_MAX);
    event->files_expected = (uint32_t)get_field(r, 0, UINT32_MAX);
    event->bytes = (uint64_t)get_field(r, INT64_MIN, INT64_MAX);
    event->duration_ms = get_field(r, 0, STORY_TIME_MAX);
    get_text(r, ip, sizeof ip);
    event->ip = 0;
    if (!r->failed && ip[0] && !ip4_parse(ip, &event->ip))
        r->failed = true;
    out->first_ms = event->at_ms = get_field(r, 0, STORY_TIME_MAX);
    out->times = 1;
    if (!take(r, ']')) {
        out->times = (uint32_t)get_field(r, 1, UINT32_MAX);
        out->last_order = (uint32_t)get_field(r, 0, UINT32_MAX);
        out->first_ms = get_field(r, 0, STORY_TIME_MAX);
        expect(r, ']');
    }
}

int event_text_parse(const char *text, void *ctx,
                     int (*each)(void *ctx, const struct story_event *event, struct error *err),
                     struct error *err)
{
    struct reader r = {.at = text};
    struct story_event event;
    memset(&event.event.mac, 0, sizeof event.event.mac);
    expect(&r, '[');
    if (!take(&r, ']')) {
        do {
            get_event(&r, &event);
            if (!r.failed && each(ctx, &event, err) < 0)
                return -1;
        } while (take(&r, ','));
        expect(&r, ']');
    }
    if (r.failed || *r.at)
        return error_set(err, "event list, byte %zu: this is no event that was written here",
                         (size_t)(r.at - text));
    return 0;
}
