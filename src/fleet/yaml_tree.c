#include "fleet/yaml_tree.h"

#include <stdlib.h>

#define BLOCK_SIZE (256u << 10)

struct yaml_block {
    struct yaml_block *next;
    size_t used, size; /* of data, bytes */
    max_align_t data[];
};

void *yaml_alloc(struct yaml_tree *tree, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct yaml_block *b = tree->block;
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        b = malloc(sizeof *b + room);
        if (!b)
            return NULL;
        *b = (struct yaml_block){.next = tree->block, .size = room};
        tree->block = b;
    }
    void *p = (char *)b->data + b->used;
    b->used += size;
    return p;
}

static void free_blocks(struct yaml_block *b)
{
    while (b) {
        struct yaml_block *next = b->next;
        free(b);
        b = next;
    }
}

void yaml_tree_clear(struct yaml_tree *tree)
{
    struct yaml_block *kept = tree->block;
    if (kept) {
        free_blocks(kept->next);
        kept->next = NULL;
        kept->used = 0;
    }
    *tree = (struct yaml_tree){.block = kept};
}

void yaml_tree_fini(struct yaml_tree *tree)
{
    free_blocks(tree->block);
    *tree = (struct yaml_tree){0};
}
