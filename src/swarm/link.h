/* What the network between a simulated machine and its server does to packets; chance comes from one seed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct swarm_link {
    uint32_t loss_ppm; /* of the packets, each way */

    uint64_t rate;  /* bytes a second a machine takes in; 0: as they come */
    uint64_t state; /* of the random numbers */
};

void swarm_link_seed(struct swarm_link *link, uint64_t seed);
uint32_t swarm_link_random(struct swarm_link *link);

/* Until when a machine is busy taking in `bytes` that came now, when it was busy until busy_us. */
static inline int64_t swarm_link_busy(const struct swarm_link *link, int64_t busy_us, int64_t now_us,
                                      uint64_t bytes)
{
    if (!link->rate)
        return 0;
    return (busy_us > now_us ? busy_us : now_us) + (int64_t)(bytes * 1000000 / link->rate);
}

static inline bool swarm_link_loses(struct swarm_link *link)
{
    return link->loss_ppm && swarm_link_random(link) % 1000000 < link->loss_ppm;
}
