#include "worker/read_ahead.h"

#include <pthread.h>
#include <signal.h>

#include "lib/log.h"

/* So many records are read between two looks whether somebody else wants to clean, or reading is to stop. */
enum { AT_ONCE = 64 };

static struct {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved;
    bool made;
    struct intake *intake; /* NULL: nothing is to be read */
    struct delivery *delivery;
    bool reading, held;
} ahead = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&ahead.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&ahead.lock);
}

static void wait_for_a_move(void)
{
    pthread_cond_wait(&ahead.moved, &ahead.lock);
}

static void tell_of_a_move(void)
{
    pthread_cond_broadcast(&ahead.moved);
}

/* Reads a little. Whoever waits is woken when that is what he waits for, not each time: it costs more than a record. */
static void read_some(void)
{
    struct intake *in = ahead.intake;
    ahead.reading = true;
    unlock();
    bool complete = intake_read(in, ahead.delivery, AT_ONCE);
    lock();
    ahead.reading = false;
    if (complete)
        ahead.intake = NULL;
    if (!ahead.intake || ahead.held)
        tell_of_a_move();
}

static void *run(void *unused)
{
    for (lock();;)
        if (ahead.intake && !ahead.held)
            read_some();
        else
            wait_for_a_move();
    return unused;
}

/* Without a thread each batch is read when it is wanted. */
static void make_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ahead.made = !error;
    if (error)
        log_warn("no thread could be made to read the next batch meanwhile: %s", strerror(error));
    else
        pthread_detach(thread);
}

void read_ahead_begin(struct intake *in, struct delivery *d)
{
    lock();
    if (!ahead.made)
        make_thread();
    ahead.intake = ahead.made ? in : NULL;
    ahead.delivery = d;
    tell_of_a_move();
    unlock();
}

void read_ahead_end(bool of_use)
{
    lock();
    if (!of_use)
        ahead.intake = NULL;
    while (ahead.intake || ahead.reading)
        wait_for_a_move();
    unlock();
}

void read_ahead_hold(void)
{
    lock();
    ahead.held = true;
    while (ahead.reading)
        wait_for_a_move();
    unlock();
}

void read_ahead_resume(void)
{
    lock();
    ahead.held = false;
    tell_of_a_move();
    unlock();
}
