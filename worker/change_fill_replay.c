/*
 * A fill that is a replay. How far it is, the replay itself knows (oriel.replay): killed, the same fill goes on there.
 * Run again when it is done, it is a replay anew, which finds what a worker of the release before has stored meanwhile.
 */
#include "worker/change_fill.h"
#include "worker/replay.h"

static const char doing_record[] = "recording the step";

/* The shadows go in the transaction in which the step is done, so that a crash leaves both or neither. */
static int finish(struct replay *r, const struct change *change)
{
    PGconn *c = r->live.session.c;
    return pg_run(c, doing_record, "BEGIN", 0, NULL) < 0 || replay_discard(r) < 0 ||
                   change_record(c, change, STEP_FILL) < 0 || pg_run(c, doing_record, "COMMIT", 0, NULL) < 0
               ? -1
               : 0;
}

int change_fill_replay(const struct change *change, const struct change_fill_file *file, PGconn *c,
                       const struct domain *d, const struct throttle_options *options)
{
    const struct replay_scope all = {0};
    struct throttle throttle;
    struct replay r;
    char summary[128], what[160];
    long long rows = 0;
    double began = progress_clock();
    snprintf(what, sizeof what, "fill %s", change->name);
    if (throttle_init(&throttle, c, what, options, NULL, 0) < 0)
        return -1;
    bool ok = replay_open(&r, d, file->entities, &all) == 0;
    r.title = what;
    r.throttle = &throttle;
    ok = ok && replay_load_all(&r) == 0 && replay_check_limits(&r) == 0 && replay_apply(&r, &rows) == 0 &&
         finish(&r, change) == 0;
    if (ok)
        printf("filled %s: %lld records cleaned anew, %lld rows written, in %.1f s%s\n", change->name, r.done, rows,
               progress_clock() - began, throttle_summary(&throttle, summary));
    replay_release(&r);
    return ok ? 0 : -1;
}
