/*
 * grub.cfg. Every value stands in single quotes, inside which GRUB's script knows no special character.
 * Debian's signed GRUB has neither http nor multiboot2 built in, and under lockdown (Secure Boot) loads no
 * modules: it then does without the one and cannot do without the other.
 */
#include "render/render.h"

#include "render/words.h"

#include <stdio.h>
#include <string.h>

/* How often it is tried before the machine goes on with its next boot entry, and the wait between. */
#define GRUB_TRIES  "1 2 3 4 5"
#define GRUB_WAIT_S "10"

/* Each module is one if inside another's. */
#define GRUB_MODULES_MAX 32

struct writer {
    const struct plan *plan;
    enum render_grub_way way;
    struct buf *out;
    unsigned depth; /* of ifs */
};

static void put_quoted(const char *text, size_t size, struct buf *out)
{
    buf_append_text(out, "'");
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\'')
            buf_append_text(out, "'\\''");
        else
            buf_append(out, text + i, 1);
    buf_append_text(out, "'");
}

/* GRUB sends names by HTTP as they are. */
static int put_path(const struct writer *w, const struct plan_file *file, struct error *err)
{
    const char *path = file->path;
    const char *base = strrchr(path, '/');
    if (words_check_path(path, err))
        return -1;
    const char *bad = strpbrk(path, "%?#\\'\"");
    if (bad)
        return error_set(err, "the file name \"%s\" has %c in it, which GRUB does not ask for as it is", path,
                         *bad);
    if (w->way == RENDER_GRUB_DISK)
        path = base ? base + 1 : path;
    buf_format(w->out, " '%s/%s'", w->way == RENDER_GRUB_DISK ? "/boot" : "", path);
    return 0;
}

/*
 * Words as Linux and Xen read them: blanks part them, but not between double quotes. GRUB hands each word on
 * in quotes of its own where it has blanks, and with a backslash before every quote, apostrophe and backslash
 * in it (lib/cmdline.c), which no kernel takes away again.
 */
static int put_words(const struct writer *w, const char *words, const char *what, struct error *err)
{
    char word[PLAN_OPTIONS_MAX];
    if (words_check(words, what, err))
        return -1;
    if (strpbrk(words, "'\\"))
        return error_set(err,
                         "the options of %s have an apostrophe or a backslash, which GRUB passes on "
                         "with another backslash",
                         what);
    for (const char *p = words + strspn(words, " "); *p; p += strspn(p, " ")) {
        size_t size = 0;
        bool quoted = false;
        for (; *p && (quoted || *p != ' '); p++)
            if (*p == '"')
                quoted = !quoted;
            else if (size < sizeof word)
                word[size++] = *p;
        if (quoted)
            return error_set(err, "the options of %s have a double quote without a second", what);
        if (size == sizeof word)
            return error_set(err, "the options of %s have a word of more than %zu bytes", what, size - 1);
        buf_append_text(w->out, " ");
        put_quoted(word, size, w->out);
    }
    return 0;
}

static void indent(const struct writer *w)
{
    for (unsigned i = 0; i <= w->depth; i++)
        buf_append_text(w->out, "  ");
}

/* A command whose success the next one hangs on. */
static void begin(struct writer *w, const char *command)
{
    indent(w);
    buf_format(w->out, "if %s", command);
}

static void end(struct writer *w)
{
    buf_append_text(w->out, "; then\n");
    w->depth++;
}

static int put_file(struct writer *w, const char *command, const struct plan_file *file, const char *words,
                    struct error *err)
{
    begin(w, command);
    return put_path(w, file, err) || put_words(w, words, file->path, err) ? -1 : 0;
}

static int put_linux(struct writer *w, struct error *err)
{
    const struct plan *plan = w->plan;
    char mac[MAC_TEXT_SIZE];
    if (put_file(w, "linux", &plan->kernel, plan->kernel_options, err))
        return -1;
    if (!mac_is_zero(&plan->mac))
        buf_format(w->out, " 'BOOTIF=01-%s'", mac_format_dash(&plan->mac, mac));
    end(w);
    if (plan->module_count == 0)
        return 0;
    begin(w, "initrd");
    for (size_t i = 0; i < plan->module_count; i++)
        if (put_path(w, &plan->module[i], err))
            return -1;
    end(w);
    return 0;
}

/* --nounzip: an initrd with an archive behind it is more than its first gzip member. */
static int put_multiboot(struct writer *w, struct error *err)
{
    const struct plan *plan = w->plan;
    if (plan->module_count > GRUB_MODULES_MAX)
        return error_set(err, "a grub.cfg of ours takes %d modules, and there are %zu", GRUB_MODULES_MAX,
                         plan->module_count);
    begin(w, "insmod multiboot2");
    end(w);
    if (put_file(w, "multiboot2", &plan->kernel, plan->kernel_options, err))
        return -1;
    end(w);
    for (size_t i = 0; i < plan->module_count; i++) {
        if (put_file(w, "module2 --nounzip", &plan->module[i], words_of(&plan->module[i]), err))
            return -1;
        end(w);
    }
    return 0;
}

static int put_efi(struct writer *w, struct error *err)
{
    if (put_file(w, "chainloader", &w->plan->kernel, w->plan->kernel_options, err))
        return -1;
    end(w);
    return 0;
}

static int put_shape(struct writer *w, struct error *err)
{
    switch (w->plan->shape) {
    case PLAN_SHAPE_LINUX:
        return put_linux(w, err);
    case PLAN_SHAPE_XEN:
        return put_multiboot(w, err);
    case PLAN_SHAPE_EFI:
        return put_efi(w, err);
    case PLAN_SHAPE_VMKBOOT:
    case PLAN_SHAPE_BOOTCFG:
    case PLAN_SHAPE_LOCAL:
    case PLAN_SHAPE_NONE:
        break;
    }
    return error_set(err, "GRUB boots no images of this kind");
}

/* load DEVICE: comes back only when something failed. */
static int put_load(struct writer *w, struct error *err)
{
    buf_format(w->out,
               "function load {\n"
               "  set root=\"$1\"\n"
               "  echo \"bootherd: node %s: loading from ($root)\"\n",
               w->plan->node->name);
    if (put_shape(w, err))
        return -1;
    indent(w);
    buf_append_text(w->out, "boot\n");
    while (w->depth) {
        w->depth--;
        indent(w);
        buf_append_text(w->out, "fi\n");
    }
    buf_append_text(w->out, "}\n");
    return 0;
}

/* Debian's GRUB takes a port as (http,HOST:PORT), unlike GRUB's own releases up to 2.06. */
static void put_ways(const struct writer *w)
{
    const char *host = strstr(w->plan->base, "://") + strlen("://");
    if (w->way == RENDER_GRUB_DISK)
        buf_append_text(w->out, "  if regexp --set=1:disk '^\\((.*)\\)' \"$cmdpath\"; then\n"
                                "    set root=\"$disk\"\n"
                                "  fi\n"
                                "  load \"$root\"\n");
    else
        buf_format(w->out,
                   "  if [ \"$lockdown\" != y ]; then\n"
                   "    if insmod http; then\n"
                   "      load 'http,%.*s'\n"
                   "    fi\n"
                   "  fi\n"
                   "  load 'tftp,%.*s'\n",
                   (int)strcspn(host, "/"), host, (int)strcspn(host, ":/"), host);
}

static void put_failed(const struct writer *w)
{
    const char *node = w->plan->node->name;
    if (w->plan->shape == PLAN_SHAPE_XEN)
        buf_append_text(w->out,
                        "  if [ \"$lockdown\" = y ]; then\n"
                        "    echo 'bootherd: GRUB starts no Xen under Secure Boot: switch Secure Boot "
                        "off in the setup of this machine'\n"
                        "  fi\n");
    buf_format(w->out,
               "  echo \"bootherd: node %s: try $try failed (the lines above say why); next in " GRUB_WAIT_S
               " seconds\"\n"
               "  sleep " GRUB_WAIT_S "\n"
               "done\n"
               "echo 'bootherd: node %s did not boot: on the server, bootherd status %s says more'\n"
               "sleep " GRUB_WAIT_S "\n"
               "exit\n",
               node, node, node);
}

/* Messages also go where a machine without a screen shows them. */
static void put_console(struct buf *out)
{
    buf_append_text(out, "if serial --unit=0 --speed=115200; then\n"
                         "  terminal_output console serial\n"
                         "fi\n");
}

int render_grub(const struct plan *plan, enum render_grub_way way, struct buf *out, struct error *err)
{
    struct writer w = {.plan = plan, .way = way, .out = out};
    size_t size = plan_line_size(plan), most = plan_line_max(plan);
    if (size > most)
        return error_set(err, "the kernel's line would have %zu bytes; it takes %zu", size, most);
    words_comment(plan, out);
    put_console(out);
    if (put_load(&w, err))
        return -1;
    buf_append_text(out, "for try in " GRUB_TRIES "; do\n");
    put_ways(&w);
    put_failed(&w);
    return out->failed ? error_set(err, "out of memory") : 0;
}

/* $cmdpath names the disk image of HTTP Boot, which has such a loader, too. */
int render_grub_local(const char *reason, struct buf *out)
{
    char text[WORDS_TEXT_MAX];
    words_ascii(reason, text);
    put_console(out);
    buf_append_text(out, "echo 'bootherd: '");
    put_quoted(text, strlen(text), out);
    buf_append_text(out, "': starting from the local disk'\n"
                         "set cpu=x64\n"
                         "if [ \"$grub_cpu\" = arm64 ]; then\n"
                         "  set cpu=aa64\n"
                         "elif [ \"$grub_cpu\" = i386 ]; then\n"
                         "  set cpu=ia32\n"
                         "fi\n"
                         "regexp --set=1:own '^(\\([^)]*\\))' \"$cmdpath\"\n"
                         "for loader in (hd*,*)/EFI/*/shim$cpu.efi (hd*,*)/EFI/*/grub$cpu.efi "
                         "(hd*,*)/EFI/Microsoft/Boot/bootmgfw.efi (hd*,*)/EFI/systemd/systemd-boot$cpu.efi "
                         "(hd*,*)/EFI/BOOT/boot$cpu.efi; do\n"
                         "  regexp --set=1:disk '^(\\([^)]*\\))' \"$loader\"\n"
                         "  if [ \"$disk\" != \"$own\" -a -f \"$loader\" ]; then\n"
                         "    echo \"bootherd: $loader\"\n"
                         "    set root=\"$disk\"\n"
                         "    if chainloader \"$loader\"; then\n"
                         "      boot\n"
                         "    fi\n"
                         "  fi\n"
                         "done\n"
                         "echo 'bootherd: no loader on a local disk: going on with the next boot entry'\n"
                         "exit 1\n");
    return out->failed ? -1 : 0;
}

int render_grub_message(const char *reason, bool local, struct buf *out)
{
    char text[WORDS_TEXT_MAX];
    words_ascii(reason, text);
    put_console(out);
    buf_append_text(out, "echo 'bootherd: '");
    put_quoted(text, strlen(text), out);
    buf_append_text(out, local ? "\necho 'bootherd: going on with the next boot entry'\nsleep " GRUB_WAIT_S
                                 "\nexit\n"
                               : "\necho 'bootherd: next try in 60 seconds'\nsleep 60\nreboot\n");
    return out->failed ? -1 : 0;
}
