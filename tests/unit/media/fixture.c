#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

int fixture_enter(void **state)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/media-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

int fixture_leave(void **state)
{
    return chdir("/") == 0 ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

void run(const char *format, ...)
{
    char command[4096], line[4400];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(line, sizeof line,
             "export PATH=$PATH:/usr/sbin:/sbin MTOOLS_SKIP_CHECK=1 TZ=UTC; { %s\n} >.log 2>&1", command);
    if (system(line) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        if (system("cat .log >&2 2>/dev/null") != 0)
            perror("cat");
        fail();
    }
}

static enum media_want on_want(void *ctx, const struct media_entry *e)
{
    struct seen *seen = ctx;
    struct seen_entry *grown = realloc(seen->entry, (seen->entries + 1) * sizeof *grown);
    assert_non_null(grown);
    seen->entry = grown;
    struct seen_entry *s = &seen->entry[seen->entries++];
    *s = (struct seen_entry){.id = e->id,
                             .parent = e->parent,
                             .path = strdup(e->path),
                             .where = strdup(e->where),
                             .size = e->size,
                             .partition = e->partition,
                             .want = seen->choose ? seen->choose(e) : MEDIA_TAKE};
    return s->want;
}

static struct seen_entry *by_id(struct seen *seen, uint32_t id)
{
    for (size_t i = seen->entries; i > 0; i--)
        if (seen->entry[i - 1].id == id)
            return &seen->entry[i - 1];
    fail_msg("entry %u was never told", id);
    return NULL;
}

static int on_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    struct seen *seen = ctx;
    struct seen_entry *s = by_id(seen, id);
    assert_true(s->want == MEDIA_TAKE || s->want == MEDIA_OPEN_TAKE);
    assert_false(s->ended);
    assert_true(size > 0);
    if (!seen->keep_nothing)
        buf_append(&s->bytes, bytes, size);
    seen->bytes += size;
    return 0;
}

static int on_end(void *ctx, uint32_t id, struct error *err)
{
    struct seen_entry *s = by_id(ctx, id);
    assert_false(s->ended);
    assert_true(s->want != MEDIA_SKIP);
    s->ended = true;
    return 0;
}

static int on_table(void *ctx, uint32_t parent, const char *where, const struct media_table *table,
                    struct error *err)
{
    struct seen *seen = ctx;
    seen->table = *table;
    seen->tables++;
    return 0;
}

static int on_kind(void *ctx, uint32_t parent, const char *where, enum media_kind kind, struct error *err)
{
    struct seen *seen = ctx;
    buf_format(&seen->kinds, "%s%s", seen->kinds.size ? ", " : "", media_kind_name(kind));
    return 0;
}

static void on_link(void *ctx, uint32_t parent, const char *path, const char *target)
{
    buf_format(&((struct seen *)ctx)->links, "%s=%s ", path, target);
}

static void on_note(void *ctx, const char *where, const char *text)
{
    struct seen *seen = ctx;
    buf_format(&seen->notes, "%s: %s\n", where, text);
}

int walk_path(const char *path, struct seen *seen)
{
    static const struct media_limits defaults = MEDIA_LIMITS_DEFAULT;
    struct media_visitor visitor = {
        .ctx = seen,
        .want = on_want,
        .data = on_data,
        .end = on_end,
        .table = on_table,
        .kind = on_kind,
        .note = on_note,
        .link = on_link,
    };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int result =
        media_walk(fd, path, &visitor, seen->limits.entry_bytes ? &seen->limits : &defaults, &seen->err);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
    return result;
}

void walk_ok(const char *path, struct seen *seen)
{
    if (walk_path(path, seen) < 0)
        fail_msg("%s", seen->err.text);
}

void walk_fails(const char *path, struct seen *seen, ...)
{
    if (walk_path(path, seen) == 0)
        fail_msg("%s: the walk succeeds", path);
    if (getenv("SHOW_ERRORS"))
        fprintf(stderr, "# %s\n", seen->err.text);
    va_list parts;
    va_start(parts, seen);
    for (const char *part; (part = va_arg(parts, const char *));)
        if (!strstr(seen->err.text, part))
            fail_msg("the error lacks \"%s\": %s", part, seen->err.text);
    va_end(parts);
    if (!text_starts(seen->err.text, path))
        fail_msg("the error does not say where: %s", seen->err.text);
    seen_fini(seen);
}

void seen_fini(struct seen *seen)
{
    for (size_t i = 0; i < seen->entries; i++) {
        free(seen->entry[i].path);
        free(seen->entry[i].where);
        buf_fini(&seen->entry[i].bytes);
    }
    free(seen->entry);
    buf_fini(&seen->kinds);
    buf_fini(&seen->notes);
    buf_fini(&seen->links);
    *seen = (struct seen){.choose = seen->choose, .limits = seen->limits, .keep_nothing = seen->keep_nothing};
}

const struct seen_entry *seen_find(const struct seen *seen, const char *path)
{
    for (size_t i = 0; i < seen->entries; i++)
        if (strcmp(seen->entry[i].path, path) == 0)
            return &seen->entry[i];
    return NULL;
}

const struct seen_entry *seen_get(const struct seen *seen, const char *path)
{
    const struct seen_entry *s = seen_find(seen, path);
    if (!s)
        fail_msg("%s was not told", path);
    else if (!s->ended)
        fail_msg("%s did not end", path);
    return s;
}

void same_as_file(const struct seen *seen, const char *path, const char *file)
{
    const struct seen_entry *s = seen_get(seen, path);
    struct buf expected = BUF_INIT;
    struct error err;
    if (file_read_at(AT_FDCWD, file, SIZE_MAX, &expected, &err) < 0)
        fail_msg("%s", err.text);
    if (s->bytes.size != expected.size)
        fail_msg("%s has %zu bytes, expected are %zu", path, s->bytes.size, expected.size);
    if (expected.size && memcmp(s->bytes.data, expected.data, expected.size) != 0)
        fail_msg("%s has other bytes than %s", path, file);
    if (s->size != MEDIA_SIZE_UNKNOWN)
        assert_int_equal(s->size, expected.size);
    buf_fini(&expected);
}

static const struct seen *compared; /* nftw has no context */
static size_t compared_files, compared_skip;

static int compare_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    if (flag == FTW_F) {
        same_as_file(compared, path + compared_skip, path);
        compared_files++;
    }
    return 0;
}

void same_as_folder(const struct seen *seen, const char *folder_path)
{
    compared = seen;
    compared_files = 0;
    compared_skip = strlen(folder_path) + 1;
    assert_int_equal(nftw(folder_path, compare_one, 16, FTW_PHYS), 0);
    assert_int_equal(seen->entries, compared_files);
}

enum media_want open_containers(const struct media_entry *e)
{
    static const char *const suffixes[] = {".gz", ".tgz", ".bz2", ".xz",  ".zst", ".tar",
                                           ".dd", ".img", ".iso", ".vgz", ".vtar"};
    const char *dot = strrchr(e->path, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcasecmp(dot, suffixes[i]) == 0 && e->size != MEDIA_SIZE_UNKNOWN && e->partition == 0)
            return MEDIA_OPEN;
    return MEDIA_TAKE;
}

enum media_want open_all(const struct media_entry *e)
{
    return MEDIA_OPEN;
}

enum media_want skip_all(const struct media_entry *e)
{
    return MEDIA_SKIP;
}

void poke(const char *file, long offset, const void *bytes, size_t size)
{
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

void peek(const char *file, long offset, void *bytes, size_t size)
{
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, size, f), size);
    fclose(f);
}

void flip(const char *file, long offset, unsigned bit)
{
    uint8_t byte;
    peek(file, offset, &byte, 1);
    byte ^= (uint8_t)(1u << bit);
    poke(file, offset, &byte, 1);
}

long size_of(const char *file)
{
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    return (long)st.st_size;
}
