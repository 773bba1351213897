#include "base/cleanup.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "plan/chain.h"
#include "store/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define FAMILY "loader"

/* --- add --- */

static void add_progress(void *ctx, uint64_t done, uint64_t total)
{
    progress_tell(ctx, done, total);
}

static void add_note(void *ctx, const char *line)
{
    progress_clear(ctx);
    fprintf(stderr, "note: %s\n", line);
}

/* A loader has no partition table; the process that reads it may say anything. */
static void add_table(void *ctx, const char *text)
{
}

enum cli_status cli_loader_add(struct cli *cli, struct error *err)
{
    struct progress progress;
    struct cli_import_listener listener = {&progress, add_progress, add_note, add_table};
    struct cli_imported imported = {0};
    char chains[PLAN_LOADER_CHAINS_MAX];
    progress_start(&progress, "add");
    int result = cli->processes->import(cli->root_fd, cli->values[0], cli_option(cli, "name"),
                                        CLI_IMPORT_LOADER, cli->json, &listener, &imported, err);
    progress_clear(&progress);
    enum cli_status status = CLI_FAILED;
    if (result == 0 && cli->json) {
        status = cli_print(&imported.description, err);
    } else if (result == 0) {
        cleanup_buf struct buf out = BUF_INIT;
        const char *text = buf_text(&imported.description); /* its first line: GRUB has 300 files */
        buf_format(&out, "%.*s\nadded as %s, for chain %s\n", (int)strcspn(text, "\n"), text, imported.name,
                   plan_loader_chains(plan_loader_of(imported.name), chains));
        status = cli_print(&out, err);
    }
    buf_fini(&imported.description);
    return status;
}

/* --- list --- */

struct listing {
    struct store *store; /* NULL: there is none yet */
    json_t *array;
    struct buf out;
    unsigned there; /* bits 1 << enum plan_loader */
};

static json_t *json_words(const char *text)
{
    json_t *words = json_array();
    while (*text) {
        size_t size = strcspn(text, " ");
        json_array_append_new(words, json_stringn(text, size));
        text += size + (text[size] == ' ');
    }
    return words;
}

static void list_there(struct listing *l, const struct store_entry *entry, const struct image *image)
{
    char chains[PLAN_LOADER_CHAINS_MAX];
    enum plan_loader loader = plan_loader_of(entry->name);
    plan_loader_chains(loader, chains);
    l->there |= 1u << loader;
    buf_format(&l->out, "%-14s %-9s %-8s %3zu files  %-18s  from %s\n", entry->name, image->product,
               image->version, image->file_count, *chains ? chains : "no chain uses it", image->source);
    json_array_append_new(l->array, json_pack("{s:s, s:b, s:s, s:s, s:I, s:s, s:o}", "name", entry->name,
                                              "present", true, "product", image->product, "version",
                                              image->version, "files", (json_int_t)image->file_count, "from",
                                              image->source, "chains", json_words(chains)));
}

static void list_missing(struct listing *l)
{
    char chains[PLAN_LOADER_CHAINS_MAX];
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++) {
        if (l->there & (1u << i))
            continue;
        plan_loader_chains(i, chains);
        buf_format(&l->out, "%-14s is missing, for %s: %s\n", plan_loader_name(i), chains,
                   plan_loader_remedy(i));
        json_array_append_new(l->array,
                              json_pack("{s:s, s:b, s:s, s:o}", "name", plan_loader_name(i), "present", false,
                                        "remedy", plan_loader_remedy(i), "chains", json_words(chains)));
    }
}

static int list_store(struct listing *l, struct error *err)
{
    cleanup_free struct store_entry *entries = NULL;
    size_t count = 0;
    if (store_list(l->store, &entries, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct image *image;
        if (store_load(l->store, &entries[i].manifest, &image, err) < 0)
            return error_wrap(err, "image %s", entries[i].name);
        if (strcmp(image->family, FAMILY) == 0)
            list_there(l, &entries[i], image);
        image_free(image);
    }
    return 0;
}

enum cli_status cli_loader_list(struct cli *cli, struct error *err)
{
    json_auto_t *array = json_array();
    struct listing l = {.array = array};
    int result = cli_open_store(cli, &l.store, err);
    if (result == 0) {
        result = list_store(&l, err);
        store_close(l.store);
    } else if (err->code == ENOENT) {
        result = 0;
    }
    enum cli_status status = CLI_FAILED;
    if (result == 0) {
        list_missing(&l);
        status = cli->json ? cli_print_json(array, err) : cli_print(&l.out, err);
    }
    buf_fini(&l.out);
    return status;
}

/* --- remove --- */

static int remove_loader(struct store *store, const char *name, uint64_t *freed, struct error *err)
{
    struct store_entry entry;
    struct image *image;
    if (store_find(store, name, &entry, err) < 0)
        return err->code == ENOENT
                   ? error_set(err, "there is no boot loader %s: bootherd loader list shows what is there",
                               name)
                   : -1;
    if (store_load(store, &entry.manifest, &image, err) < 0)
        return error_wrap(err, "image %s", name);
    bool is_loader = strcmp(image->family, FAMILY) == 0;
    image_free(image);
    if (!is_loader)
        return error_set(err, "%s is no boot loader: bootherd image remove %s", entry.name, entry.name);
    return store_remove(store, entry.name, freed, err);
}

enum cli_status cli_loader_remove(struct cli *cli, struct error *err)
{
    struct store *store;
    uint64_t freed;
    char size[TEXT_SIZE_MAX], chains[PLAN_LOADER_CHAINS_MAX];
    cleanup_buf struct buf out = BUF_INIT;
    if (cli_open_store(cli, &store, err) < 0)
        return CLI_FAILED;
    int result = remove_loader(store, cli->values[0], &freed, err);
    store_close(store);
    if (result < 0)
        return CLI_FAILED;
    plan_loader_chains(plan_loader_of(cli->values[0]), chains);
    buf_format(&out, "removed %s: %s given back", cli->values[0], text_size(freed, size));
    if (*chains)
        buf_format(&out, "; chain %s is without it", chains);
    buf_append_text(&out, "\n");
    return cli_print(&out, err);
}
