/*
 * GRUB's lexer (manual, 16 "Quoting", "Words"): a configuration as simple commands, variables expanded.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define GRUB_WORDS_MAX     512  /* of one command; kernels' lines have some 30 */
#define GRUB_WORD_MAX      4096 /* bytes of one word, variables expanded */
#define GRUB_VARIABLES_MAX 64   /* the least recent give way; grub-mkconfig's file sets some 20 */

struct grub_variables {
    struct {
        char *name, *value;
    } at[GRUB_VARIABLES_MAX];
    size_t count;
};

void grub_variables_fini(struct grub_variables *variables);
const char *grub_variable(const struct grub_variables *variables, const char *name); /* NULL when unset */
int grub_variable_set(struct grub_variables *variables, const char *name, const char *value,
                      struct error *err);

enum grub_end {
    GRUB_NEXT,  /* another command follows */
    GRUB_OPEN,  /* '{': a block of commands follows */
    GRUB_CLOSE, /* '}' */
    GRUB_LAST,  /* the text ends */
};

struct grub_reader {
    const char *at, *end;
    unsigned line; /* of what is read next */
    const struct grub_variables *variables;

    /* The command read last. */
    unsigned command_line; /* where it begins */
    size_t count;
    const char *word[GRUB_WORDS_MAX]; /* borrowed until the next call */
    struct buf text;                  /* the words with their NULs */
    size_t start[GRUB_WORDS_MAX];     /* of the words in it */
};

void grub_reader_init(struct grub_reader *r, struct slice text, const struct grub_variables *variables);
void grub_reader_fini(struct grub_reader *r);

/* The next command, perhaps without words; *ended says by what. Negative: too long, out of memory. */
int grub_reader_next(struct grub_reader *r, enum grub_end *ended, struct error *err);
