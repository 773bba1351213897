/*
 * Unpacks blocks on several cores, or, until it was told to start threads, on the caller's. The threads
 * allocate nothing, and touch nothing but the jobs they are given and their own scratch.
 */
#pragma once

#include "media/bzip2_block.h"
#include "media/quota.h"

#define BZIP2_THREADS_MAX 8

struct bzip2_job {
    struct bzip2_block block;
    enum bzip2_verdict verdict; /* when done */
    bool done;
    struct bzip2_job *next; /* in the queue */
};

struct bzip2_pool;

struct bzip2_pool *bzip2_pool_new(struct quota *quota, const char *where, struct error *err);
void bzip2_pool_free(struct bzip2_pool *p);

/* Ends the threads: jobs that wait are dropped, those at work end first. */
void bzip2_pool_stop(struct bzip2_pool *p);

/* At most as many as there are cores and memory. Says how many there are now; 0: the caller does the work. */
unsigned bzip2_pool_start(struct bzip2_pool *p, unsigned threads);

/* The job and its buffers are the pool's until bzip2_pool_wait returns. */
void bzip2_pool_submit(struct bzip2_pool *p, struct bzip2_job *job);
void bzip2_pool_wait(struct bzip2_pool *p, struct bzip2_job *job);
