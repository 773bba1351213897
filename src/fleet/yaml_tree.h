/* The memory of a tree of values: taken piece by piece, given back as a whole. */
#pragma once

#include "fleet/yaml.h"

/* Aligned for anything; NULL when memory runs out. Lives until yaml_tree_clear or yaml_tree_fini. */
void *yaml_alloc(struct yaml_tree *tree, size_t size);

/* Empties the tree and keeps some memory for the next one. */
void yaml_tree_clear(struct yaml_tree *tree);
