/*
 * What a GET asks of a file beyond its name: RFC 9110, sections 13 (entity tags) and 14 (ranges). Header
 * values are borrowed; NULL means that the header was not sent. Total: a value that is not understood is
 * ignored, as the RFC wants.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum http_range_kind {
    HTTP_RANGE_WHOLE, /* 200: no range, several ranges, another unit, or nonsense */
    HTTP_RANGE_PART,  /* 206 */
    HTTP_RANGE_NONE,  /* 416: nothing of it lies in the file */
};

struct http_range {
    uint64_t offset;
    uint64_t size; /* bytes; with WHOLE the whole file */
};

/* Range of a file of file_size bytes. Several ranges get the whole file: no boot loader asks for them. */
enum http_range_kind http_range_parse(const char *value, uint64_t file_size, struct http_range *out);

/* If-None-Match: the file's etag is in the list, or the list is "*". Weak comparison. */
bool http_etag_listed(const char *value, const char *etag);

/* If-Range: the range is wanted only of the file with this etag. Strong comparison; a date never matches. */
bool http_etag_current(const char *value, const char *etag);
