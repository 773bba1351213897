#include "media/bzip2_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#define STACK_BYTES (256u << 10) /* a hostile image's memory limit counts stacks, 8 MiB each by default */

struct worker {
    struct bzip2_pool *pool;
    pthread_t thread;
    struct bzip2_scratch *scratch; /* owned */
};

struct bzip2_pool {
    struct quota *quota; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct bzip2_job *first, *last; /* the queue */
    bool stop;
    unsigned threads;
    struct worker worker[BZIP2_THREADS_MAX]; /* the first one's scratch is the caller's without threads */
};

static bool add_scratch(struct bzip2_pool *p, struct worker *w, const char *where, struct error *err)
{
    if (quota_reserve(p->quota, BZIP2_SCRATCH_BYTES, where, err) < 0)
        return false;
    w->pool = p;
    w->scratch = bzip2_scratch_new();
    if (w->scratch)
        return true;
    quota_release(p->quota, BZIP2_SCRATCH_BYTES);
    error_errno(err, ENOMEM, "%s", where);
    return false;
}

static void free_scratch(struct bzip2_pool *p, struct worker *w)
{
    if (w->scratch)
        quota_release(p->quota, BZIP2_SCRATCH_BYTES);
    bzip2_scratch_free(w->scratch);
    w->scratch = NULL;
}

struct bzip2_pool *bzip2_pool_new(struct quota *quota, const char *where, struct error *err)
{
    struct bzip2_pool *p = quota_alloc(quota, sizeof *p, where, err);
    if (!p)
        return NULL;
    p->quota = quota;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    if (add_scratch(p, &p->worker[0], where, err))
        return p;
    bzip2_pool_free(p);
    return NULL;
}

void bzip2_pool_stop(struct bzip2_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->worker[i].thread, NULL);
    p->threads = 0;
}

void bzip2_pool_free(struct bzip2_pool *p)
{
    if (!p)
        return;
    bzip2_pool_stop(p);
    for (unsigned i = 0; i < BZIP2_THREADS_MAX; i++)
        free_scratch(p, &p->worker[i]);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    quota_free(p->quota, p, sizeof *p);
}

/* NULL: stop. */
static struct bzip2_job *next_job(struct bzip2_pool *p)
{
    while (!p->first && !p->stop)
        pthread_cond_wait(&p->work, &p->lock);
    struct bzip2_job *job = p->stop ? NULL : p->first;
    if (job)
        p->first = job->next;
    return job;
}

static void *work(void *worker)
{
    struct worker *w = worker;
    struct bzip2_pool *p = w->pool;
    struct bzip2_job *job;
    pthread_mutex_lock(&p->lock);
    while ((job = next_job(p))) {
        pthread_mutex_unlock(&p->lock);
        enum bzip2_verdict verdict = bzip2_block_unpack(w->scratch, &job->block);
        pthread_mutex_lock(&p->lock);
        job->verdict = verdict;
        job->done = true;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool start(struct bzip2_pool *p, const pthread_attr_t *attr)
{
    struct worker *w = &p->worker[p->threads];
    struct error ignored;
    if (!w->scratch && !add_scratch(p, w, "", &ignored))
        return false;
    if (pthread_create(&w->thread, attr, work, w) != 0)
        return false;
    p->threads++;
    return true;
}

unsigned bzip2_pool_start(struct bzip2_pool *p, unsigned threads)
{
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return 0;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all); /* signals are for those who wait for them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->threads < threads && p->threads < BZIP2_THREADS_MAX && start(p, &attr))
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return p->threads;
}

void bzip2_pool_submit(struct bzip2_pool *p, struct bzip2_job *job)
{
    job->done = false;
    job->next = NULL;
    if (!p->threads)
        return;
    pthread_mutex_lock(&p->lock);
    if (p->first)
        p->last->next = job;
    else
        p->first = job;
    p->last = job;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void bzip2_pool_wait(struct bzip2_pool *p, struct bzip2_job *job)
{
    if (!p->threads && !job->done) {
        job->verdict = bzip2_block_unpack(p->worker[0].scratch, &job->block);
        job->done = true;
        return;
    }
    pthread_mutex_lock(&p->lock);
    while (!job->done)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
