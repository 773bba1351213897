/*
 * iPXE's script language (ipxe.org/scripting; src/core/exec.c, src/image/script.c): lines, ${settings},
 * labels, and commands joined by "||", "&&" and ";". Fetching always succeeds here, and a person never
 * answers.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "swarm/script_inside.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX     4096 /* lines run: a script that waits for an answer goes round and round */
#define WORDS_MAX     256  /* of a line */
#define LINE_MAX_SIZE 4096 /* bytes, settings put in */
#define SETTINGS_MAX  64
#define NAME_MAX_SIZE 48

struct setting {
    char name[NAME_MAX_SIZE];
    char value[SCRIPT_PATH_MAX];
};

struct run {
    const struct script_asker *asker;
    struct script *out;
    char *text; /* lines joined and cut by NULs */
    size_t size;
    size_t at; /* the next line */
    bool over;
    char boot_cfg[SCRIPT_PATH_MAX]; /* mboot's -c; "" when none */
    char item[NAME_MAX_SIZE];       /* the menu's first */
    size_t setting_count;
    struct setting setting[SETTINGS_MAX];
    char line[LINE_MAX_SIZE];
    char *word[WORDS_MAX]; /* of the line */
    char expanded[LINE_MAX_SIZE];
    char *argv[WORDS_MAX]; /* of a command, settings put in */
};

/* --- settings --- */

/* "net0/mac:hexhyp": what is asked for is "mac". */
static void plain_name(const char *name, size_t size, char out[static NAME_MAX_SIZE])
{
    const char *slash = memchr(name, '/', size);
    if (slash) {
        size -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    const char *colon = memchr(name, ':', size);
    size = colon ? (size_t)(colon - name) : size;
    snprintf(out, NAME_MAX_SIZE, "%.*s", (int)size, name);
}

static struct setting *find(struct run *r, const char *name)
{
    for (size_t i = 0; i < r->setting_count; i++)
        if (strcmp(r->setting[i].name, name) == 0)
            return &r->setting[i];
    return NULL;
}

static int set(struct run *r, const char *asked, const char *value, struct error *err)
{
    char name[NAME_MAX_SIZE];
    plain_name(asked, strlen(asked), name);
    struct setting *s = find(r, name);
    if (!s && r->setting_count == SETTINGS_MAX)
        return error_set(err, "more than %d settings", SETTINGS_MAX);
    if (!s)
        s = &r->setting[r->setting_count++];
    memcpy(s->name, name, sizeof name);
    if (snprintf(s->value, sizeof s->value, "%s", value) >= (int)sizeof s->value)
        return error_set(err, "setting %s has more than %zu bytes", name, sizeof s->value - 1);
    return 0;
}

static void mac_text(const struct run *r, const char *type, size_t size, char out[static SCRIPT_PATH_MAX])
{
    char text[MAC_TEXT_SIZE];
    bool hyphens = size >= 7 && memcmp(type, ":hexhyp", 7) == 0;
    bool raw = size >= 7 && memcmp(type, ":hexraw", 7) == 0;
    if (hyphens)
        mac_format_dash(&r->asker->mac, text);
    else
        mac_format(&r->asker->mac, text);
    size_t used = 0;
    for (const char *p = text; *p; p++)
        if (!raw || *p != ':')
            out[used++] = *p;
    out[used] = 0;
}

static void built_in(const struct run *r, const char *name, const char *type, size_t type_size,
                     char out[static SCRIPT_PATH_MAX])
{
    const struct script_asker *a = r->asker;
    char ip[IP4_TEXT_SIZE];
    out[0] = 0;
    if (strcmp(name, "mac") == 0)
        mac_text(r, type, type_size, out);
    else if (strcmp(name, "ip") == 0)
        snprintf(out, SCRIPT_PATH_MAX, "%s", ip4_format(a->ip, ip));
    else if (strcmp(name, "next-server") == 0)
        snprintf(out, SCRIPT_PATH_MAX, "%s", ip4_format(a->next_server, ip));
    else if (strcmp(name, "platform") == 0)
        snprintf(out, SCRIPT_PATH_MAX, "%s", a->efi ? "efi" : "pcbios");
    else if (strcmp(name, "buildarch") == 0)
        snprintf(out, SCRIPT_PATH_MAX, "%s", a->efi ? "x86_64" : "i386");
}

/* `asked`: between "${" and "}". An unset one is empty. */
static void value_of(struct run *r, const char *asked, size_t size, char out[static SCRIPT_PATH_MAX])
{
    char name[NAME_MAX_SIZE];
    const char *type = memchr(asked, ':', size);
    plain_name(asked, size, name);
    const struct setting *s = find(r, name);
    if (s)
        memcpy(out, s->value, sizeof s->value);
    else
        built_in(r, name, type ? type : "", type ? (size_t)(asked + size - type) : 0, out);
}

/* One word, from r->expanded + *used on. A '}' closes the last "${" before it, so that names may be put
 * together of settings. */
static char *expand(struct run *r, const char *word, size_t *used, struct error *err)
{
    char *out = r->expanded + *used;
    size_t room = sizeof r->expanded - *used;
    if (strlen(word) >= room)
        goto too_long;
    memcpy(out, word, strlen(word) + 1);
    for (unsigned i = 0; i < WORDS_MAX; i++) {
        char value[SCRIPT_PATH_MAX];
        char *close, *open = NULL;
        for (close = out; *close && !(*close == '}' && open); close++)
            if (close[0] == '$' && close[1] == '{')
                open = close;
        if (!*close) {
            *used += strlen(out) + 1;
            return out;
        }
        value_of(r, open + 2, (size_t)(close - open - 2), value);
        size_t size = strlen(value), rest = strlen(close + 1);
        if ((size_t)(open - out) + size + rest >= room)
            goto too_long;
        memmove(open + size, close + 1, rest + 1);
        memcpy(open, value, size);
    }
too_long:
    error_set(err, "a command of more than %zu bytes or %d settings", sizeof r->expanded - 1, WORDS_MAX);
    return NULL;
}

/* --- files --- */

/* RFC 3986, section 2.1; what is asked for by TFTP is plain. */
static void decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        unsigned byte;
        if (*p == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]) &&
            sscanf(p + 1, "%2x", &byte) == 1 && byte) {
            *to++ = (char)byte;
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
}

static int locate(const struct run *r, const char *uri, struct script_server *server,
                  char out[static SCRIPT_PATH_MAX], struct error *err)
{
    const char *path = uri;
    *server = r->asker->server;
    int url = script_url(uri, server, &path, err);
    if (url < 0)
        return -1;
    if (url == 0 && strncmp(uri, "tftp:", 5) == 0) { /* of the server that DHCP names */
        *server = script_tftp(r->asker->next_server);
        path = uri + 5;
        url = 1;
    }
    if (script_beside(url ? "" : r->asker->path, path, out, err) < 0)
        return -1;
    out[strcspn(out, "#")] = 0;
    if (server->door == SCRIPT_TFTP) {
        decode(out);
        memmove(out, out + (out[0] == '/'), strlen(out + (out[0] == '/')) + 1);
    }
    return 0;
}

/* The first word behind the options; argc when there is none. */
static int skip_options(int argc, char **argv)
{
    static const char *const with_value[] = {"-n", "--name", "-t", "--timeout", "-p", "--params"};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++)
        for (size_t o = 0; o < sizeof with_value / sizeof with_value[0]; o++)
            if (strcmp(argv[i], with_value[o]) == 0) {
                i++;
                break;
            }
    return i < argc ? i : argc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* mboot.efi and mboot.c32 read on in the boot.cfg behind -c. */
static void keep_boot_cfg(struct run *r, int argc, char **argv, int at)
{
    if (strncasecmp(base_name(argv[at]), "mboot.", 6) != 0)
        return;
    for (int i = at + 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "-c") == 0)
            snprintf(r->boot_cfg, sizeof r->boot_cfg, "%s", argv[i + 1]);
}

static int fetch(struct run *r, enum script_role role, const char *uri, struct error *err)
{
    struct script_server server;
    char path[SCRIPT_PATH_MAX];
    return locate(r, uri, &server, path, err) ? -1 : script_add(r->out, role, &server, path, err);
}

/* What was fetched is started, and never comes back. */
static int start(struct run *r, struct error *err)
{
    struct script_server server;
    char path[SCRIPT_PATH_MAX];
    r->over = true;
    if (!r->boot_cfg[0])
        return 0;
    if (locate(r, r->boot_cfg, &server, path, err) < 0)
        return -1;
    return script_add_config(r->out, SCRIPT_BOOTCFG, &server, path, err);
}

/* --- commands: 0 success, 1 failure as iPXE would have it, negative an error --- */

static int do_kernel(struct run *r, int argc, char **argv, struct error *err)
{
    int at = skip_options(argc, argv);
    if (at == argc)
        return 0;
    keep_boot_cfg(r, argc, argv, at);
    return fetch(r, r->boot_cfg[0] ? SCRIPT_PROGRAM : SCRIPT_KERNEL, argv[at], err);
}

static int do_fetch(struct run *r, int argc, char **argv, struct error *err)
{
    int at = skip_options(argc, argv);
    return at < argc ? fetch(r, SCRIPT_MODULE, argv[at], err) : 0;
}

static bool is_fetched(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->out->count; i++)
        if (strcmp(base_name(r->out->file[i].path), name) == 0)
            return true;
    return false;
}

static int do_chain(struct run *r, int argc, char **argv, struct error *err)
{
    int at = skip_options(argc, argv);
    if (at < argc && !is_fetched(r, argv[at])) {
        keep_boot_cfg(r, argc, argv, at);
        if (fetch(r, r->boot_cfg[0] ? SCRIPT_PROGRAM : SCRIPT_CHAIN, argv[at], err) < 0)
            return -1;
    }
    return start(r, err);
}

static int do_over(struct run *r, int argc, char **argv, struct error *err)
{
    r->over = true;
    return 0;
}

static int do_set(struct run *r, int argc, char **argv, struct error *err)
{
    char value[LINE_MAX_SIZE];
    size_t used = 0;
    if (argc < 2)
        return 0;
    value[0] = 0;
    for (int i = 2; i < argc; i++)
        used += (size_t)snprintf(value + used, sizeof value - used, "%s%s", i > 2 ? " " : "", argv[i]);
    return set(r, argv[1], value, err);
}

static int do_clear(struct run *r, int argc, char **argv, struct error *err)
{
    return argc > 1 ? set(r, argv[1], "", err) : 0;
}

static int do_inc(struct run *r, int argc, char **argv, struct error *err)
{
    char value[SCRIPT_PATH_MAX];
    if (argc < 2)
        return 0;
    value_of(r, argv[1], strlen(argv[1]), value);
    unsigned long step = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    snprintf(value, sizeof value, "%lu", strtoul(value, NULL, 0) + step);
    return set(r, argv[1], value, err);
}

static int do_iseq(struct run *r, int argc, char **argv, struct error *err)
{
    return strcmp(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "") != 0;
}

static int do_isset(struct run *r, int argc, char **argv, struct error *err)
{
    return argc < 2 || !argv[1][0];
}

static int do_goto(struct run *r, int argc, char **argv, struct error *err)
{
    char name[NAME_MAX_SIZE];
    if (argc < 2)
        return 0;
    snprintf(name, sizeof name, "%s", argv[1]);
    for (size_t at = 0; at < r->size; at += strlen(r->text + at) + 1) {
        const char *line = r->text + at + strspn(r->text + at, " \t");
        size_t size = strcspn(line + (*line == ':'), " \t");
        if (*line == ':' && size == strlen(name) && memcmp(line + 1, name, size) == 0) {
            r->at = at;
            return 0;
        }
    }
    return error_set(err, "goto %s: there is no such label", name);
}

static int do_echo(struct run *r, int argc, char **argv, struct error *err)
{
    char text[SCRIPT_NOTE_MAX] = "";
    size_t used = 0;
    for (int i = 1; i < argc && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 1 ? " " : "", argv[i]);
    script_note(r->out, text, strlen(text));
    return 0;
}

static int do_menu(struct run *r, int argc, char **argv, struct error *err)
{
    r->item[0] = 0;
    return 0;
}

/* item [--default] [--key k] LABEL text: without a label it is a line to look at. */
static int do_item(struct run *r, int argc, char **argv, struct error *err)
{
    int at = 1;
    bool preset = false, gap = false;
    for (; at < argc && argv[at][0] == '-'; at++) {
        preset = preset || strcmp(argv[at], "--default") == 0 || strcmp(argv[at], "-d") == 0;
        gap = gap || strcmp(argv[at], "--gap") == 0 || strcmp(argv[at], "-g") == 0;
        at +=
            strcmp(argv[at], "--key") == 0 || strcmp(argv[at], "-k") == 0 || strcmp(argv[at], "--menu") == 0;
    }
    if (at < argc && !gap && (preset || !r->item[0]))
        snprintf(r->item, sizeof r->item, "%s", argv[at]);
    return 0;
}

/* choose [--default LABEL] [--timeout ms] SETTING */
static int do_choose(struct run *r, int argc, char **argv, struct error *err)
{
    const char *picked = r->item;
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--default") == 0 || strcmp(argv[i], "-d") == 0)
            picked = argv[i + 1];
    return argc > 1 ? set(r, argv[argc - 1], picked, err) : 0;
}

/* Nobody presses the key. */
static int do_prompt(struct run *r, int argc, char **argv, struct error *err)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--key", 5) == 0 || strcmp(argv[i], "-k") == 0)
            return 1;
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct run *r, int argc, char **argv, struct error *err);
} commands[] = {
    {"kernel", do_kernel}, {"initrd", do_fetch},  {"module", do_fetch},  {"imgfetch", do_fetch},
    {"chain", do_chain},   {"boot", do_chain},    {"imgexec", do_chain}, {"sanboot", do_over},
    {"exit", do_over},     {"reboot", do_over},   {"poweroff", do_over}, {"shell", do_over},
    {"set", do_set},       {"clear", do_clear},   {"inc", do_inc},       {"iseq", do_iseq},
    {"isset", do_isset},   {"goto", do_goto},     {"echo", do_echo},     {"menu", do_menu},
    {"item", do_item},     {"choose", do_choose}, {"prompt", do_prompt},
};

/* Those that are not in the table change nothing of what is fetched: dhcp, sleep, imgfree, console ... */
static int command(struct run *r, int argc, char **words, struct error *err)
{
    char **argv = r->argv;
    size_t used = 0;
    for (int i = 0; i < argc; i++)
        if (!(argv[i] = expand(r, words[i], &used, err)))
            return -1;
    for (size_t i = 0; argc && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(r, argc, argv, err);
    return 0;
}

/* --- lines --- */

static int split(struct run *r, const char *line, struct error *err)
{
    int count = 0;
    if (strlen(line) >= sizeof r->line)
        return error_set(err, "a line of %zu bytes", strlen(line));
    memcpy(r->line, line, strlen(line) + 1);
    for (char *p = r->line; *(p += strspn(p, " \t"));) {
        if (*p == '#')
            break;
        if (count == WORDS_MAX)
            return error_set(err, "a line of more than %d words", WORDS_MAX);
        r->word[count++] = p;
        p += strcspn(p, " \t");
        if (*p)
            *p++ = 0;
    }
    return count;
}

static bool joins(const char *word)
{
    return strcmp(word, "||") == 0 || strcmp(word, "&&") == 0 || strcmp(word, ";") == 0;
}

/* Returns what the last command did: 0, 1, or negative. */
static int run_line(struct run *r, const char *line, struct error *err)
{
    int count = split(r, line, err), result = 0;
    bool runs = true;
    size_t here = r->at;
    for (int i = 0; i < count && !r->over && r->at == here;) {
        int end = i;
        while (end < count && !joins(r->word[end]))
            end++;
        if (runs)
            result = command(r, end - i, r->word + i, err);
        if (result < 0)
            return -1;
        if (end < count)
            runs = r->word[end][0] == ';' || (r->word[end][0] == '|') == (result != 0);
        i = end + 1;
        if (i == count && runs) /* "|| " at the end: nothing, which succeeds */
            result = 0;
    }
    return count < 0 ? -1 : result;
}

/* Lines end with a NUL; a backslash at the end joins the next one. */
static void cut(struct run *r)
{
    char *to = r->text;
    for (const char *p = r->text, *end = r->text + r->size; p < end; p++) {
        const char *next = p + 1 + (p + 1 < end && p[1] == '\r');
        if (*p == '\\' && next < end && *next == '\n')
            p = next;
        else if (*p == '\n')
            *to++ = 0;
        else if (*p != '\r')
            *to++ = *p;
    }
    *to++ = 0;
    r->size = (size_t)(to - r->text);
}

static int run_all(struct run *r, struct error *err)
{
    for (unsigned step = 0; r->at < r->size && !r->over; step++) {
        const char *line = r->text + r->at;
        if (step == STEPS_MAX)
            return error_set(err, "it goes round in circles");
        r->at += strlen(line) + 1;
        line += strspn(line, " \t");
        if (*line == '#' || *line == ':')
            continue;
        int result = run_line(r, line, err);
        if (result < 0)
            return -1;
        if (result > 0) /* nobody asked: the script ends */
            return 0;
    }
    return 0;
}

int script_parse_ipxe(struct slice text, const struct script_asker *asker, struct script *out,
                      struct error *err)
{
    if (!script_is_ipxe(text))
        return error_set(err, "it does not begin with \"#!ipxe\"");
    cleanup_free struct run *r = calloc(1, sizeof *r);
    if (!r)
        return error_errno(err, ENOMEM, "a script");
    r->asker = asker;
    r->out = out;
    r->size = text.size;
    r->text = script_copy(text, err);
    if (!r->text)
        return -1;
    cut(r);
    int result = run_all(r, err);
    free(r->text);
    return result;
}
