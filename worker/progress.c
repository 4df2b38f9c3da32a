#include "worker/progress.h"

#include <unistd.h>

#include "lib/log.h"

enum { BAR = 24 };
static const double EVERY_TERMINAL = 0.1, EVERY_LOG = 10;

double progress_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_start(struct progress *p, const char *what, const char *unit)
{
    double now = progress_clock();
    *p = (struct progress){.what = what, .unit = unit, .terminal = isatty(STDERR_FILENO), .started = now, .shown = now};
}

static void draw(struct progress *p, double share, long long units, double rate, double left)
{
    char bar[BAR + 1];
    int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = 0;
    fprintf(stderr, "\r\033[K%s [%s] %3.0f %%  %lld %s  %.0f/s  %d:%02d left", p->what, bar, share * 100, units,
            p->unit, rate, (int)left / 60, (int)left % 60);
    fflush(stderr);
    p->drawn = true;
}

void progress_show(struct progress *p, double share, long long units)
{
    double now = progress_clock(), elapsed = now - p->started;
    if (now - p->shown < (p->terminal ? EVERY_TERMINAL : EVERY_LOG) || elapsed <= 0)
        return;
    p->shown = now;
    double rate = (double)units / elapsed, left = share > 0 ? elapsed / share * (1 - share) : 0;
    if (p->terminal)
        draw(p, share, units, rate, left);
    else
        log_info("%s: %.0f %%, %lld %s, %.0f/s, %.0f s left", p->what, share * 100, units, p->unit, rate, left);
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
