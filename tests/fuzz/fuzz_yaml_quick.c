#include "fleet/yaml_quick.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What libfyaml makes of the text, walked along while the quick reader gives its entries. */
struct oracle {
    const struct yaml *section;
    const struct yaml *entry; /* that comes next */
};

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const struct yaml *a, const struct yaml *b)
{
    if (a->kind != b->kind || a->plain != b->plain || a->count != b->count || !same_text(a->text, b->text) ||
        !a->key != !b->key ||
        (a->key && (a->key->plain != b->key->plain || !same_text(a->key->text, b->key->text))))
        return false;
    const struct yaml *x = a->first, *y = b->first;
    for (; x && y && same(x, y); x = x->next)
        y = y->next;
    return !x && !y;
}

static bool count_entry(void *ctx, const char *section, const struct yaml *entry)
{
    ++*(size_t *)ctx;
    return true;
}

static bool check_entry(void *ctx, const char *section, const struct yaml *entry)
{
    struct oracle *o = ctx;
    if (!o->entry) {
        o->section = o->section->next;
        o->entry = o->section ? o->section->first : NULL;
    }
    if (!o->entry || !same_text(o->section->key->text, section) || !same(o->entry, entry))
        abort();
    o->entry = o->entry->next;
    return true;
}

/*
 * The quick reader takes nothing that libfyaml does not take, and makes the same of it. One thing it leaves
 * to its caller: that a name is twice in a section.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_tree tree;
    struct error err;
    size_t entries = 0;
    if (!yaml_quick((struct slice){data, size}, &entries, count_entry))
        return 0;
    if (yaml_read("f", (struct slice){data, size}, &tree, &err) < 0) {
        if (strstr(err.text, "is there twice"))
            return 0;
        abort();
    }
    struct oracle o = {tree.root->first, tree.root->first->first};
    if (!yaml_quick((struct slice){data, size}, &o, check_entry) || o.entry || o.section->next)
        abort();
    yaml_tree_fini(&tree);
    return 0;
}
