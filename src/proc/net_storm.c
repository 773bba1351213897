#include "proc/net_storm.h"

#include "base/clock.h"
#include "base/text.h"
#include "serve/dhcp_machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TURNS 64 /* OFFERs let go at once; then packets and transfers have their turn */

struct net_storm {
    struct net_storm_host host;
    struct storm *storm;
    sd_event_source *timer;
    int64_t sampled_ms;
    bool hurries; /* the timer is set to fire at once */
};

static void set_timer(struct net_storm *ns, int64_t ms)
{
    sd_event_source_set_time_relative(ns->timer, (uint64_t)ms * 1000);
    sd_event_source_set_enabled(ns->timer, SD_EVENT_ONESHOT);
    ns->hurries = ms == 0;
}

static bool is_running(const struct net_storm *ns)
{
    int enabled = SD_EVENT_OFF;
    sd_event_source_get_enabled(ns->timer, &enabled);
    return enabled != SD_EVENT_OFF;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct net_storm *ns = userdata;
    struct storm_packet packet;
    int64_t now_ms = clock_monotonic_ms();
    unsigned turns = 0;
    if (now_ms - ns->sampled_ms >= STORM_SAMPLE_MS) {
        storm_sent(ns->storm, ns->host.sent(ns->host.ctx), now_ms);
        ns->sampled_ms = now_ms;
    }
    for (; turns < TURNS && storm_next(ns->storm, now_ms, &packet); turns++)
        ns->host.again(ns->host.ctx, &packet);
    ns->hurries = false;
    if (turns == TURNS)
        set_timer(ns, 0);
    else if (storm_is_busy(ns->storm))
        set_timer(ns, STORM_SAMPLE_MS);
    return 0;
}

int net_storm_new(sd_event *loop, const struct net_storm_host *host, struct net_storm **out,
                  struct error *err)
{
    uint64_t seed;
    struct net_storm *ns = calloc(1, sizeof *ns);
    if (!ns)
        return error_errno(err, ENOMEM, "storm control");
    ns->host = *host;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
        ns->storm = storm_new(seed);
    int r = sd_event_add_time_relative(loop, &ns->timer, CLOCK_MONOTONIC, 0, 0, on_timer, ns);
    if (!ns->storm || r < 0) {
        net_storm_free(ns);
        return error_errno(err, r < 0 ? -r : ENOMEM, "storm control");
    }
    *out = ns;
    return 0;
}

void net_storm_free(struct net_storm *ns)
{
    if (!ns)
        return;
    sd_event_source_disable_unref(ns->timer);
    storm_free(ns->storm);
    free(ns);
}

static enum storm_priority priority_of(const struct fleet *fleet, const struct fleet_node *node)
{
    const char *word = fleet_effective(fleet, node).priority;
    return text_equal(word, "high") ? STORM_HIGH : text_equal(word, "low") ? STORM_LOW : STORM_NORMAL;
}

bool net_storm_waits(struct net_storm *ns, const struct dhcp_boot_ask *ask, struct dhcp_boot *out)
{
    const struct dhcp_packet *packet = ask->packet;
    char text[STORM_TEXT_MAX];
    if (!ask->node || ask->granted || ask->proxy)
        return false;
    const struct storm_ask turn = {.mac = ask->client->mac,
                                   .priority = priority_of(ns->host.fleet(ns->host.ctx), ask->node),
                                   .ipxe = ask->client->ipxe,
                                   .packet = {.interface_index = packet->interface->index,
                                              .source_ip = packet->source_ip,
                                              .source_port = packet->source_port,
                                              .broadcast = packet->broadcast,
                                              .data = packet->data,
                                              .size = packet->size}};
    bool now = storm_ask(ns->storm, &turn, clock_monotonic_ms());
    if (!is_running(ns))
        set_timer(ns, 0);
    if (now)
        return false;
    *out = (struct dhcp_boot){.waits = true};
    snprintf(out->text, sizeof out->text, "%s", storm_text(ns->storm, text));
    return true;
}

void net_storm_event(struct net_storm *ns, const struct boot_event *event)
{
    storm_event(ns->storm, event, clock_monotonic_ms());
    bool room = storm_waiting(ns->storm) && storm_loading(ns->storm) < storm_limit(ns->storm);
    if (room ? !ns->hurries : storm_is_busy(ns->storm) && !is_running(ns))
        set_timer(ns, 0);
}
