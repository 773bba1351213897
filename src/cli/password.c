#include "cli/password.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>

/* Reads one line without its end. A line that does not fit is refused, not cut. */
static int read_line(FILE *f, const char *name, char *out, struct error *err)
{
    if (!fgets(out, PASSWORD_MAX, f))
        return ferror(f) ? error_errno(err, errno, "read %s", name)
                         : error_set(err, "%s is empty: no password", name);
    size_t length = strlen(out);
    if (length + 1 == PASSWORD_MAX && out[length - 1] != '\n')
        return error_set(err, "%s: a password has at most %d bytes", name, PASSWORD_MAX - 2);
    out[strcspn(out, "\r\n")] = 0;
    return out[0] ? 0 : error_set(err, "%s: an empty password lets nobody in", name);
}

int cli_password_file(const char *path, char out[static PASSWORD_MAX], struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_line(stdin, "standard input", out, err);
    cleanup_file FILE *f = fopen(path, "re");
    return f ? read_line(f, path, out, err) : error_errno(err, errno, "open %s", path);
}

static int ask_hidden(FILE *terminal, const char *question, char *out, struct error *err)
{
    struct termios shown, hidden;
    if (tcgetattr(fileno(terminal), &shown) < 0)
        return error_errno(err, errno, "ask on the terminal");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fputs(question, terminal);
    fflush(terminal);
    tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);
    int result = read_line(terminal, "the terminal", out, err);
    tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
    fputc('\n', terminal);
    return result;
}

int cli_password_prompt(const char *for_whom, char out[static PASSWORD_MAX], struct error *err)
{
    char again[PASSWORD_MAX], question[256];
    cleanup_file FILE *terminal = fopen("/dev/tty", "r+e");
    if (!terminal)
        return error_set(err, "there is no terminal to ask for a password on: use --password-file FILE");
    snprintf(question, sizeof question, "Root password for %s: ", for_whom);
    if (ask_hidden(terminal, question, out, err) < 0 || ask_hidden(terminal, "Again: ", again, err) < 0)
        return -1;
    bool same = strcmp(out, again) == 0;
    explicit_bzero(again, sizeof again);
    return same ? 0 : error_set(err, "the two passwords differ: nothing was changed");
}
