/* A herd of simulated machines: what the command line says of it, its progress, its report. */
#include "cli/command.h"

#include "base/text.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>

struct number {
    const char *option;
    uint64_t min, max, otherwise;
    size_t offset, size; /* in struct herd_options */
};

#define FIELD(field) offsetof(struct herd_options, field), sizeof(((struct herd_options *)0)->field)

static const struct number numbers[] = {
    {"machines", 1, HERD_MACHINES_MAX, 1, FIELD(machines)},
    {"at-once", 1, HERD_MACHINES_MAX, HERD_MACHINES_MAX, FIELD(at_once)},
    {"repeat", 1, 1000000, 1, FIELD(repeat)},
    {"port", 1, 65535, 0, FIELD(port)},
    {"blksize", 0, 65464, 1428, FIELD(blksize)},
    {"windowsize", 0, 65535, 0, FIELD(windowsize)},
    {"timeout", 10, 600000, 4000, FIELD(timeout_ms)},
    {"tries", 1, 1000, 6, FIELD(tries)},
    {"loss", 0, 1000000, 0, FIELD(loss_ppm)},
    {"seed", 0, UINT64_MAX, 1, FIELD(seed)},
};

static void store_number(struct herd_options *herd, const struct number *n, uint64_t value)
{
    uint8_t *at = (uint8_t *)herd + n->offset;
    if (n->size == sizeof(uint64_t))
        memcpy(at, &value, sizeof value);
    else if (n->size == sizeof(uint32_t))
        memcpy(at, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
    else
        memcpy(at, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
}

static int take_numbers(const struct cli *cli, struct herd_options *herd, struct error *err)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct number *n = &numbers[i];
        const char *text = cli_option(cli, n->option);
        uint64_t value = n->otherwise;
        if (text && !text_u64(text, n->min, n->max, &value))
            return error_set(err, "--%s %s: a number from %" PRIu64 " to %" PRIu64 " is needed", n->option,
                             text, n->min, n->max);
        store_number(herd, n, value);
    }
    return 0;
}

static int take_options(const struct cli *cli, struct cli_swarm_options *out, struct error *err)
{
    const char *server = cli_option(cli, "server");
    *out = (struct cli_swarm_options){.interface = cli_option(cli, "interface"),
                                      .expect = cli_option(cli, "expect"),
                                      .yes = cli_has(cli, "yes")};
    out->herd.file = cli_option(cli, "fetch");
    if (!out->interface)
        return error_set(err, "which network interface? --interface IF; `ip -br addr` lists them");
    if (!server || !ip4_parse(server, &out->herd.server))
        return error_set(err, "which server? --server ADDR, an IPv4 address");
    if (!out->herd.file)
        return error_set(err, "which file? --fetch FILE");
    if (out->herd.blksize && out->herd.blksize < 8)
        return error_set(err, "--blksize %u: RFC 2348 wants 8 at least", out->herd.blksize);
    return take_numbers(cli, &out->herd, err);
}

static void tell_progress(void *ctx, const struct herd_counts *counts, unsigned machines)
{
    progress_tell(ctx, counts->done + counts->failed, machines);
}

static json_t *counts_json(const struct herd_counts *c, const char *failure)
{
    return json_pack("{s:I s:I s:I s:I s:I s:I s:I s:I s:s}", "started", (json_int_t)c->started, "done",
                     (json_int_t)c->done, "failed", (json_int_t)c->failed, "bytes", (json_int_t)c->bytes,
                     "timeouts", (json_int_t)c->timeouts, "gaps", (json_int_t)c->gaps, "duplicates",
                     (json_int_t)c->duplicates, "took_us", (json_int_t)c->took_us, "first_failure", failure);
}

static enum cli_status print_counts(const struct cli *cli, const struct herd_counts *c, const char *failure,
                                    struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    char bytes[TEXT_SIZE_MAX], rate[TEXT_SIZE_MAX], took[TEXT_DURATION_MAX];
    if (cli->json) {
        json_auto_t *json = counts_json(c, failure);
        return cli_print_json(json, err);
    }
    uint64_t per_second = c->took_us > 0 ? (uint64_t)((double)c->bytes * 1e6 / (double)c->took_us) : 0;
    buf_format(&out, "%" PRIu64 " done, %" PRIu64 " failed, %s in %s: %s/s\n", c->done, c->failed,
               text_size(c->bytes, bytes), text_duration_ms(c->took_us / 1000, took),
               text_size(per_second, rate));
    buf_format(&out, "%" PRIu64 " timeouts, %" PRIu64 " gaps, %" PRIu64 " blocks came twice\n", c->timeouts,
               c->gaps, c->duplicates);
    if (failure[0])
        buf_format(&out, "the first failure: %s\n", failure);
    return cli_print(&out, err);
}

enum cli_status cli_swarm(struct cli *cli, struct error *err)
{
    struct cli_swarm_options options;
    struct herd_counts counts;
    char failure[ERROR_TEXT_MAX];
    struct progress progress;
    if (take_options(cli, &options, err) < 0)
        return CLI_USAGE;
    progress_start(&progress, "swarm");
    const struct herd_listener listener = {&progress, tell_progress};
    int result = cli->processes->swarm(&options, &listener, &counts, failure, err);
    progress_clear(&progress);
    if (result < 0 || print_counts(cli, &counts, failure, err) != CLI_DONE)
        return CLI_FAILED;
    return counts.failed || counts.done < counts.started ? CLI_FAILED : CLI_DONE;
}
