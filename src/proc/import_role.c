#include "proc/import_role.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "image/describe.h"
#include "image/import.h"
#include "image/loader.h"
#include "proc/message.h"
#include "proc/role.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define FD_CHANNEL    3
#define FD_SOURCE     4
#define FD_STAGING    5
#define DEVICE_MAX    256 /* bytes of a disk image's name, for its table */
#define PROGRESS_MS   100
#define ADDRESS_SPACE (512u << 20) /* bytes: a hostile image that makes us allocate meets this wall */

struct import_process {
    bool inspect;
    bool json;
    bool loader;           /* that and nothing else is taken */
    enum loader_kind wish; /* of it */
    const char *source;
    int64_t told_ms; /* last progress */
    json_t *tables;  /* for inspect --json, else NULL; owned */
};

static void send_body(enum message_type type, const void *body, size_t size, int fd)
{
    struct message m = {.type = type, .body = body, .size = size, .fd = fd};
    struct error ignored;
    message_send(FD_CHANNEL, &m, &ignored); /* the command is gone: its death is ours */
}

static void send_text(enum message_type type, const char *text)
{
    size_t size = strlen(text) + 1;
    if (size <= MESSAGE_SIZE_MAX)
        send_body(type, text, size, -1);
}

static void tell_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct import_process *p = ctx;
    int64_t now = clock_monotonic_ms();
    struct message_progress body = {done, total};
    if (now - p->told_ms < PROGRESS_MS && done != total)
        return;
    p->told_ms = now;
    send_body(MESSAGE_PROGRESS, &body, sizeof body, -1);
}

static void tell_note(void *ctx, const char *text)
{
    send_text(MESSAGE_NOTE, text);
}

static void tell_table(void *ctx, const char *where, const struct media_table *table)
{
    cleanup_buf struct buf text = BUF_INIT;
    char device[DEVICE_MAX];
    struct import_process *p = ctx;
    image_describe_device(where, device, sizeof device);
    if (p->tables) {
        image_describe_table_json(table, device, p->tables);
        return;
    }
    image_describe_table(table, device, &text);
    send_text(MESSAGE_TABLE, buf_text(&text));
}

static int tell_imported(struct import_process *p, const struct image *image, const struct digest *manifest,
                         struct error *err)
{
    struct message_imported body = {.manifest = *manifest};
    cleanup_buf struct buf description = BUF_INIT;
    image_default_name(image, body.name);
    if (p->json)
        image_describe_json(image, p->tables, &description);
    else
        image_describe(image, &description);
    if (description.failed)
        return error_errno(err, ENOMEM, "describe the image");
    cleanup_close int fd = file_sealed("description", description.data, description.size, err);
    if (fd < 0)
        return -1;
    send_body(MESSAGE_IMPORTED, &body, sizeof body, fd);
    return 0;
}

static int import_to(struct import_process *p, struct store_staging *staging, struct error *err)
{
    struct image_listener listener = {p, p->inspect ? tell_table : NULL, tell_progress, tell_note};
    struct image_sink sink = staging ? store_staging_sink(staging) : image_sink_null;
    struct digest manifest = {0};
    struct image *image;
    int result = p->loader ? loader_import(FD_SOURCE, p->source, p->wish, &sink, &listener, &image, err)
                           : image_import(FD_SOURCE, p->source, &sink, &listener, &image, err);
    if (result < 0)
        return -1;
    result = staging ? store_staging_seal(staging, image, &manifest, err) : 0;
    if (result == 0)
        result = tell_imported(p, image, &manifest, err);
    image_free(image);
    return result;
}

static int import_run(struct import_process *p, struct error *err)
{
    struct store_staging *staging = NULL;
    if (role_drop(FD_STAGING, err) < 0)
        return -1;
    if (!p->inspect && store_staging_open(FD_STAGING, &staging, err) < 0)
        return -1;
    int result = import_to(p, staging, err);
    store_staging_close(staging);
    return result;
}

int import_role(int argc, char **argv)
{
    struct import_process p = {0};
    struct error err;
    if (argc != 5)
        return 2;
    p.loader = strcmp(argv[1], "loader") == 0;
    p.wish = loader_kind_of(argv[4]);
    p.inspect = strcmp(argv[1], "inspect") == 0;
    p.json = strcmp(argv[2], "json") == 0;
    p.source = argv[3];
    p.tables = p.inspect && p.json ? json_array() : NULL;
    signal(SIGPIPE, SIG_IGN);
#ifndef __SANITIZE_ADDRESS__ /* the sanitizer's shadow memory is larger than any limit */
    struct rlimit memory = {ADDRESS_SPACE, ADDRESS_SPACE};
    setrlimit(RLIMIT_AS, &memory);
#endif
    int result = import_run(&p, &err);
    json_decref(p.tables);
    if (result == 0)
        return 0;
    send_text(MESSAGE_FAILED, err.text);
    return 1;
}
