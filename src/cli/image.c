#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "image/describe.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- import and inspect --- */

struct import_view {
    struct progress progress;
    bool inspect, json;
};

static void import_progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_tell(&((struct import_view *)ctx)->progress, done, total);
}

static void import_note(void *ctx, const char *line)
{
    progress_clear(&((struct import_view *)ctx)->progress);
    fprintf(stderr, "note: %s\n", line);
}

static void import_table(void *ctx, const char *text)
{
    struct import_view *view = ctx;
    progress_clear(&view->progress);
    if (view->inspect && !view->json)
        printf("%s\n", text);
}

static enum cli_status import_or_inspect(struct cli *cli, bool inspect, struct error *err)
{
    struct import_view view = {.inspect = inspect, .json = cli->json};
    struct cli_import_listener listener = {&view, import_progress, import_note, import_table};
    struct cli_imported imported = {0};
    progress_start(&view.progress, inspect ? "inspect" : "import");
    int result = cli->processes->import(cli->root_fd, cli->values[0], cli_option(cli, "name"),
                                        inspect ? CLI_IMPORT_INSPECT : CLI_IMPORT_IMAGE, cli->json, &listener,
                                        &imported, err);
    progress_clear(&view.progress);
    enum cli_status status = CLI_FAILED;
    if (result == 0) {
        if (!cli->json && !inspect)
            buf_format(&imported.description, "\nimported as %s\n", imported.name);
        status = cli_print(&imported.description, err);
    }
    buf_fini(&imported.description);
    return status;
}

enum cli_status cli_image_inspect(struct cli *cli, struct error *err)
{
    return import_or_inspect(cli, true, err);
}

enum cli_status cli_image_import(struct cli *cli, struct error *err)
{
    return import_or_inspect(cli, false, err);
}

/* --- the store --- */

int cli_open_store(const struct cli *cli, struct store **store, struct error *err)
{
    struct stat st;
    if (cli->root_fd < 0 || (fstatat(cli->root_fd, "images", &st, 0) < 0 && errno == ENOENT))
        return error_errno(err, ENOENT, "the store below %s is empty (bootherd image import SOURCE fills it)",
                           cli->root);
    return store_open(cli->root_fd, false, store, err);
}

static int list_entry(struct store *store, const struct store_entry *entry, json_t *array, struct buf *out,
                      struct error *err)
{
    struct image *image;
    char size[TEXT_SIZE_MAX], hex[SHA256_HEX_SIZE];
    uint64_t bytes = 0;
    if (store_load(store, &entry->manifest, &image, err) < 0)
        return error_wrap(err, "image %s", entry->name);
    for (size_t i = 0; i < image->file_count; i++)
        bytes += image->files[i].size;
    digest_format(&entry->manifest, hex);
    buf_format(out, "%-28s %-20s %-10s %-12s %3zu files %10s  %.12s\n", entry->name, image->product,
               image->version, image->build, image->file_count, text_size(bytes, size), hex);
    json_array_append_new(array,
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "name", entry->name, "family",
                                    image->family, "product", image->product, "version", image->version,
                                    "build", image->build, "files", (json_int_t)image->file_count,
                                    "size_bytes", (json_int_t)bytes, "manifest_sha256", hex));
    image_free(image);
    return 0;
}

/* All that can be listed; then the error of the first that could not. */
static int list_images(struct store *store, json_t *array, struct buf *out, struct error *err)
{
    cleanup_free struct store_entry *entries = NULL;
    size_t count = 0;
    if (store_list(store, &entries, &count, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        struct error why;
        if (list_entry(store, &entries[i], array, out, &why) == 0)
            continue;
        if (result == 0)
            *err = why;
        result = -1;
    }
    return result;
}

enum cli_status cli_image_list(struct cli *cli, struct error *err)
{
    struct store *store = NULL;
    cleanup_buf struct buf out = BUF_INIT;
    json_auto_t *array = json_array();
    int result = cli_open_store(cli, &store, err);
    if (result < 0 && err->code == ENOENT) {
        fprintf(stderr, "note: the store below %s is empty: bootherd image import SOURCE fills it\n",
                cli->root);
        result = 0;
    } else if (result == 0) {
        result = list_images(store, array, &out, err);
        store_close(store);
    }
    enum cli_status printed = CLI_DONE;
    if (result == 0 || json_array_size(array))
        printed = cli->json ? cli_print_json(array, err) : cli_print(&out, err);
    return result < 0 ? CLI_FAILED : printed;
}

static int load_image(struct store *store, const char *ref, struct store_entry *entry, struct image **image,
                      struct error *err)
{
    if (store_find(store, ref, entry, err) < 0)
        return err->code == ENOENT
                   ? error_set(err, "there is no image %s: bootherd image list shows what is there", ref)
                   : -1;
    if (store_load(store, &entry->manifest, image, err) < 0)
        return error_wrap(err, "image %s", ref);
    if (store_files_check(store, *image, err) == 0)
        return 0;
    image_free(TAKE_PTR(*image));
    return error_wrap(err, "image %s", ref);
}

enum cli_status cli_image_show(struct cli *cli, struct error *err)
{
    struct store *store;
    struct store_entry entry;
    struct image *image;
    cleanup_buf struct buf out = BUF_INIT;
    if (cli_open_store(cli, &store, err) < 0)
        return CLI_FAILED;
    int result = load_image(store, cli->values[0], &entry, &image, err);
    store_close(store);
    if (result < 0)
        return CLI_FAILED;
    if (cli->json)
        image_describe_json(image, NULL, &out);
    else
        image_describe(image, &out);
    image_free(image);
    return cli_print(&out, err);
}

/* --- keeping --- */

struct verify_view {
    struct progress progress;
    json_t *problems; /* owned; NULL when they are printed at once */
};

static void verify_found(void *ctx, const struct store_problem *problem)
{
    struct verify_view *view = ctx;
    progress_clear(&view->progress);
    if (view->problems)
        json_array_append_new(view->problems, json_string(problem->text));
    else
        printf("%s\n", problem->text);
}

static void verify_progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_tell(&((struct verify_view *)ctx)->progress, done, total);
}

enum cli_status cli_image_verify(struct cli *cli, struct error *err)
{
    struct store *store;
    cleanup_buf struct buf out = BUF_INIT;
    const char *ref = cli->value_count ? cli->values[0] : NULL;
    if (cli_open_store(cli, &store, err) < 0)
        return CLI_FAILED;
    json_auto_t *found = cli->json ? json_array() : NULL;
    struct verify_view view = {.problems = found};
    progress_start(&view.progress, "verify");
    int problems = store_verify(store, ref, &view, verify_found, verify_progress, err);
    progress_clear(&view.progress);
    store_close(store);
    if (problems < 0 || (cli->json && cli_print_json(found, err) != CLI_DONE))
        return CLI_FAILED;
    if (problems > 0) {
        error_set(err, "%d problem%s: import the image again from its source", problems,
                  problems == 1 ? "" : "s");
        return CLI_FAILED;
    }
    if (cli->json)
        return CLI_DONE;
    buf_format(&out, "%s: every file is what its digest says\n", ref ? ref : "the store");
    return cli_print(&out, err);
}

enum cli_status cli_image_remove(struct cli *cli, struct error *err)
{
    const char *const words[] = {"image-users", cli->values[0]};
    cleanup_buf struct buf users = BUF_INIT, out = BUF_INIT;
    struct store *store;
    uint64_t freed;
    char size[TEXT_SIZE_MAX];
    if (cli_open_store(cli, &store, err) < 0)
        return CLI_FAILED;
    int result = cli_has(cli, "force") ? 0 : cli_ask(cli, words, 2, (struct slice){0}, &users, err);
    if (result == 0 && users.size) {
        const char *text = buf_text(&users);
        result = error_set(err, "image %s is still named by %.*s%s: change that first, or use --force",
                           cli->values[0], (int)strcspn(text, "\n"), text,
                           strchr(text, '\n')[1] ? " and others" : "");
    }
    if (result == 0)
        result = store_remove(store, cli->values[0], &freed, err);
    store_close(store);
    if (result < 0)
        return CLI_FAILED;
    if (cli->json) {
        json_auto_t *told =
            json_pack("{s:s, s:I}", "removed", cli->values[0], "freed_bytes", (json_int_t)freed);
        return cli_print_json(told, err);
    }
    buf_format(&out, "removed %s: %s given back\n", cli->values[0], text_size(freed, size));
    return cli_print(&out, err);
}

enum cli_status cli_image_export(struct cli *cli, struct error *err)
{
    struct store *store;
    const char *folder = cli->values[1];
    if (cli_open_store(cli, &store, err) < 0)
        return CLI_FAILED;
    int result = mkdir(folder, 0755) < 0 && errno != EEXIST
                     ? error_errno(err, errno, "make the folder %s", folder)
                     : 0;
    cleanup_close int fd = result < 0 ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0)
        result = fd < 0 ? error_errno(err, errno, "open the folder %s", folder)
                        : store_export(store, cli->values[0], fd, err);
    store_close(store);
    return result < 0 ? CLI_FAILED : CLI_DONE;
}
