/*
 * Virtual machines on the command line, and their names on a terminal. Pure.
 *
 *   HOST               all machines of a host
 *   HOST/NAME          one, by its name; split at the first '/', so that names may have more of them
 *   HOST/[LABEL] FILE  one, by where it is
 *
 * HOST may be a range. NAME may be written as vm_name_put shows it, too.
 */
#pragma once

#include "fleet/range.h"
#include "inventory/vm_list.h"

struct vm_target {
    struct range hosts;
    const char *machine; /* into the text it was parsed from; NULL: the whole host */
};
int vm_target_parse(const char *text, struct vm_target *out, struct error *err);
void vm_target_fini(struct vm_target *target);

/* The machine that is meant, borrowed. NULL: there is none, or there are several; the error lists them. */
struct vm *vm_target_find(const struct vm_list *list, const char *host, const char *machine,
                          struct error *err);

/* "[vms] web 1/web 1.vmx" into its parts. False: it is something else, or too long. */
bool vm_place_parse(const char *text, char label[static VM_LABEL_MAX], char file[static VM_FILE_MAX]);

/*
 * For a terminal, on one line: a line end becomes \n, other control characters and what is no UTF-8 \xNN, a
 * backslash \\. Anything else is as it is.
 */
void vm_name_put(struct buf *out, const char *text);
/* "[LABEL] FILE", likewise. "-": on no datastore. */
void vm_place_put(struct buf *out, const struct vm *vm);
