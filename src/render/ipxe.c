/*
 * iPXE's scripts. A line is split at blanks; there is no quoting. "${" begins a setting, a word "||", "&&" or
 * ";" ends a command, one that begins with '#' the line, and a backslash at its end joins the next.
 */
#include "render/render.h"

#include "render/words.h"

#include <stdio.h>
#include <string.h>

/* How often it is tried before the machine goes on with its next boot entry, and the wait between. */
#define IPXE_TRIES  "5"
#define IPXE_WAIT_S "10"

/* iPXE keeps pointers to all words of a line twice on a stack of 4 KiB (src/core/exec.c, stack.S). */
#define IPXE_WORDS_MAX 200

/* src/arch/x86/image/multiboot.c: what does not fit is left out, and nothing said. */
#define IPXE_MODULES_MAX 8

static int check_words(const char *words, const char *what, struct error *err)
{
    size_t count = 0;
    if (words_check(words, what, err))
        return -1;
    if (strstr(words, "${"))
        return error_set(err, "the options of %s contain \"${\", where iPXE puts in a setting of its own",
                         what);
    for (const char *p = words; *p;) {
        p += strspn(p, " ");
        size_t size = strcspn(p, " ");
        bool joins =
            (size == 2 && (strncmp(p, "||", 2) == 0 || strncmp(p, "&&", 2) == 0)) || (size == 1 && *p == ';');
        if (joins || *p == '#')
            return error_set(err, "the options of %s have the word \"%.*s\", which ends the line for iPXE",
                             what, (int)(size < 40 ? size : 40), p);
        p += size;
        count += size > 0;
    }
    return count <= IPXE_WORDS_MAX ? 0
                                   : error_set(err, "the options of %s are %zu words, and iPXE takes %d",
                                               what, count, IPXE_WORDS_MAX);
}

/* As a part of a URL (RFC 3986, section 3.3); '$' is left for iPXE's own use. */
static void put_path(const char *path, struct buf *out)
{
    for (const char *p = path; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
            strchr("/-._~+,=:@", *p))
            buf_append(out, p, 1);
        else
            buf_format(out, "%%%02X", (unsigned)(unsigned char)*p);
}

/* One step: what it is, for the screen; the command; what to do when it fails. */
static int put_step(const char *command, const struct plan_file *file, const char *words, struct buf *out,
                    struct error *err)
{
    if (words_check_path(file->path, err) || check_words(words, file->path, err))
        return -1;
    buf_append_text(out, "set step fetching ");
    put_path(file->path, out);
    buf_format(out, "\n%s ${base}", command);
    put_path(file->path, out);
    buf_format(out, "%s%s", words[0] ? " " : "", words);
    return 0;
}

static void put_or_fail(struct buf *out)
{
    buf_append_text(out, " || goto failed\n");
}

/* The kernel of a UEFI machine opens its initrds itself, by the names that iPXE gave them; on a BIOS the
 * words are only words. */
static int put_linux(const struct plan *plan, struct buf *out, struct error *err)
{
    char command[48];
    if (put_step("kernel", &plan->kernel, plan->kernel_options, out, err))
        return -1;
    for (size_t i = 0; i < plan->module_count; i++)
        buf_format(out, " initrd=initrd%zu", i);
    buf_append_text(out, " BOOTIF=${bootif}");
    put_or_fail(out);
    for (size_t i = 0; i < plan->module_count; i++) {
        snprintf(command, sizeof command, "initrd --name initrd%zu", i);
        if (put_step(command, &plan->module[i], "", out, err))
            return -1;
        put_or_fail(out);
    }
    buf_append_text(out, "set step starting the kernel\nboot || goto failed\n");
    return 0;
}

static int put_multiboot(const struct plan *plan, struct buf *out, struct error *err)
{
    if (plan->module_count > IPXE_MODULES_MAX)
        return error_set(err, "iPXE takes %d modules, and there are %zu", IPXE_MODULES_MAX,
                         plan->module_count);
    if (put_step("kernel", &plan->kernel, plan->kernel_options, out, err))
        return -1;
    put_or_fail(out);
    for (size_t i = 0; i < plan->module_count; i++) {
        if (put_step("module", &plan->module[i], words_of(&plan->module[i]), out, err))
            return -1;
        put_or_fail(out);
    }
    buf_append_text(out, "set step starting the hypervisor\nboot || goto failed\n");
    return 0;
}

static int put_bootcfg(const struct plan *plan, struct buf *out, struct error *err)
{
    char id[PLAN_IMAGE_ID + 1];
    plan_image_id(&plan->manifest, id);
    buf_format(out, "set step running image/%s/mboot.efi\n", id);
    buf_format(out, "chain ${base}image/%s/mboot.efi -c ${base}image/%s/${bootif}/boot.cfg", id, id);
    put_or_fail(out);
    return 0;
}

static int put_efi(const struct plan *plan, struct buf *out, struct error *err)
{
    if (put_step("chain", &plan->kernel, plan->kernel_options, out, err))
        return -1;
    put_or_fail(out);
    return 0;
}

/* A program that came back without an error ends up behind its step, too. exit 1: an UEFI firmware goes on
 * with its next entry only after an error (UEFI 2.10, section 3.1.7). */
static void put_failed(const char *node, struct buf *out)
{
    buf_format(out,
               "goto again\n"
               ":failed\n"
               "echo bootherd: node %s: ${step} failed with error ${errno} (the line above says why)\n"
               ":again\n"
               "inc tries\n"
               "iseq ${tries} " IPXE_TRIES " && goto over ||\n"
               "echo bootherd: node %s: next try in " IPXE_WAIT_S " seconds, ${tries} of " IPXE_TRIES
               " failed\n"
               "sleep " IPXE_WAIT_S "\n"
               "goto start\n"
               ":over\n"
               "echo bootherd: node %s did not boot: on the server, bootherd status %s says more\n"
               "sleep " IPXE_WAIT_S "\n"
               "exit 1\n",
               node, node, node, node);
}

static int put_shape(const struct plan *plan, struct buf *out, struct error *err)
{
    switch (plan->shape) {
    case PLAN_SHAPE_LINUX:
        return put_linux(plan, out, err);
    case PLAN_SHAPE_XEN:
    case PLAN_SHAPE_VMKBOOT:
        return put_multiboot(plan, out, err);
    case PLAN_SHAPE_BOOTCFG:
        return put_bootcfg(plan, out, err);
    case PLAN_SHAPE_EFI:
        return put_efi(plan, out, err);
    case PLAN_SHAPE_LOCAL:
    case PLAN_SHAPE_NONE:
        break;
    }
    return error_set(err, "there is nothing to boot in the image");
}

int render_ipxe(const struct plan *plan, struct buf *out, struct error *err)
{
    size_t size = plan_line_size(plan), most = plan_line_max(plan);
    if (size > most)
        return error_set(err, "the options would have %zu bytes with the files' addresses; iPXE takes %zu",
                         size, most);
    buf_append_text(out, "#!ipxe\n");
    words_comment(plan, out);
    buf_format(out,
               "echo bootherd: node %s\n"
               "set base %s\n"
               "set bootif 01-${netX/mac:hexhyp}\n"
               "set tries:int32 0\n"
               ":start\n"
               "imgfree\n",
               plan->node->name, plan->base);
    if (put_shape(plan, out, err))
        return -1;
    put_failed(plan->node->name, out);
    return out->failed ? error_set(err, "out of memory") : 0;
}

/* Words that mean something are taken out of their meaning. */
static void put_message(const char *reason, struct buf *out)
{
    char text[WORDS_TEXT_MAX];
    words_ascii(reason, text);
    for (char *p = text; *p; p++)
        if (strchr("$\\|&", *p) || (strchr("#;", *p) && (p == text || p[-1] == ' ')))
            *p = '?';
    buf_format(out, "echo bootherd: %s\n", text);
}

int render_ipxe_local(const char *reason, struct buf *out)
{
    buf_append_text(out, "#!ipxe\n");
    put_message(reason, out);
    buf_append_text(out, "echo bootherd: starting from the local disk\n"
                         "iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||\n"
                         "exit 1\n");
    return out->failed ? -1 : 0;
}

int render_ipxe_message(const char *reason, bool local, struct buf *out)
{
    buf_append_text(out, "#!ipxe\n");
    put_message(reason, out);
    if (local)
        buf_append_text(out,
                        "echo bootherd: going on with the next boot entry\nsleep " IPXE_WAIT_S "\nexit 1\n");
    else
        buf_append_text(out, "echo bootherd: next try in 60 seconds\nsleep 60\nreboot\n");
    return out->failed ? -1 : 0;
}
