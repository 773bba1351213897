#include "fleet/fleet_schema.h"

#include "base/text.h"
#include "fleet/fleet_rules.h"
#include "fleet/fleet_types.h"

#include <stdlib.h>
#include <string.h>

#define NETWORK(key_name, type_name, member, rule, example, words)                                           \
    {                                                                                                        \
        .name = key_name, .kinds = FLEET_BIT(FLEET_NETWORK), .type = &fleet_type_##type_name,                \
        .offset = offsetof(struct fleet_network, member), .check = fleet_rule_##rule, .shape = example,      \
        .help = words                                                                                        \
    }
#define NODE(key_name, type_name, member, rule, for_range, example, words)                                   \
    {                                                                                                        \
        .name = key_name, .kinds = FLEET_BIT(FLEET_NODE), .type = &fleet_type_##type_name,                   \
        .ranged = for_range, .offset = offsetof(struct fleet_node, member), .check = fleet_rule_##rule,      \
        .shape = example, .help = words                                                                      \
    }
#define SETTING(key_name, type_name, member, rule, stand_in, example, words)                                 \
    {                                                                                                        \
        .name = key_name, .kinds = FLEET_BIT(FLEET_PROFILE) | FLEET_BIT(FLEET_NODE), .in_settings = true,    \
        .hidden = stand_in, .type = &fleet_type_##type_name,                                                 \
        .offset = offsetof(struct fleet_settings, member), .check = fleet_rule_##rule, .shape = example,     \
        .help = words                                                                                        \
    }
/* Hashes of no password: every digit of the result is 0. */
#define HIDDEN_WEAK "$1$hidden$......................"
#define HIDDEN_HASH                                                                                          \
    "$6$hidden$..........................................."                                                  \
    "..........................................."
#define fleet_rule_any  NULL
#define fleet_rule_pool NULL /* judged with its network, fleet_check.c */

static const struct fleet_key keys[] = {
    NETWORK("subnet", subnet, subnet, subnet, "10.77.0.0/24", "the addresses of the network; must be set"),
    NETWORK("interface", text, interface, interface, "eth1",
            "serve on this interface; default: any with an address in the subnet, and relays"),
    NETWORK("gateway", ip, gateway, unicast, "10.77.0.1", "the router machines are told of"),
    NETWORK("dns", dns, dns, dns, "[10.77.0.1, 10.77.0.2]", "name servers, at most 8"),
    NETWORK("domain", text, domain, domain, "lab.example.com", "the domain machines are told of"),
    NETWORK("ntp", ip, ntp, unicast, "10.77.0.1", "the time server machines are told of"),
    NETWORK("pool", pool, pool_first, pool, "10.77.0.100-10.77.0.199",
            "addresses for machines that are no node or have no ip"),
    NETWORK("lease", lease, lease_seconds, lease, "1h", "how long an address is lent: seconds, 30m, 1h, 2d"),
    NETWORK("mode", text, mode, mode, "proxy",
            "dhcp: give addresses (default); proxy: another server does, and we only say what to boot"),
    NETWORK("loader", text, loader, loader, "ipxe",
            "the way to boot for nodes that set none, where it fits the machine"),
    NETWORK("https", switch, https, any, "on", "on: boot files by HTTPS where the loader can; default off"),
    NODE("mac", macs, macs, macs, true, "\"52:54:00:12:34:56\"",
         "its network cards, at most 8; for a range: one each"),
    NODE("ip", ip, ip, unicast, true, "10.77.0.[11-42]",
         "its address; for a range: as many, or the first; default: from the pool"),
    NODE("profile", text, profile, name, false, "esxi", "the profile whose settings it takes"),
    NODE("hostname", text, hostname, hostname, true, "esx[01-32]", "default: the node's name"),
    SETTING("image", text, image, image, NULL, "esxi-4.0.0-208167", "the image to boot (`image list`)"),
    SETTING("kernel_options", text, kernel_options, options, NULL, "noACPI",
            "words added to the image's own for the kernel"),
    SETTING("root_password_hash", text, root_hash, hash, HIDDEN_HASH, "$6$salt$...",
            "SHA-512 crypt hash of root's password"),
    SETTING("root_password_hash_weak", text, root_hash_weak, hash_weak, HIDDEN_WEAK, "$1$salt$...",
            "MD5 crypt hash, for ESXi 3.5 to 4.1 only, which know no better"),
    SETTING("ssh", switch, ssh, any, NULL, "on", "SSH on or off; default on"),
    SETTING("authorized_keys", keys, keys, keys, "ssh-rsa AAAAhiddenhidden", "[ssh-rsa AAAA... me]",
            "public keys that may log in as root"),
    SETTING("datastores", datastores, datastores, datastores, NULL, "vms=10.77.0.1:/srv/vms",
            "what to mount: LABEL=HOST:/PATH by NFS 3, LABEL=nfs41:HOST:/PATH, LABEL=vmfs, "
            "LABEL=iscsi:ADDRESS/TARGET; behind it :ro, or :probe=write for a test by writing, which a share "
            "that is full or read-only on purpose fails, so the default is a read"),
    SETTING("welcome", text, welcome, welcome, NULL, "rack 1, call 4711", "text on the console"),
    SETTING("files", text, files, name, "hidden", "extra",
            "folder in ROOT/files with files of your own, laid over everything else"),
    SETTING(
        "loader", text, loader, loader, NULL, "ipxe",
        "the way to boot, instead of what fits best: auto, pxelinux, lpxelinux, pxelinux3, ipxe, grub, disk, "
        "mboot or efi"),
    SETTING("leave_out", text, leave_out, leave_out, NULL, "tools,vsan",
            "modules of ESXi 5 and later not to load, by name without its ending"),
    SETTING("overlay", text, overlay, overlay, NULL, "off",
            "auto (default); off: none; force: also where Secure Boot will refuse it"),
    SETTING(
        "agent", text, agent, agent, NULL, "off",
        "what mounts datastores and restores machines on the host: auto (default): where there are any; on; "
        "off"),
    SETTING("priority", text, priority, priority, NULL, "high",
            "who boots first when very many ask at once: high (storage, DNS), normal (default) or low"),
    SETTING("secure_boot", switch, secure_boot, any, NULL, "on",
            "on: the machine's firmware takes only signed programs; default off"),
    SETTING("vlan", number, vlan, vlan, NULL, "20", "VLAN of the hypervisor's management network, 1 to 4094"),
    SETTING("boot", text, boot, boot, NULL, "local",
            "image (default); local: go on to the local disk; once: the image for one boot, then local"),
    SETTING("between", text, between, between, NULL, "19:00-06:00",
            "when that holds, several with commas between; at other times image and local change places"),
    SETTING("days", text, days, days, NULL, "mon-fri",
            "days of the week on which those hours begin; default: all"),
    SETTING("time_zone", text, time_zone, time_zone, NULL, "Europe/Vienna",
            "the clock those hours are of; default: the server's"),
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

static const struct {
    const char *name, *section;
    size_t size, settings; /* settings: their offset, where there are some */
} kinds[FLEET_KINDS] = {
    [FLEET_NETWORK] = {"network", "networks", sizeof(struct fleet_network), 0},
    [FLEET_PROFILE] = {"profile", "profiles", sizeof(struct fleet_profile),
                       offsetof(struct fleet_profile, settings)},
    [FLEET_NODE] = {"node", "nodes", sizeof(struct fleet_node), offsetof(struct fleet_node, settings)},
};

const struct fleet_key *fleet_keys(size_t *count)
{
    *count = KEY_COUNT;
    return keys;
}

const char *fleet_kind_name(enum fleet_kind kind)
{
    return kinds[kind].name;
}

const char *fleet_kind_section(enum fleet_kind kind)
{
    return kinds[kind].section;
}

int fleet_kind_of_section(const char *name)
{
    for (int kind = 0; kind < FLEET_KINDS; kind++)
        if (strcmp(name, kinds[kind].section) == 0)
            return kind;
    return -1;
}

size_t fleet_kind_size(enum fleet_kind kind)
{
    return kinds[kind].size;
}

const struct fleet_key *fleet_key_find(enum fleet_kind kind, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].kinds & FLEET_BIT(kind) && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static const struct fleet_key *nearest(enum fleet_kind kind, const char *name)
{
    const struct fleet_key *best = NULL;
    unsigned most = strlen(name) < 5 ? 1 : 2;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!(keys[i].kinds & FLEET_BIT(kind)))
            continue;
        unsigned distance = text_distance(name, keys[i].name, most);
        if (distance <= most) {
            best = &keys[i];
            most = distance ? distance - 1 : 0;
        }
    }
    for (size_t i = 0; !best && strlen(name) >= 3 && i < KEY_COUNT; i++)
        if (keys[i].kinds & FLEET_BIT(kind) && text_starts(keys[i].name, name))
            best = &keys[i];
    return best;
}

int fleet_key_unknown(enum fleet_kind kind, const char *name, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    fleet_shown(name, shown);
    const struct fleet_key *near = nearest(kind, name);
    if (near)
        return error_set(err, "unknown key '%s'; did you mean '%s'?", shown, near->name);
    struct buf list = BUF_INIT;
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].kinds & FLEET_BIT(kind))
            buf_format(&list, "%s%s", list.size ? ", " : "", keys[i].name);
    error_set(err, "unknown key '%s'; a %s has: %s", shown, kinds[kind].name, buf_text(&list));
    buf_fini(&list);
    return -1;
}

void *fleet_base(enum fleet_kind kind, const struct fleet_key *key, void *object)
{
    return (char *)object + (key->in_settings ? kinds[kind].settings : 0);
}

const void *fleet_base_const(enum fleet_kind kind, const struct fleet_key *key, const void *object)
{
    return (const char *)object + (key->in_settings ? kinds[kind].settings : 0);
}

void fleet_object_fini(enum fleet_kind kind, void *object)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].kinds & FLEET_BIT(kind))
            keys[i].type->clear(&keys[i], fleet_base(kind, &keys[i], object));
    free(*(char **)object);
    memset(object, 0, kinds[kind].size);
}

int fleet_object_copy(enum fleet_kind kind, void *to, const void *from, struct error *err)
{
    memset(to, 0, kinds[kind].size);
    char *name = strdup(*(char *const *)from);
    bool ok = name != NULL;
    *(char **)to = name;
    for (size_t i = 0; ok && i < KEY_COUNT; i++) {
        const struct fleet_key *key = &keys[i];
        const void *base = fleet_base_const(kind, key, from);
        if (key->kinds & FLEET_BIT(kind) && key->type->is_set(key, base))
            ok = key->type->copy(key, fleet_base(kind, key, to), base) == 0;
    }
    if (ok)
        return 0;
    fleet_object_fini(kind, to);
    return error_set(err, "out of memory");
}

bool fleet_object_equal(enum fleet_kind kind, const void *a, const void *b)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct fleet_key *key = &keys[i];
        if (!(key->kinds & FLEET_BIT(kind)))
            continue;
        const void *left = fleet_base_const(kind, key, a), *right = fleet_base_const(kind, key, b);
        bool set = key->type->is_set(key, left);
        if (set != key->type->is_set(key, right) || (set && !key->type->equal(key, left, right)))
            return false;
    }
    return true;
}

int fleet_key_parse(enum fleet_kind kind, const struct fleet_key *key, void *object, const struct yaml *value,
                    const struct yaml **at, struct error *err)
{
    void *base = fleet_base(kind, key, object);
    size_t item = 0;
    *at = value;
    if (yaml_is_empty(value))
        return error_set(err, "%s: nothing behind it; write a value, as in %s, or leave the key out",
                         key->name, key->shape);
    if (key->type->parse(key, base, value, at, err) < 0)
        return error_wrap(err, "%s", key->name);
    *at = value;
    if (!key->check || key->check(key, base, &item, err) == 0)
        return 0;
    if (value->kind == YAML_LIST)
        *at = yaml_at(value, item);
    return error_wrap(err, "%s", key->name);
}
