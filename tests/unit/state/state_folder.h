/* A folder with room for one database, made before a test and removed after it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static char path[80];

static int make_folder(void **state)
{
    strcpy(folder, "/tmp/bootherd-state-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/state.db", folder);
    return 0;
}

static inline void remove_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static int remove_folder(void **state)
{
    remove_files();
    return rmdir(folder);
}
