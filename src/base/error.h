/*
 * The error value: what went wrong, where, and what to do about it, in one line without a newline.
 *
 * A function that can fail returns 0 or a negative number and takes `struct error *` last. The caller wraps
 * the text with context on the way up; it is printed once, at the top. Never log and return.
 */
#pragma once

#include <stddef.h>

#define ERROR_TEXT_MAX 1024

struct error {
    int code; /* errno value where there is one, else 0; for decisions (ENOENT, ENOSPC), not for printing */
    char text[ERROR_TEXT_MAX];
};

/* Sets the text, code 0. Returns -1, so that `return error_set(err, ...)` works. err may be NULL. */
int error_set(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the text, then ": " and strerror(code). Returns -1. */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
