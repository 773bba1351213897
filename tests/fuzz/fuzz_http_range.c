/* Three lines: a Range, a list of etags, a target. */
#include <stdlib.h>
#include <string.h>

#include "serve/http_range.h"
#include "serve/http_target.h"

#define FILE_SIZE 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    char *rest = text;
    const char *value = strsep(&rest, "\n");
    const char *etags = strsep(&rest, "\n");
    const char *target = strsep(&rest, "\n");

    struct http_range range;
    enum http_range_kind kind = http_range_parse(value, FILE_SIZE, &range);
    check(range.offset + range.size <= FILE_SIZE);
    check(kind == HTTP_RANGE_PART ? range.size > 0 : range.size == FILE_SIZE);
    http_etag_listed(etags, "\"ba7816bf8f01cfea\"");
    http_etag_current(etags, "\"ba7816bf8f01cfea\"");
    char name[BOOT_PATH_MAX];
    if (target && http_target_decode(target, name))
        check(name[0] != '/' && !strstr(name, "//") && !strstr(name, "/../") && strncmp(name, "../", 3) != 0);
    free(text);
    return 0;
}
