/*
 * The virtual machines of one host: what is wanted there (a version of its inventory), or what it reported.
 * Owns its strings. Pure.
 *
 * A machine is known by the label of its datastore and its file below it ("vms", "web 1/web 1.vmx"; for Xen
 * the configuration that xl create reads, for KVM the domain's XML or QEMU's -readconfig file). Names may be
 * anything, also twice the same. `id` is the hypervisor's own (uuid), "" where it has none.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define VM_LABEL_MAX 128
#define VM_FILE_MAX  1024 /* of a path below a datastore */
#define VM_NAME_MAX  256
#define VM_ID_MAX    64
#define VM_WHY_MAX   256
#define VM_LIST_MAX  10000 /* machines of one host */
#define VM_DELAY_MAX 86400 /* seconds */

enum vm_power {
    VM_POWER_OFF,
    VM_POWER_ON,
    VM_POWER_PAUSED,
    VM_POWER_UNKNOWN
};
const char *vm_power_word(enum vm_power power); /* "off", "on", "paused", "unknown" */
bool vm_power_parse(const char *word, enum vm_power *out);

/* What ESXi is answered when it asks whether a machine was moved or copied. */
enum vm_answer {
    VM_ANSWER_MOVED,
    VM_ANSWER_COPIED,
    VM_ANSWER_NONE /* the question stays, for people */
};
const char *vm_answer_word(enum vm_answer answer); /* "moved", "copied", "none" */
bool vm_answer_parse(const char *word, enum vm_answer *out);

struct vm {
    char *label; /* "": on no datastore that is known, so that it cannot be restored */
    char *file;  /* "": likewise */
    char *name;
    char *id;
    enum vm_power power; /* wanted, or seen */
    bool power_fixed;    /* the operator set `power`: what the host reports does not change it */
    uint32_t order;      /* 0..999999: the lower first; equal ones by label and file. Default 500 */
    uint32_t delay_s;    /* after it was powered on, before the next */
    enum vm_answer answer;
    /* Of a wanted one, since the host's last boot: */
    bool was_seen;      /* the host reported it */
    bool was_on;        /* and on: false where !was_seen */
    uint32_t missing;   /* reports in a row without it */
    uint32_t off;       /* reports in a row that have it off though it is wanted on */
    int64_t missing_ms; /* when the first of these came; 0: none */
    char *why;          /* why it is not restored, as the agent said it last; "" */
};
#define VM_ORDER_DEFAULT 500u
#define VM_ORDER_MAX     999999u
#define VM_STORES_MAX    1024 /* datastores in a report: a host may have more than the fleet knows */

struct vm_store { /* a datastore in a report */
    char *label;
    bool ok;
    bool read_only;
    char *why; /* "" when ok */
};

struct vm_list {
    size_t count;
    struct vm *vms; /* owned. A wanted list is in order of power on; a report as it came */
    size_t store_count;
    struct vm_store *stores; /* owned; reports only */
    uint32_t capacity;       /* of vms */
    uint32_t slot_count;     /* a power of two, or 0 */
    uint32_t *slots;         /* owned: hash of vms by label and file, as place + 1 */
};

void vm_list_init(struct vm_list *list); /* or = {0} */
void vm_list_fini(struct vm_list *list);
int vm_list_copy(const struct vm_list *from, struct vm_list *to, struct error *err);

/* Copies the strings. Refused (the error says which): too many, a field too long, a file that is absolute or
 * has "..", a control character in label or file. */
int vm_list_add(struct vm_list *list, const struct vm *vm, struct error *err);
int vm_list_add_store(struct vm_list *list, const struct vm_store *store, struct error *err); /* copies */
bool vm_list_remove(struct vm_list *list, const char *label, const char *file);
int vm_set_text(char **field, const char *text, struct error *err);

/* Forgets what the host reported since its boot, which is over. */
void vm_list_forget_reports(struct vm_list *list);

/* By label and file, at once. Borrowed. NULL: none. */
struct vm *vm_list_find(const struct vm_list *list, const char *label, const char *file);

/* By power-on order: order, label, file. */
void vm_list_sort(struct vm_list *list);

/*
 * As text, in lines of vm_line.h:  vm|LABEL|FILE|NAME|POWER|ORDER|DELAY|ANSWER|ID|FIXED|STATE
 * STATE is "SEEN:MISSING:OFF:MISSING_MS:WHY", SEEN 0, 1, or 2: on. What the database keeps. Total: any bytes
 * give a list or an error with the line's number.
 */
void vm_list_format(const struct vm_list *list, struct buf *out);
int vm_list_parse(struct slice text, struct vm_list *out, struct error *err);
