/* Packets of real clients and servers, kept as fuzz seeds: tests/fuzz/corpus/dhcp. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct dhcp_sample {
    uint8_t data[1500];
    size_t size;
};

static inline void dhcp_sample_read(const char *name, struct dhcp_sample *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/dhcp/%s", getenv("SOURCE_ROOT"), name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    out->size = fread(out->data, 1, sizeof out->data, f);
    fclose(f);
}
