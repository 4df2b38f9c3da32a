#include "lib/settings.h"

#include <unistd.h>

#include "lib/text.h"

const char *settings_find(void)
{
    const char *from_environment = getenv("ORIEL_CONFIG");
    if (from_environment && *from_environment)
        return from_environment;
    return access("oriel.json", F_OK) == 0 ? "oriel.json" : "/etc/oriel/oriel.json";
}

const char *const settings_keys[] = {"database",  "changes", "lock",     "rollback", "entities",  "sources", "drop",
                                     "retention", "metrics", "standbys", "worker",   "responder", NULL};

const char *const settings_worker_keys[] = {"maxLag", NULL};

enum { LONGEST_RETENTION_DAYS = 1000000 };

/* Whole days, since what is kept is dropped by month; 0 where it is not given. */
static long long read_retention_days(const struct cfg *root)
{
    const char *text = cfg_string(root, "retention", NULL);
    long long ms = text ? text_duration_ms(text) : 0, day = 86400000;
    if (text && (ms < day || ms % day || ms > LONGEST_RETENTION_DAYS * day)) {
        cfg_error(cfg_get(root, "retention"),
                  "how long raw is kept was expected, in days such as \"400d\"; without this key it is kept for ever");
        return 0;
    }
    return ms / day;
}

static long long read_max_lag(const struct cfg *worker)
{
    long long bytes = text_size(cfg_string(worker, "maxLag", SETTINGS_MAX_LAG));
    if (bytes < 0)
        cfg_error(cfg_get(worker, "maxLag"), "a size such as \"512kB\", \"64MB\" or \"2GB\" was expected");
    return bytes;
}

int settings_load(struct settings *s, struct arena *a, const char *path)
{
    const struct cfg *root = cfg_open(a, path);
    if (!root)
        return -1;
    cfg_keys(root, settings_keys);
    *s = (struct settings){
        .path = cfg_path(root),
        .database = cfg_string(root, "database", "dbname=oriel"),
        .changes = cfg_resolve(root, cfg_string(root, "changes", "changes")),
        .lock = cfg_resolve(root, cfg_string(root, "lock", "contract.json")),
        .rollback = cfg_string(root, "rollback", NULL),
        .entities = cfg_resolve(root, cfg_string(root, "entities", "entities")),
        .sources = cfg_resolve(root, cfg_string(root, "sources", "sources")),
        .drop = cfg_resolve(root, cfg_string(root, "drop", "drop")),
        .retention_days = read_retention_days(root),
        .standbys = cfg_strings(root, "standbys", NULL),
        .metrics = cfg_string(root, "metrics", NULL),
        .responder = cfg_get(root, "responder"),
    };
    const struct cfg *worker = cfg_get(root, "worker");
    if (worker->present)
        cfg_keys(worker, settings_worker_keys);
    s->max_lag = read_max_lag(worker);
    if (s->rollback)
        s->rollback = cfg_resolve(root, s->rollback);
    return cfg_failed(root) ? -1 : 0;
}
