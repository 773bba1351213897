/* Plans as plan_make would make them, to render. */
#pragma once

#include "plan/plan.h"

/* Of node n1, card 52:54:00:00:00:0a, server 10.77.0.1, image id abababababab; the caller frees it. */
struct plan *new_plan(enum plan_shape shape, enum plan_chain chain);

void set_kernel(struct plan *plan, const char *path, const char *words);
/* Options may be NULL; they are copied. */
void add_module(struct plan *plan, const char *path, const char *options);
/* "VMware ESXi", "8.0.2", "22380479" */
void set_product(const char *product, const char *version, const char *build);
