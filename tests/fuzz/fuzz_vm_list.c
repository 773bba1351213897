#include "inventory/vm_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm_list list, again;
    struct buf one = BUF_INIT, two = BUF_INIT;
    struct error err;
    if (vm_list_parse((struct slice){data, size}, &list, &err) < 0)
        return 0;
    vm_list_format(&list, &one);
    if (vm_list_parse(buf_slice(&one), &again, &err) < 0)
        abort(); /* what the database keeps can be read */
    vm_list_format(&again, &two);
    if (one.size != two.size || (one.size && memcmp(one.data, two.data, one.size) != 0))
        abort();
    for (size_t i = 0; i < list.count; i++)
        if (vm_list_find(&list, list.vms[i].label, list.vms[i].file) != &list.vms[i])
            abort();
    vm_list_sort(&again);
    for (size_t i = 0; i < list.count; i++)
        if (!vm_list_remove(&again, list.vms[i].label, list.vms[i].file))
            abort();
    if (again.count)
        abort();
    vm_list_fini(&list);
    vm_list_fini(&again);
    buf_fini(&one);
    buf_fini(&two);
    return 0;
}
