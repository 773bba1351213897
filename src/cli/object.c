/* Nodes, profiles and networks: the same four commands for each. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/password.h"
#include "fleet/fleet_schema.h"
#include "fleet/fleet_yaml.h"
#include "fleet/yaml.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX     64
#define TEXT_FILE_MAX (24u << 10) /* bytes: two of them travel in one message */

/* "node", "profile" or "network": the command's first word. */
static void object_kind(const struct cli *cli, char out[static 16])
{
    size_t length = strcspn(cli->command->words, " ");
    snprintf(out, 16, "%.*s", (int)length, cli->command->words);
}

/* --- set --- */

struct set_words {
    size_t count;
    const char *word[WORDS_MAX];
    char verb[32];
    char keys[CLI_OPTIONS_MAX][64]; /* option names as keys, '_' for '-' */
    char password[PASSWORD_MAX];
    struct buf list, welcome; /* contents of files */
};

/* There is room: an option is given once, and there are fewer than half as many. */
static void add_pair(struct set_words *w, const char *key, const char *value)
{
    assert(w->count + 2 <= WORDS_MAX);
    w->word[w->count++] = key;
    w->word[w->count++] = value;
}

/* Words are sent as strings, which end at a NUL. */
static int read_text(const char *path, struct buf *out, struct error *err)
{
    if (file_read_at(AT_FDCWD, path, TEXT_FILE_MAX, out, err) < 0)
        return -1;
    return out->size && memchr(out->data, 0, out->size)
               ? error_set(err, "%s is no text: it has a byte 0 in it", path)
               : 0;
}

/* One key a line; blank lines and comments are left out. The list travels with commas between. */
static int read_keys(const char *path, struct buf *out, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (read_text(path, &text, err) < 0)
        return -1;
    unsigned number = 0;
    for (const char *line = buf_text(&text); *line;) {
        size_t length = strcspn(line, "\r\n");
        number++;
        if (memchr(line, ',', length))
            return error_set(
                err, "%s:%u: a key with a comma in its options: put it into a file for bootherd apply", path,
                number);
        if (length && line[0] != '#') {
            buf_append_text(out, out->size ? "," : "");
            buf_append(out, line, length);
        }
        line += length;
        line += *line == '\r';
        line += *line == '\n';
    }
    return out->size ? 0 : error_set(err, "%s holds no key", path);
}

static int add_special(struct cli *cli, struct set_words *w, const struct cli_given *given, struct error *err)
{
    if (strcmp(given->name, "authorized-keys-file") == 0) {
        if (read_keys(given->value, &w->list, err) < 0)
            return -1;
        add_pair(w, "authorized_keys", buf_text(&w->list));
    } else if (strcmp(given->name, "welcome-file") == 0) {
        if (read_text(given->value, &w->welcome, err) < 0)
            return -1;
        add_pair(w, "welcome", buf_text(&w->welcome));
    } else {
        int result = given->value ? cli_password_file(given->value, w->password, err)
                                  : cli_password_prompt(cli->values[0], w->password, err);
        if (result < 0)
            return -1;
        add_pair(w, "password", w->password);
    }
    return 0;
}

static int gather_words(struct cli *cli, struct set_words *w, struct error *err)
{
    char kind[16];
    object_kind(cli, kind);
    snprintf(w->verb, sizeof w->verb, "%s-set", kind);
    w->word[w->count++] = w->verb;
    w->word[w->count++] = cli->values[0];
    for (size_t i = 0; i < cli->given_count; i++) {
        const struct cli_given *given = &cli->given[i];
        bool special = false;
        for (const struct cli_option *o = cli->command->options; o && o->name; o++)
            special |= strcmp(o->name, given->name) == 0;
        if (special) {
            if (add_special(cli, w, given, err) < 0)
                return -1;
            continue;
        }
        snprintf(w->keys[i], sizeof w->keys[i], "%s", given->name);
        for (char *p = w->keys[i]; *p; p++)
            if (*p == '-')
                *p = '_';
        add_pair(w, w->keys[i], given->value);
    }
    return 0;
}

enum cli_status cli_object_set(struct cli *cli, struct error *err)
{
    cleanup_free struct set_words *w = calloc(1, sizeof *w);
    if (!w) {
        error_errno(err, ENOMEM, "set");
        return CLI_FAILED;
    }
    enum cli_status status = CLI_FAILED;
    if (gather_words(cli, w, err) == 0)
        status = cli_ask_print(cli, w->word, w->count, (struct slice){0}, err);
    explicit_bzero(w->password, sizeof w->password);
    buf_fini(&w->list);
    buf_fini(&w->welcome);
    return status;
}

enum cli_status cli_object_remove(struct cli *cli, struct error *err)
{
    char kind[16], verb[32];
    object_kind(cli, kind);
    snprintf(verb, sizeof verb, "%s-remove", kind);
    const char *const words[] = {verb, cli->values[0]};
    return cli_ask_print(cli, words, 2, (struct slice){0}, err);
}

/* --- list and show --- */

static int load_fleet(const struct cli *cli, struct fleet **fleet, struct error *err)
{
    const char *const words[] = {"dump"};
    cleanup_buf struct buf yaml = BUF_INIT;
    if (cli_ask(cli, words, 1, (struct slice){0}, &yaml, err) < 0)
        return -1;
    return fleet_parse_yaml("the fleet", buf_slice(&yaml), fleet, err);
}

static void mac_list(const struct fleet_node *node, struct buf *out)
{
    char mac[MAC_TEXT_SIZE];
    for (size_t i = 0; i < node->mac_count; i++)
        buf_format(out, "%s%s", i ? "," : "", mac_format(&node->macs[i], mac));
}

static void list_node(const struct fleet *fleet, const struct fleet_node *node, struct buf *out,
                      json_t *array)
{
    cleanup_buf struct buf macs = BUF_INIT;
    char ip[IP4_TEXT_SIZE] = "-";
    struct fleet_settings s = fleet_effective(fleet, node);
    mac_list(node, &macs);
    if (node->ip)
        ip4_format(node->ip, ip);
    buf_format(out, "%-20s %-18s %-16s %-24s %s\n", node->name, macs.size ? buf_text(&macs) : "-", ip,
               s.image ? s.image : "-", node->profile ? node->profile : "-");
    if (!array)
        return;
    json_array_append_new(array, json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s}", "name", node->name, "mac",
                                           buf_text(&macs), "ip", node->ip ? ip : NULL, "image", s.image,
                                           "profile", node->profile, "hostname", fleet_hostname(node)));
}

static void list_network(const struct fleet_network *n, struct buf *out, json_t *array)
{
    char subnet[IP4_TEXT_SIZE], first[IP4_TEXT_SIZE], last[IP4_TEXT_SIZE], gateway[IP4_TEXT_SIZE],
        pool[40] = "-";
    if (n->pool_first)
        snprintf(pool, sizeof pool, "%s-%s", ip4_format(n->pool_first, first),
                 ip4_format(n->pool_last, last));
    buf_format(out, "%-20s %s/%-3u gateway %-16s pool %s\n", n->name, ip4_format(n->subnet, subnet),
               n->prefix, n->gateway ? ip4_format(n->gateway, gateway) : "-", pool);
    json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:s}", "name", n->name, "subnet", subnet,
                                           "prefix", (int)n->prefix, "pool", pool));
}

static void list_objects(const struct fleet *fleet, const char *kind, struct buf *out, json_t *array)
{
    if (strcmp(kind, "node") == 0) {
        buf_format(out, "%-20s %-18s %-16s %-24s %s\n", "NAME", "MAC", "ADDRESS", "IMAGE", "PROFILE");
        for (size_t i = 0; i < fleet->node_count; i++)
            list_node(fleet, &fleet->nodes[i], out, array);
    } else if (strcmp(kind, "profile") == 0) {
        for (size_t i = 0; i < fleet->profile_count; i++) {
            const struct fleet_profile *p = &fleet->profiles[i];
            buf_format(out, "%-20s %s\n", p->name, p->settings.image ? p->settings.image : "-");
            json_array_append_new(array,
                                  json_pack("{s:s, s:s?}", "name", p->name, "image", p->settings.image));
        }
    } else {
        for (size_t i = 0; i < fleet->network_count; i++)
            list_network(&fleet->networks[i], out, array);
    }
}

enum cli_status cli_object_list(struct cli *cli, struct error *err)
{
    struct fleet *fleet;
    char kind[16];
    cleanup_buf struct buf out = BUF_INIT;
    json_auto_t *array = cli->json ? json_array() : NULL; /* of 100,000 nodes 100 MB */
    if (load_fleet(cli, &fleet, err) < 0)
        return CLI_FAILED;
    object_kind(cli, kind);
    list_objects(fleet, kind, &out, array);
    fleet_free(fleet);
    return cli->json ? cli_print_json(array, err) : cli_print(&out, err);
}

/* One key of an object and, for a node, where it comes from. Secrets are told to be set, never shown. */
static void show_key(enum fleet_kind kind, const struct fleet_key *key, const void *object,
                     const struct fleet_profile *profile, struct buf *out)
{
    const void *base = fleet_base_const(kind, key, object);
    const char *from = "";
    if (!key->type->is_set(key, base)) {
        if (!key->in_settings || !profile || !key->type->is_set(key, &profile->settings))
            return;
        base = &profile->settings;
        from = "  # from the profile";
    }
    buf_format(out, "%s:", key->name);
    if (key->hidden && text_starts(key->name, "root_password")) {
        buf_format(out, " (set)%s\n", from);
        return;
    }
    cleanup_buf struct buf value = BUF_INIT;
    key->type->format(key, base, 2, &value);
    size_t line = strcspn(buf_text(&value), "\n");
    buf_append(out, value.data, line);
    buf_append_text(out, from);
    buf_append(out, value.data + line, value.size - line);
}

/* The keys that are set, as YAML. */
static int show_object(const struct cli *cli, const struct fleet *fleet, struct buf *out, struct error *err)
{
    char name[16];
    const struct fleet_profile *profile = NULL;
    const void *object;
    enum fleet_kind kind = FLEET_NODE;
    object_kind(cli, name);
    if (strcmp(name, "node") == 0) {
        const struct fleet_node *node = fleet_node_by_name(fleet, cli->values[0]);
        if (node && node->profile)
            profile = fleet_profile_by_name(fleet, node->profile);
        object = node;
    } else if (strcmp(name, "profile") == 0) {
        kind = FLEET_PROFILE;
        object = fleet_profile_by_name(fleet, cli->values[0]);
    } else {
        kind = FLEET_NETWORK;
        object = fleet_network_by_name(fleet, cli->values[0]);
    }
    if (!object)
        return error_set(err, "there is no %s %s: bootherd %s list shows them", name, cli->values[0], name);
    size_t count;
    const struct fleet_key *keys = fleet_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].kinds & FLEET_BIT(kind))
            show_key(kind, &keys[i], object, profile, out);
    return 0;
}

static json_t *json_of_yaml(const struct yaml *value)
{
    if (value->kind == YAML_SCALAR)
        return json_string(value->text);
    json_t *json = value->kind == YAML_MAP ? json_object() : json_array();
    for (const struct yaml *item = value->first; item; item = item->next) {
        if (value->kind == YAML_MAP)
            json_object_set_new(json, item->key->text, json_of_yaml(item));
        else
            json_array_append_new(json, json_of_yaml(item));
    }
    return json;
}

/* What the next boot of a node does: state has the zones and the clock. */
static int ask_next_boot(const struct cli *cli, struct buf *out, struct error *err)
{
    const char *at = cli_option(cli, "at");
    const char *const words[] = {"next-boot", cli->json ? "json" : "text", cli->values[0], at ? at : ""};
    return cli_ask(cli, words, 4, (struct slice){0}, out, err);
}

static enum cli_status print_object_json(const char *name, struct slice text, const struct buf *next,
                                         struct error *err)
{
    struct yaml_tree tree;
    if (yaml_read(name, text, &tree, err) < 0)
        return CLI_FAILED;
    json_auto_t *json = tree.root ? json_of_yaml(tree.root) : json_object();
    yaml_tree_fini(&tree);
    json_object_set_new(json, "name", json_string(name));
    if (next->size)
        json_object_set_new(json, "next_boot", json_loadb((const char *)next->data, next->size, 0, NULL));
    return cli_print_json(json, err);
}

enum cli_status cli_object_show(struct cli *cli, struct error *err)
{
    struct fleet *fleet;
    char kind[16];
    cleanup_buf struct buf keys = BUF_INIT, out = BUF_INIT, next = BUF_INIT;
    if (load_fleet(cli, &fleet, err) < 0)
        return CLI_FAILED;
    int result = show_object(cli, fleet, &keys, err);
    fleet_free(fleet);
    object_kind(cli, kind);
    if (result == 0 && strcmp(kind, "node") == 0)
        result = ask_next_boot(cli, &next, err);
    if (result < 0)
        return CLI_FAILED;
    if (cli->json)
        return print_object_json(cli->values[0], buf_slice(&keys), &next, err);
    buf_format(&out, "%s %s\n", kind, cli->values[0]);
    buf_append(&out, keys.data, keys.size);
    buf_append(&out, next.data, next.size);
    return cli_print(&out, err);
}
