/* The first byte is the language. */
#include <stdlib.h>
#include <string.h>

#include "swarm/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script;
    struct error err;
    if (size == 0)
        return 0;
    const struct script_asker asker = {
        .mac = {{2, 0, 0, 0, 0, 1}},
        .ip = 0x0a000002,
        .server = {data[0] & 4 ? SCRIPT_HTTP : SCRIPT_TFTP, 0x0a000001, 69},
        .path = data[0] & 4 ? "/a/b/c" : "a/b/c",
        .next_server = 0x0a000001,
        .prefix = data[0] & 8 ? "http://10.0.0.1/x/" : "x/",
        .http = (data[0] & 16) != 0,
    };
    if (script_parse((enum script_language)(data[0] & 3), (struct slice){data + 1, size - 1}, &asker, &script,
                     &err))
        return 0;
    for (size_t i = 0; i < script.count; i++) {
        const struct script_file *f = &script.file[i];
        if (strlen(f->path) >= SCRIPT_PATH_MAX || (f->server.door == SCRIPT_HTTP && f->path[0] != '/'))
            abort();
        if ((f->role == SCRIPT_CONFIG || f->role == SCRIPT_CHAIN) && i + 1 != script.count)
            abort();
    }
    if (script.count > SCRIPT_FILES_MAX)
        abort();
    script_fini(&script);
    return 0;
}
