#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sample.h"

struct fixture {
    char path[64];
    int root;
    struct store *store;
};

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            fail_msg("%s", err.text);                                                                        \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->root = sample_root(f->path);
    struct error err;
    if (f->root < 0 || store_open(f->root, true, &f->store, &err) < 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    sample_root_free(f->path, f->root);
    free(f);
    return 0;
}

static void blob_path(struct fixture *f, const struct digest *digest, char path[static 256])
{
    char hex[SHA256_HEX_SIZE];
    snprintf(path, 256, "%s/images/blobs/sha256/%s", f->path, digest_format(digest, hex));
}

static void opening(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct store *again;
    char path[64];
    int root = sample_root(path);
    assert_int_equal(store_open(root, false, &again, &err), -1);
    assert_non_null(strstr(err.text, "no images here yet"));
    sample_root_free(path, root);
    OK(store_open(f->root, false, &again, &err));
    store_close(again);
    OK(store_open(f->root, true, &again, &err)); /* creating twice changes nothing */
    store_close(again);
    struct store_entry *list;
    size_t count;
    OK(store_list(f->store, &list, &count, &err));
    assert_int_equal(count, 0);
    free(list);
}

/* An empty index made beside existing blobs would let the next collection delete them all. */
static void lost_index(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    struct store *again;
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    unlinkat(f->root, "images/index.json", 0);
    assert_int_equal(store_open(f->root, true, &again, &err), -1);
    assert_non_null(strstr(err.text, "index.json is missing"));
    assert_int_equal(sample_publish(f->store, "two", &sample_two, &m, &err), -1);
    assert_int_equal(sample_count_blobs(f->root), 6);
}

static void round_trip(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    struct image *image;
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    assert_int_equal(sample_count_blobs(f->root), 6); /* four files, config, manifest */
    assert_int_equal(sample_count_staging(f->root), 0);
    struct store_entry entry;
    OK(store_find(f->store, "one", &entry, &err));
    assert_memory_equal(&entry.manifest, &m, sizeof m);
    OK(store_load(f->store, &m, &image, &err));
    assert_string_equal(image->family, "esxi_dd");
    assert_string_equal(image->product, "VMware ESXi");
    assert_string_equal(image->version, "4.0.0");
    assert_string_equal(image->build, "208167");
    assert_string_equal(image->arch, "amd64");
    assert_string_equal(image->kernel_options, "a=1 b");
    assert_string_equal(image->source, "esx \xc3\xbc.iso");
    assert_string_equal(image->accounts, "root:$1$x:13358:0:99999:7:::\nnobody:*:1::::::\n");
    assert_null(image->inetd);
    assert_int_equal(image->file_count, 4);
    const struct image_file *vmk = image_find(image, "vmk.gz");
    assert_int_equal(vmk->role, IMAGE_ROLE_MODULE);
    assert_int_equal(vmk->order, 1);
    assert_string_equal(vmk->options, "x=1 y");
    assert_int_equal(vmk->size, 10);
    assert_int_equal(vmk->unpacked, 11);
    assert_true(vmk->gzip);
    struct digest expected;
    digest_of("module one", 10, &expected);
    assert_memory_equal(&vmk->digest, &expected, sizeof expected);
    int fd;
    uint64_t size;
    char bytes[16] = "";
    OK(store_blob_open(f->store, &vmk->digest, &fd, &size, &err));
    assert_int_equal(size, 10);
    assert_int_equal(read(fd, bytes, sizeof bytes), 10);
    assert_string_equal(bytes, "module one");
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    close(fd);
    image_free(image);
}

/* Equal images have equal manifests, whatever they are called. */
static void deterministic(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest a, b;
    OK(sample_publish(f->store, "a", &sample_one, &a, &err));
    OK(sample_publish(f->store, "b", &sample_one, &b, &err));
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(sample_count_blobs(f->root), 6);
    OK(store_remove(f->store, "a", NULL, &err)); /* b still needs every blob */
    assert_int_equal(sample_count_blobs(f->root), 6);
}

static void finding(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest one, two;
    OK(sample_publish(f->store, "zeta", &sample_one, &one, &err));
    OK(sample_publish(f->store, "alpha", &sample_two, &two, &err));
    struct store_entry *list, entry;
    size_t count;
    OK(store_list(f->store, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "alpha");
    assert_string_equal(list[1].name, "zeta");
    free(list);
    char hex[SHA256_HEX_SIZE];
    digest_format(&one, hex);
    OK(store_find(f->store, hex, &entry, &err));
    hex[12] = 0;
    OK(store_find(f->store, hex, &entry, &err));
    assert_string_equal(entry.name, "zeta");
    hex[11] = 0;
    assert_int_equal(store_find(f->store, hex, &entry, &err), -1);
    assert_int_equal(err.code, 2 /* ENOENT */);
    assert_int_equal(store_find(f->store, "", &entry, &err), -1);
}

static void sharing_and_removal(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest one, two, shared;
    uint64_t freed, size, generation = store_generation(f->store);
    int fd;
    OK(sample_publish(f->store, "one", &sample_one, &one, &err));
    assert_int_not_equal(store_generation(f->store), generation);
    generation = store_generation(f->store);
    OK(sample_publish(f->store, "two", &sample_two, &two, &err));
    assert_int_equal(sample_count_blobs(f->root), 11); /* 6 + 6, one shared */
    digest_of("shared module", 13, &shared);

    struct digest kernel;
    digest_of("kernel one", 10, &kernel);
    OK(store_blob_open(f->store, &kernel, &fd, &size, &err));
    OK(store_remove(f->store, "one", &freed, &err));
    assert_int_not_equal(store_generation(f->store), generation);
    assert_true(freed > 20); /* two files, config, manifest */
    assert_int_equal(sample_count_blobs(f->root), 6);
    char bytes[16] = ""; /* the transfer that runs goes on */
    assert_int_equal(read(fd, bytes, sizeof bytes), 10);
    assert_string_equal(bytes, "kernel one");
    close(fd);
    OK(store_blob_open(f->store, &shared, &fd, &size, &err));
    close(fd);
    assert_int_equal(store_verify(f->store, NULL, NULL, NULL, NULL, &err), 0);
    assert_int_equal(store_remove(f->store, "one", &freed, &err), -1);
    assert_int_equal(err.code, 2);
    OK(store_remove(f->store, "two", &freed, &err));
    assert_int_equal(sample_count_blobs(f->root), 0);
}

static void replacing_a_name(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest one, two;
    struct store_entry entry;
    OK(sample_publish(f->store, "x", &sample_one, &one, &err));
    OK(sample_publish(f->store, "x", &sample_two, &two, &err));
    OK(store_find(f->store, "x", &entry, &err));
    assert_memory_equal(&entry.manifest, &two, sizeof two);
    assert_int_equal(sample_count_blobs(f->root), 6);
    assert_int_equal(store_verify(f->store, NULL, NULL, NULL, NULL, &err), 0);
}

static void read_only_store(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest one;
    struct store *reader;
    OK(sample_publish(f->store, "one", &sample_one, &one, &err));
    int images = openat(f->root, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(store_open_images(images, &reader, &err));
    close(images);
    struct image *image;
    OK(store_load(reader, &one, &image, &err));
    image_free(image);
    assert_int_equal(store_remove(reader, "one", NULL, &err), -1);
    assert_int_equal(sample_publish(reader, "two", &sample_one, &one, &err), -1);
    assert_int_equal(store_generation(reader), store_generation(f->store));
    store_close(reader);
}

/* What a killed import leaves goes with the next publish, unless somebody still works in it. */
static void crash_remains(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    char dead[64], alive[64];
    int dead_fd, alive_fd;
    OK(sample_stage(f->store, &sample_one, dead, &dead_fd, &m, &err));
    OK(sample_stage(f->store, &sample_one, alive, &alive_fd, &m, &err));
    close(dead_fd);
    int fd = openat(f->root, "images/index.json.1.tmp", O_WRONLY | O_CREAT, 0600);
    close(fd);
    OK(sample_publish(f->store, "two", &sample_two, &m, &err));
    assert_int_equal(sample_count_staging(f->root), 1);
    assert_int_equal(faccessat(f->root, "images/index.json.1.tmp", F_OK, 0), -1);
    char path[128];
    snprintf(path, sizeof path, "images/%s", alive);
    assert_int_equal(faccessat(f->root, path, F_OK, 0), 0);
    store_staging_drop(f->store, alive);
    close(alive_fd);
    assert_int_equal(sample_count_staging(f->root), 0);
}

/* One file of the staging folder is changed; nothing of it may reach the store. */
static void refuse_staged(struct fixture *f, void (*harm)(int staging, const char *hex), const char *part)
{
    struct error err = {0};
    struct digest m, victim;
    char staging[64], hex[SHA256_HEX_SIZE];
    int fd;
    OK(sample_stage(f->store, &sample_two, staging, &fd, &m, &err));
    digest_of("module two", 10, &victim);
    harm(fd, digest_format(&victim, hex));
    assert_int_equal(store_publish(f->store, staging, "two", &m, &err), -1);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
    close(fd);
    assert_int_equal(sample_count_blobs(f->root), 6);
    assert_int_equal(sample_count_staging(f->root), 0);
    struct store_entry entry;
    assert_int_equal(store_find(f->store, "two", &entry, &err), -1);
}

static void harm_missing(int staging, const char *hex)
{
    unlinkat(staging, hex, 0);
}

static void harm_size(int staging, const char *hex)
{
    int fd = openat(staging, hex, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void harm_content(int staging, const char *hex)
{
    int fd = openat(staging, hex, O_WRONLY);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void harm_link(int staging, const char *hex)
{
    unlinkat(staging, hex, 0);
    assert_int_equal(symlinkat("/etc/hostname", staging, hex), 0);
}

static void bad_staging(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    refuse_staged(f, harm_missing, "neither staged nor stored");
    refuse_staged(f, harm_size, "11 bytes");
    refuse_staged(f, harm_content, "another digest");
    refuse_staged(f, harm_link, "open the staged blob");
    assert_int_equal(store_publish(f->store, "../x", "two", &m, &err), -1);
    assert_int_equal(store_publish(f->store, ".staging-0", "two", &m, &err), -1);
    assert_int_equal(store_verify(f->store, NULL, NULL, NULL, NULL, &err), 0);
}

static void bad_name(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    assert_int_equal(sample_publish(f->store, "../evil", &sample_one, &m, &err), -1);
    assert_int_equal(sample_count_staging(f->root), 0);
    assert_int_equal(sample_count_blobs(f->root), 0);
}

struct findings {
    int count;
    char last[600];
    uint64_t done, total;
};

static void found(void *ctx, const struct store_problem *problem)
{
    struct findings *f = ctx;
    f->count++;
    snprintf(f->last, sizeof f->last, "%s", problem->text);
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
    struct findings *f = ctx;
    f->done = done;
    f->total = total;
}

static void verify_sees(struct fixture *f, const char *part)
{
    struct error err;
    struct findings seen = {0};
    assert_int_equal(store_verify(f->store, "one", &seen, found, progress, &err), 1);
    assert_int_equal(seen.count, 1);
    if (!strstr(seen.last, part))
        fail_msg("'%s' lacks '%s'", seen.last, part);
}

static void verifying(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m, victim;
    char path[256];
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    struct findings seen = {0};
    assert_int_equal(store_verify(f->store, NULL, &seen, found, progress, &err), 0);
    assert_int_equal(seen.done, seen.total);
    assert_true(seen.total > 33);
    digest_of("module one", 10, &victim);
    blob_path(f, &victim, path);
    chmod(path, 0644);
    int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "M", 1), 1);
    close(fd);
    verify_sees(f, "is damaged (vmk.gz): its content has another digest");
    assert_int_equal(truncate(path, 3), 0);
    verify_sees(f, "3 bytes, expected 10 (vmk.gz)");
    unlink(path);
    verify_sees(f, "No such file or directory (vmk.gz)");
    OK(sample_publish(f->store, "one", &sample_one, &m, &err)); /* importing again heals */
    assert_int_equal(store_verify(f->store, NULL, NULL, NULL, NULL, &err), 0);
    blob_path(f, &m, path);
    chmod(path, 0644);
    assert_int_equal(truncate(path, 5), 0);
    verify_sees(f, "damaged");
    assert_int_equal(store_verify(f->store, "nobody", NULL, NULL, NULL, &err), -1);
}

/* Whoever is about to promise a file to a machine learns that it is not whole. */
static void damaged_files(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    struct image *image;
    char path[256];
    int fd;
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    OK(store_load(f->store, &m, &image, &err));
    const struct image_file *vmk = image_find(image, "vmk.gz");
    OK(store_files_check(f->store, image, &err));
    OK(store_file_open(f->store, vmk, &fd, &err));
    close(fd);
    blob_path(f, &vmk->digest, path);
    chmod(path, 0644);
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(store_file_open(f->store, vmk, &fd, &err), -1);
    assert_non_null(strstr(err.text, "vmk.gz: its blob sha256:"));
    assert_non_null(strstr(err.text, " has 9 bytes, expected 10; import the image again"));
    unlink(path);
    assert_int_equal(store_files_check(f->store, image, &err), -1);
    assert_non_null(strstr(err.text, " is missing; import the image again"));
    image_free(image);
}

/* A manifest that cannot be read may need anything: nothing is deleted until it is gone. */
static void no_collection_in_doubt(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest one, two;
    char path[256];
    OK(sample_publish(f->store, "one", &sample_one, &one, &err));
    OK(sample_publish(f->store, "two", &sample_two, &two, &err));
    blob_path(f, &one, path);
    chmod(path, 0644);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(store_remove(f->store, "two", NULL, &err), -1);
    assert_non_null(strstr(err.text, "two was removed: unused blobs were not deleted"));
    assert_int_equal(sample_count_blobs(f->root), 11);
    OK(store_remove(f->store, "one", NULL, &err));
    assert_int_equal(sample_count_blobs(f->root), 0);
}

/* Another tool may keep images of its own in the layout: they are not listed, and not collected. */
static void foreign_images(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest layer, manifest, one;
    char hex[SHA256_HEX_SIZE], path[256], text[1024], index[2048];
    digest_of("layer", 5, &layer);
    blob_path(f, &layer, path);
    OK(file_replace_at(AT_FDCWD, path, "layer", 5, 0644, &err));
    snprintf(text, sizeof text,
             "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x/y\",\"digest\":\"sha256:%s\",\"size\":5},"
             "\"layers\":[]}",
             digest_format(&layer, hex));
    digest_of(text, strlen(text), &manifest);
    blob_path(f, &manifest, path);
    OK(file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, &err));
    snprintf(
        index, sizeof index,
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
        "\"digest\":\"sha256:%s\",\"size\":%zu,\"own\":true}]}",
        digest_format(&manifest, hex), strlen(text));
    OK(file_replace_at(f->root, "images/index.json", index, strlen(index), 0644, &err));
    OK(sample_publish(f->store, "one", &sample_one, &one, &err));
    OK(store_remove(f->store, "one", NULL, &err));
    assert_int_equal(sample_count_blobs(f->root), 2);
    struct store_entry *list;
    size_t count;
    OK(store_list(f->store, &list, &count, &err));
    assert_int_equal(count, 0);
    free(list);
    struct buf now = BUF_INIT;
    OK(file_read_at(f->root, "images/index.json", 4096, &now, &err));
    assert_non_null(strstr(buf_text(&now), "\"own\":true"));
    buf_fini(&now);
}

static void broken_index(void **state)
{
    struct fixture *f = *state;
    struct error err;
    static const char *const texts[] = {"", "[]", "{}", "{\"schemaVersion\":2}",
                                        "{\"schemaVersion\":2,\"manifests\":[1]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        OK(file_replace_at(f->root, "images/index.json", texts[i], strlen(texts[i]), 0644, &err));
        struct store_entry *list;
        size_t count;
        struct digest m;
        assert_int_equal(store_list(f->store, &list, &count, &err), -1);
        assert_non_null(strstr(err.text, "index.json"));
        assert_int_equal(sample_publish(f->store, "one", &sample_one, &m, &err), -1);
    }
}

static void exporting(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    OK(sample_publish(f->store, "one", &sample_one, &m, &err));
    assert_int_equal(mkdirat(f->root, "out", 0755), 0);
    int out = openat(f->root, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(store_export(f->store, "one", out, &err));
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        struct buf text = BUF_INIT;
        OK(file_read_at(out, sample_one.name[i], 100, &text, &err));
        assert_string_equal(buf_text(&text), sample_one.bytes[i]);
        buf_fini(&text);
    }
    assert_int_equal(store_export(f->store, "one", out, &err), -1);
    assert_non_null(strstr(err.text, "not empty"));
    close(out);
}

/* Two processes publish and remove at once: the lock keeps every image whole. */
static void concurrent_writers(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct digest m;
    OK(sample_publish(f->store, "keep", &sample_one, &m, &err));
    pid_t child = fork();
    if (child == 0) {
        struct store *mine;
        int bad = store_open(f->root, false, &mine, &err) < 0;
        for (int i = 0; !bad && i < 20; i++)
            bad = sample_publish(mine, "b", &sample_two, &m, &err) < 0 ||
                  store_remove(mine, "b", NULL, &err) < 0;
        _exit(bad);
    }
    for (int i = 0; i < 20; i++) {
        OK(sample_publish(f->store, "a", &sample_two, &m, &err));
        assert_int_equal(store_verify(f->store, "a", NULL, NULL, NULL, &err), 0);
        OK(store_remove(f->store, "a", NULL, &err));
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(store_verify(f->store, NULL, NULL, NULL, NULL, &err), 0);
    assert_int_equal(sample_count_blobs(f->root), 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(opening),
        TEST(lost_index),
        TEST(round_trip),
        TEST(deterministic),
        TEST(finding),
        TEST(read_only_store),
        TEST(crash_remains),
        TEST(sharing_and_removal),
        TEST(replacing_a_name),
        TEST(bad_staging),
        TEST(bad_name),
        TEST(verifying),
        TEST(damaged_files),
        TEST(broken_index),
        TEST(foreign_images),
        TEST(exporting),
        TEST(no_collection_in_doubt),
        TEST(concurrent_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
