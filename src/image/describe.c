#include "image/describe.h"

#include "base/text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_WIDTH_MIN 5  /* fdisk's, for the heading */
#define DIGEST_SHOWN     19 /* "sha256:" and twelve digits: enough for `image show` */

static const char *const role_names[] = {
    [IMAGE_ROLE_KERNEL] = "kernel",
    [IMAGE_ROLE_MODULE] = "module",
    [IMAGE_ROLE_EXTRA] = "extra",
};

/* --- the partition table --- */

/* fdisk looks at primary and logical partitions apart: each by its number. */
static bool in_disk_order(const struct media_table *table)
{
    for (uint32_t i = 1; i < table->count; i++) {
        const struct media_partition *a = &table->partition[i - 1], *b = &table->partition[i];
        bool same_kind = table->gpt || (a->number > 4) == (b->number > 4);
        if (same_kind && b->start < a->start)
            return false;
    }
    return true;
}

void image_describe_table(const struct media_table *table, const char *device, struct buf *out)
{
    size_t length = strlen(device);
    bool digit = length && isdigit((unsigned char)device[length - 1]);
    int width = (int)(length + digit < DEVICE_WIDTH_MIN ? DEVICE_WIDTH_MIN : length + digit);
    buf_format(out, "%*s Boot      Start         End     Sectors   Id  Type\n", width + 1, "Device");
    for (uint32_t i = 0; i < table->count; i++) {
        const struct media_partition *p = &table->partition[i];
        uint64_t end = p->sectors ? p->start + p->sectors - 1 : p->start;
        char id[4] = "-"; /* a GPT has GUIDs in its place */
        if (!table->gpt)
            snprintf(id, sizeof id, "%x", p->type);
        buf_format(out, "%*s%s%-2u  %c %11llu %11llu %11llu   %2s  %s\n", width - digit, device,
                   digit ? "p" : "", p->number, p->boot ? '*' : ' ', (unsigned long long)p->start,
                   (unsigned long long)end, (unsigned long long)p->sectors, id, p->system);
    }
    if (!in_disk_order(table))
        buf_append_text(out, "\nPartition table entries are not in disk order\n");
}

void image_describe_table_json(const struct media_table *table, const char *device, struct json_t *tables)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < table->count; i++) {
        const struct media_partition *p = &table->partition[i];
        json_array_append_new(rows, json_pack("{s:i, s:b, s:I, s:I, s:i, s:s*, s:s}", "number",
                                              (int)p->number, "boot", p->boot, "start", (json_int_t)p->start,
                                              "sectors", (json_int_t)p->sectors, "id", (int)p->type, "guid",
                                              table->gpt ? p->guid : NULL, "type", p->system));
    }
    json_array_append_new(tables, json_pack("{s:s, s:s, s:o}", "device", device, "label",
                                            table->gpt ? "gpt" : "dos", "partitions", rows));
}

void image_describe_device(const char *where, char *out, size_t size)
{
    static const char *const compressions[] = {".gz", ".bz2", ".xz", ".zst"};
    const char *at = where;
    for (const char *next; (next = strstr(at, ": "));)
        at = next + 2;
    const char *slash = strrchr(at, '/');
    text_printable(slash ? slash + 1 : at, strlen(slash ? slash + 1 : at), out, size);
    for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++)
        if (text_ends(out, compressions[i]) && strlen(out) > strlen(compressions[i])) {
            out[strlen(out) - strlen(compressions[i])] = 0;
            return;
        }
}

/* --- the image --- */

static int name_width(const struct image *image)
{
    size_t width = strlen("file");
    for (size_t i = 0; i < image->file_count; i++)
        if (strlen(image->files[i].name) > width)
            width = strlen(image->files[i].name);
    return (int)width;
}

static void describe_file(const struct image_file *f, int width, struct buf *out)
{
    char size[TEXT_SIZE_MAX], unpacked[TEXT_SIZE_MAX], hex[SHA256_HEX_SIZE], order[16] = "";
    if (f->role == IMAGE_ROLE_MODULE)
        snprintf(order, sizeof order, "%u", f->order);
    buf_format(out, "  %-6s  %5s  %-*s  %10s  %10s  sha256:%.*s%s%s\n", role_names[f->role], order, width,
               f->name, text_size(f->size, size), f->gzip ? text_size(f->unpacked, unpacked) : "-",
               DIGEST_SHOWN - 7, digest_format(&f->digest, hex), f->options ? "  " : "",
               f->options ? f->options : "");
}

/* The names in the first fields of etc/shadow. `each` gets text and length. */
static void each_account(const char *shadow, void (*each)(void *ctx, const char *name, size_t size),
                         void *ctx)
{
    while (shadow && *shadow) {
        size_t line = strcspn(shadow, "\n"), name = strcspn(shadow, ":\n");
        if (name && name < line)
            each(ctx, shadow, name);
        shadow += line + (shadow[line] == '\n');
    }
}

static void print_account(void *ctx, const char *name, size_t size)
{
    buf_format(ctx, " %.*s", (int)size, name);
}

void image_describe(const struct image *image, struct buf *out)
{
    bool has_build = strcmp(image->build, "unknown") != 0;
    buf_format(out, "%s %s%s%s (%s, %s), from %s\n", image->product, image->version,
               has_build ? " build " : "", has_build ? image->build : "", image->family, image->arch,
               image->source);
    if (*image->kernel_options)
        buf_format(out, "kernel options: %s\n", image->kernel_options);
    if (image->accounts) {
        buf_append_text(out, "accounts:");
        each_account(image->accounts, print_account, out);
        buf_append_text(out, "\n");
    }
    int width = name_width(image);
    buf_format(out, "  %-6s  %5s  %-*s  %10s  %10s  %s\n", "role", "order", width, "file", "size", "unpacked",
               "digest");
    for (size_t i = 0; i < image->file_count; i++)
        describe_file(&image->files[i], width, out);
}

static void add_account(void *ctx, const char *name, size_t size)
{
    json_array_append_new(ctx, json_stringn(name, size));
}

static json_t *file_json(const struct image_file *f)
{
    char hex[SHA256_HEX_SIZE];
    return json_pack("{s:s, s:s, s:i, s:s*, s:I, s:I, s:b, s:o}", "name", f->name, "role",
                     role_names[f->role], "order", (int)f->order, "options", f->options, "size",
                     (json_int_t)f->size, "unpacked", (json_int_t)f->unpacked, "gzip", f->gzip, "digest",
                     json_sprintf("sha256:%s", digest_format(&f->digest, hex)));
}

void image_describe_json(const struct image *image, struct json_t *tables, struct buf *out)
{
    json_t *files = json_array(), *accounts = json_array();
    for (size_t i = 0; i < image->file_count; i++)
        json_array_append_new(files, file_json(&image->files[i]));
    each_account(image->accounts, add_account, accounts);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:O*, s:o}", "family", image->family,
                  "product", image->product, "version", image->version, "build", image->build, "architecture",
                  image->arch, "kernelOptions", image->kernel_options, "source", image->source, "accounts",
                  accounts, "inetd", image->inetd != NULL, "tables", tables, "files", files);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text)
        buf_format(out, "%s\n", text);
    else
        out->failed = true;
    free(text);
}
