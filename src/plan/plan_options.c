/* The kernel's words, with what is known of this machine put in. */
#include "base/buf.h"
#include "base/text.h"
#include "plan/plan_family.h"

#include <stdio.h>
#include <string.h>

struct place {
    const char *name; /* between "%{" and "}" */
    char value[PLAN_PATH_MAX];
};

#define PLACES 5

static void places_fill(const struct plan *plan, const struct plan_site *site, struct place at[static PLACES])
{
    char id[PLAN_IMAGE_ID + 1], ip[IP4_TEXT_SIZE], mac[MAC_TEXT_SIZE];
    uint32_t client_ip = site->client_ip ? site->client_ip : plan->node->ip;
    plan_image_id(&plan->manifest, id);
    at[0].name = "base";
    snprintf(at[0].value, sizeof at[0].value, "%simage/%s", plan->base, id);
    at[1].name = "server";
    snprintf(at[1].value, sizeof at[1].value, "%s", ip4_format(site->server, ip));
    at[2].name = "ip";
    snprintf(at[2].value, sizeof at[2].value, "%s", client_ip ? ip4_format(client_ip, ip) : "");
    at[3].name = "mac";
    snprintf(at[3].value, sizeof at[3].value, "%s",
             mac_is_zero(&plan->mac) ? "" : mac_format(&plan->mac, mac));
    at[4].name = "node";
    snprintf(at[4].value, sizeof at[4].value, "%s", plan->node->name);
}

static int put_expanded(const char *words, const struct place *places, struct buf *out, struct error *err)
{
    for (const char *p = words; *p;) {
        size_t plain = strcspn(p, "%");
        buf_append(out, p, plain);
        p += plain;
        if (!*p)
            break;
        const char *end = p[1] == '{' ? strchr(p, '}') : NULL;
        size_t found = PLACES;
        for (size_t i = 0; end && i < PLACES; i++)
            if (strlen(places[i].name) == (size_t)(end - p - 2) &&
                memcmp(places[i].name, p + 2, (size_t)(end - p - 2)) == 0)
                found = i;
        if (end && found == PLACES)
            return error_set(
                err,
                "the kernel options have %.*s in them; there are %%{base}, %%{server}, %%{ip}, %%{mac} "
                "and %%{node}",
                (int)(end - p + 1 < 40 ? end - p + 1 : 40), p);
        if (end)
            buf_append_text(out, places[found].value);
        else
            buf_append(out, p, 1);
        p = end ? end + 1 : p + 1;
    }
    return 0;
}

int plan_put_options(struct plan *plan, const struct plan_site *site, const struct fleet_settings *settings,
                     struct error *err)
{
    const char *words[] = {plan->kernel.file->options, plan->image->kernel_options, settings->kernel_options};
    struct place places[PLACES];
    cleanup_buf struct buf all = BUF_INIT;
    places_fill(plan, site, places);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!words[i] || !words[i][0])
            continue;
        if (all.size)
            buf_append_text(&all, " ");
        if (put_expanded(words[i], places, &all, err) < 0)
            return -1;
    }
    if (all.failed || all.size >= sizeof plan->kernel_options)
        return error_set(err,
                         "kernel options of more than %zu bytes: shorten those of the node or its profile",
                         sizeof plan->kernel_options - 1);
    snprintf(plan->kernel_options, sizeof plan->kernel_options, "%s", buf_text(&all));
    return 0;
}
