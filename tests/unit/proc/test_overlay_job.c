/* The operator's own files in an overlay, and images that stay open while they are booted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../store/sample.h"
#include "base/cleanup.h"
#include "proc/image_cache.h"
#include "proc/overlay_images.h"
#include "proc/overlay_job.h"

static char root[64];
static int root_fd, images_fd;
static struct store *store;
static struct image *image;
static struct fleet *fleet;
static struct error err;
static struct buf archive = BUF_INIT, listing = BUF_INIT;
static char name[] = "n1", folder[] = "extra";
static struct fleet_node node = {.name = name, .settings = {.files = folder}};

static void file_at(const char *path, mode_t mode)
{
    int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && write(fd, "text", 4) == 4 && fchmod(fd, mode) == 0);
    close(fd);
}

static int job(void)
{
    buf_clear(&archive);
    buf_clear(&listing);
    return overlay_job(root_fd, fleet, &node, image, NULL, &archive, &listing, &err);
}

static void check_fails(const char *says)
{
    assert_int_equal(job(), -1);
    if (!strstr(err.text, says) || !strstr(err.text, "overlay of n1"))
        fail_msg("%s", err.text);
}

/* A line of the listing that starts with `mode` and has `part`. */
static void check_lists(const char *mode, const char *part)
{
    cleanup_free char *copy = strdup(buf_text(&listing));
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
        if (strncmp(line, mode, strlen(mode)) == 0 && strstr(line, part))
            return;
    fail_msg("no %s %s in:\n%s", mode, part, buf_text(&listing));
}

static void own_files_keep_modes_and_links(void **state)
{
    assert_int_equal(mkdirat(root_fd, "files/extra/etc", 0755), 0);
    assert_int_equal(mkdirat(root_fd, "files/extra/own", 0750), 0);
    file_at("files/extra/etc/plain", 0640);
    file_at("files/extra/etc/run", 0755);
    assert_int_equal(symlinkat("plain", root_fd, "files/extra/etc/link"), 0);
    assert_int_equal(symlinkat("/etc/shadow", root_fd, "files/extra/out"), 0); /* a link, never followed */
    if (job() < 0)
        fail_msg("%s", err.text);
    check_lists("-rw-r-----", "etc/plain");
    check_lists("-rwxr-xr-x", "etc/run");
    check_lists("l", "etc/link -> plain");
    check_lists("l", "out -> /etc/shadow");
    check_lists("drwxr-xr-x", "own/"); /* folders have the usual mode */
}

static void what_is_no_file_is_refused(void **state)
{
    assert_int_equal(mkfifoat(root_fd, "files/extra/pipe", 0600), 0);
    check_fails("pipe is neither a file, a folder nor a link");
}

static void too_deep(void **state)
{
    char path[256] = "files/extra";
    for (int i = 0; i < 17; i++) {
        strcat(path, "/d");
        assert_int_equal(mkdirat(root_fd, path, 0700), 0);
    }
    check_fails("more than 16 folders deep");
}

static void a_folder_that_is_missing_or_elsewhere(void **state)
{
    assert_int_equal(unlinkat(root_fd, "files/extra", AT_REMOVEDIR), 0);
    check_fails("folder files/extra below --root: No such file");
    assert_int_equal(symlinkat("/etc", root_fd, "files/extra"), 0);
    check_fails("folder files/extra below --root");
}

/* An archive of Linux is not compressed: what is in it can be looked for. */
static void the_node_is_told_who_it_is(void **state)
{
    static const char told[] =
        "BOOTHERD_NODE='n1'\nBOOTHERD_HOSTNAME='host1'\nBOOTHERD_IP='10.77.0.11'\nBOOTHERD_SSH='on'\n";
    free(image->family);
    image->family = strdup("linux");
    node.hostname = (char[]){"host1"};
    node.ip = 0x0a4d000b;
    int result = job();
    node.hostname = NULL;
    node.ip = 0;
    assert_int_equal(result, 0);
    assert_non_null(memmem(archive.data, archive.size, told, strlen(told)));
}

/* --- the cache --- */

static void removed_images_go_on(void **state)
{
    struct image_cache *cache;
    const struct cached_image *c, *again;
    struct digest manifest;
    char id[PLAN_IMAGE_ID + 1], text[32] = "";
    uint64_t freed;
    assert_int_equal(image_cache_new(images_fd, &cache, &err), 0);
    assert_int_equal(image_cache_by_name(cache, "one", 0, &c, &err), 0);
    strcpy(id, c->id);
    /* Replaced: the name is the new image, the id still the old one. */
    assert_int_equal(sample_publish(store, "one", &sample_two, &manifest, &err), 0);
    assert_int_equal(image_cache_by_name(cache, "one", 1, &again, &err), 0);
    assert_string_not_equal(again->id, id);
    assert_true(digest_equal(&again->manifest, &manifest));
    assert_int_equal(image_cache_by_id(cache, id, 1, &c, &err), 0);
    assert_int_equal(boot_file_read(c->files[0], 0, text, sizeof text), 10);
    assert_string_equal(text, "kernel one");
    /* Removed: no boot begins with it, one that began goes on, until nobody asks any more. */
    assert_int_equal(store_remove(store, "one", &freed, &err), 0);
    assert_int_equal(image_cache_by_name(cache, "one", 2, &c, &err), -1);
    assert_int_equal(err.code, ENOENT);
    assert_int_equal(image_cache_by_id(cache, id, 2, &c, &err), 0);
    image_cache_sweep(cache, 2 + IMAGE_CACHE_IDLE_MS);
    assert_int_equal(image_cache_by_id(cache, id, 2, &c, &err), 0);
    image_cache_sweep(cache, 3 + IMAGE_CACHE_IDLE_MS);
    assert_int_equal(image_cache_by_id(cache, id, 3, &c, &err), -1);
    assert_int_equal(err.code, ENOENT);
    image_cache_free(cache);
}

/* --- images that overlays are made for --- */

static void publish_variant(unsigned number, struct digest *manifest)
{
    char kernel[16];
    struct sample sample = sample_one;
    snprintf(kernel, sizeof kernel, "kernel %u", number);
    sample.bytes[0] = kernel;
    assert_int_equal(sample_publish(store, "v", &sample, manifest, &err), 0);
}

static void images_of_overlays_are_read_once(void **state)
{
    struct overlay_images images = {0};
    const struct image *first, *again;
    struct digest manifest, other;
    publish_variant(0, &manifest);
    assert_int_equal(overlay_images_get(&images, store, &manifest, &first, &err), 0);
    for (unsigned i = 1; i < OVERLAY_IMAGES_MAX + 1; i++) { /* each takes the name from the one before */
        publish_variant(i, &other);
        assert_int_equal(overlay_images_get(&images, store, &other, &again, &err), 0);
        assert_ptr_not_equal(again, first);
        if (i + 1 < OVERLAY_IMAGES_MAX) { /* gone from the store, used all the time */
            assert_int_equal(overlay_images_get(&images, store, &manifest, &again, &err), 0);
            assert_ptr_equal(again, first);
        }
    }
    assert_int_equal(overlay_images_get(&images, store, &manifest, &again, &err), 0);
    publish_variant(99, &other);
    overlay_images_fini(&images);
    assert_int_equal(overlay_images_get(&images, store, &manifest, &again, &err), -1);
    assert_int_equal(err.code, ENOENT);
}

static int setup(void **state)
{
    struct digest manifest;
    root_fd = sample_root(root);
    if (root_fd < 0 || store_open(root_fd, true, &store, &err) < 0 ||
        sample_publish(store, "one", &sample_one, &manifest, &err) < 0 ||
        store_load(store, &manifest, &image, &err) < 0 || mkdirat(root_fd, "files", 0755) < 0 ||
        mkdirat(root_fd, "files/extra", 0755) < 0)
        return -1;
    images_fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fleet = fleet_new();
    return fleet && images_fd >= 0 ? fleet_finish(fleet, &err) : -1;
}

static int teardown(void **state)
{
    fleet_free(fleet);
    image_free(image);
    store_close(store);
    buf_fini(&archive);
    buf_fini(&listing);
    close(images_fd);
    sample_root_free(root, root_fd);
    return 0;
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(own_files_keep_modes_and_links),
        test(what_is_no_file_is_refused),
        test(too_deep),
        test(a_folder_that_is_missing_or_elsewhere),
        test(the_node_is_told_who_it_is),
        test(removed_images_go_on),
        test(images_of_overlays_are_read_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
