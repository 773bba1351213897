#include "overlay_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"

static char fixture_folder[] = "/tmp/bootherd-test-XXXXXX";

int fixture_start(void **state)
{
    if (!mkdtemp(fixture_folder))
        return -1;
    return chdir(fixture_folder);
}

int fixture_stop(void **state)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", fixture_folder);
    return chdir("/") || system(command);
}

void fixture_write(const char *name, const void *data, size_t size)
{
    struct error err;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, size, &err), 0);
    close(fd);
}

void fixture_write_text(const char *name, const char *text)
{
    fixture_write(name, text, strlen(text));
}

void fixture_write_program(const char *name, const char *text)
{
    fixture_write_text(name, text);
    assert_int_equal(chmod(name, 0755), 0);
}

char *fixture_read(const char *name)
{
    struct error err;
    struct buf text = BUF_INIT;
    if (file_read_at(AT_FDCWD, name, 1 << 20, &text, &err))
        fail_msg("%s", err.text);
    char *copy = strdup(buf_text(&text));
    buf_fini(&text);
    return copy;
}

char *fixture_run(const char *command)
{
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    struct buf text = BUF_INIT;
    char chunk[4096];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
        buf_append(&text, chunk, got);
    char *copy = strdup(buf_text(&text));
    buf_fini(&text);
    int status = pclose(pipe);
    if (status != 0)
        fail_msg("`%s` ended with status %d: %s", command, status, copy);
    return copy;
}

void fixture_check(const char *command, const char *expected)
{
    char *got = fixture_run(command);
    assert_string_equal(got, expected);
    free(got);
}
