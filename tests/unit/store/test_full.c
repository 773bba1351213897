/* A disk that fills up: whichever write fails, the store is as it was. RLIMIT_FSIZE makes each write fail in
 * turn; index.json is made the largest file, so that its own write fails too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "sample.h"

#define NAMES 20

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void read_index(int root, struct buf *out)
{
    struct error err;
    if (file_read_at(root, "images/index.json", 1 << 20, out, &err) < 0)
        fail_msg("%s", err.text);
}

static void try_with(int root, struct store *store, rlim_t bytes, bool *published, char *step, size_t size)
{
    struct buf before = BUF_INIT, after = BUF_INIT;
    struct error err = {0};
    struct digest m;
    read_index(root, &before);
    limit_files(bytes);
    *published = sample_publish(store, "two", &sample_two, &m, &err) == 0;
    limit_files(RLIM_INFINITY);
    snprintf(step, size, "%s", err.text);
    if (!*published) {
        read_index(root, &after);
        assert_string_equal(buf_text(&before), buf_text(&after));
        assert_int_equal(sample_count_blobs(root), 6);
        assert_int_equal(sample_count_staging(root), 0);
        assert_non_null(strstr(err.text, "File too large"));
    }
    assert_int_equal(store_verify(store, NULL, NULL, NULL, NULL, &err), 0);
    buf_fini(&before);
    buf_fini(&after);
}

static void every_write(void **state)
{
    char path[64], step[ERROR_TEXT_MAX];
    int root = sample_root(path);
    struct store *store;
    struct error err;
    struct digest m;
    if (store_open(root, true, &store, &err) < 0)
        fail_msg("%s", err.text);
    for (int i = 0; i < NAMES; i++) {
        char name[16];
        snprintf(name, sizeof name, "one-%d", i);
        if (sample_publish(store, name, &sample_one, &m, &err) < 0)
            fail_msg("%s", err.text);
    }
    bool published = false, index_failed = false;
    unsigned failures = 0;
    for (rlim_t bytes = 0; !published && bytes < 65536; bytes += bytes < 20 ? 1 : 97) {
        try_with(root, store, bytes, &published, step, sizeof step);
        failures += !published;
        index_failed = index_failed || strstr(step, "index.json");
    }
    assert_true(published);
    assert_true(index_failed);
    assert_true(failures > 20);
    store_close(store);
    sample_root_free(path, root);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
