/*
 * How many overlays state makes in a second of one core: bench_overlays [COUNT]. Each is of another node with
 * what nodes usually have: a password, a key, two datastores, a text, a file of the operator's. Real time is
 * told beside the processor's: what is between them is the disk.
 */
#include "../unit/store/sample.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "fleet/fleet_set.h"
#include "proc/overlay_images.h"
#include "proc/overlay_job.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HASH                                                                                                 \
    "$6$saltsalt$"                                                                                           \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234."
#define KEY                                                                                                  \
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDXpW08/PmkTccWaRrNq6G4qRJkZUPGl3paQ6wnU88QFzEiBxETvRIFNqvOZm"     \
    "aZpYwJGv/qaocUSv9x6sxSRHL9WLLhw8aZEA/sSNA4V/Q0hW7cY4mzAjlceqzURpNnnccKvjMsy9yt0w7ULhvgDQBD"             \
    "S/LiNs7IZfEJC2/taVKQBq0aNNSzKwSksMSAzgMEoEJFJurM3kKRRSf/hDGFhzEqoFNST2bkJUoQeYGgocoI3oVzXb"             \
    "sDDP/1BjzK2uE2OdmQAUvhcydVX8oqMxZWG0TY9BsZmyQCYFZ8oPSrb4BPY8kvhoEsLbY/I6iDLUmCUD9FDj15Juyt"             \
    "R4Zk3xaS2c/x operator@example"

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_overlays: %s\n", what);
    exit(1);
}

static void put_operators_file(int root_fd)
{
    static const char text[] = "server ntp1.example\nserver ntp2.example\n";
    struct error err;
    mkdirat(root_fd, "files", 0755);
    mkdirat(root_fd, "files/extra", 0755);
    mkdirat(root_fd, "files/extra/etc", 0755);
    if (file_replace_at(root_fd, "files/extra/etc/ntp.conf", text, strlen(text), 0644, &err) < 0)
        die(err.text);
}

static struct fleet *make_fleet(size_t count)
{
    struct fleet *fleet = fleet_new();
    struct error err;
    char range[32];
    static const struct fleet_word profile[] = {
        {"root_password_hash", HASH},
        {"authorized_keys", KEY},
        {"datastores", "vms=10.77.0.1:/srv/vms,iso=10.77.0.1:/srv/iso:ro"},
        {"welcome", "rack 1, call 4711"},
        {"files", "extra"},
        {"image", "bench"}};
    static const struct fleet_word node[] = {{"profile", "esxi"}, {"ip", "10.0.0.1"}};
    snprintf(range, sizeof range, "n[1-%zu]", count);
    if (!fleet || fleet_set_profile(fleet, "esxi", profile, sizeof profile / sizeof *profile, &err) < 0 ||
        fleet_set_nodes(fleet, range, node, sizeof node / sizeof *node, &err) < 0 ||
        fleet_finish(fleet, &err) < 0)
        die(fleet ? err.text : "out of memory");
    return fleet;
}

/* As state answers net: the image by its digest, the archive into a sealed memory file. */
static size_t make_one(int root_fd, struct overlay_images *images, struct store *store,
                       const struct digest *manifest, const struct fleet *fleet,
                       const struct fleet_node *node)
{
    cleanup_buf struct buf archive = BUF_INIT;
    const struct image *image;
    struct error err;
    if (overlay_images_get(images, store, manifest, &image, &err) < 0 ||
        overlay_job(root_fd, fleet, node, image, NULL, &archive, NULL, &err) < 0)
        die(err.text);
    int fd = file_sealed("overlay", archive.data, archive.size, &err);
    if (fd < 0)
        die(err.text);
    close(fd);
    return archive.size;
}

static void run(const char *family, const struct fleet *fleet)
{
    char path[64];
    int root_fd = sample_root(path);
    struct sample sample = sample_one;
    struct digest manifest;
    struct overlay_images images = {0};
    struct store *store;
    struct error err;
    size_t bytes = 0;
    sample.family = family;
    if (root_fd < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        sample_publish(store, "bench", &sample, &manifest, &err) < 0)
        die(root_fd < 0 ? "no folder in /tmp" : err.text);
    put_operators_file(root_fd);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (size_t i = 0; i < fleet->node_count; i++)
        bytes += make_one(root_fd, &images, store, &manifest, fleet, &fleet->nodes[i]);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("%-14s %7.0f overlays a second and core, %7.0f a second here, %zu bytes each\n", family,
           (double)fleet->node_count / cpu, (double)fleet->node_count / wall, bytes / fleet->node_count);
    overlay_images_fini(&images);
    store_close(store);
    sample_root_free(path, root_fd);
}

int main(int argc, char **argv)
{
    struct fleet *fleet = make_fleet(argc > 1 ? strtoul(argv[1], NULL, 10) : 10000);
    run("esxi_dd", fleet);
    run("esxi_bootcfg", fleet);
    run("linux", fleet);
    fleet_free(fleet);
}
