#include "inventory/vm_list.h"

#include "base/text.h"
#include "inventory/vm_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16u

static const char *const power_words[] = {[VM_POWER_OFF] = "off",
                                          [VM_POWER_ON] = "on",
                                          [VM_POWER_PAUSED] = "paused",
                                          [VM_POWER_UNKNOWN] = "unknown"};
static const char *const answer_words[] = {
    [VM_ANSWER_MOVED] = "moved", [VM_ANSWER_COPIED] = "copied", [VM_ANSWER_NONE] = "none"};

static bool word_find(const char *const *words, size_t count, const char *word, unsigned *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) != 0)
            continue;
        *out = (unsigned)i;
        return true;
    }
    return false;
}

const char *vm_power_word(enum vm_power power)
{
    return power_words[power];
}

bool vm_power_parse(const char *word, enum vm_power *out)
{
    unsigned found;
    if (!word_find(power_words, sizeof power_words / sizeof power_words[0], word, &found))
        return false;
    *out = (enum vm_power)found;
    return true;
}

const char *vm_answer_word(enum vm_answer answer)
{
    return answer_words[answer];
}

bool vm_answer_parse(const char *word, enum vm_answer *out)
{
    unsigned found;
    if (!word_find(answer_words, sizeof answer_words / sizeof answer_words[0], word, &found))
        return false;
    *out = (enum vm_answer)found;
    return true;
}

/* --- one machine --- */

static void vm_fini(struct vm *vm)
{
    free(vm->label);
    free(vm->file);
    free(vm->name);
    free(vm->id);
    free(vm->why);
}

int vm_set_text(char **field, const char *text, struct error *err)
{
    char *copy = strdup(text ? text : "");
    if (!copy)
        return error_errno(err, ENOMEM, "a list of machines");
    free(*field);
    *field = copy;
    return 0;
}

static int vm_copy(const struct vm *from, struct vm *to, struct error *err)
{
    *to = *from;
    to->label = to->file = to->name = to->id = to->why = NULL;
    if (vm_set_text(&to->label, from->label, err) == 0 && vm_set_text(&to->file, from->file, err) == 0 &&
        vm_set_text(&to->name, from->name, err) == 0 && vm_set_text(&to->id, from->id, err) == 0 &&
        vm_set_text(&to->why, from->why, err) == 0)
        return 0;
    vm_fini(to);
    return -1;
}

static int check_field(const char *text, size_t max, bool is_path, const char *what, struct error *err)
{
    size_t size = text ? strlen(text) : 0;
    if (size >= max)
        return error_set(err, "%s of %zu bytes; at most %zu are taken", what, size, max - 1);
    for (size_t i = 0; is_path && i < size; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
            return error_set(err, "%s with a control character (0x%02x) in it: rename it on the datastore",
                             what, (uint8_t)text[i]);
    return 0;
}

static bool file_leaves(const char *file)
{
    for (const char *part = file; *part;) {
        size_t size = strcspn(part, "/");
        if (size == 2 && part[0] == '.' && part[1] == '.')
            return true;
        part += size + (part[size] == '/');
    }
    return file[0] == '/';
}

static int vm_check(const struct vm *vm, struct error *err)
{
    if (check_field(vm->label, VM_LABEL_MAX, true, "a datastore's label", err) < 0 ||
        check_field(vm->file, VM_FILE_MAX, true, "a machine's file", err) < 0 ||
        check_field(vm->name, VM_NAME_MAX, false, "a machine's name", err) < 0 ||
        check_field(vm->id, VM_ID_MAX, false, "a machine's id", err) < 0 ||
        check_field(vm->why, VM_WHY_MAX, false, "a reason", err) < 0)
        return -1;
    if (vm->label && strchr(vm->label, '/'))
        return error_set(err, "'%s' is no label of a datastore: it has a '/'", vm->label);
    if (vm->file && file_leaves(vm->file))
        return error_set(
            err, "'%s' is no file below a datastore: write its path without '/' at the start and '..'",
            vm->file);
    if (vm->order > VM_ORDER_MAX || vm->delay_s > VM_DELAY_MAX)
        return error_set(err,
                         "an order of %" PRIu32 " or a delay of %" PRIu32 " s: at most %u and %u s are taken",
                         vm->order, vm->delay_s, VM_ORDER_MAX, VM_DELAY_MAX);
    return 0;
}

/* --- lookups --- */

static uint32_t key_hash(const char *label, const char *file) /* FNV-1a */
{
    uint32_t hash = 2166136261u;
    for (; *label; label++)
        hash = (hash ^ (uint8_t)*label) * 16777619u;
    hash = (hash ^ '/') * 16777619u;
    for (; *file; file++)
        hash = (hash ^ (uint8_t)*file) * 16777619u;
    return hash;
}

/* The slot of this key, or the free one where it belongs. There is always a free one. */
static uint32_t *slot_of(const struct vm_list *list, const char *label, const char *file)
{
    uint32_t mask = list->slot_count - 1;
    for (uint32_t i = key_hash(label, file);; i++) {
        uint32_t *slot = &list->slots[i & mask];
        if (!*slot)
            return slot;
        const struct vm *vm = &list->vms[*slot - 1];
        if (strcmp(vm->label, label) == 0 && strcmp(vm->file, file) == 0)
            return slot;
    }
}

/* Of two with one key, which only a report of machines on no datastore has, the first is found. */
static void slots_fill(struct vm_list *list)
{
    memset(list->slots, 0, list->slot_count * sizeof *list->slots);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t *slot = slot_of(list, list->vms[i].label, list->vms[i].file);
        if (!*slot)
            *slot = (uint32_t)i + 1;
    }
}

static int list_grow(struct vm_list *list, struct error *err)
{
    if (list->count < list->capacity)
        return 0;
    uint32_t capacity = list->capacity ? list->capacity * 2 : SLOTS_MIN / 2;
    struct vm *vms = realloc(list->vms, capacity * sizeof *vms);
    if (vms)
        list->vms = vms;
    uint32_t *slots = vms ? malloc(2 * capacity * sizeof *slots) : NULL;
    if (!slots)
        return error_errno(err, ENOMEM, "a list of machines");
    free(list->slots);
    list->slots = slots;
    list->capacity = capacity;
    list->slot_count = 2 * capacity;
    slots_fill(list);
    return 0;
}

struct vm *vm_list_find(const struct vm_list *list, const char *label, const char *file)
{
    uint32_t slot = list->slot_count ? *slot_of(list, label, file) : 0;
    return slot ? &list->vms[slot - 1] : NULL;
}

/* --- lists --- */

void vm_list_init(struct vm_list *list)
{
    *list = (struct vm_list){0};
}

void vm_list_fini(struct vm_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        vm_fini(&list->vms[i]);
    for (size_t i = 0; i < list->store_count; i++) {
        free(list->stores[i].label);
        free(list->stores[i].why);
    }
    free(list->vms);
    free(list->slots);
    free(list->stores);
    vm_list_init(list);
}

int vm_list_add(struct vm_list *list, const struct vm *vm, struct error *err)
{
    if (list->count == VM_LIST_MAX)
        return error_set(err, "more than %d machines on one host", VM_LIST_MAX);
    if (vm_check(vm, err) < 0 || list_grow(list, err) < 0 || vm_copy(vm, &list->vms[list->count], err) < 0)
        return -1;
    const struct vm *added = &list->vms[list->count++];
    uint32_t *slot = slot_of(list, added->label, added->file);
    if (!*slot)
        *slot = (uint32_t)list->count;
    return 0;
}

bool vm_list_remove(struct vm_list *list, const char *label, const char *file)
{
    struct vm *vm = vm_list_find(list, label, file);
    if (!vm)
        return false;
    vm_fini(vm);
    size_t at = (size_t)(vm - list->vms);
    memmove(vm, vm + 1, (list->count - at - 1) * sizeof *vm);
    list->count--;
    slots_fill(list);
    return true;
}

int vm_list_add_store(struct vm_list *list, const struct vm_store *store, struct error *err)
{
    struct vm_store copy = {.ok = store->ok, .read_only = store->read_only};
    if (list->store_count == VM_STORES_MAX)
        return error_set(err, "more than %d datastores", VM_STORES_MAX);
    if (check_field(store->label, VM_LABEL_MAX, true, "a datastore's label", err) < 0)
        return -1;
    struct vm_store *stores = realloc(list->stores, (list->store_count + 1) * sizeof *stores);
    if (stores)
        list->stores = stores;
    else
        return error_errno(err, ENOMEM, "a list of datastores");
    if (vm_set_text(&copy.label, store->label, err) < 0 || vm_set_text(&copy.why, store->why, err) < 0) {
        free(copy.label);
        return -1;
    }
    stores[list->store_count++] = copy;
    return 0;
}

int vm_list_copy(const struct vm_list *from, struct vm_list *to, struct error *err)
{
    vm_list_init(to);
    int result = 0;
    for (size_t i = 0; result == 0 && i < from->count; i++)
        result = vm_list_add(to, &from->vms[i], err);
    for (size_t i = 0; result == 0 && i < from->store_count; i++)
        result = vm_list_add_store(to, &from->stores[i], err);
    if (result < 0)
        vm_list_fini(to);
    return result;
}

void vm_list_forget_reports(struct vm_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct vm *vm = &list->vms[i];
        vm->was_seen = vm->was_on = false;
        vm->missing = vm->off = 0;
        vm->missing_ms = 0;
        vm->why[0] = '\0';
    }
}

static int by_order(const void *a, const void *b)
{
    const struct vm *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    int labels = strcmp(left->label, right->label);
    return labels ? labels : strcmp(left->file, right->file);
}

void vm_list_sort(struct vm_list *list)
{
    if (!list->count)
        return;
    qsort(list->vms, list->count, sizeof *list->vms, by_order);
    slots_fill(list);
}

/* --- as text --- */

/* What happened since the host's boot, in one field. */
static void format_state(const struct vm *vm, char *out, size_t size)
{
    snprintf(out, size, "%d:%" PRIu32 ":%" PRIu32 ":%" PRId64 ":%s", vm->was_seen ? 1 + vm->was_on : 0,
             vm->missing, vm->off, vm->missing_ms, vm->why);
}

void vm_list_format(const struct vm_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct vm *vm = &list->vms[i];
        char order[16], delay[16], state[64 + VM_WHY_MAX];
        snprintf(order, sizeof order, "%" PRIu32, vm->order);
        snprintf(delay, sizeof delay, "%" PRIu32, vm->delay_s);
        format_state(vm, state, sizeof state);
        const char *fields[] = {"vm",
                                vm->label,
                                vm->file,
                                vm->name,
                                vm_power_word(vm->power),
                                order,
                                delay,
                                vm_answer_word(vm->answer),
                                vm->id,
                                vm->power_fixed ? "fixed" : "",
                                state};
        vm_line_put(out, fields, sizeof fields / sizeof fields[0]);
    }
}

/* Fields of a borrowed machine: vm_list_add copies them, and does not write. */
static char *lend(const char *text)
{
    char *out;
    memcpy(&out, &text, sizeof out);
    return out;
}

static bool parse_number(const char **text, uint64_t max, uint64_t *out)
{
    char digits[24];
    size_t size = strcspn(*text, ":");
    if (size >= sizeof digits || (*text)[size] != ':')
        return false;
    memcpy(digits, *text, size);
    digits[size] = '\0';
    *text += size + 1;
    return text_u64(digits, 0, max, out);
}

static bool parse_state(const char *text, struct vm *vm)
{
    uint64_t seen, missing, off, missing_ms;
    if (!parse_number(&text, 2, &seen) || !parse_number(&text, UINT32_MAX, &missing) ||
        !parse_number(&text, UINT32_MAX, &off) || !parse_number(&text, INT64_MAX, &missing_ms))
        return false;
    vm->was_seen = seen > 0;
    vm->was_on = seen == 2;
    vm->missing = (uint32_t)missing;
    vm->off = (uint32_t)off;
    vm->missing_ms = (int64_t)missing_ms;
    vm->why = lend(text);
    return true;
}

static int parse_vm(const struct vm_line *line, struct vm_list *list, struct error *err)
{
    const char *const *f = line->field;
    struct vm vm = {.label = lend(f[1]), .file = lend(f[2]), .name = lend(f[3]), .id = lend(f[8])};
    uint64_t order, delay;
    if (strcmp(f[0], "vm") != 0 || !vm_power_parse(f[4], &vm.power) ||
        !text_u64(f[5], 0, VM_ORDER_MAX, &order) || !text_u64(f[6], 0, VM_DELAY_MAX, &delay) ||
        !vm_answer_parse(f[7], &vm.answer) || !parse_state(f[10], &vm))
        return error_set(err,
                         "no line of a machine: vm|LABEL|FILE|NAME|POWER|ORDER|DELAY|ANSWER|ID|FIXED|STATE");
    vm.order = (uint32_t)order;
    vm.delay_s = (uint32_t)delay;
    vm.power_fixed = strcmp(f[9], "fixed") == 0;
    if (vm_list_find(list, vm.label, vm.file))
        return error_set(err, "[%s] %s is there twice", vm.label, vm.file);
    return vm_list_add(list, &vm, err);
}

int vm_list_parse(struct slice text, struct vm_list *out, struct error *err)
{
    struct vm_line line;
    unsigned number = 0;
    int more;
    vm_list_init(out);
    do {
        number++;
        more = vm_line_next(&text, &line, err);
    } while (more > 0 && (more = parse_vm(&line, out, err) < 0 ? -1 : 1) > 0);
    if (more == 0)
        return 0;
    vm_list_fini(out);
    return error_wrap(err, "line %u", number);
}
