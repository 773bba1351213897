/*
 * What happened, without when and to whom: kind, file and text of an event. A rack of equal machines asks for
 * the same files and says the same of itself, so each such triple is kept once for all boots in memory and
 * known by a number. Counted: whoever took a number drops it.
 */
#pragma once

#include "serve/boot_event.h"

#include <stddef.h>

struct what_table;

struct what {
    enum boot_event_kind kind;
    const char *file, *text;
};

struct what_table *what_table_new(void); /* NULL when memory runs out */
void what_table_free(struct what_table *table);

/* The number of it, from 1, equal for what is equal; 0 when memory runs out. */
uint32_t what_take(struct what_table *table, const struct what *what);
void what_drop(struct what_table *table, uint32_t number);
struct what what_get(const struct what_table *table, uint32_t number); /* borrowed until the drop */
size_t what_bytes(const struct what_table *table);
