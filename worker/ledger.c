#include "worker/ledger.h"

#include "worker/template.h"

const char *ledger_schema(const struct entity_set *set)
{
    return set->ledger ? set->ledger : "raw";
}

static bool put_schema(const void *set, struct buf *b, const char *name, size_t n)
{
    buf_puts(b, ledger_schema(set));
    return template_is(name, n, "ledger");
}

const char *ledger_sql(struct arena *a, const struct entity_set *set, const char *sql)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    template_expand(&b, sql, put_schema, set);
    const char *s = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return s;
}
