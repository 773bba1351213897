#include "cli/progress.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH   24
#define TERMINAL_MS 100
#define PLAIN_MS    10000

void progress_start(struct progress *p, const char *what)
{
    const char *term = getenv("TERM");
    *p = (struct progress){
        .what = what,
        .terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
        .started_ms = clock_monotonic_ms(),
    };
    p->told_ms = p->started_ms;
}

void progress_start_counting(struct progress *p, const char *what, const char *things)
{
    progress_start(p, what);
    p->things = things;
}

/* So many bytes, or so many things. */
static const char *amount(const struct progress *p, uint64_t number, char out[static TEXT_SIZE_MAX])
{
    if (!p->things)
        return text_size(number, out);
    snprintf(out, TEXT_SIZE_MAX, "%llu", (unsigned long long)number);
    return out;
}

static void print_plain(const struct progress *p, uint64_t done, uint64_t total, int64_t elapsed_ms)
{
    char done_text[TEXT_SIZE_MAX], total_text[TEXT_SIZE_MAX], time[TEXT_DURATION_MAX];
    fprintf(stderr, "%s: %s of %s %s, %s so far\n", p->what, amount(p, done, done_text),
            total ? amount(p, total, total_text) : "an unknown size", p->things ? p->things : "read",
            text_duration_ms(elapsed_ms, time));
}

static void print_bar(const struct progress *p, uint64_t done, uint64_t total, int64_t elapsed_ms)
{
    char bar[BAR_WIDTH + 1], done_text[TEXT_SIZE_MAX], rate_text[TEXT_SIZE_MAX],
        left[TEXT_DURATION_MAX] = "?";
    unsigned full = total ? (unsigned)(done * BAR_WIDTH / total) : 0;
    uint64_t rate = elapsed_ms > 0 ? done * 1000 / (uint64_t)elapsed_ms : 0;
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = 0;
    if (rate && total > done)
        text_duration_ms((int64_t)((total - done) * 1000 / rate), left);
    fprintf(stderr, "\r\033[K%s [%s] %s%s%s, %s/s, %s left", p->what, bar, amount(p, done, done_text),
            p->things ? " " : "", p->things ? p->things : "", amount(p, rate, rate_text), left);
}

void progress_tell(struct progress *p, uint64_t done, uint64_t total)
{
    int64_t now = clock_monotonic_ms();
    if (now - p->told_ms < (p->terminal ? TERMINAL_MS : PLAIN_MS))
        return;
    p->told_ms = now;
    if (!p->terminal) {
        print_plain(p, done, total, now - p->started_ms);
        return;
    }
    print_bar(p, done, total, now - p->started_ms);
    p->open = true;
}

void progress_clear(struct progress *p)
{
    if (p->open)
        fputs("\r\033[K", stderr);
    p->open = false;
}
