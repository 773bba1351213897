#include "proc/doctor_firewall.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 16 /* the kernel's NFT_JUMP_STACK_SIZE */

/* Whether a rule's condition holds. */
enum truth {
    NO,
    YES,
    MAYBE,
};

/* What can become of the packet: a set. */
enum outcome {
    ACCEPT = 1,
    DROP = 2,
    NEXT = 4, /* goes on with the next rule */
    BACK = 8, /* leaves the chain */
};

struct walk {
    const json_t *objects;
    const struct doctor_inbound *packet;
    const json_t *chain; /* the one being followed */
    unsigned depth;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool same(const json_t *a, const char *a_key, const json_t *b, const char *b_key)
{
    return strcmp(text_of(a, a_key), text_of(b, b_key)) == 0;
}

/* --- conditions --- */

static enum truth not(enum truth t) {
    return t == MAYBE ? MAYBE : t == YES ? NO : YES;
}

static enum truth is(bool holds)
{
    return holds ? YES : NO;
}

static enum truth number_in(const struct walk *w, json_int_t number, const json_t *right);
static enum truth name_in(const struct walk *w, const char *name, const json_t *right);

static const json_t *find_set(const struct walk *w, const char *name)
{
    size_t i;
    const json_t *object;
    json_array_foreach(w->objects, i, object)
    {
        const json_t *set = json_object_get(object, "set");
        if (set && same(set, "family", w->chain, "family") && same(set, "table", w->chain, "table") &&
            strcmp(text_of(set, "name"), name) == 0)
            return set;
    }
    return NULL;
}

/* Any of the members: of a set written down, or of one by name ("@ports"). */
static enum truth any_of(const struct walk *w, const json_t *list, json_int_t number, const char *name)
{
    enum truth found = NO;
    size_t i;
    const json_t *member;
    json_array_foreach(list, i, member)
    {
        const json_t *elem = json_object_get(member, "elem");
        const json_t *value = elem ? json_object_get(elem, "val") : member;
        enum truth t = name ? name_in(w, name, value) : number_in(w, number, value);
        if (t == YES)
            return YES;
        if (t == MAYBE)
            found = MAYBE;
    }
    return found;
}

/* Whether `right` is a set, written down or named; *list is NULL for one without elements, *known is false
 * for one that is not there. */
static bool take_set(const struct walk *w, const json_t *right, const json_t **list, bool *known)
{
    const char *name = json_string_value(right);
    *known = true;
    *list = json_is_array(right) ? right : json_object_get(right, "set");
    if (*list || !name || name[0] != '@')
        return *list != NULL;
    const json_t *set = find_set(w, name + 1);
    *known = set != NULL;
    *list = json_object_get(set, "elem");
    return true;
}

static enum truth number_in(const struct walk *w, json_int_t number, const json_t *right)
{
    bool known;
    const json_t *list, *range = json_object_get(right, "range");
    if (take_set(w, right, &list, &known))
        return known ? any_of(w, list, number, NULL) : MAYBE;
    if (range)
        return is(json_integer_value(json_array_get(range, 0)) <= number &&
                  number <= json_integer_value(json_array_get(range, 1)));
    return json_is_integer(right) ? is(json_integer_value(right) == number) : MAYBE;
}

/* "eth*" is how nft writes the beginning of a name. */
static enum truth name_in(const struct walk *w, const char *name, const json_t *right)
{
    bool known;
    const json_t *list;
    const char *text = json_string_value(right);
    if (take_set(w, right, &list, &known))
        return known ? any_of(w, list, 0, name) : MAYBE;
    if (!text)
        return MAYBE;
    size_t size = strlen(text);
    return is(size && text[size - 1] == '*' ? strncmp(name, text, size - 1) == 0 : strcmp(name, text) == 0);
}

static enum truth payload_is(const struct walk *w, const json_t *payload, const json_t *right)
{
    const char *protocol = text_of(payload, "protocol"), *field = text_of(payload, "field");
    const char *ours = w->packet->tcp ? "tcp" : "udp";
    bool is_ours = strcmp(protocol, ours) == 0 || strcmp(protocol, "th") == 0;
    if (strcmp(protocol, "ip") == 0 && strcmp(field, "protocol") == 0)
        return name_in(w, ours, right);
    if (is_ours && strcmp(field, "dport") == 0)
        return number_in(w, w->packet->port, right);
    /* A rule that looks into another protocol holds for none of our packets. */
    if (!is_ours && strcmp(protocol, "ip") != 0 && strcmp(protocol, "ether") != 0 && *protocol)
        return NO;
    return MAYBE;
}

static enum truth meta_is(const struct walk *w, const char *key, const json_t *right)
{
    const struct {
        const char *key, *value;
    } known[] = {
        {"iifname", w->packet->interface},
        {"iif", w->packet->interface},
        {"nfproto", "ipv4"},
        {"protocol", "ip"},
        {"l4proto", w->packet->tcp ? "tcp" : "udp"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].key, key) == 0)
            return name_in(w, known[i].value, right);
    return MAYBE;
}

/* A machine that boots has sent nothing before. */
static enum truth state_is(const struct walk *w, const json_t *right)
{
    return name_in(w, "new", right);
}

static enum truth left_is(const struct walk *w, const json_t *left, const json_t *right)
{
    const json_t *payload = json_object_get(left, "payload"), *meta = json_object_get(left, "meta");
    const json_t *ct = json_object_get(left, "ct");
    if (payload)
        return payload_is(w, payload, right);
    if (meta)
        return meta_is(w, text_of(meta, "key"), right);
    if (ct && strcmp(text_of(ct, "key"), "state") == 0)
        return state_is(w, right);
    return MAYBE;
}

static enum truth match_holds(const struct walk *w, const json_t *match)
{
    const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
    const char *op = text_of(match, "op");
    if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
        return left_is(w, left, right);
    if (strcmp(op, "!=") != 0)
        return MAYBE;
    /* "udp dport != 5" is of UDP packets only. */
    const json_t *payload = json_object_get(left, "payload");
    bool foreign = payload && left_is(w, left, right) == NO &&
                   strcmp(text_of(payload, "field"), "dport") == 0 &&
                   strcmp(text_of(payload, "protocol"), w->packet->tcp ? "tcp" : "udp") != 0 &&
                   strcmp(text_of(payload, "protocol"), "th") != 0;
    return foreign ? NO : not(left_is(w, left, right));
}

/* --- rules and chains --- */

static unsigned follow(struct walk *w, const char *target);

/* What a verdict makes of the packet; 0: it is none. */
static unsigned verdict_of(struct walk *w, const json_t *statement)
{
    const json_t *jump = json_object_get(statement, "jump"), *far = json_object_get(statement, "goto");
    if (json_object_get(statement, "accept"))
        return ACCEPT;
    if (json_object_get(statement, "drop") || json_object_get(statement, "reject"))
        return DROP;
    if (json_object_get(statement, "return"))
        return BACK;
    if (json_object_get(statement, "continue"))
        return NEXT;
    if (jump) {
        unsigned set = follow(w, text_of(jump, "target"));
        return set & BACK ? (set & ~(unsigned)BACK) | NEXT : set;
    }
    return far ? follow(w, text_of(far, "target")) : 0;
}

/* "udp dport vmap { 67 : accept, 68 : drop }" */
static unsigned map_verdict(struct walk *w, const json_t *vmap)
{
    const json_t *key = json_object_get(vmap, "key"), *data = json_object_get(vmap, "data");
    const json_t *pairs = json_object_get(data, "set");
    unsigned set = 0;
    size_t i;
    const json_t *pair;
    if (!pairs)
        return ACCEPT | DROP | NEXT; /* a map by name */
    json_array_foreach(pairs, i, pair)
    {
        enum truth t = left_is(w, key, json_array_get(pair, 0));
        if (t != NO)
            set |= verdict_of(w, json_array_get(pair, 1));
        if (t == YES)
            return set;
    }
    return set | NEXT;
}

/* Statements that let every packet pass to the next one of the rule. */
static bool is_neutral(const json_t *statement)
{
    static const char *const neutral[] = {"counter", "log", "mangle", "notrack", "set", "comment"};
    for (size_t i = 0; i < sizeof neutral / sizeof neutral[0]; i++)
        if (json_object_get(statement, neutral[i]))
            return true;
    return false;
}

static unsigned rule_outcome(struct walk *w, const json_t *expressions)
{
    bool certain = true;
    size_t i;
    const json_t *statement;
    json_array_foreach(expressions, i, statement)
    {
        const json_t *match = json_object_get(statement, "match"), *vmap = json_object_get(statement, "vmap");
        if (match) {
            enum truth t = match_holds(w, match);
            if (t == NO)
                return NEXT;
            certain &= t == YES;
            continue;
        }
        unsigned set = vmap ? map_verdict(w, vmap) : verdict_of(w, statement);
        if (set)
            return certain ? set : set | NEXT;
        certain &= is_neutral(statement);
    }
    return NEXT;
}

static unsigned chain_outcome(struct walk *w)
{
    unsigned all = 0;
    size_t i;
    const json_t *object;
    json_array_foreach(w->objects, i, object)
    {
        const json_t *rule = json_object_get(object, "rule");
        if (!rule || !same(rule, "family", w->chain, "family") || !same(rule, "table", w->chain, "table") ||
            !same(rule, "chain", w->chain, "name"))
            continue;
        unsigned set = rule_outcome(w, json_object_get(rule, "expr"));
        all |= set & ~(unsigned)NEXT;
        if (!(set & NEXT))
            return all;
    }
    return all | BACK;
}

static unsigned follow(struct walk *w, const char *target)
{
    size_t i;
    const json_t *object;
    if (w->depth >= DEPTH_MAX)
        return ACCEPT | DROP | BACK;
    json_array_foreach(w->objects, i, object)
    {
        const json_t *chain = json_object_get(object, "chain");
        if (!chain || !same(chain, "family", w->chain, "family") ||
            !same(chain, "table", w->chain, "table") || strcmp(text_of(chain, "name"), target) != 0)
            continue;
        struct walk inner = {w->objects, w->packet, chain, w->depth + 1};
        return chain_outcome(&inner);
    }
    return BACK;
}

/* Chains that a packet for this host goes through. */
static bool is_on_the_way(const json_t *chain, const struct doctor_inbound *packet)
{
    const char *hook = text_of(chain, "hook"), *family = text_of(chain, "family");
    const json_t *device = json_object_get(chain, "dev");
    if (strcmp(text_of(chain, "type"), "nat") == 0)
        return false; /* changes addresses, drops nothing */
    if (device && strcmp(hook, "ingress") == 0)
        return json_is_string(device) && strcmp(json_string_value(device), packet->interface) == 0;
    return (strcmp(family, "ip") == 0 || strcmp(family, "inet") == 0) &&
           (strcmp(hook, "input") == 0 || strcmp(hook, "prerouting") == 0);
}

enum doctor_verdict doctor_firewall(const json_t *ruleset, const struct doctor_inbound *packet,
                                    char chain[static DOCTOR_CHAIN_MAX])
{
    const json_t *objects = json_object_get(ruleset, "nftables"), *object;
    enum doctor_verdict worst = DOCTOR_LETS_IN;
    size_t i;
    chain[0] = 0;
    json_array_foreach(objects, i, object)
    {
        const json_t *base = json_object_get(object, "chain");
        if (!base || !is_on_the_way(base, packet))
            continue;
        struct walk w = {objects, packet, base, 0};
        unsigned set = chain_outcome(&w);
        if (set & BACK)
            set |= strcmp(text_of(base, "policy"), "drop") == 0 ? DROP : ACCEPT;
        enum doctor_verdict v = !(set & DROP)  ? DOCTOR_LETS_IN
                                : set & ACCEPT ? DOCTOR_MAY_DROP
                                               : DOCTOR_DROPS;
        if (v <= worst)
            continue;
        worst = v;
        snprintf(chain, DOCTOR_CHAIN_MAX, "%s %s %s", text_of(base, "family"), text_of(base, "table"),
                 text_of(base, "name"));
    }
    return worst;
}
