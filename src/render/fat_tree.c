#include "render/fat_tree.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err)
{
    return error_set(err, "out of memory");
}

int fat_tree_init(struct fat_tree *tree, struct error *err)
{
    struct fat_node *root = calloc(1, sizeof *root);
    if (!root)
        return out_of_memory(err);
    root->is_folder = true;
    *tree = (struct fat_tree){.root = root, .newest = root};
    return 0;
}

void fat_tree_fini(struct fat_tree *tree)
{
    for (struct fat_node *node = tree->root, *after; node; node = after) {
        after = node->after;
        free(node);
    }
    *tree = (struct fat_tree){0};
}

/* Names that differ in case are the same file to FAT. */
static struct fat_node *find(const struct fat_node *folder, const char *name, size_t size)
{
    struct fat_node *node = folder->child;
    while (node && (node->name.size != size || strncasecmp(node->name.text, name, size) != 0))
        node = node->next;
    return node;
}

static struct fat_node *add(struct fat_tree *tree, struct fat_node *folder, const char *name, size_t size,
                            struct error *err)
{
    const char *fault = fat_name_fault(name, size);
    if (fault) {
        error_set(err, "%s: give the file another name, or leave it out", fault);
        return NULL;
    }
    struct fat_node *node = calloc(1, sizeof *node);
    if (!node) {
        out_of_memory(err);
        return NULL;
    }
    node->parent = folder;
    node->name = fat_name_make(name, size, &folder->tails);
    if (folder->last)
        folder->last->next = node;
    else
        folder->child = node;
    folder->last = node;
    folder->entries += (uint32_t)fat_name_entries(&node->name);
    tree->newest->after = node;
    tree->newest = node;
    if (folder->entries <= FAT_TREE_ENTRIES_MAX)
        return node;
    error_set(err,
              "is one name too many for its folder, which holds %u entries of 13 characters each: "
              "spread the files over more folders",
              FAT_TREE_ENTRIES_MAX);
    return NULL;
}

int fat_tree_add(struct fat_tree *tree, const char *path, uint64_t size, size_t file, struct error *err)
{
    struct fat_node *folder = tree->root;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        size_t length = (size_t)(slash - path);
        struct fat_node *node = find(folder, path, length);
        if (!node) {
            node = add(tree, folder, path, length, err);
            if (!node)
                return -1;
            node->is_folder = true;
        }
        if (!node->is_folder)
            return error_set(err, "needs a folder where there is a file of that name: rename one");
        folder = node;
    }
    if (find(folder, path, strlen(path)))
        return error_set(err, "is there twice, as FAT tells no upper from lower case: rename one");
    struct fat_node *node = add(tree, folder, path, strlen(path), err);
    if (!node)
        return -1;
    node->size = size;
    node->file = file;
    return 0;
}
