#include "inventory/vm_merge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a report leaves can be kept. */
static void merge(struct vm_list *known, const struct vm_report *report, int64_t now_ms)
{
    struct vm_merge_input input = {.known = known, .report = report, .is_restored = true, .now_ms = now_ms};
    struct vm_merge merged;
    struct vm_list again;
    struct buf text = BUF_INIT;
    struct error err;
    if (vm_merge(&input, &merged, &err) < 0)
        abort();
    vm_list_format(&merged.next, &text);
    if (vm_list_parse(buf_slice(&text), &again, &err) < 0)
        abort();
    vm_list_fini(known);
    *known = again;
    vm_merge_fini(&merged);
    buf_fini(&text);
}

/* The same report by parts of a size that its first byte gives, the last first. */
static void parts(const uint8_t *data, size_t size)
{
    struct vm_parts parts = {0};
    struct buf whole = BUF_INIT;
    struct error err;
    size_t step = size ? 1 + data[0] : 1;
    uint32_t total = (uint32_t)((size + step - 1) / step);
    if (!total || total > VM_REPORT_PARTS_MAX)
        return;
    for (uint32_t i = total; i > 0; i--) {
        size_t from = (i - 1) * step, left = size - from;
        struct slice part = {data + from, left < step ? left : step};
        if (vm_parts_add(&parts, 1, i, total, part, &whole, &err) != (i == 1))
            abort();
    }
    if (whole.size != size || memcmp(whole.data, data, size) != 0)
        abort();
    buf_fini(&whole);
    vm_parts_fini(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm_report report, empty = {.why = VM_REPORT_CHANGE};
    struct vm_list known = {0};
    struct error err;
    parts(data, size);
    if (vm_report_parse((struct slice){data, size}, &report, &err) < 0)
        return 0;
    merge(&known, &report, 1000);
    merge(&known, &report, 2000);
    merge(&known, &empty, 3000);
    merge(&known, &report, VM_MERGE_HOLD_MS * 2);
    vm_list_fini(&known);
    vm_report_fini(&report);
    return 0;
}
