#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imported.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/bootherd-import-XXXXXX";

void run(const char *format, ...)
{
    char command[2048], line[2300];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(line, sizeof line, "export PATH=$PATH:/usr/sbin MTOOLS_SKIP_CHECK=1; set -e; { %s\n} >.log 2>&1",
             command);
    if (system(line) != 0) {
        print_error("failed: %s\n", command);
        if (system("cat .log >&2") == 0)
            fail();
    }
}

static int enter(const char *maker)
{
    const char *root = getenv("SOURCE_ROOT");
    char command[1024];
    if (!root || !mkdtemp(folder) || chdir(folder) < 0)
        return -1;
    snprintf(command, sizeof command, "%s/tests/unit/image/%s . >.log 2>&1 || { cat .log >&2; exit 1; }",
             root, maker);
    return system(command) == 0 ? 0 : -1;
}

int fixture_enter_empty(void **state)
{
    return mkdtemp(folder) ? chdir(folder) : -1;
}

int fixture_enter(void **state)
{
    return enter("fixture.sh");
}

int fixture_enter_kernels(void **state)
{
    return enter("kernels.py");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

int fixture_leave(void **state)
{
    return chdir("/") == 0 ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

struct counts {
    int open, finished;
};

static int count_begin(void *ctx, const char *name, void **file, struct error *err)
{
    ((struct counts *)ctx)->open++;
    return image_sink_null.begin(NULL, name, file, err);
}

static int count_finish(void *ctx, void *file, struct digest *digest, uint64_t *size, struct error *err)
{
    struct counts *c = ctx;
    c->open--;
    c->finished++;
    return image_sink_null.finish(NULL, file, digest, size, err);
}

static void count_discard(void *ctx, void *file)
{
    ((struct counts *)ctx)->open--;
    image_sink_null.discard(NULL, file);
}

static void on_table(void *ctx, const char *where, const struct media_table *table)
{
    ((struct imported *)ctx)->tables++;
}

static void on_note(void *ctx, const char *text)
{
    buf_format(&((struct imported *)ctx)->notes, "%s\n", text);
}

static struct imported run_import(const char *path, bool tables)
{
    struct imported in = {0};
    struct counts counts = {0};
    struct image_sink sink = image_sink_null;
    sink.ctx = &counts;
    sink.begin = count_begin;
    sink.finish = count_finish;
    sink.discard = count_discard;
    struct image_listener listener = {.ctx = &in, .table = tables ? on_table : NULL, .note = on_note};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int result = image_import(fd, path, &sink, &listener, &in.image, &in.err);
    close(fd);
    assert_int_equal(counts.open, 0);
    assert_true((result == 0) == (in.image != NULL));
    if (in.image)
        assert_int_equal(counts.finished, in.image->file_count);
    return in;
}

struct imported import_of(const char *path)
{
    return run_import(path, false);
}

struct imported inspect_of(const char *path)
{
    return run_import(path, true);
}

void imported_free(struct imported *in)
{
    image_free(in->image);
    buf_fini(&in->notes);
}

struct image *import_good(const char *path)
{
    struct imported in = import_of(path);
    if (!in.image)
        fail_msg("%s", in.err.text);
    buf_fini(&in.notes);
    return in.image;
}

void import_bad(const char *path, const char *part)
{
    struct imported in = import_of(path);
    if (in.image)
        fail_msg("%s was imported", path);
    if (!strstr(in.err.text, part))
        fail_msg("'%s' lacks '%s'", in.err.text, part);
    imported_free(&in);
}

void import_noted(const char *path, const char *part)
{
    struct imported in = import_of(path);
    if (!in.image)
        fail_msg("%s", in.err.text);
    if (!strstr(buf_text(&in.notes), part))
        fail_msg("'%s' lacks '%s'", buf_text(&in.notes), part);
    imported_free(&in);
}

void expect_files(const struct image *image, const char *list)
{
    struct buf text = BUF_INIT;
    bool extras = false;
    for (size_t i = 0; i < image->file_count; i++) {
        const struct image_file *f = &image->files[i];
        if (f->role == IMAGE_ROLE_EXTRA && !extras)
            buf_append_text(&text, i ? " |" : "|");
        extras = f->role == IMAGE_ROLE_EXTRA;
        buf_format(&text, "%s%s", text.size ? " " : "", f->name);
    }
    assert_string_equal(buf_text(&text), list);
    buf_fini(&text);
}
