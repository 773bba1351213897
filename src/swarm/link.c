#include "swarm/link.h"

/* The step of splitmix64 (Steele, Lea, Flood 2014): any seed is a good one. */
#define STEP 0x9e3779b97f4a7c15u

void swarm_link_seed(struct swarm_link *link, uint64_t seed)
{
    link->state = seed;
}

uint32_t swarm_link_random(struct swarm_link *link)
{
    uint64_t z = link->state += STEP;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}
