#include "cli/password.h"

#include "base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

static const int ending_signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};

/* Reads one line without its end. A line that does not fit, or that nobody could type, is refused, not cut.
 */
static int read_line(FILE *f, const char *name, char *out, struct error *err)
{
    size_t length = 0;
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (length == PASSWORD_MAX - 2)
            return error_set(err, "%s: a password has at most %d bytes", name, PASSWORD_MAX - 2);
        out[length++] = (char)c;
    }
    if (ferror(f))
        return error_errno(err, errno, "read %s", name);
    if (!length && c == EOF)
        return error_set(err, "%s is empty: no password", name);
    if (length && out[length - 1] == '\r')
        length--;
    out[length] = 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            return error_set(err,
                             "%s: the password has a control character (byte 0x%02x at %zu): take it out",
                             name, (unsigned)(unsigned char)out[i], i);
    return length ? 0 : error_set(err, "%s: an empty password lets nobody in", name);
}

int cli_password_file(const char *path, char out[static PASSWORD_MAX], struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_line(stdin, "standard input", out, err);
    cleanup_file FILE *f = fopen(path, "re");
    return f ? read_line(f, path, out, err) : error_errno(err, errno, "open %s", path);
}

/* Until a line is there (1), or a signal waits that would end the program (0). */
static int wait_line(int terminal, int signals)
{
    struct pollfd fds[] = {{.fd = terminal, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return 1; /* reading says why */
    return !fds[1].revents;
}

/* The signals wait until the terminal shows again what is typed. */
static int read_hidden(FILE *terminal, char *out, struct error *err)
{
    struct termios shown, hidden;
    sigset_t ends, before;
    sigemptyset(&ends);
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++)
        sigaddset(&ends, ending_signals[i]);
    cleanup_close int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    if (signals < 0 || tcgetattr(fileno(terminal), &shown) < 0)
        return error_errno(err, errno, "ask on the terminal");
    sigprocmask(SIG_BLOCK, &ends, &before);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);
    int result = wait_line(fileno(terminal), signals) ? read_line(terminal, "the terminal", out, err)
                                                      : error_set(err, "interrupted: nothing was changed");
    tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
    fputc('\n', terminal);
    fflush(terminal);
    sigprocmask(SIG_SETMASK, &before, NULL); /* a signal that waited ends us here */
    return result;
}

static int ask_hidden(FILE *terminal, const char *question, char *out, struct error *err)
{
    fputs(question, terminal);
    fflush(terminal);
    return read_hidden(terminal, out, err);
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
