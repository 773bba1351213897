#include "state/what.h"

#include "state/mix.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t hash;
    uint32_t next; /* in its chain; of an entry that is free, the next free one */
    uint32_t users;
    enum boot_event_kind kind;
    uint16_t file_size;
    uint16_t bytes; /* of both texts and their NULs */
    char *texts;    /* owned: file, NUL, text, NUL */
};

#define CHAINS_MIN 1024 /* a power of two */

struct what_table {
    uint64_t secret;
    size_t bytes;
    uint32_t used, capacity, first_free;
    struct entry *entries; /* by number; 0 is none's */
    uint32_t chain_count;
    uint32_t *chains;
};

struct what_table *what_table_new(void)
{
    struct what_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->used = 1;
    table->chain_count = CHAINS_MIN;
    table->chains = calloc(table->chain_count, sizeof *table->chains);
    if (!table->chains || !mix_secret(&table->secret)) {
        what_table_free(table);
        return NULL;
    }
    return table;
}

void what_table_free(struct what_table *table)
{
    if (!table)
        return;
    for (uint32_t i = 0; i < table->used; i++)
        if (table->entries)
            free(table->entries[i].texts);
    free(table->entries);
    free(table->chains);
    free(table);
}

static uint64_t hash_text(uint64_t hash, const char *text, size_t size)
{
    for (uint64_t word; size; text += sizeof word) {
        size_t n = size < sizeof word ? size : sizeof word;
        word = 0;
        memcpy(&word, text, n);
        hash = mix(hash ^ word, MIX_ODD + n);
        size -= n;
    }
    return hash;
}

/* Twice the chains, all entries in theirs again. Without memory the chains stay as they are, and get long. */
static void grow_chains(struct what_table *table)
{
    uint32_t count = table->chain_count * 2;
    uint32_t *chains = calloc(count, sizeof *chains);
    if (!chains)
        return;
    for (uint32_t i = 1; i < table->used; i++) {
        struct entry *entry = &table->entries[i];
        if (!entry->users)
            continue;
        entry->next = chains[entry->hash & (count - 1)];
        chains[entry->hash & (count - 1)] = i;
    }
    free(table->chains);
    table->chains = chains;
    table->chain_count = count;
}

/* A number that is free, or 0. */
static uint32_t new_number(struct what_table *table)
{
    uint32_t number = table->first_free;
    if (number) {
        table->first_free = table->entries[number].next;
        return number;
    }
    if (table->used >= table->capacity) {
        uint32_t capacity = table->capacity ? table->capacity * 2 : CHAINS_MIN;
        struct entry *entries = reallocarray(table->entries, capacity, sizeof *entries);
        if (!entries)
            return 0;
        table->entries = entries;
        table->entries[0] = (struct entry){0};
        table->capacity = capacity;
    }
    if (table->used >= table->chain_count)
        grow_chains(table);
    return table->used++;
}

static void free_number(struct what_table *table, uint32_t number)
{
    table->entries[number] = (struct entry){.next = table->first_free};
    table->first_free = number;
}

uint32_t what_take(struct what_table *table, const struct what *what)
{
    size_t file_size = strlen(what->file), text_size = strlen(what->text);
    uint64_t hash = mix(table->secret ^ (uint64_t)what->kind, MIX_ODD);
    hash = hash_text(hash, what->file, file_size + 1);
    hash = hash_text(hash, what->text, text_size);
    for (uint32_t i = table->chains[hash & (table->chain_count - 1)]; i; i = table->entries[i].next) {
        struct entry *entry = &table->entries[i];
        if (entry->hash == hash && entry->kind == what->kind && strcmp(entry->texts, what->file) == 0 &&
            strcmp(entry->texts + entry->file_size + 1, what->text) == 0) {
            entry->users++;
            return i;
        }
    }
    size_t bytes = file_size + text_size + 2;
    char *texts = bytes <= UINT16_MAX ? malloc(bytes) : NULL;
    uint32_t number = texts ? new_number(table) : 0;
    if (!number) {
        free(texts);
        return 0;
    }
    memcpy(texts, what->file, file_size + 1);
    memcpy(texts + file_size + 1, what->text, text_size + 1);
    uint32_t *chain = &table->chains[hash & (table->chain_count - 1)];
    table->entries[number] = (struct entry){.hash = hash,
                                            .next = *chain,
                                            .users = 1,
                                            .kind = what->kind,
                                            .file_size = (uint16_t)file_size,
                                            .bytes = (uint16_t)bytes,
                                            .texts = texts};
    *chain = number;
    table->bytes += bytes + sizeof(struct entry);
    return number;
}

void what_drop(struct what_table *table, uint32_t number)
{
    struct entry *entry = &table->entries[number];
    if (--entry->users)
        return;
    uint32_t *link = &table->chains[entry->hash & (table->chain_count - 1)];
    while (*link != number)
        link = &table->entries[*link].next;
    *link = entry->next;
    table->bytes -= entry->bytes + sizeof(struct entry);
    free(entry->texts);
    free_number(table, number);
}

struct what what_get(const struct what_table *table, uint32_t number)
{
    const struct entry *entry = &table->entries[number];
    return (struct what){entry->kind, entry->texts, entry->texts + entry->file_size + 1};
}

size_t what_bytes(const struct what_table *table)
{
    return table->bytes;
}
