#include "worker/domain.h"

struct domain *domain_load(const char *config, const char *database)
{
    struct domain *d = mem_alloc(sizeof *d);
    struct arena *a = &d->arena;
    bool ok = settings_load(&d->settings, a, config) == 0 &&
              entity_load_all(&d->entities, a, d->settings.entities) == 0 &&
              source_load_all(&d->sources, a, &d->settings, &d->entities) == 0;
    if (!ok) {
        domain_free(d);
        return NULL;
    }
    if (database)
        d->settings.database = database;
    return d;
}

void domain_free(struct domain *d)
{
    if (d)
        arena_release(&d->arena);
    free(d);
}
