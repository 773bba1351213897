#include "base/log.h"

#include "base/file.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* The one piece of process-wide state in base/: who speaks, and how much. Set once at start. */
static const char *log_role = "main";
static enum log_level log_most = LOG_LEVEL_INFO;

void log_init(const char *role, enum log_level most)
{
    log_role = role;
    log_most = most;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > log_most)
        return;
    char line[2048];
    int n = snprintf(line, sizeof line, "bootherd[%s]: %s: ", log_role, names[level]);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    size_t length = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    /* What machines on the network say ends up here: no control character reaches a terminal. */
    text_scrub(line, length, "");
    line[length++] = '\n';
    if (!file_takes_now(STDERR_FILENO) || write(STDERR_FILENO, line, length) < 0)
        return; /* nobody reads it; serving goes on */
}
