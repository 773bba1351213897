/*
 * Roles: the same binary, re-executed with "@role" as its first argument, its descriptors at fixed numbers,
 * its privileges gone before it reads a byte that somebody else wrote.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ROLE_FD_FIRST 3 /* descriptors handed down start here, in the order the role's file documents */
#define ROLE_FDS_MAX  128
#define ROLE_ARGS_MAX 16

/* Roles by name; main.c looks here when its first argument starts with '@'. */
struct role {
    const char *name;                  /* "state" */
    int (*run)(int argc, char **argv); /* the process's exit status; argv[0] is "@state" */
};
extern const struct role roles[];
extern const size_t role_count;

/*
 * Starts `bootherd @name args...` with fds[i] at ROLE_FD_FIRST + i (-1 leaves a hole that reads /dev/null);
 * everything else is closed. args ends with NULL, ROLE_ARGS_MAX at most, or is NULL. The child dies when its
 * parent does.
 */
int role_spawn(const char *name, const int *fds, size_t fd_count, const char *const *args, pid_t *out,
               struct error *err);

/* Waits for a child; the error says how it ended when it was not exit status 0. */
int role_wait(pid_t pid, const char *name, struct error *err);

/*
 * Called first thing by a role. As root: enters root_fd as its root folder and becomes the user bootherd
 * (nobody where there is none), without groups or capabilities. As an ordinary user it only gives up the way
 * back (no new privileges). Landlock and seccomp belong here too.
 */
int role_drop(int root_fd, struct error *err);

/* A folder that nobody can write and that has no name any more: the root of a process that needs no file. The
 * descriptor is the caller's. */
int role_empty_folder(struct error *err);

/* As many descriptors as the limits allow: sockets, boot files, and messages with one on their way. */
void role_raise_files(void);

/* For processes that run for long: what a large buffer took (a fleet's text) goes back to the kernel when it
 * is freed, where glibc would keep up to 64 MB for the next one. */
void role_return_memory(void);

/* The user that roles run as when started by root: for handing folders over. */
void role_user(uid_t *uid, gid_t *gid);
