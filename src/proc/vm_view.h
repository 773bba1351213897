/* Hosts and their virtual machines as commands show them: text and JSON of list, show and history. */
#pragma once

#include "state/state_vm.h"

#include <jansson.h>

/* One host, with what its list holds back. Owned until fini; `host` is borrowed from state. */
struct vm_view {
    struct state_vm_host host;
    struct state_vm_restore restore; /* empty for an orphan */
    int64_t now_ms;
};
/* Fails for a name that is neither a node nor known. */
int vm_view_load(struct state *state, const char *node, int64_t now_ms, struct vm_view *out,
                 struct error *err);
void vm_view_fini(struct vm_view *view);

/* Rows of cells, printed in columns as wide as they need. */
#define VM_TABLE_COLUMNS 6
struct vm_table {
    struct buf cells; /* texts with their NULs, in order */
    size_t width[VM_TABLE_COLUMNS];
    size_t rows;
};
void vm_table_fini(struct vm_table *table);
void vm_table_add(struct vm_table *table, const struct vm_view *view);
void vm_table_print(const struct vm_table *table, struct buf *out);

/* What there is to say of a host beside its machines, a line each: silence, conflicts, what is not believed.
 */
void vm_view_notes(const struct vm_view *view, struct buf *out);

/* When a host takes an operator's change: "with its agent's next word" or "at its next boot". */
const char *vm_view_when(const struct state_vm_host *host, int64_t now_ms);

/* All of one host, in words. */
void vm_view_host(const struct vm_view *view, struct buf *out);
/* vm: of view->host.list. owner: NULL where there is none. */
void vm_view_machine(const struct vm_view *view, const struct vm *vm, const struct state_vm_owner *owner,
                     struct buf *out);

/* NULL when memory runs out. Text that is no UTF-8 is as vm_name_put has it. */
json_t *vm_view_json(const struct vm_view *view);
json_t *vm_view_machine_json(const struct vm_view *view, const struct vm *vm,
                             const struct state_vm_owner *owner);
json_t *vm_json_text(const char *text);
json_t *vm_json_time(int64_t at_ms); /* "2026-11-22T15:05:22Z", null for 0 */
json_t *vm_json_lines(const char *lines);
/* Of a version: what a machine's own settings are. */
json_t *vm_json_settings(const struct vm *vm);
