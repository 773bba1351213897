/*
 * How long the parts of a large fleet take: bench_fleet FILE.yaml (bench/fleet.sh writes one). Processor time
 * in milliseconds; of boot plans the 50th and 99th percentile in microseconds.
 */
#include "fleet/fleet_yaml.h"
#include "plan/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"

#define PLANS 20000

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void tell(const char *what, double *since)
{
    double now = now_ms();
    printf("%-8s %8.1f ms\n", what, now - *since);
    *since = now_ms();
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_fleet: %s\n", what);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* An ESXi 4: a kernel, seven modules, the overlay. */
#define FILES 8
static struct image_file files[FILES];
static char names[FILES][16], no_options[1];
static struct image image = {.family = (char[]){"esxi_dd"},
                             .product = (char[]){"VMware ESXi"},
                             .version = (char[]){"4.0.0"},
                             .build = (char[]){"208167"},
                             .arch = (char[]){"amd64"},
                             .kernel_options = no_options,
                             .file_count = FILES,
                             .files = files};

static void fill_image(void)
{
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof names[i], i ? "m%u.vgz" : "vmkboot.gz", i);
        files[i] = (struct image_file){.name = names[i],
                                       .role = i ? IMAGE_ROLE_MODULE : IMAGE_ROLE_KERNEL,
                                       .order = i,
                                       .size = 1000,
                                       .unpacked = 1000};
    }
}

/* From a card's address, as DHCP asks, to the plan. */
static void time_plans(const struct fleet *fleet)
{
    static double us[PLANS];
    struct plan *plan = malloc(sizeof *plan);
    struct digest manifest = {{1}};
    struct error err;
    uint32_t random = 1;
    if (!plan || !fleet->node_count)
        die("no node");
    fill_image();
    for (size_t i = 0; i < PLANS; i++) {
        random = random * 1664525 + 1013904223;
        struct mac mac = fleet->nodes[random % fleet->node_count].macs[0];
        struct plan_site site = {.server = 0x0a000001, .http_port = 80, .loaders = PLAN_LOADERS_ALL};
        struct plan_client client = {.mac = mac, .arch = PLAN_ARCH_UNKNOWN};
        double start = now_ms();
        const struct fleet_node *node = fleet_node_by_mac(fleet, &mac);
        if (!node ||
            plan_make(fleet, node, &image, &manifest, &site, &client, PLAN_CHAIN_ANY, plan, &err) < 0)
            die(node ? err.text : "a card is not found");
        us[i] = (now_ms() - start) * 1000;
    }
    qsort(us, PLANS, sizeof *us, by_value);
    printf("plan     %8.1f us p50, %.1f us p99\n", us[PLANS / 2], us[PLANS * 99 / 100]);
    free(plan);
}

int main(int argc, char **argv)
{
    struct error err;
    struct buf text = BUF_INIT, out = BUF_INIT, lines = BUF_INIT;
    struct fleet *fleet;
    if (argc != 2 || file_read_at(AT_FDCWD, argv[1], FLEET_YAML_MAX, &text, &err) < 0)
        die(argc == 2 ? err.text : "usage: bench_fleet FILE.yaml");
    double since = now_ms();
    if (fleet_parse_yaml(argv[1], buf_slice(&text), &fleet, &err) < 0)
        die(err.text);
    tell("parse", &since);
    if (fleet_format_yaml(fleet, FLEET_WITHOUT_SECRETS, &out, &err) < 0)
        die(err.text);
    tell("format", &since);
    struct fleet *copy = fleet_copy(fleet);
    if (!copy)
        die("out of memory");
    tell("copy", &since);
    if (fleet_finish(copy, &err) < 0)
        die(err.text);
    tell("finish", &since);
    size_t differences = fleet_diff(fleet, copy, &lines);
    if (differences)
        die("a copy differs");
    tell("diff", &since);
    fleet_free(copy);
    tell("free", &since);
    time_plans(fleet);
    fleet_free(fleet);
    buf_fini(&text);
    buf_fini(&out);
    buf_fini(&lines);
}
