#include "fcgi-app/sqlstate.h"

#include <string.h>

static const char narrow[] = "Ask for less: narrow the filters, or use limit and select.";

const struct sqlstate_rule sqlstate_rules[] = {
    {"", 500, false, "The database could not answer this request", NULL},
    {"08", 503, false, "The connection to the database was lost", NULL},
    {"0A", 400, false, "The database does not support what this request asks of these columns", NULL},
    {"21", 400, false, "This request finds several rows where one is needed", NULL},
    {"22", 400, true, "A value of this request does not fit its column", NULL},
    {"23", 400, false, "This request goes against a rule of the data", NULL},
    {"25006", 405, false, "The database is open for reading only", NULL},
    {"40", 500, false, "The database broke this request off because it was in the way of another", NULL},
    {"42", 400, false, "The database cannot apply this request to these columns", NULL},
    {"42501", 403, false, "Reading this is not permitted", NULL},
    {"42804", 400, false, "The types in this request do not fit together", NULL},
    {"42883", 404, false, "There is no such operator or function for the types of these columns", NULL},
    {"42P01", 404, false, "What this request reads is not in the database now", NULL},
    {"53", 503, false, "The database is short of room or connections", NULL},
    {"54", 500, false, "This request is beyond a limit of the database", narrow},
    {"57014", 504, false, "The database needed longer for this request than it may take", narrow},
    {"57P", 503, false, "The database is stopping or starting", NULL},
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
