/* A few threads that run waiting system calls: every file operation of the epoll backend, and for
 * io_uring the ones the ring has no opcode for. Requests come in and go out through two lists under
 * one mutex; the polling thread takes and gives whole batches. */
#include "io/io_int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define THREADS_MAX 8

struct io_workers {
    int root_fd;
    struct io_wake *wake;
    unsigned thread_max;
    atomic_bool has_done; /* a hint, so that polls without completions take no lock */

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;
    struct list todo, done;
    unsigned thread_count, idle_count;
    bool stopping;
    pthread_t threads[THREADS_MAX];
};

static void publish_done(struct io_workers *w, struct io_request *r)
{
    list_push_back(&w->done, &r->link);
    atomic_store_explicit(&w->has_done, true, memory_order_release);
}

/* Called and returns with the mutex held. */
static void run_one(struct io_workers *w, struct io_request *r)
{
    pthread_mutex_unlock(&w->mutex);
    io_request_run(r, w->root_fd);
    pthread_mutex_lock(&w->mutex);
    publish_done(w, r);
    io_wake_send(w->wake);
}

static void *worker_main(void *arg)
{
    struct io_workers *w = arg;
    pthread_mutex_lock(&w->mutex);
    while (!w->stopping) {
        struct list *item = list_pop_front(&w->todo);
        if (item != NULL) {
            run_one(w, CONTAINER_OF(item, struct io_request, link));
            continue;
        }
        w->idle_count++;
        pthread_cond_wait(&w->work, &w->mutex);
        w->idle_count--;
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* Signals belong to the program's own threads. */
static bool thread_start(struct io_workers *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->threads[w->thread_count], NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) return false;
    w->thread_count++;
    return true;
}

struct io_workers *io_workers_create(unsigned thread_max, int root_fd, struct io_wake *wake)
{
    ASSERT(thread_max > 0 && thread_max <= THREADS_MAX);
    struct io_workers *w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    w->root_fd = root_fd;
    w->wake = wake;
    w->thread_max = thread_max;
    list_init(&w->todo);
    list_init(&w->done);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->work, NULL);
    return w;
}

void io_workers_destroy(struct io_workers *w)
{
    pthread_mutex_lock(&w->mutex);
    ASSERT(list_empty(&w->todo));
    ASSERT(list_empty(&w->done));
    w->stopping = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->mutex);
    for (unsigned i = 0; i < w->thread_count; i++) pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

/* Without a single thread nothing would ever complete. */
static void refuse_todo(struct io_workers *w)
{
    COVER("io_no_worker_thread");
    for (struct list *item; (item = list_pop_front(&w->todo)) != NULL;) {
        struct io_request *r = CONTAINER_OF(item, struct io_request, link);
        r->result = -ENOMEM;
        publish_done(w, r);
    }
    io_wake_send(w->wake);
}

void io_workers_submit(struct io_workers *w, struct list *requests)
{
    if (list_empty(requests)) return;
    pthread_mutex_lock(&w->mutex);
    ASSERT(!w->stopping);
    unsigned idle = w->idle_count;
    for (struct list *item; (item = list_pop_front(requests)) != NULL;) {
        list_push_back(&w->todo, item);
        if (idle > 0) {
            idle--;
            pthread_cond_signal(&w->work);
        } else if (w->thread_count < w->thread_max) {
            (void)thread_start(w); /* the threads there are will do, if there is one */
        }
    }
    if (w->thread_count == 0) refuse_todo(w);
    pthread_mutex_unlock(&w->mutex);
}

static void move_all(struct list *from, struct list *into)
{
    for (struct list *item; (item = list_pop_front(from)) != NULL;) list_push_back(into, item);
}

void io_workers_collect(struct io_workers *w, struct list *into)
{
    if (!atomic_load_explicit(&w->has_done, memory_order_acquire)) return;
    pthread_mutex_lock(&w->mutex);
    atomic_store_explicit(&w->has_done, false, memory_order_relaxed);
    move_all(&w->done, into);
    pthread_mutex_unlock(&w->mutex);
}

void io_workers_cancel(struct io_workers *w, struct list *into)
{
    pthread_mutex_lock(&w->mutex);
    move_all(&w->todo, into);
    pthread_mutex_unlock(&w->mutex);
}
