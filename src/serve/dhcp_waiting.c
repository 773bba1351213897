#include "serve/dhcp_waiting.h"

#include <stdlib.h>

#define BUCKETS DHCP_WAITING_MAX /* a power of two */

struct waiter {
    struct mac mac;
    uint32_t ip;
    int64_t since_ms;
    uint64_t token;
    struct dhcp_answer *answer; /* owned; NULL: a free place */
    struct waiter *next;        /* in the bucket, or in the list of free places */
};

struct dhcp_waiting {
    size_t count;
    uint64_t turn; /* makes the tokens of one place differ */
    struct waiter *free;
    struct waiter *bucket[BUCKETS];
    struct waiter place[DHCP_WAITING_MAX];
};

/* The low bits of a MAC are what a vendor counts up; floods end at DHCP_WAITING_MAX in any case. */
static struct waiter **bucket_of(struct dhcp_waiting *w, const struct mac *mac)
{
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < MAC_SIZE; i++)
        sum = (sum ^ mac->byte[i]) * 16777619u;
    return &w->bucket[sum % BUCKETS];
}

struct dhcp_waiting *dhcp_waiting_new(void)
{
    struct dhcp_waiting *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    for (size_t i = DHCP_WAITING_MAX; i-- > 0;) {
        w->place[i].next = w->free;
        w->free = &w->place[i];
    }
    return w;
}

void dhcp_waiting_free(struct dhcp_waiting *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < DHCP_WAITING_MAX; i++)
        free(w->place[i].answer);
    free(w);
}

struct dhcp_answer *dhcp_waiting_find(struct dhcp_waiting *w, const struct mac *mac, uint32_t ip)
{
    for (struct waiter *at = *bucket_of(w, mac); at; at = at->next)
        if (mac_equal(&at->mac, mac) && at->ip == ip)
            return at->answer;
    return NULL;
}

struct dhcp_answer *dhcp_waiting_add(struct dhcp_waiting *w, const struct mac *mac, uint32_t ip,
                                     int64_t now_ms, uint64_t *token)
{
    struct waiter *at = w->free;
    if (!at)
        return NULL;
    at->answer = calloc(1, sizeof *at->answer);
    if (!at->answer)
        return NULL;
    w->free = at->next;
    w->count++;
    at->mac = *mac;
    at->ip = ip;
    at->since_ms = now_ms;
    at->token = ++w->turn * DHCP_WAITING_MAX + (uint64_t)(at - w->place); /* never 0 */
    struct waiter **head = bucket_of(w, mac);
    at->next = *head;
    *head = at;
    *token = at->token;
    return at->answer;
}

/* Takes the place out of its bucket and hands over the answer. */
static struct dhcp_answer *waiter_end(struct dhcp_waiting *w, struct waiter *at)
{
    struct waiter **link = bucket_of(w, &at->mac);
    while (*link != at)
        link = &(*link)->next;
    *link = at->next;
    at->next = w->free;
    w->free = at;
    w->count--;
    struct dhcp_answer *answer = at->answer;
    at->answer = NULL;
    return answer;
}

struct dhcp_answer *dhcp_waiting_take(struct dhcp_waiting *w, uint64_t token)
{
    struct waiter *at = &w->place[token % DHCP_WAITING_MAX];
    return at->answer && at->token == token ? waiter_end(w, at) : NULL;
}

void dhcp_waiting_drop(struct dhcp_waiting *w, const struct mac *mac)
{
    struct waiter *next;
    for (struct waiter *at = *bucket_of(w, mac); at; at = next) {
        next = at->next;
        if (mac_equal(&at->mac, mac))
            free(waiter_end(w, at));
    }
}

void dhcp_waiting_tick(struct dhcp_waiting *w, int64_t now_ms)
{
    for (size_t i = 0; i < DHCP_WAITING_MAX && w->count > 0; i++) {
        struct waiter *at = &w->place[i];
        if (at->answer && (now_ms - at->since_ms > DHCP_WAITING_MS || now_ms < at->since_ms))
            free(waiter_end(w, at));
    }
}

size_t dhcp_waiting_count(const struct dhcp_waiting *w)
{
    return w->count;
}
