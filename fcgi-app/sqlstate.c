#include "fcgi-app/sqlstate.h"

#include <string.h>

/*
 * A responder asks only for what a contract promises, so when Postgres knows a view or column no more, or refuses it,
 * the contract was changed in the moment between two looks at the catalog: to the client it is withheld, and may come
 * back. (PostgREST, which reads what there happens to be, answers 403, 404 and 400.)
 */
static const char changing[] = "The contract is not held by the database at the moment";
static const char narrow[] = "Ask for less: narrow the filters, or use limit and select.";

const struct sqlstate_rule sqlstate_rules[] = {
    {"", 500, false, "The database could not answer this request", NULL, NULL},
    {"08", 503, false, "The connection to the database was lost", NULL, NULL},
    {"0A", 400, false, "The database does not support what this request asks of these columns", NULL, NULL},
    {"21", 400, false, "This request finds several rows where one is needed", NULL, NULL},
    {"22", 400, true, "A value of this request does not fit its column", NULL, NULL},
    {"23", 400, false, "This request goes against a rule of the data", NULL, NULL},
    {"25006", 405, false, "The database is open for reading only", NULL, NULL},
    {"40", 500, false, "The database broke this request off because it was in the way of another", NULL, NULL},
    {"42", 400, false, "The database cannot apply this request to these columns", NULL, NULL},
    {"42501", 503, false, changing, NULL, "ORIEL001"},
    {"42703", 503, false, changing, NULL, "ORIEL001"},
    {"42804", 400, false, "The types in this request do not fit together", NULL, NULL},
    {"42883", 404, false, "There is no such operator or function for the types of these columns", NULL, NULL},
    {"42P01", 503, false, changing, NULL, "ORIEL001"},
    {"53", 503, false, "The database is short of room or connections", NULL, NULL},
    {"54", 500, false, "This request is beyond a limit of the database", narrow, NULL},
    {"57014", 504, false, "The database needed longer for this request than it may take", narrow, NULL},
    {"57P", 503, false, "The database is stopping or starting", NULL, NULL},
};
const size_t n_sqlstate_rules = ARRAY_SIZE(sqlstate_rules);

const struct sqlstate_rule *sqlstate_find(const char *code)
{
    const struct sqlstate_rule *best = &sqlstate_rules[0];
    for (size_t i = 1; i < n_sqlstate_rules; i++) {
        const struct sqlstate_rule *rule = &sqlstate_rules[i];
        size_t n = strlen(rule->prefix);
        if (strncmp(rule->prefix, code, n) == 0 && n > strlen(best->prefix))
            best = rule;
    }
    return best;
}
