/*
 * The doctor looks: what doctor.h's checks judge. All of it reads only; what may not be read is noted in the
 * facts with the reason.
 *
 * In this order: the fleet says which interfaces matter. Then doctor_probe.h.
 */
#pragma once

#include "cli/processes.h"
#include "proc/doctor.h"

struct doctor_facts *doctor_facts_new(void); /* NULL when memory runs out */
void doctor_facts_free(struct doctor_facts *facts);

/* The --root folder, the fleet and the images in it. path is borrowed. */
void doctor_look_store(const char *path, struct doctor_facts *facts);

/* names: those the operator gave, or none. */
int doctor_look_interfaces(const char *const *names, size_t count, struct doctor_facts *facts,
                           struct error *err);
/* https_port 0: none. */
void doctor_look_ports(unsigned http_port, unsigned https_port, struct doctor_facts *facts);
void doctor_look_ruleset(struct doctor_facts *facts);
