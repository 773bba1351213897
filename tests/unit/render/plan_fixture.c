#include "plan_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fleet_node node = {.name = (char[]){"n1"}};
static struct image image;
static struct image_file files[PLAN_MODULES_MAX];
static char options_of[64][512];

struct plan *new_plan(enum plan_shape shape, enum plan_chain chain)
{
    struct plan *plan = calloc(1, sizeof *plan);
    assert(plan);
    set_product("Linux", "12", "unknown");
    plan->node = &node;
    plan->image = &image;
    plan->shape = shape;
    plan->chain = chain;
    plan->mac = (struct mac){{0x52, 0x54, 0, 0, 0, 0x0a}};
    plan->overlay_at = -1;
    snprintf(plan->base, sizeof plan->base, "http://10.77.0.1/");
    memset(plan->manifest.byte, 0xab, sizeof plan->manifest.byte);
    return plan;
}

void set_product(const char *product, const char *version, const char *build)
{
    static char family[] = "test", none[] = "", copy[3][400];
    const char *texts[] = {product, version, build};
    for (size_t i = 0; i < 3; i++)
        snprintf(copy[i], sizeof copy[i], "%s", texts[i]);
    image = (struct image){
        .family = family, .product = copy[0], .version = copy[1], .build = copy[2], .kernel_options = none};
}

void set_kernel(struct plan *plan, const char *path, const char *words)
{
    snprintf(plan->kernel.path, sizeof plan->kernel.path, "%s", path);
    snprintf(plan->kernel_options, sizeof plan->kernel_options, "%s", words);
}

void add_module(struct plan *plan, const char *path, const char *options)
{
    size_t at = plan->module_count++;
    struct plan_file *module = &plan->module[at];
    files[at] = (struct image_file){0};
    if (options) {
        snprintf(options_of[at], sizeof options_of[at], "%s", options);
        files[at].options = options_of[at];
    }
    module->file = &files[at];
    snprintf(module->path, sizeof module->path, "%s", path);
}
