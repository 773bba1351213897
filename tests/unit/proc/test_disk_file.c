/* FAT images made of boot files, as fsck.fat and mtools see them; and an initrd with an overlay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../media/fixture.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/disk_file.h"
#include "proc/join_file.h"

#define ENTRIES_MAX 600
#define CHUNK_MAX   (1u << 20)

struct list {
    struct disk_entry entry[ENTRIES_MAX];
    char path[ENTRIES_MAX][600];
    size_t count;
};

static struct boot_file *from_bytes(const char *text)
{
    return boot_file_from_bytes(text, strlen(text));
}

static void add(struct list *list, const char *path, struct boot_file *file)
{
    assert_true(list->count < ENTRIES_MAX);
    snprintf(list->path[list->count], sizeof list->path[0], "%s", path);
    list->entry[list->count] = (struct disk_entry){list->path[list->count], file};
    list->count++;
}

/* A file below the working directory: from memory and by descriptor in turns. */
static struct boot_file *opened(const char *path, bool memory)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    if (!memory)
        return boot_file_from_fd(TAKE_FD(fd), (uint64_t)st.st_size);
    cleanup_buf struct buf bytes = BUF_INIT;
    assert_int_equal(file_read_all(fd, path, SIZE_MAX, &bytes, NULL), 0);
    return boot_file_from_bytes(bytes.data, bytes.size);
}

/* All files of the folder `in`. */
static void add_folder(struct list *list)
{
    run("cd in && find . -type f | cut -c3- | sort >../names");
    FILE *names = fopen("names", "r");
    assert_non_null(names);
    char path[600], from[640];
    while (fgets(path, sizeof path, names)) {
        path[strcspn(path, "\n")] = 0;
        snprintf(from, sizeof from, "in/%s", path);
        add(list, path, opened(from, list->count % 2));
    }
    fclose(names);
}

static struct boot_file *image_of(struct list *list)
{
    struct boot_file *image;
    struct error err;
    if (disk_file_make(list->entry, list->count, 0x12345678, &image, &err) < 0)
        fail_msg("%s", err.text);
    list->count = 0;
    return image;
}

/* To a.img, sparse, by reads of `chunk` bytes. */
static void write_out(const struct boot_file *image, size_t chunk)
{
    static uint8_t bytes[CHUNK_MAX];
    static const uint8_t zeros[CHUNK_MAX];
    cleanup_close int fd = open("a.img", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (uint64_t at = 0; at < image->size; at += chunk) {
        size_t size = image->size - at < chunk ? (size_t)(image->size - at) : chunk;
        assert_int_equal(boot_file_read(image, at, bytes, chunk), size);
        if (memcmp(bytes, zeros, size) != 0)
            assert_int_equal(pwrite(fd, bytes, size, (off_t)at), size);
    }
    assert_int_equal(ftruncate(fd, (off_t)image->size), 0);
}

/* fsck.fat finds nothing, and says so in one line behind its findings. */
#define CHECK                                                                                                \
    "fsck.fat -n -v a.img >fsck && [ $(grep -c ' files, ' fsck) = 1 ] && "                                   \
    "! grep -iE 'differ|dirty|orphan|label|wrong|bad|fix|not ' fsck && "
#define COPY_OUT                                                                                             \
    "rm -rf out && mkdir out && { [ -z \"$(ls in)\" ] || LC_ALL=C.UTF-8 mcopy -Q -s -i a.img '::*' out/; } " \
    "&& "

static void holds_the_folder(struct list *list, size_t chunk)
{
    add_folder(list);
    struct boot_file *image = image_of(list);
    write_out(image, chunk);
    boot_file_unref(image);
    run(CHECK COPY_OUT "diff -r in out");
}

static struct list list;

static void a_boot_disk(void **state)
{
    static const size_t chunks[] = {113, 511, 512, 1000, 65537, CHUNK_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        run("rm -rf in && mkdir -p in/EFI/BOOT in/EFI/debian in/x86_64-efi && cd in && "
            "head -c 933888 /dev/urandom >EFI/BOOT/BOOTX64.EFI && echo 'set timeout=0' >EFI/debian/grub.cfg "
            "&& "
            "head -c 3000001 /dev/urandom >initrd.gz && head -c 511 /dev/urandom >x86_64-efi/multiboot2.mod "
            "&& "
            "head -c 512 /dev/urandom >vmlinuz && head -c 513 /dev/urandom >EFI/grubx64.efi && : >empty && "
            "printf a >one");
        holds_the_folder(&list, chunks[i]);
    }
    run("[ $(od -A n -j 39 -N 4 -t x4 a.img) = 12345678 ] && mlabel -i a.img -s :: | grep -q 'no label'");
    run("mdir -i a.img ::/ | grep -qE '^EMPTY +0 1980-01-01 +0:00 +empty$'");
}

static void one_file_or_none(void **state)
{
    run("rm -rf in && mkdir in");
    holds_the_folder(&list, 4096);
    run(": >in/empty");
    holds_the_folder(&list, 4096);
    run("printf a >in/'one file.txt'");
    holds_the_folder(&list, 4096);
}

static void names_of_all_kinds(void **state)
{
    run("rm -rf in && mkdir -p in/'Long Folder Name'/.hidden && cd in && "
        "for n in lower.txt UPPER.TXT Mixed.Txt noext NOEXT2 a.b.c .disk ..dots 'a b.c d' '+,;=[].txt' "
        "'FOO~1.TXT' "
        "FOO_1.TXT LONGNAME~1.TX archive.tar.gz longername.txt longername2.txt longername3.txt thirteen.char "
        "fourteen.chars twelve.chars abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxy "
        "abcdefghijklmnopqrstuvwxyz1 "
        "\"$(printf '%%0255d' 7)\" \"$(printf '%%0247d' 7)\" '!#$&()@^_{}~'\"'\" '%%' x.html "
        "vmlinuz-6.1.0-56-amd64; do "
        "echo \"$n\" >\"$n\"; cp \"$n\" 'Long Folder Name'/.hidden/; done");
    holds_the_folder(&list, 4096);
}

/* 300 entries of five each are 94 clusters of 512 bytes, and more than FAT16's usual root folder holds. */
static void large_folders(void **state)
{
    run("rm -rf in && mkdir -p in/a/deep/er && cd in && i=0; while [ $i -lt 300 ]; do "
        "echo $i >the-name-of-a-module-that-is-rather-long-$i.mod; i=$((i+1)); done; cp *.mod a/deep/er/");
    holds_the_folder(&list, 4096);
    run("rm -rf in && mkdir in && cd in && d=. && for i in $(seq 60); do d=$d/folder-$i && mkdir $d && "
        "echo $i >$d/file; done");
    holds_the_folder(&list, 4096);
}

static struct boot_file *sparse(uint64_t size)
{
    int fd = memfd_create("sparse", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, "start", size < 5 ? (size_t)size : 5, 0), size < 5 ? (ssize_t)size : 5);
    assert_true(size < 10 || pwrite(fd, "end", 3, (off_t)size - 3) == 3);
    return boot_file_from_fd(fd, size);
}

/* What others take it for, at the borders that the specification gives. */
static void sizes_at_the_borders(void **state)
{
    static const struct {
        uint64_t size;
        unsigned bits;
        unsigned cluster_bytes;
    } cases[] = {
        {4101ull * 512 - 1, 16, 512},      {4101ull * 512, 16, 512},      {4101ull * 512 + 1, 16, 512},
        {65506ull * 512, 16, 512}, /* with the folder and the small file behind it: 65508 */
        {65506ull * 512 + 1, 16, 1024},    {100ull << 20, 16, 2048},      {65506ull * 32768, 16, 32768},
        {65506ull * 32768 + 1, 32, 32768}, {70000ull * 32768, 32, 32768},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        add(&list, "large.iso", sparse(cases[i].size));
        add(&list, "folder/behind.txt", from_bytes("behind it\n"));
        struct boot_file *image = image_of(&list);
        write_out(image, CHUNK_MAX);
        boot_file_unref(image);
        run(CHECK "grep -q ' %u bit entries' fsck && grep -q ' %u bytes per cluster' fsck && "
                  "mdir -i a.img ::large.iso && [ \"$(mtype -i a.img ::folder/behind.txt)\" = 'behind it' ]",
            cases[i].bits, cases[i].cluster_bytes);
        if (cases[i].size < 200 << 20)
            run("mtype -i a.img ::large.iso >got && [ $(stat -c %%s got) = %llu ] && "
                "[ \"$(head -c 5 got)\" = start ] && [ \"$(tail -c 3 got)\" = end ]",
                (unsigned long long)cases[i].size);
    }
}

static struct boot_file *small_image(const char *text, uint32_t volume_id)
{
    struct boot_file *image;
    struct error err;
    struct disk_entry entries[] = {{"EFI/BOOT/grub.cfg", from_bytes(text)}, {"a", from_bytes("a")}};
    assert_int_equal(disk_file_make(entries, 2, volume_id, &image, &err), 0);
    return image;
}

static void equal_input_equal_bytes(void **state)
{
    struct boot_file *a = small_image("one", 1), *b = small_image("one", 1), *c = small_image("two", 1),
                     *d = small_image("one", 2);
    write_out(a, 4096);
    run("mv a.img b.img");
    write_out(b, 4096);
    run("cmp a.img b.img");
    assert_string_equal(a->etag, b->etag);
    assert_int_equal(strlen(a->etag), 18);
    assert_string_not_equal(a->etag, c->etag);
    assert_string_not_equal(a->etag, d->etag);
    boot_file_unref(a);
    boot_file_unref(b);
    boot_file_unref(c);
    boot_file_unref(d);
}

/* The references are gone on failure, too: the sanitizer would tell of the bytes, lseek of the descriptor. */
static void failures_leave_nothing_open(void **state)
{
    struct boot_file *image, *file = sparse(10);
    int fd = file->fd;
    struct error err;
    struct disk_entry entries[] = {{"a", file}, {"A", from_bytes("x")}};
    assert_int_equal(disk_file_make(entries, 2, 1, &image, &err), -1);
    assert_non_null(strstr(err.text, "A: is there twice"));
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1);
}

static void overlays_are_aligned(void **state)
{
    for (size_t size = 0; size < 10; size++) {
        struct boot_file *f = join_file(boot_file_from_bytes("123456789", size), from_bytes("070701"));
        char expected[32] = {0}, got[32];
        size_t behind = 4 + ((size + 3) & ~(size_t)3);
        memcpy(expected + 4, "123456789", size);
        memcpy(expected + behind, "070701", 6);
        assert_int_equal(f->size, behind + 6);
        assert_int_equal(boot_file_read(f, 0, got, sizeof got), behind + 6);
        assert_memory_equal(got, expected, behind + 6);
        boot_file_unref(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_disk),
        cmocka_unit_test(one_file_or_none),
        cmocka_unit_test(names_of_all_kinds),
        cmocka_unit_test(large_folders),
        cmocka_unit_test(sizes_at_the_borders),
        cmocka_unit_test(equal_input_equal_bytes),
        cmocka_unit_test(failures_leave_nothing_open),
        cmocka_unit_test(overlays_are_aligned),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
