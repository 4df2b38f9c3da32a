#include "fcgi-app/options.h"

#include <stdlib.h>

#include "fcgi-app/cors.h"
#include "fcgi-app/early.h"
#include "fcgi-app/token_key.h"

enum { MOST_IN_FLIGHT = 8192, LONGEST_URL = 65535 /* nginx has no room for more */ };

static const char *const *read_origins(const struct cfg *section)
{
    size_t n;
    const char *const *origins = cfg_strings(section, "origins", &n);
    for (size_t i = 0; i < n; i++)
        if (!cors_is_origin(origins[i]))
            cfg_error(cfg_at(cfg_get(section, "origins"), i),
                      "\"*\" or an origin such as \"https://app.example\" was expected: in lower case, without a path");
    return origins;
}

const char *const option_keys[] = {
    "responders",    "maxRows",      "maxDepth", "maxInFlight",    "maxUrl",     "retryAfter", "statementTimeout",
    "streamTimeout", "drainTimeout", "origins",  "exactCountUpTo", "aggregates", "tokens",     NULL};

int options_read(struct options *o, struct arena *a, const struct cfg *section)
{
    if (section->value)
        cfg_keys(section, option_keys);
    *o = (struct options){
        .responders = (int)cfg_integer(section, "responders", 2, 1, MOST_RESPONDERS),
        .max_rows = cfg_integer(section, "maxRows", 1000, 0, INT32_MAX),
        .max_depth = (int)cfg_integer(section, "maxDepth", 10, 1, 100),
        .aggregates = cfg_bool(section, "aggregates", false),
        .max_in_flight = (int)cfg_integer(section, "maxInFlight", 256, 1, MOST_IN_FLIGHT),
        .max_url = (size_t)cfg_integer(section, "maxUrl", 16384, 256, LONGEST_URL),
        .statement_timeout_ms = cfg_duration_ms(section, "statementTimeout", "5s"),
        .stream_timeout_ms = cfg_duration_ms(section, "streamTimeout", "300s"),
        .drain_timeout_ms = cfg_duration_ms(section, "drainTimeout", "10s"),
        .retry_after = (int)((cfg_duration_ms(section, "retryAfter", "1s") + 999) / 1000),
        .exact_up_to = cfg_integer(section, "exactCountUpTo", 10000, 0, INT32_MAX),
        .origins = read_origins(section),
    };
    token_keys_read(&o->tokens, a, cfg_get(section, "tokens"));
    if (o->statement_timeout_ms > INT32_MAX)
        cfg_error(cfg_get(section, "statementTimeout"), "at most 24 days were expected; \"0s\" stands for no timeout");
    if (o->stream_timeout_ms > INT32_MAX)
        cfg_error(cfg_get(section, "streamTimeout"), "at most 24 days were expected; \"0s\" stands for no timeout");
    if (o->drain_timeout_ms > 86400000)
        cfg_error(cfg_get(section, "drainTimeout"), "at most one day was expected");
    return cfg_failed(section) ? -1 : 0;
}

static int load(struct service *s, const char *path, bool connects)
{
    if (settings_load(&s->settings, &s->arena, path) < 0 ||
        options_read(&s->options, &s->arena, s->settings.responder) < 0)
        return -1;
    if (connects)
        s->early = early_connect(&s->settings);
    return contract_lock_load(&s->lock, &s->arena, s->settings.lock);
}

struct service *service_load(const char *path, int responders, bool connects)
{
    struct service *s = mem_alloc(sizeof *s);
    arena_init(&s->arena);
    if (load(s, path, connects) < 0) {
        early_let_go(&s->early);
        service_free(s);
        return NULL;
    }
    if (responders > 0)
        s->options.responders = responders;
    return s;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    arena_release(&s->arena);
    free(s);
}
