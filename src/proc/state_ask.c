#include "proc/state_ask.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/fleet_change.h"
#include "fleet/fleet_set.h"
#include "fleet/fleet_yaml.h"
#include "fleet/password.h"
#include "fleet/policy.h"
#include "fleet/range.h"
#include "plan/plan.h"
#include "proc/explain.h"
#include "proc/message.h"
#include "proc/overlay_job.h"
#include "proc/state_ask_vm.h"
#include "proc/state_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_PASSWORD "password" /* a plain password; only its hashes go on from here */
#define NOTES_MAX     8          /* nodes a change is reported on one by one */

struct request {
    const char *const *words; /* behind the request's name */
    size_t count;
    struct slice body;
};

static void ask_note(struct state_asker *asker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void ask_note(struct state_asker *asker, const char *format, ...)
{
    char line[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    asker->note(asker->ctx, line);
}

static int replace_fleet(struct state_asker *asker, struct fleet *next, struct error *err)
{
    cleanup_buf struct buf change = BUF_INIT;
    if (fleet_change_format(state_fleet(asker->state), next, FLEET_WITHOUT_SECRETS, &change, err) < 0 ||
        state_fleet_replace(asker->state, next, asker->who, asker->now_ms, err) < 0) {
        fleet_free(next);
        return -1;
    }
    buf_fini(asker->change);
    *asker->change = change;
    change = (struct buf)BUF_INIT;
    return 0;
}

/* An empty file, or one of comments only: "nodes: {}" is how somebody says that there shall be none. */
static bool says_nothing(struct slice text)
{
    bool comment = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        comment = c == '#' || (comment && c != '\n');
        if (!comment && c > ' ' && c != '-' && c != '.')
            return false;
    }
    return true;
}

static int ask_apply(struct state_asker *asker, const struct request *r, struct buf *out, struct error *err)
{
    struct fleet *next;
    bool dry_run = r->count > 1 && strcmp(r->words[1], "dry-run") == 0;
    if (says_nothing(r->body)) /* most likely a slip: it would remove everything */
        return error_set(
            err, "%s is empty: nothing was changed; to remove everything, apply a file that says `nodes: {}`",
            r->count ? r->words[0] : "the file");
    if (fleet_parse_yaml(r->count ? r->words[0] : "input", r->body, &next, err) < 0)
        return -1;
    if (state_policy_zones(state_fleet(asker->state), next, asker->zones, err) < 0) {
        fleet_free(next);
        return -1;
    }
    size_t differences = fleet_diff(state_fleet(asker->state), next, out);
    if (!differences)
        buf_append_text(out, "no change\n");
    if (dry_run || !differences) {
        fleet_free(next);
        return 0;
    }
    return replace_fleet(asker, next, err);
}

static int ask_dump(struct state_asker *asker, const struct request *r, struct buf *out, struct error *err)
{
    bool plain = r->count && strcmp(r->words[0], "without-secrets") == 0;
    return fleet_format_yaml(state_fleet(asker->state), plain ? FLEET_WITHOUT_SECRETS : FLEET_WITH_SECRETS,
                             out, err);
}

/* --- setting --- */

typedef int set_fn(struct fleet *fleet, const char *name, const struct fleet_word *words, size_t count,
                   struct error *err);

/* Whether the image's hypervisor takes weak hashes only; *known: the image is in the store. */
static bool image_wants_weak(struct state_asker *asker, const char *image_name, bool *known)
{
    struct store_entry entry;
    struct image *image = NULL;
    struct error ignored;
    if (!image_name || !asker->store || store_find(asker->store, image_name, &entry, &ignored) < 0 ||
        store_load(asker->store, &entry.manifest, &image, &ignored) < 0)
        return false;
    bool weak = !plan_takes_strong_hash(image);
    *known = true;
    image_free(image);
    return weak;
}

static bool node_touched(const struct fleet_node *node, const struct range *range, const char *profile)
{
    if (profile)
        return text_equal(node->profile, profile);
    for (size_t i = 0; i < range->count; i++)
        if (strcmp(range->names[i], node->name) == 0)
            return true;
    return false;
}

/* Whether any node that the change touches has such an image; *known: at least one has an image that is in
 * the store. */
static bool change_wants_weak(struct state_asker *asker, const struct fleet *fleet, const struct range *range,
                              const char *profile, bool *known)
{
    const char *last = NULL; /* most ranges share one image: look at each name once in a row */
    const struct fleet_profile *p = profile ? fleet_profile_by_name(fleet, profile) : NULL;
    *known = false;
    if (p && image_wants_weak(asker, last = p->settings.image, known))
        return true;
    for (size_t i = 0; i < fleet->node_count; i++) {
        if (!node_touched(&fleet->nodes[i], range, profile))
            continue;
        const char *image = fleet_effective(fleet, &fleet->nodes[i]).image;
        if (!text_equal(image, last) && image_wants_weak(asker, last = image, known))
            return true;
    }
    return false;
}

static int set_password(struct state_asker *asker, struct fleet *fleet, set_fn *set, const char *name,
                        const struct range *range, bool is_profile, const char *password, struct error *err)
{
    char strong[PASSWORD_HASH_MAX], weak[PASSWORD_HASH_MAX] = "";
    bool known;
    bool wants_weak = change_wants_weak(asker, fleet, range, is_profile ? name : NULL, &known);
    if (password_hash(password, PASSWORD_STRONG, strong, err) < 0 ||
        (wants_weak && password_hash(password, PASSWORD_WEAK, weak, err) < 0))
        return -1;
    if (wants_weak)
        ask_note(asker,
                 "note: this hypervisor checks only MD5 password hashes ($1$), so one is kept for it beside "
                 "the strong one: use a password of its own here");
    else if (!known)
        ask_note(asker,
                 "note: the image is not in the store yet; if it turns out to be ESXi 3.5 to 4.1, set the "
                 "password again after the import, since that needs another kind of hash");
    struct fleet_word words[] = {{"root_password_hash", strong}, {"root_password_hash_weak", weak}};
    return set(fleet, name, words, 2, err);
}

/* Says for the first few nodes of a change why they could not boot yet: an error now beats one at the
 * machine. */
static void report_nodes(struct state_asker *asker, const struct fleet *fleet, const struct range *range)
{
    struct plan *plan = malloc(sizeof *plan);
    unsigned told = 0;
    size_t i;
    for (i = 0; plan && i < range->count && told < NOTES_MAX; i++) {
        const struct fleet_node *node = fleet_node_by_name(fleet, range->names[i]);
        struct plan_client client = {.arch = PLAN_ARCH_UNKNOWN};
        struct plan_site site = {.loaders = PLAN_LOADERS_ALL};
        struct store_entry entry;
        struct image *image = NULL;
        struct error err;
        if (!node)
            continue;
        struct fleet_settings settings = fleet_effective(fleet, node);
        if (!policy_needs_image(&settings))
            continue;
        if (explain_load_image(asker->store, fleet, node, &entry, &image, &err) < 0 ||
            plan_make(fleet, node, image, &entry.manifest, &site, &client, PLAN_CHAIN_ANY, plan, &err) < 0) {
            ask_note(asker, "note: %s cannot boot yet: %s", node->name, err.text);
            told++;
        } else {
            for (size_t k = 0; k < plan->warning_count && told < NOTES_MAX; k++, told++)
                ask_note(asker, "note: %s: %s", node->name, plan->warning[k]);
        }
        image_free(image);
    }
    if (plan && i < range->count)
        ask_note(asker, "note: and maybe of the other %zu nodes; bootherd explain NODE says it of each",
                 range->count - i);
    free(plan);
}

static int split_words(const struct request *r, struct fleet_word *words, size_t *count,
                       const char **password, struct error *err)
{
    *count = 0;
    *password = NULL;
    if (r->count < 1 || r->count % 2 != 1)
        return error_set(err, "a name and pairs of key and value are needed");
    for (size_t i = 1; i < r->count; i += 2) {
        if (strcmp(r->words[i], WORD_PASSWORD) == 0)
            *password = r->words[i + 1];
        else
            words[(*count)++] = (struct fleet_word){r->words[i], r->words[i + 1]};
    }
    return 0;
}

/* Sets on a copy, then the password by what the outcome needs, then checks the whole. */
static int set_on_copy(struct state_asker *asker, struct fleet *next, set_fn *set, const struct request *r,
                       const struct range *range, bool is_profile, struct error *err)
{
    struct fleet_word words[MESSAGE_WORDS_MAX];
    const char *password;
    size_t count;
    if (split_words(r, words, &count, &password, err) < 0 || set(next, r->words[0], words, count, err) < 0 ||
        fleet_finish(next, err) < 0 ||
        state_policy_zones(state_fleet(asker->state), next, asker->zones, err) < 0)
        return -1;
    if (!password)
        return 0;
    if (set_password(asker, next, set, r->words[0], range, is_profile, password, err) < 0)
        return -1;
    return fleet_finish(next, err);
}

static int set_objects(struct state_asker *asker, set_fn *set, const struct request *r, bool is_node,
                       bool is_profile, struct buf *out, struct error *err)
{
    struct range range = {0};
    if (r->count < 1)
        return error_set(err, "a name is needed");
    if (is_node && range_parse(r->words[0], &range, err) < 0)
        return -1;
    struct fleet *next = fleet_copy(state_fleet(asker->state));
    int result =
        next ? set_on_copy(asker, next, set, r, &range, is_profile, err) : error_errno(err, ENOMEM, "set");
    if (result == 0)
        result = fleet_diff(state_fleet(asker->state), next, out) ? 0 : 1;
    if (result == 1)
        buf_append_text(out, "no change\n");
    if (result != 0)
        fleet_free(next);
    else if ((result = replace_fleet(asker, next, err)) == 0)
        report_nodes(asker, state_fleet(asker->state), &range);
    range_fini(&range);
    return result < 0 ? -1 : 0;
}

static int ask_node_set(struct state_asker *asker, const struct request *r, struct buf *out,
                        struct error *err)
{
    return set_objects(asker, fleet_set_nodes, r, true, false, out, err);
}

static int ask_profile_set(struct state_asker *asker, const struct request *r, struct buf *out,
                           struct error *err)
{
    return set_objects(asker, fleet_set_profile, r, false, true, out, err);
}

static int ask_network_set(struct state_asker *asker, const struct request *r, struct buf *out,
                           struct error *err)
{
    return set_objects(asker, fleet_set_network, r, false, false, out, err);
}

/* --- removing --- */

static int remove_objects(struct state_asker *asker, const struct request *r, const char *kind,
                          bool (*remove)(struct fleet *, const char *), struct buf *out, struct error *err)
{
    struct range range;
    if (r->count != 1)
        return error_set(err, "the name of a %s is needed", kind);
    if (range_parse(r->words[0], &range, err) < 0)
        return -1;
    struct fleet *next = fleet_copy(state_fleet(asker->state));
    int result = next ? 0 : error_errno(err, ENOMEM, "remove");
    for (size_t i = 0; result == 0 && i < range.count; i++)
        if (!remove(next, range.names[i]))
            result = error_set(err, "there is no %s %s: bootherd %s list shows them; nothing was removed",
                               kind, range.names[i], kind);
    range_fini(&range);
    if (result == 0 && fleet_finish(next, err) < 0)
        result = error_wrap(err, "%s %s is still needed, nothing was removed", kind, r->words[0]);
    if (result < 0) {
        fleet_free(next);
        return -1;
    }
    fleet_diff(state_fleet(asker->state), next, out);
    return replace_fleet(asker, next, err);
}

static int ask_node_remove(struct state_asker *asker, const struct request *r, struct buf *out,
                           struct error *err)
{
    return remove_objects(asker, r, "node", fleet_remove_node, out, err);
}

static int ask_profile_remove(struct state_asker *asker, const struct request *r, struct buf *out,
                              struct error *err)
{
    return remove_objects(asker, r, "profile", fleet_remove_profile, out, err);
}

static int ask_network_remove(struct state_asker *asker, const struct request *r, struct buf *out,
                              struct error *err)
{
    return remove_objects(asker, r, "network", fleet_remove_network, out, err);
}

/* --- reading --- */

static int ask_status(struct state_asker *asker, const struct request *r, struct buf *out, struct error *err)
{
    const char *range = r->count > 1 && r->words[1][0] ? r->words[1] : NULL;
    bool json = r->count > 0 && strcmp(r->words[0], "json") == 0;
    return json ? state_status_json(asker->state, range, asker->now_ms, out, err)
                : state_status_text(asker->state, range, asker->now_ms, out, err);
}

/* What Debian's packages bring is taken to be there, since `serve` takes it in; the operator's own is not. */
static unsigned loaders_known(struct store *store)
{
    static const enum plan_loader own[] = {PLAN_LOADER_PXELINUX3, PLAN_LOADER_GRUB_ARM64};
    unsigned known = PLAN_LOADERS_ALL;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        struct store_entry entry;
        struct error ignored;
        if (!store || store_find(store, plan_loader_name(own[i]), &entry, &ignored) < 0)
            known &= ~(1u << own[i]);
    }
    return known;
}

static int ask_explain(struct state_asker *asker, const struct request *r, struct buf *out, struct error *err)
{
    if (r->count != 4)
        return error_set(err, "a node or MAC, a firmware and a time are needed");
    struct explain explain = {.fleet = state_fleet(asker->state),
                              .state = asker->state,
                              .store = asker->store,
                              .zones = asker->zones,
                              .now_s = asker->now_ms / 1000,
                              .at = r->words[3],
                              .files_root_fd = asker->root_fd,
                              .site = {.http_port = asker->http_port,
                                       .https_port = asker->https_port,
                                       .loaders = loaders_known(asker->store)},
                              .interface_count = asker->interface_count,
                              .interfaces = asker->interfaces};
    bool json = strcmp(r->words[0], "json") == 0;
    const char *firmware = r->words[2][0] ? r->words[2] : NULL;
    return (json ? explain_json : explain_text)(&explain, r->words[1], firmware, out, err);
}

/* Names that nodes set as `files`, of which there is no folder that this process, which reads them, can open.
 */
static int ask_files_missing(struct state_asker *asker, const struct request *r, struct buf *out,
                             struct error *err)
{
    const struct fleet *fleet = state_fleet(asker->state);
    const char *last = NULL; /* most nodes share one: look at each name once in a row */
    for (size_t i = 0; i < fleet->node_count; i++) {
        const char *name = fleet_effective(fleet, &fleet->nodes[i]).files;
        char path[2 * FLEET_NAME_MAX];
        if (!name || text_equal(name, last))
            continue;
        last = name;
        snprintf(path, sizeof path, OVERLAY_FILES_FOLDER "/%s", name);
        cleanup_close int fd = openat(asker->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            buf_format(out, "%s\n", name);
    }
    return 0;
}

/* Which profiles and nodes name an image: `image remove` refuses while there is one. */
static int ask_image_users(struct state_asker *asker, const struct request *r, struct buf *out,
                           struct error *err)
{
    const struct fleet *fleet = state_fleet(asker->state);
    if (r->count != 1)
        return error_set(err, "the name of an image is needed");
    for (size_t i = 0; i < fleet->profile_count; i++)
        if (text_equal(fleet->profiles[i].settings.image, r->words[0]))
            buf_format(out, "profile %s\n", fleet->profiles[i].name);
    for (size_t i = 0; i < fleet->node_count; i++)
        if (text_equal(fleet->nodes[i].settings.image, r->words[0]))
            buf_format(out, "node %s\n", fleet->nodes[i].name);
    return 0;
}

static int ask_next_boot(struct state_asker *asker, const struct request *r, struct buf *out,
                         struct error *err)
{
    return state_policy_ask(asker, r->words, r->count, out, err);
}

static int ask_vm(struct state_asker *asker, const struct request *r, struct buf *out, struct error *err)
{
    return state_ask_vm(asker, r->words, r->count, out, err);
}

int state_ask(struct state_asker *asker, const char *const *words, size_t count, struct slice body,
              struct buf *out, struct error *err)
{
    static const struct {
        const char *name;
        int (*run)(struct state_asker *, const struct request *, struct buf *, struct error *);
    } requests[] = {
        {"apply", ask_apply},
        {"dump", ask_dump},
        {"explain", ask_explain},
        {"files-missing", ask_files_missing},
        {"image-users", ask_image_users},
        {"network-remove", ask_network_remove},
        {"network-set", ask_network_set},
        {"next-boot", ask_next_boot},
        {"node-remove", ask_node_remove},
        {"node-set", ask_node_set},
        {"profile-remove", ask_profile_remove},
        {"profile-set", ask_profile_set},
        {"status", ask_status},
        {"vm", ask_vm},
    };
    struct request r = {words + 1, count ? count - 1 : 0, body};
    for (size_t i = 0; count && i < sizeof requests / sizeof requests[0]; i++)
        if (strcmp(requests[i].name, words[0]) == 0)
            return requests[i].run(asker, &r, out, err);
    return error_set(err,
                     "request %s is unknown to this state process: is a server of another version running?",
                     count ? words[0] : "(none)");
}
