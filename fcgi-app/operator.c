#include "fcgi-app/operator.h"

#include <string.h>

#include "lib/text.h"

/* The names are PostgREST's; a test holds the list to the specification. */
static const struct operator operators[] = {
    {"adj", "-|-", OPERATOR_PLAIN},
    {"cd", "<@", OPERATOR_PLAIN},
    {"cs", "@>", OPERATOR_PLAIN},
    {"eq", "=", OPERATOR_QUANTIFIED},
    {"fts", "pg_catalog.to_tsquery", OPERATOR_SEARCH},
    {"gt", ">", OPERATOR_QUANTIFIED},
    {"gte", ">=", OPERATOR_QUANTIFIED},
    {"ilike", "ILIKE", OPERATOR_PATTERN},
    {"imatch", "~*", OPERATOR_QUANTIFIED},
    {"in", "=", OPERATOR_IN},
    {"is", "IS", OPERATOR_IS},
    {"isdistinct", "IS DISTINCT FROM", OPERATOR_PLAIN},
    {"like", "LIKE", OPERATOR_PATTERN},
    {"lt", "<", OPERATOR_QUANTIFIED},
    {"lte", "<=", OPERATOR_QUANTIFIED},
    {"match", "~", OPERATOR_QUANTIFIED},
    {"neq", "<>", OPERATOR_PLAIN},
    {"nxl", "&>", OPERATOR_PLAIN},
    {"nxr", "&<", OPERATOR_PLAIN},
    {"ov", "&&", OPERATOR_PLAIN},
    {"phfts", "pg_catalog.phraseto_tsquery", OPERATOR_SEARCH},
    {"plfts", "pg_catalog.plainto_tsquery", OPERATOR_SEARCH},
    {"sl", "<<", OPERATOR_PLAIN},
    {"sr", ">>", OPERATOR_PLAIN},
    {"wfts", "pg_catalog.websearch_to_tsquery", OPERATOR_SEARCH},
};

const struct operator* operator_find(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
        if (strlen(operators[i].name) == n && memcmp(operators[i].name, name, n) == 0)
            return &operators[i];
    return NULL;
}

const char *operator_nearest(const char *name)
{
    const char *names[ARRAY_SIZE(operators) + 1];
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
        names[i] = operators[i].name;
    names[ARRAY_SIZE(operators)] = NULL;
    return text_nearest(name, names);
}
