/*
 * GRUB's language (manual, 6 and 16), run as far as it decides which files are loaded: variables, if, for,
 * while (once), functions with arguments, menu entries. Commands succeed; "[" is answered; "insmod http" is
 * as the loader can.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "image/grub_words.h"
#include "swarm/script_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX   32 /* ifs and loops within each other */
#define FUNCTIONS_MAX 16
#define CALLS_MAX     8    /* functions within each other, files' own text included */
#define STEPS_MAX     8192 /* commands: functions may call each other */
#define NAME_BYTES    64

struct function {
    char name[NAME_BYTES];
    const char *body;
    unsigned line;
};

struct run {
    const struct script_asker *asker;
    struct script *out;
    struct grub_variables variables;
    const char *end; /* of the text */
    bool over;
    unsigned steps, calls;
    /* Ifs and loops: what their commands do now. */
    size_t depth;
    enum {
        TAKEN,
        NOT_YET,
        NO_MORE
    } level[NESTING_MAX];
    /* Menus. */
    char wanted[NAME_BYTES]; /* the entry's number, title or id in this menu; "": as the variable says */
    unsigned next;           /* number of the menu's next entry */
    bool missed;             /* an entry was passed over */
    size_t function_count;
    struct function function[FUNCTIONS_MAX];
};

static bool is_taken(const struct run *r)
{
    for (size_t i = 0; i < r->depth; i++)
        if (r->level[i] != TAKEN)
            return false;
    return true;
}

/* --- files --- */

/* "tftp", "pxe", "http,HOST:PORT", as in (DEVICE) and in $root. */
static int read_device(const struct run *r, const char *device, size_t size, struct script_server *server,
                       struct error *err)
{
    const char *comma = memchr(device, ',', size);
    size_t kind = comma ? (size_t)(comma - device) : size;
    bool http = kind == 4 && memcmp(device, "http", 4) == 0;
    if (!http && !(kind == 4 && memcmp(device, "tftp", 4) == 0) &&
        !(kind == 3 && memcmp(device, "pxe", 3) == 0))
        return error_set(err, "it loads from the device \"%.*s\", which a simulated machine has not",
                         (int)(size < 32 ? size : 32), device);
    *server = script_tftp(r->asker->next_server);
    if (http)
        *server = (struct script_server){SCRIPT_HTTP, r->asker->next_server, 80};
    return comma ? script_host(comma + 1, size - kind - 1, server, err) : 0;
}

static int locate(const struct run *r, const char *name, struct script_server *server, const char **path,
                  struct error *err)
{
    const char *close = name[0] == '(' ? strchr(name, ')') : NULL;
    const char *root = grub_variable(&r->variables, "root");
    *server = r->asker->server;
    *path = close ? close + 1 : name;
    if (close)
        return read_device(r, name + 1, (size_t)(close - name - 1), server, err);
    if (!root || !*root)
        return 0;
    bool brackets = root[0] == '(';
    return read_device(r, root + brackets, strcspn(root + brackets, ")"), server, err);
}

/* The first word that is a file's name. */
static size_t file_word(const struct grub_reader *g)
{
    size_t i = 1;
    while (i < g->count && text_starts(g->word[i], "--"))
        i++;
    return i;
}

static int add(struct run *r, enum script_role role, const char *name, struct error *err)
{
    struct script_server server;
    const char *path;
    if (!name[0])
        return 0;
    return locate(r, name, &server, &path, err) ? -1 : script_add(r->out, role, &server, path, err);
}

/* --- commands: 1 true, 0 false, negative an error --- */

static int do_kernel(struct run *r, const struct grub_reader *g, struct error *err)
{
    size_t at = file_word(g);
    return at < g->count && add(r, SCRIPT_KERNEL, g->word[at], err) < 0 ? -1 : 1;
}

static int do_module(struct run *r, const struct grub_reader *g, struct error *err)
{
    size_t at = file_word(g);
    return at < g->count && add(r, SCRIPT_MODULE, g->word[at], err) < 0 ? -1 : 1;
}

static int do_initrd(struct run *r, const struct grub_reader *g, struct error *err)
{
    for (size_t i = file_word(g); i < g->count; i++)
        if (add(r, SCRIPT_MODULE, g->word[i], err) < 0)
            return -1;
    return 1;
}

static int do_config(struct run *r, const struct grub_reader *g, struct error *err)
{
    struct script_server server;
    const char *path;
    size_t at = file_word(g);
    if (at == g->count)
        return 1;
    r->over = true;
    return locate(r, g->word[at], &server, &path, err) < 0 ||
                   script_add_config(r->out, SCRIPT_GRUB, &server, path, err) < 0
               ? -1
               : 1;
}

static int do_over(struct run *r, const struct grub_reader *g, struct error *err)
{
    r->over = true;
    return 1;
}

static int assign(struct run *r, const char *assignment, struct error *err)
{
    char name[NAME_BYTES];
    size_t length = strcspn(assignment, "=");
    if (!assignment[length] || !length || length >= sizeof name)
        return 1;
    memcpy(name, assignment, length);
    name[length] = 0;
    return grub_variable_set(&r->variables, name, assignment + length + 1, err) < 0 ? -1 : 1;
}

static int do_set(struct run *r, const struct grub_reader *g, struct error *err)
{
    return g->count > 1 ? assign(r, g->word[1], err) : 1;
}

static int do_insmod(struct run *r, const struct grub_reader *g, struct error *err)
{
    return g->count < 2 || strcmp(g->word[1], "http") != 0 || r->asker->http;
}

static int do_echo(struct run *r, const struct grub_reader *g, struct error *err)
{
    if (g->count > 1)
        script_note(r->out, g->word[1], strlen(g->word[1]));
    return 1;
}

static int do_false(struct run *r, const struct grub_reader *g, struct error *err)
{
    return 0;
}

/* [ a = b ], [ -n a ], [ ! -f x ]: files are never there; of "-a" and "-o" the first side decides. */
static int do_test(struct run *r, const struct grub_reader *g, struct error *err)
{
    size_t i = 1, left = g->count - 1;
    bool no = left && strcmp(g->word[i], "!") == 0, yes = false;
    i += no;
    left -= no;
    const char *a = left ? g->word[i] : "", *b = left > 1 ? g->word[i + 1] : "";
    if (left > 2 && (strcmp(b, "=") == 0 || strcmp(b, "==") == 0))
        yes = strcmp(a, g->word[i + 2]) == 0;
    else if (left > 2 && strcmp(b, "!=") == 0)
        yes = strcmp(a, g->word[i + 2]) != 0;
    else if (strcmp(a, "-n") == 0)
        yes = b[0] && strcmp(b, "]") != 0;
    else if (strcmp(a, "-z") == 0)
        yes = !b[0] || strcmp(b, "]") == 0;
    else if (a[0] != '-')
        yes = a[0] && strcmp(a, "]") != 0;
    return yes != no;
}

static const struct {
    const char *name;
    int (*run)(struct run *r, const struct grub_reader *g, struct error *err);
} commands[] = {
    {"linux", do_kernel},
    {"linux16", do_kernel},
    {"linuxefi", do_kernel},
    {"multiboot", do_kernel},
    {"multiboot2", do_kernel},
    {"xen_hypervisor", do_kernel},
    {"chainloader", do_kernel},
    {"initrd", do_initrd},
    {"initrd16", do_initrd},
    {"initrdefi", do_initrd},
    {"module", do_module},
    {"module2", do_module},
    {"xen_module", do_module},
    {"configfile", do_config},
    {"source", do_config},
    {".", do_config},
    {"boot", do_over},
    {"exit", do_over},
    {"reboot", do_over},
    {"halt", do_over},
    {"set", do_set},
    {"insmod", do_insmod},
    {"echo", do_echo},
    {"false", do_false},
    {"[", do_test},
    {"test", do_test},
};

/* --- blocks --- */

static int run_text(struct run *r, const char *at, unsigned line, struct error *err);

static int call(struct run *r, const struct function *f, const struct grub_reader *g, struct error *err)
{
    size_t depth = r->depth;
    if (r->calls == CALLS_MAX)
        return error_set(err, "functions call each other more than %d deep", CALLS_MAX);
    for (size_t i = 1; i < g->count && i < 10; i++) {
        char name[2] = {(char)('0' + i), 0};
        if (grub_variable_set(&r->variables, name, g->word[i], err) < 0)
            return -1;
    }
    int result = run_text(r, f->body, f->line, err);
    r->depth = depth;
    return result < 0 ? -1 : 1;
}

static int command(struct run *r, const struct grub_reader *g, struct error *err)
{
    if (!g->count)
        return 1;
    if (r->steps++ == STEPS_MAX)
        return error_set(err, "it goes round in circles");
    for (size_t i = 0; i < r->function_count; i++)
        if (strcmp(r->function[i].name, g->word[0]) == 0)
            return call(r, &r->function[i], g, err);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, g->word[0]) == 0)
            return commands[i].run(r, g, err);
    return g->count == 1 ? assign(r, g->word[0], err) : 1;
}

static void drop_word(struct grub_reader *g)
{
    memmove(&g->word[0], &g->word[1], --g->count * sizeof g->word[0]);
}

/* if, while and until: 1 when taken. */
static int condition(struct run *r, struct grub_reader *g, struct error *err)
{
    bool until = strcmp(g->word[0], "until") == 0;
    drop_word(g);
    int result = command(r, g, err);
    return result < 0 ? -1 : (result != 0) != until;
}

static int begin(struct run *r, struct grub_reader *g, struct error *err)
{
    int result = 1;
    if (r->depth == NESTING_MAX)
        return error_set(err, "more than %d ifs within each other", NESTING_MAX);
    if (is_taken(r) && strcmp(g->word[0], "for") != 0)
        result = condition(r, g, err);
    else if (is_taken(r) && g->count > 3) /* for NAME in FIRST ... */
        result = grub_variable_set(&r->variables, g->word[1], g->word[3], err) < 0 ? -1 : 1;
    r->level[r->depth++] = result > 0 ? TAKEN : NOT_YET;
    return result < 0 ? -1 : 0;
}

static int otherwise(struct run *r, struct grub_reader *g, struct error *err)
{
    bool has_condition = strcmp(g->word[0], "elif") == 0;
    if (!r->depth)
        return 0;
    size_t top = r->depth - 1;
    r->level[top] = r->level[top] == NOT_YET ? TAKEN : NO_MORE;
    if (!has_condition || !is_taken(r))
        return 0;
    int result = condition(r, g, err);
    if (result == 0)
        r->level[top] = NOT_YET;
    return result < 0 ? -1 : 0;
}

/* One command and the words that steer. */
static int run_command(struct run *r, struct grub_reader *g, struct error *err)
{
    while (g->count) {
        const char *word = g->word[0];
        if (strcmp(word, "if") == 0 || strcmp(word, "while") == 0 || strcmp(word, "until") == 0 ||
            strcmp(word, "for") == 0)
            return begin(r, g, err);
        if (strcmp(word, "elif") == 0)
            return otherwise(r, g, err);
        if (strcmp(word, "fi") == 0 || strcmp(word, "done") == 0) {
            r->depth -= r->depth > 0;
            return 0;
        }
        if (strcmp(word, "else") == 0) {
            otherwise(r, g, err);
        } else if (strcmp(word, "then") != 0 && strcmp(word, "do") != 0) {
            break;
        }
        drop_word(g);
    }
    return is_taken(r) && command(r, g, err) < 0 ? -1 : 0;
}

/* Up to the block's own '}'. */
static int skip_block(struct grub_reader *g, struct error *err)
{
    for (unsigned open = 1; open;) {
        enum grub_end ended;
        if (grub_reader_next(g, &ended, err) < 0)
            return -1;
        if (ended == GRUB_LAST)
            return 0;
        open += ended == GRUB_OPEN;
        open -= ended == GRUB_CLOSE;
    }
    return 0;
}

static int keep_function(struct run *r, const struct grub_reader *g, struct error *err)
{
    if (r->function_count == FUNCTIONS_MAX)
        return error_set(err, "more than %d functions", FUNCTIONS_MAX);
    struct function *f = &r->function[r->function_count++];
    snprintf(f->name, sizeof f->name, "%s", g->count > 1 ? g->word[1] : "");
    f->body = g->at;
    f->line = g->line;
    return 0;
}

/* menuentry TITLE ... --id ID: whether it is the one that starts. `wanted` may lead on into it: "2>0". */
static bool is_wanted(struct run *r, const struct grub_reader *g)
{
    char number[16];
    const char *preset = grub_variable(&r->variables, "default");
    if (!r->wanted[0])
        snprintf(r->wanted, sizeof r->wanted, "%s", preset && *preset ? preset : "0");
    size_t length = strcspn(r->wanted, ">");
    snprintf(number, sizeof number, "%u", r->next++);
    bool is = strlen(number) == length && memcmp(number, r->wanted, length) == 0;
    for (size_t i = 1; !is && i < g->count; i++)
        if (i == 1 || strcmp(g->word[i - 1], "--id") == 0)
            is = strlen(g->word[i]) == length && memcmp(g->word[i], r->wanted, length) == 0;
    r->missed = r->missed || !is;
    return is;
}

static int open_block(struct run *r, struct grub_reader *g, struct error *err)
{
    const char *word = g->count ? g->word[0] : "";
    bool entry = strcmp(word, "menuentry") == 0, submenu = strcmp(word, "submenu") == 0;
    if (!is_taken(r))
        return skip_block(g, err);
    if (strcmp(word, "function") == 0)
        return keep_function(r, g, err) < 0 ? -1 : skip_block(g, err);
    if (!entry && !submenu)
        return 0;
    if (!is_wanted(r, g))
        return skip_block(g, err);
    if (submenu) {
        const char *inner = strchr(r->wanted, '>');
        char rest[NAME_BYTES];
        snprintf(rest, sizeof rest, "%s", inner ? inner + 1 : "0");
        memcpy(r->wanted, rest, sizeof rest);
        r->next = 0;
        return 0;
    }
    int result = run_text(r, g->at, g->line, err);
    r->over = true; /* an entry's end starts what it loaded */
    return result;
}

/* From `at` to the '}' that closes it, or to the end of the text. */
static int run_text(struct run *r, const char *at, unsigned line, struct error *err)
{
    enum grub_end ended = GRUB_NEXT;
    unsigned open = 0;
    int result = 0;
    cleanup_free struct grub_reader *g = malloc(sizeof *g); /* functions within functions: not on the stack */
    if (!g)
        return error_errno(err, ENOMEM, "a configuration");
    grub_reader_init(g, (struct slice){(const uint8_t *)at, (size_t)(r->end - at)}, &r->variables);
    g->line = line;
    r->calls++;
    while (result == 0 && !r->over && ended != GRUB_LAST && !(ended == GRUB_CLOSE && open == 0)) {
        open -= ended == GRUB_CLOSE;
        if (grub_reader_next(g, &ended, err) < 0) {
            result = -1;
            break;
        }
        const char *before = g->at;
        result = ended == GRUB_OPEN ? open_block(r, g, err) : run_command(r, g, err);
        open += ended == GRUB_OPEN && g->at == before;
        if (result < 0)
            error_wrap(err, "line %u", g->command_line);
    }
    r->calls--;
    grub_reader_fini(g);
    return result;
}

/* --- the whole --- */

static int set_machine(struct run *r, struct error *err)
{
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE], server[IP4_TEXT_SIZE];
    const struct script_asker *a = r->asker;
    const struct {
        const char *name, *value;
    } known[] = {
        {"net_default_mac", mac_format(&a->mac, mac)},
        {"net_default_ip", ip4_format(a->ip, ip)},
        {"net_default_server", ip4_format(a->next_server, server)},
        {"pxe_default_server", server},
        {"grub_platform", a->efi ? "efi" : "pc"},
        {"grub_cpu", a->efi ? "x86_64" : "i386"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (grub_variable_set(&r->variables, known[i].name, known[i].value, err) < 0)
            return -1;
    return 0;
}

/* 1: it shows a menu that has no such entry. */
static int run_once(struct slice text, const struct script_asker *asker, const char *wanted,
                    struct script *out, struct error *err)
{
    cleanup_free struct run *r = calloc(1, sizeof *r);
    if (!r)
        return error_errno(err, ENOMEM, "a configuration");
    r->asker = asker;
    r->out = out;
    r->end = (const char *)text.data + text.size;
    snprintf(r->wanted, sizeof r->wanted, "%s", wanted);
    int result = set_machine(r, err);
    if (result == 0)
        result = run_text(r, (const char *)text.data, 1, err);
    if (result == 0)
        result = !r->over && r->missed;
    grub_variables_fini(&r->variables);
    return result;
}

int script_parse_grub(struct slice text, const struct script_asker *asker, struct script *out,
                      struct error *err)
{
    int result = text.size ? run_once(text, asker, "", out, err) : 0;
    if (result == 1 && out->count == 0) /* then the first entry starts (manual, 15.1.3) */
        result = run_once(text, asker, "0", out, err);
    return result < 0 ? -1 : 0;
}
