/* A herd of simulated machines: what the command line says of it, its progress, its report. */
#include "cli/command.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Locally administered (IEEE 802, bit 1 of the first byte): no card has it. */
#define MAC_FIRST "02:be:00:00:00:01"

struct number {
    const char *option;
    uint64_t min, max, otherwise;
    size_t offset, size; /* in struct herd_options */
};

#define FIELD(field) offsetof(struct herd_options, field), sizeof(((struct herd_options *)0)->field)

static const struct number numbers[] = {
    {"machines", 1, HERD_MACHINES_MAX, 1, FIELD(machines)},
    {"at-once", 1, HERD_MACHINES_MAX, HERD_MACHINES_MAX, FIELD(at_once)},
    {"ramp", 1, 1000000, 0, FIELD(ramp)},
    {"repeat", 1, 1000000, 1, FIELD(repeat)},
    {"attempts", 1, 1000, 5, FIELD(attempts)},
    {"port", 1, 65535, 0, FIELD(port)},
    {"blksize", 0, 65464, 1428, FIELD(blksize)},
    {"windowsize", 0, 65535, 0, FIELD(windowsize)},
    {"timeout", 10, 600000, 4000, FIELD(timeout_ms)},
    {"tries", 1, 1000, 6, FIELD(tries)},
    {"loss", 0, 1000000, 0, FIELD(loss_ppm)},
    {"delay", 0, 60000, 0, FIELD(delay_ms)},
    {"rate", 1000, UINT64_MAX / 1000000, 0, FIELD(rate)},
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

/* "bios,uefi": machines are of these kinds in turn. */
static int take_firmware(const struct cli *cli, struct herd_options *herd, struct error *err)
{
    const char *at = cli_option(cli, "firmware");
    if (!at)
        at = habits[0].name;
    for (;;) {
        size_t size = strcspn(at, ",");
        const struct habit *habit = habit_find(at, size);
        if (!habit || herd->habit_count == HERD_HABITS_MAX)
            break;
        herd->habit[herd->habit_count++] = habit;
        at += size;
        if (!*at++)
            return 0;
    }
    cleanup_buf struct buf names = BUF_INIT;
    for (size_t i = 0; i < habit_count; i++)
        buf_format(&names, "%s%s", i ? ", " : "", habits[i].name);
    return error_set(err, "--firmware: kinds with commas between, %d at most: %s", HERD_HABITS_MAX,
                     buf_text(&names));
}

static int take_mode(const struct cli *cli, struct herd_options *herd, struct error *err)
{
    const char *only = cli_option(cli, "only"), *from = cli_option(cli, "from");
    herd->file = cli_option(cli, "fetch");
    herd->mode = herd->file ? HERD_FETCH : only ? HERD_DHCP : HERD_BOOT;
    herd->close = cli_has(cli, "close");
    if (herd->file && only)
        return error_set(err, "--only dhcp and --fetch do not go together");
    if (only && strcmp(only, "dhcp") != 0)
        return error_set(err, "--only %s: dhcp is all there is", only);
    if (from && (!herd->file || !ip4_parse(from, &herd->first_ip)))
        return error_set(err, "--from %s: the first address of those that --fetch is to come from is needed",
                         from);
    if (herd->file && !herd->server && !strstr(herd->file, "://"))
        return error_set(err, "which server? --server ADDR");
    return 0;
}

static int take_options(const struct cli *cli, struct cli_swarm_options *out, struct error *err)
{
    const char *server = cli_option(cli, "server"), *mac = cli_option(cli, "mac");
    *out = (struct cli_swarm_options){.interface = cli_option(cli, "interface"),
                                      .expect = cli_option(cli, "expect"),
                                      .yes = cli_has(cli, "yes")};
    if (!out->interface)
        return error_set(err, "which network interface? --interface IF; `ip -br addr` lists them");
    if (server && !ip4_parse(server, &out->herd.server))
        return error_set(err, "--server %s: an IPv4 address is needed", server);
    if (!mac_parse(mac ? mac : MAC_FIRST, &out->herd.first_mac) || out->herd.first_mac.byte[0] & 1)
        return error_set(err, "--mac %s: a hardware address of one machine is needed, such as " MAC_FIRST,
                         mac);
    if (take_mode(cli, &out->herd, err) < 0 || take_firmware(cli, &out->herd, err) < 0 ||
        take_numbers(cli, &out->herd, err) < 0)
        return -1;
    if (out->herd.blksize && out->herd.blksize < 8)
        return error_set(err, "--blksize %u: RFC 2348 wants 8 at least", out->herd.blksize);
    return 0;
}

static void tell_progress(void *ctx, const struct report *report)
{
    progress_tell(ctx, report->booted + report->failed, report->machines);
}

static enum cli_status print_report(const struct cli *cli, const struct report *report, struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    if (!cli->json)
        report_text(report, &out);
    else if (report_json(report, &out) < 0)
        out.failed = true;
    return cli_print(&out, err);
}

enum cli_status cli_swarm(struct cli *cli, struct error *err)
{
    struct cli_swarm_options options;
    struct progress progress;
    if (take_options(cli, &options, err) < 0)
        return CLI_USAGE;
    cleanup_free struct report *report = malloc(sizeof *report);
    if (!report) {
        error_errno(err, ENOMEM, "report");
        return CLI_FAILED;
    }
    progress_start_counting(&progress, "swarm", "machines");
    const struct herd_listener listener = {&progress, tell_progress};
    int result = cli->processes->swarm(&options, &listener, report, err);
    progress_clear(&progress);
    if (result < 0 || print_report(cli, report, err) != CLI_DONE)
        return CLI_FAILED;
    return report->booted == report->machines ? CLI_DONE : CLI_FAILED;
}
