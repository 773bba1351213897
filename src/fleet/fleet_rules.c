#include "fleet/fleet_rules.h"

#include "base/text.h"
#include "fleet/fleet_types.h"
#include "fleet/password.h"
#include "fleet/policy.h"
#include "image/image.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define INTERFACE_MAX 15          /* bytes: IFNAMSIZ of Linux without NUL */
#define OPTIONS_MAX   511         /* bytes: half of what a plan's kernel line holds */
#define WELCOME_MAX   (16u << 10) /* bytes; a screen has 2000 */
#define KEY_LINE_MAX  8192        /* bytes: OpenSSH's limit for a line of authorized_keys */

static const char *text_of(const struct fleet_key *key, const void *base)
{
    return *(char *const *)((const char *)base + key->offset);
}

static uint32_t u32_of(const struct fleet_key *key, const void *base)
{
    return *(const uint32_t *)((const char *)base + key->offset);
}

/* Nothing but printable UTF-8 and the control characters in `also`. */
static int check_text(const char *text, size_t most, const char *also, struct error *err)
{
    size_t size = strlen(text), good = text_valid(text, size, also);
    if (!size)
        return error_set(err, "the text is empty; leave the key out");
    if (size > most)
        return error_set(err, "%zu bytes; at most %zu are taken", size, most);
    if (good == size)
        return 0;
    unsigned char c = (unsigned char)text[good];
    const char *what = c == '\n' ? "a line break" : c >= 0x80 ? "no printable UTF-8" : "a control character";
    return error_set(err, "%s at byte %zu; take it out", what, good + 1);
}

int fleet_line_valid(const char *text, size_t most, struct error *err)
{
    return check_text(text, most, "", err);
}

/* --- addresses --- */

static int check_unicast(uint32_t ip, struct error *err)
{
    char shown[IP4_TEXT_SIZE];
    if (ip >> 24 == 0 || ip >= 0xe0000000u)
        return error_set(err, "%s is no machine's address; write a unicast one", ip4_format(ip, shown));
    return 0;
}

int fleet_rule_unicast(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_unicast(u32_of(key, base), err);
}

int fleet_rule_subnet(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const struct fleet_network *n = base;
    char ip[IP4_TEXT_SIZE], right[IP4_TEXT_SIZE];
    if (n->prefix < FLEET_PREFIX_MIN || n->prefix > FLEET_PREFIX_MAX)
        return error_set(err, "prefix /%u; write one from %u to %u", n->prefix, FLEET_PREFIX_MIN,
                         FLEET_PREFIX_MAX);
    uint32_t start = n->subnet & ip4_mask(n->prefix);
    if (start != n->subnet)
        return error_set(err, "%s is an address inside the subnet; write %s/%u", ip4_format(n->subnet, ip),
                         ip4_format(start, right), n->prefix);
    return check_unicast(n->subnet, err);
}

int fleet_rule_dns(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const struct fleet_network *n = base;
    for (*item = 0; *item < n->dns_count; ++*item)
        if (check_unicast(n->dns[*item], err) < 0)
            return -1;
    return 0;
}

int fleet_rule_lease(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    uint32_t seconds = u32_of(key, base);
    if (seconds >= FLEET_LEASE_SECONDS_MIN && seconds <= FLEET_LEASE_SECONDS_MAX)
        return 0;
    return error_set(err, "a lease of %u seconds; write one from 1m to 365d", seconds);
}

int fleet_rule_macs(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const struct fleet_node *n = base;
    char mac[MAC_TEXT_SIZE];
    for (*item = 0; *item < n->mac_count; ++*item) {
        const struct mac *m = &n->macs[*item];
        mac_format(m, mac);
        if (mac_is_zero(m))
            return error_set(err, "%s is no card's address; write the one on its label", mac);
        if (m->byte[0] & 1)
            return error_set(err, "%s is a multicast address; write the card's own (an even first byte)",
                             mac);
        for (size_t i = 0; i < *item; i++)
            if (mac_equal(&n->macs[i], m))
                return error_set(err, "%s is there twice; keep one", mac);
    }
    return 0;
}

/* --- names --- */

int fleet_rule_interface(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const char *text = text_of(key, base);
    if (fleet_line_valid(text, INTERFACE_MAX, err) < 0)
        return -1;
    if (strpbrk(text, "/: ") || text_equal(text, ".") || text_equal(text, ".."))
        return error_set(err, "'%s' is no interface's name; `ip link` lists them", text);
    return 0;
}

static int check_label(const char *label, size_t size, struct error *err)
{
    if (!size)
        return error_set(err, "a dot too many; write labels of letters, digits and '-' with one dot between");
    if (size > 63)
        return error_set(err, "a label of %zu characters; at most 63 are taken", size);
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)label[i]) && label[i] != '-') {
            char shown[FLEET_SHOWN_MAX];
            return error_set(err, "'%s' is no host name; write letters, digits and '-' only",
                             fleet_shown(label, shown));
        }
    if (label[0] == '-' || label[size - 1] == '-')
        return error_set(err, "a host name's label neither starts nor ends with '-'");
    return 0;
}

int fleet_hostname_valid(const char *text, size_t most, struct error *err)
{
    uint32_t ip;
    if (fleet_line_valid(text, most, err) < 0)
        return -1;
    if (ip4_parse(text, &ip))
        return error_set(err, "'%s' is an address; write a name", text);
    for (const char *label = text;; label++) {
        size_t size = strcspn(label, ".");
        if (check_label(label, size, err) < 0)
            return -1;
        label += size;
        if (!*label)
            return 0;
    }
}

int fleet_rule_hostname(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return fleet_hostname_valid(text_of(key, base), FLEET_HOSTNAME_MAX, err);
}

int fleet_rule_domain(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return fleet_hostname_valid(text_of(key, base), FLEET_DOMAIN_MAX, err);
}

int fleet_rule_name(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return fleet_name_valid(text_of(key, base), err) ? 0 : -1;
}

int fleet_rule_image(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return image_name_valid(text_of(key, base), err) ? 0 : -1;
}

/* --- texts --- */

/* The words end up in a pxelinux config, in which "---" starts the next module. */
int fleet_rule_options(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const char *text = text_of(key, base);
    if (fleet_line_valid(text, OPTIONS_MAX, err) < 0)
        return -1;
    if (strstr(text, "---"))
        return error_set(err, "'---' divides modules in the loader's line; leave it out");
    return 0;
}

int fleet_rule_welcome(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_text(text_of(key, base), WELCOME_MAX, "\t\n", err);
}

int fleet_rule_hash(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const char *text = text_of(key, base);
    if (password_hash_valid(text, PASSWORD_STRONG))
        return 0;
    if (password_hash_valid(text, PASSWORD_WEAK))
        return error_set(err, "this is a weak hash ($1$); write one of `openssl passwd -6`, or use "
                              "root_password_hash_weak");
    return error_set(err, "this is no SHA-512 crypt hash ($6$salt$...); make one with `openssl passwd -6`");
}

int fleet_rule_hash_weak(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    if (password_hash_valid(text_of(key, base), PASSWORD_WEAK))
        return 0;
    return error_set(err, "this is no MD5 crypt hash ($1$salt$...); make one with `openssl passwd -1`");
}

/* --- authorized_keys --- */

static const char *const key_types[] = {"ssh-rsa",
                                        "ssh-dss",
                                        "ssh-ed25519",
                                        "ecdsa-sha2-nistp256",
                                        "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521",
                                        "sk-ssh-ed25519@openssh.com",
                                        "sk-ecdsa-sha2-nistp256@openssh.com"};

/* The key's type that `text` starts with, followed by a blank; NULL when none. */
static const char *key_type_at(const char *text)
{
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++)
        if (text_starts(text, key_types[i]) && text[strlen(key_types[i])] == ' ')
            return key_types[i];
    return NULL;
}

/* Options (sshd(8)) end at the first blank outside of double quotes. */
static const char *skip_options(const char *text)
{
    bool quoted = false;
    for (; *text && (quoted || *text != ' '); text++) {
        if (*text == '\\' && text[1] == '"')
            text++;
        else if (*text == '"')
            quoted = !quoted;
    }
    return text + strspn(text, " ");
}

/* Base64 of the key; every one starts with a 32-bit length, whose first 18 bits are 0: "AAA". */
static bool key_blob_valid(const char *blob)
{
    size_t size = strcspn(blob, " "), digits = 0;
    while (digits < size && (isalnum((unsigned char)blob[digits]) || strchr("+/", blob[digits])))
        digits++;
    size_t padding = strspn(blob + digits, "=");
    return size >= 16 && size % 4 == 0 && padding <= 2 && digits + padding == size &&
           text_starts(blob, "AAA");
}

static int check_key_line(const char *line, struct error *err)
{
    if (text_starts(line, "-----BEGIN"))
        return error_set(err, "this is a private key or a PEM file; write the line of the .pub file");
    if (fleet_line_valid(line, KEY_LINE_MAX, err) < 0)
        return -1;
    const char *at = key_type_at(line) ? line : skip_options(line);
    const char *type = key_type_at(at);
    if (!type) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err,
                         "'%s' is no public key; write the line of a .pub file, as in ssh-rsa AAAA... me",
                         fleet_shown(line, shown));
    }
    at += strlen(type);
    if (!key_blob_valid(at + strspn(at, " ")))
        return error_set(err, "the key behind %s is cut or changed; copy the whole line of the .pub file",
                         type);
    return 0;
}

int fleet_rule_keys(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const struct fleet_settings *s = base;
    for (*item = 0; *item < s->key_count; ++*item)
        if (check_key_line(s->keys[*item], err) < 0)
            return -1;
    return 0;
}

/* --- words out of a list --- */

const char *const fleet_loader_words[] = {"auto", "pxelinux", "lpxelinux", "pxelinux3", "ipxe",
                                          "grub", "disk",     "mboot",     "efi",       NULL};
const char *const fleet_overlay_words[] = {"auto", "off", "force", NULL};
const char *const fleet_agent_words[] = {"auto", "on", "off", NULL};
const char *const fleet_priority_words[] = {"high", "normal", "low", NULL};
const char *const fleet_mode_words[] = {"dhcp", "proxy", NULL};

static int check_word(const char *text, const char *const *words, struct error *err)
{
    char list[128] = "", shown[FLEET_SHOWN_MAX];
    size_t used = 0;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0)
            return 0;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    }
    return error_set(err, "'%s' is none of %s", fleet_shown(text, shown), list);
}

int fleet_rule_mode(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), fleet_mode_words, err);
}

int fleet_rule_loader(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), fleet_loader_words, err);
}

int fleet_rule_priority(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), fleet_priority_words, err);
}

int fleet_rule_overlay(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), fleet_overlay_words, err);
}

int fleet_rule_agent(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), fleet_agent_words, err);
}

/* --- roles by day and by night --- */

int fleet_rule_boot(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    return check_word(text_of(key, base), policy_boot_words, err);
}

int fleet_rule_between(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    struct calendar ignored;
    return calendar_parse_windows(text_of(key, base), &ignored, err);
}

int fleet_rule_days(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    unsigned ignored;
    return calendar_parse_days(text_of(key, base), &ignored, err);
}

/* Its shape only: which zones there are is a matter of the host (proc/state_policy.c). */
int fleet_rule_time_zone(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const char *text = text_of(key, base);
    if (fleet_line_valid(text, ZONES_NAME_MAX - 1, err) < 0)
        return -1;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("/_-+", *p))
            return error_set(err, "'%c' is in no time zone's name; write one as Europe/Vienna", *p);
    return 0;
}

int fleet_rule_leave_out(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const char *text = text_of(key, base);
    if (fleet_line_valid(text, OPTIONS_MAX, err) < 0)
        return -1;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-,", *p))
            return error_set(err, "'%c' is in no module's name without its ending; write tools or tools,vsan",
                             *p);
    return 0;
}

int fleet_rule_vlan(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    if (u32_of(key, base) > FLEET_VLAN_MAX)
        return error_set(err, "%u is no VLAN; write 1 to %d", u32_of(key, base), FLEET_VLAN_MAX);
    return 0;
}
