#include "worker/contract_lint.h"

#include "lib/log.h"
#include "lib/settings.h"

static bool has_problem(const struct contract *c)
{
    return c->problem;
}
static bool lacks_description(const struct contract *c)
{
    return !c->comment;
}
static bool lacks_key(const struct contract *c)
{
    return !c->problem && !*c->key && !c->no_key;
}
static bool is_unreadable(const struct contract *c)
{
    return !c->reader_can_select;
}
static bool is_without_rights(const struct contract *c)
{
    return !c->owner_can_read;
}
static bool is_invoker(const struct contract *c)
{
    return c->security_invoker;
}
static bool is_writable(const struct contract *c)
{
    return *c->writers;
}

static const struct {
    bool (*applies)(const struct contract *c);
    const char *text;
} lints[] = {
    {has_problem, NULL /* the problem's own text */},
    {lacks_description, "it has no description; give it one with COMMENT ON VIEW"},
    {lacks_key, "it has no key; declare @primaryKey in its comment, or @noKey"},
    {is_unreadable, "the reader's role may not read it; GRANT SELECT on it to " ROLE_READER},
    {is_without_rights, "its owner may not read the tables under it"},
    {is_invoker, "security_invoker is on, so readers would need rights on the tables"},
    {is_writable, "a role other than its owner may write through it; REVOKE that"},
};

int contract_lint(const struct contract_set *set)
{
    int result = 0;
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < ARRAY_SIZE(lints); k++)
            if (lints[k].applies(&set->contracts[i])) {
                const struct contract *c = &set->contracts[i];
                log_error("%s.%s: %s", SCHEMA_API, c->view, lints[k].text ? lints[k].text : c->problem);
                result = -1;
            }
    return result;
}

/* The column that its target lacks; "" when there is no target; NULL when it leads somewhere. */
static const char *missing(const struct contract_set *set, const struct contract_foreign_key *fk)
{
    const struct contract *target = contract_find_view(set, fk->target);
    for (size_t i = 0; target && fk->target_columns[i]; i++)
        if (!contract_find_column(target, fk->target_columns[i]))
            return fk->target_columns[i];
    return target ? NULL : "";
}

static bool led_nowhere(const struct contract_set *before, const char *view, const struct contract_foreign_key *fk)
{
    const struct contract *c = before ? contract_find_view(before, view) : NULL;
    for (size_t i = 0; c && i < c->n_foreign_keys; i++)
        if (strcmp(c->foreign_keys[i].target, fk->target) == 0)
            return missing(before, fk);
    return false;
}

int contract_lint_references(const struct contract_set *set, const struct contract_set *before)
{
    int result = 0;
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->contracts[i].n_foreign_keys; k++) {
            const char *view = set->contracts[i].view;
            const struct contract_foreign_key *fk = &set->contracts[i].foreign_keys[k];
            const char *lacks = missing(set, fk);
            if (!lacks || led_nowhere(before, view, fk))
                continue;
            log_error(
                "%s.%s: @foreignKey (%s%s) references %s leads nowhere: there is no such %s%s%s. What to do: give "
                "it a comment that references what is there, or leaves the line out",
                SCHEMA_API, view, fk->columns[0], fk->columns[1] ? ", …" : "", fk->target,
                *lacks ? "column \"" : "contract", lacks, *lacks ? "\"" : "");
            result = -1;
        }
    return result;
}

/* A variable of attribute 0 is a whole row; pg_depend does not tell, since it names the columns that are used besides.
 */
static const char views_sql[] =
    "WITH RECURSIVE views AS (SELECT c.relname, w.oid, w.ev_action FROM pg_catalog.pg_class c"
    "                 JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid"
    "                WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n"
    "                                         WHERE n.nspname = '" SCHEMA_API "') AND c.relkind = 'v'),"
    " reads AS (SELECT v.relname, d.refobjid FROM views v"
    "             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "              AND d.objid = v.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "            UNION "
    "           SELECT r.relname, d.refobjid FROM reads r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.refobjid"
    "             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
    "              AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) "
    "SELECT c.relname, CASE WHEN c.relkind <> 'v' THEN 'it is no view, so it cannot be a contract; move it to another "
    "schema'"
    "                       ELSE 'it belongs to ' || c.relowner::pg_catalog.regrole::text || ', so no change can alter "
    "it;"
    " ALTER VIEW … OWNER TO " ROLE_OWNER "' END"
    "  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = '" SCHEMA_API
    "' JOIN pg_catalog.pg_roles o ON o.oid = c.relowner"
    " WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') AND (c.relkind <> 'v' OR o.rolname <> '" ROLE_OWNER "')"
    " UNION ALL "
    "SELECT v.relname, 'it refers to a whole row, whose columns may change in silence; name each column'"
    "  FROM views v WHERE v.ev_action::text ~ ':varattno 0 '"
    " UNION ALL "
    "SELECT v.relname, 'it calls ' || p.oid::pg_catalog.regprocedure::text || ', an SQL function whose body is a "
    "string, so"
    " Postgres does not know what it reads; write the body as BEGIN ATOMIC … END'"
    "  FROM views v"
    "  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = v.oid"
    "   AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
    "  JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid"
    "  JOIN pg_catalog.pg_language l ON l.oid = p.prolang"
    " WHERE l.lanname = 'sql' AND p.prosqlbody IS NULL"
    "   AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace"
    " UNION ALL "
    "SELECT r.relname, 'it reads ' || r.refobjid::pg_catalog.regclass::text || ', a view with security_invoker, which "
    "asks"
    " for the reader''s own rights; ALTER VIEW … RESET (security_invoker)'"
    "  FROM reads r JOIN pg_catalog.pg_class k ON k.oid = r.refobjid AND k.relkind = 'v'"
    "  CROSS JOIN LATERAL pg_catalog.pg_options_to_table(k.reloptions) o"
    " WHERE o.option_name = 'security_invoker' AND o.option_value::boolean"
    "   AND (k.relnamespace::pg_catalog.regnamespace::text, k.relname) <> ('" SCHEMA_API "', r.relname)"
    " ORDER BY 1, 2";

int contract_lint_views(PGconn *c)
{
    PGresult *r = pg_query(c, "reading the views' text", views_sql, 0, NULL);
    int n = r ? PQntuples(r) : 0;
    for (int i = 0; i < n; i++)
        log_error("%s.%s: %s", SCHEMA_API, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1));
    PQclear(r);
    return r && n == 0 ? 0 : -1;
}
