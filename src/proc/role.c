#include "proc/role.h"

#include "base/cleanup.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ROLE_ENVIRONMENT_MAX 4
#define LARGE_BUFFER         (1 << 20) /* bytes */

void role_user(uid_t *uid, gid_t *gid)
{
    static const char *const names[] = {"bootherd", "nobody"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct passwd *p = getpwnam(names[i]);
        if (p) {
            *uid = p->pw_uid;
            *gid = p->pw_gid;
            return;
        }
    }
    *uid = *gid = 65534;
}

/* Moves the descriptors out of the way first, so that no dup2 overwrites one that is still needed. */
static int place_fds(const int *fds, size_t count)
{
    int high[ROLE_FDS_MAX];
    for (size_t i = 0; i < count; i++) {
        int from = fds[i] >= 0 ? fds[i] : open("/dev/null", O_RDWR);
        high[i] = fcntl(from, F_DUPFD, ROLE_FD_FIRST + ROLE_FDS_MAX);
        if (high[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(high[i], ROLE_FD_FIRST + (int)i) < 0)
            return -1;
    return close_range(ROLE_FD_FIRST + (unsigned)count, ~0u, 0);
}

/*
 * What an operator's environment holds is nobody's business who reads packets or images. Times are told in
 * their zone; the others are for a build that is being tested.
 */
static void keep_environment(char *out[static ROLE_ENVIRONMENT_MAX + 1])
{
    static const char *const kept[ROLE_ENVIRONMENT_MAX] = {
        "TZ=", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS="};
    size_t count = 0;
    for (size_t i = 0; i < ROLE_ENVIRONMENT_MAX; i++)
        for (char **entry = environ; *entry; entry++)
            if (strncmp(*entry, kept[i], strlen(kept[i])) == 0) {
                out[count++] = *entry;
                break;
            }
    out[count] = NULL;
}

static void role_exec(const char *name, const int *fds, size_t fd_count, const char *const *args,
                      pid_t parent)
{
    char role[32];
    const char *argv[ROLE_ARGS_MAX + 2] = {role};
    snprintf(role, sizeof role, "@%s", name);
    for (size_t i = 0; args && args[i] && i < ROLE_ARGS_MAX; i++)
        argv[i + 1] = args[i];
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent || place_fds(fds, fd_count) < 0)
        _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const *vector;
    char *environment[ROLE_ENVIRONMENT_MAX + 1];
    keep_environment(environment);
    memcpy(&vector, &(const char *const *){argv}, sizeof vector); /* execve does not write */
    execve("/proc/self/exe", vector, environment);
    _exit(127);
}

int role_spawn(const char *name, const int *fds, size_t fd_count, const char *const *args, pid_t *out,
               struct error *err)
{
    if (fd_count > ROLE_FDS_MAX)
        return error_set(err, "start the %s process: %zu descriptors, at most %d", name, fd_count,
                         ROLE_FDS_MAX);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_errno(err, errno, "start the %s process", name);
    if (pid == 0)
        role_exec(name, fds, fd_count, args, parent);
    *out = pid;
    return 0;
}

int role_wait(pid_t pid, const char *name, struct error *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "wait for the %s process", name);
    if (WIFSIGNALED(status))
        return error_set(err, "the %s process was ended by signal %d (%s)", name, WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status))
        return error_set(err, "the %s process ended with status %d", name, WEXITSTATUS(status));
    return 0;
}

int role_empty_folder(struct error *err)
{
    char path[] = "/tmp/bootherd-XXXXXX";
    if (!mkdtemp(path))
        return error_errno(err, errno, "make a folder below /tmp");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = errno;
    rmdir(path);
    return fd < 0 ? error_errno(err, code, "open %s", path) : fd;
}

static int enter_root(int root_fd, struct error *err)
{
    if (fchdir(root_fd) < 0 || chroot(".") < 0)
        return error_errno(err, errno, "make its folder the root of this process");
    return 0;
}

void role_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void role_return_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
    mallopt(M_TRIM_THRESHOLD, 4 * LARGE_BUFFER);
}

int role_drop(int root_fd, struct error *err)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core); /* a core file would hold password hashes */
    if (geteuid() == 0) {
        uid_t uid;
        gid_t gid;
        role_user(&uid, &gid); /* reads /etc/passwd: before the root folder changes */
        if (enter_root(root_fd, err) < 0)
            return -1;
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0)
            return error_errno(err, errno, "leave root's groups");
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
            return error_set(err, "give up capabilities: the kernel refused");
        if (setresuid(uid, uid, uid) < 0)
            return error_errno(err, errno, "become the user with id %u", (unsigned)uid);
        if (setuid(0) == 0)
            return error_set(err, "privileges came back after they were dropped: refusing to run");
    }
    /* A change of user clears the parent-death signal (prctl(2)). */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_errno(err, errno, "forbid new privileges");
    return 0;
}
