/* The packet socket by which all machines of a herd say DHCP, each with its own hardware address. */
#pragma once

#include "serve/dhcp_message.h"
#include "swarm/herd.h"
#include "swarm/link.h"
#include "swarm/outbox_io.h"

struct dhcp_wire;

/* Needs CAP_NET_RAW. Hears all frames on the wire (promiscuous): servers answer to machines' own hardware
 * addresses. Returns the descriptor, owned by the caller. */
int dhcp_wire_open(const struct herd_interface *interface, struct error *err);

/* fd is borrowed. take gets each answer to port 68, whosever it is; the message is gone after the call. */
int dhcp_wire_new(struct swarm_outbox *outbox, struct swarm_link *link, int fd,
                  void (*take)(void *ctx, const struct dhcp_message *answer), void *ctx,
                  struct dhcp_wire **out, struct error *err);
void dhcp_wire_free(struct dhcp_wire *wire); /* NULL is fine */

void dhcp_wire_send(struct dhcp_wire *wire, const struct mac *from, const uint8_t *payload, size_t size);
