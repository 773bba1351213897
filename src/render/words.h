/*
 * Inside render: text of the operator and of images on its way into a loader's config. What a loader would
 * take for something else is refused; what only people read is cleaned.
 */
#pragma once

#include "base/buf.h"
#include "plan/plan.h"

#define WORDS_TEXT_MAX 256 /* of a line for people, with NUL */

/* A name as loaders ask for it: printable ASCII without blanks, '---', '::' or '://'. */
int words_check_path(const char *path, struct error *err);

/* Options: no control characters, since each config is read by lines. `what` is for the message. */
int words_check(const char *words, const char *what, struct error *err);
/* And no '---', which separates modules for every mboot, also inside a word. */
int words_check_module(const char *words, const char *what, struct error *err);

/* Printable ASCII of a text, one line, for consoles that have their own idea of other characters. */
void words_ascii(const char *text, char out[static WORDS_TEXT_MAX]);

/* "node n1, VMware ESXi 4.0.0 build 208167" */
void words_title(const struct plan *plan, char out[static WORDS_TEXT_MAX]);
/* "# bootherd: node n1, ..., image abababababab" */
void words_comment(const struct plan *plan, struct buf *out);

/* The options of a module, "" when it has none. */
const char *words_of(const struct plan_file *file);
