/* The folders and files of a FAT image, as a tree made from paths. Internal to fat_image. */
#pragma once

#include "base/error.h"
#include "render/fat_name.h"

/* FAT16 counts the entries of its root folder in 16 bits, whole sectors of 16. Other folders may have some
 * more. */
#define FAT_TREE_ENTRIES_MAX 65520u

struct fat_node {
    struct fat_node *parent; /* NULL: the root */
    struct fat_node *child;  /* a folder's first */
    struct fat_node *last;   /* a folder's last */
    struct fat_node *next;   /* in the same folder */
    struct fat_node *after;  /* in the tree, as added */
    struct fat_name name;    /* of the root: empty */
    bool is_folder;
    unsigned tails;   /* of a folder: fat_name_make's */
    uint32_t entries; /* of a folder: without "." and ".." */
    uint64_t size;    /* of a file, bytes */
    size_t file;      /* of a file: which of the list */
    uint32_t cluster; /* for the layout: the first, 0 when there is none */
};

struct fat_tree {
    struct fat_node *root; /* owned, and all the others through `after` */
    struct fat_node *newest;
};

int fat_tree_init(struct fat_tree *tree, struct error *err);
void fat_tree_fini(struct fat_tree *tree);

/* Adds a file and the folders above it; the path is borrowed. The error says what is wrong with the path,
 * without naming it. */
int fat_tree_add(struct fat_tree *tree, const char *path, uint64_t size, size_t file, struct error *err);
