/*
 * What a host's agent reports: parts put together, then read. Pure and total; the sender may be anybody who
 * knows a boot's identity, so sizes are bounded and what does not fit is refused.
 *
 *   report|SEQ|WHY
 *   store|LABEL|ok|rw            store|LABEL|failed|WHY
 *   vm|LABEL|FILE|NAME|POWER|ID
 *   end|LINES                    lines before this one: a report that was cut off is told by it
 */
#pragma once

#include "inventory/vm_list.h"

#define VM_REPORT_PARTS_MAX 4096
#define VM_REPORT_PART_MAX  6000       /* bytes of one part, decoded */
#define VM_REPORT_MAX       (8u << 20) /* bytes of a whole one: 10,000 machines with long paths */

enum vm_report_why {
    VM_REPORT_START,
    VM_REPORT_RESTORED,
    VM_REPORT_CHANGE,
    VM_REPORT_SHUTDOWN
};

/* Parts on their way. Numbers count from 1; they may come twice and in any order. */
struct vm_parts {
    uint64_t seq;
    uint32_t total, have;
    struct buf *part; /* owned, `total` of them */
    size_t bytes;
};
void vm_parts_fini(struct vm_parts *parts);
/* 1: complete, *whole has the text; 0: more are needed; -1: refused. Another seq or total begins anew. */
int vm_parts_add(struct vm_parts *parts, uint64_t seq, uint32_t number, uint32_t total, struct slice text,
                 struct buf *whole, struct error *err);

struct vm_report {
    uint64_t seq; /* counts up within a boot */
    enum vm_report_why why;
    struct vm_list list;
};
/* Two machines with one label and file are one that was told twice: the later counts. */
int vm_report_parse(struct slice text, struct vm_report *out, struct error *err);
void vm_report_fini(struct vm_report *report);
