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
