/*
 * DHCP answers on their way to the sockets: many with one system call. Those of one turn of the loop are kept
 * until dhcp_outbox_flush, or until there is no room for one more.
 */
#pragma once

#include "serve/dhcp_machine.h"

struct dhcp_outbox;

/* An answer that could not be sent; code: an errno. */
typedef void dhcp_unsent_fn(void *ctx, const struct dhcp_interface *interface, uint32_t ip, int code);

struct dhcp_outbox *dhcp_outbox_new(dhcp_unsent_fn *unsent, void *ctx); /* NULL when memory runs out */
void dhcp_outbox_free(struct dhcp_outbox *o);                           /* NULL is fine */

/* interface: the one of send->interface_index, borrowed until the flush. */
void dhcp_outbox_add(struct dhcp_outbox *o, const struct dhcp_interface *interface,
                     const struct dhcp_send *send);
void dhcp_outbox_flush(struct dhcp_outbox *o);
