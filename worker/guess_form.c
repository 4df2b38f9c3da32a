#include "worker/guess_form.h"

#include <strings.h>

#include "lib/buf.h"

#define SANE_YEARS ", \"constraints\": { \"minimum\": \"1900-01-01\", \"maximum\": \"2100-12-31\" }"
#define FORM(kind, sql, more)                                                                                          \
    {                                                                                                                  \
        .type = kind, .keys = more, .sane = "", .sql_type = sql, .suffix = ""                                          \
    }
#define DATE(form)     FORM("date", "date", ", \"format\": \"" form "\"")
#define ORDINAL(form)  FORM("date", "date", ", \"clean\": [\"trim\", \"ordinal\"], \"format\": \"" form "\"")
#define DATETIME(form) FORM("datetime", "timestamptz", ", \"format\": \"" form "\"")

const struct guess_form guess_forms[] = {
    {"date", "", "", "date", "", false, false},
    {"date", ", \"format\": \"%Y%m%d\"", SANE_YEARS, "date", "", false, false},
    {"integer", "", "", "bigint", "", false, false},
    {"number", "", "", "numeric", "", false, false},
    {"number", ", \"groupChar\": \",\"", "", "numeric", "", false, false},
    {"number", ", \"decimalChar\": \",\"", "", "numeric", "", false, false},
    {"number", ", \"decimalChar\": \",\", \"groupChar\": \".\"", "", "numeric", "", false, false},
    {"number", ", \"decimalChar\": \",\", \"groupChar\": \" \"", "", "numeric", "", false, false},
    {"number", ", \"groupChar\": \" \"", "", "numeric", "", false, false},
    {"number", ", \"groupChar\": \"'\"", "", "numeric", "", false, false},
    DATE("%d/%m/%Y"),
    DATE("%m/%d/%Y"),
    DATE("%d.%m.%Y"),
    DATE("%d-%m-%Y"),
    DATE("%m-%d-%Y"),
    DATE("%Y/%m/%d"),
    DATE("%Y.%m.%d"),
    DATE("%d/%m/%y"),
    DATE("%m/%d/%y"),
    DATE("%d.%m.%y"),
    DATE("%B %d, %Y"),
    DATE("%d %B %Y"),
    DATE("%d-%b-%Y"),
    DATE("%d-%b-%y"),
    ORDINAL("%B %d, %Y"),
    ORDINAL("%d %B %Y"),
    {"datetime", "", "", "timestamptz", "", false, false},
    DATETIME("%d.%m.%Y %H:%M"),
    DATETIME("%d.%m.%Y %H:%M:%S"),
    DATETIME("%d/%m/%Y %H:%M"),
    DATETIME("%m/%d/%Y %H:%M"),
    DATETIME("%d/%m/%Y %H:%M:%S"),
    DATETIME("%m/%d/%Y %H:%M:%S"),
    DATETIME("%d/%m/%Y %I:%M %p"),
    DATETIME("%m/%d/%Y %I:%M %p"),
    DATETIME("%m/%d/%Y %I:%M:%S %p"),
    DATETIME("%Y/%m/%d %H:%M:%S"),
    DATETIME("%Y%m%d%H%M%S"),
    DATETIME("%Y%m%dT%H%M%S%z"),
    DATETIME("%d %B %Y %H:%M:%S"),
    {"time", "", "", "time", "", false, false},
    {"time", ", \"format\": \"%I:%M %p\"", "", "time", "", false, false},
    {"number", ", \"clean\": [\"trim\", \"unit:kg\"]", "", "numeric", "_kg", true, false},
    {"number", ", \"bareNumber\": false", "", "numeric", "", true, true},
    {"number", ", \"decimalChar\": \",\", \"bareNumber\": false", "", "numeric", "", true, true},
};
const size_t guess_n_forms = ARRAY_SIZE(guess_forms);
_Static_assert(ARRAY_SIZE(guess_forms) <= GUESS_MOST_FORMS, "a place counts for each form");

const struct entity *guess_form_entity(struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "{\"entity\": \"forms\", \"table\": \"forms.forms\", \"primaryKey\": [\"key\"], \"fields\": [\n"
                 "{\"name\": \"key\", \"from\": \"v\", \"type\": \"string\", \"constraints\": {\"required\": true}}");
    for (size_t i = 0; i < guess_n_forms; i++) {
        const struct guess_form *f = &guess_forms[i];
        buf_printf(&b, ",\n{\"name\": \"f%zu\", \"from\": \"v\", \"type\": \"%s\"%s%s%s}", i, f->type,
                   strstr(f->keys, "\"clean\"") ? "" : ", \"clean\": [\"trim\"]", f->keys, f->sane);
    }
    buf_puts(&b, "]}");
    const struct entity *e = entity_parse(a, "forms.json", buf_str(&b), b.len);
    buf_release(&b);
    return e;
}

const struct guess_token guess_tokens[] = {
    {"-", true},    {"--", true},    {"N/A", true},   {"n/a", true},  {"#N/A", true},
    {"NULL", true}, {"null", true},  {"k.A.", true},  {"?", true},    {"NA", false},
    {"NaN", false}, {"None", false}, {"none", false}, {"n.a.", true}, {"unknown", false},
};
const size_t guess_n_tokens = ARRAY_SIZE(guess_tokens);
_Static_assert(ARRAY_SIZE(guess_tokens) <= GUESS_MOST_TOKENS, "a place counts each word");

int guess_truth(const char *s, size_t n)
{
    static const char *const words[][2] = {{"no", "yes"}, {"n", "y"},     {"false", "true"}, {"f", "t"},
                                           {"0", "1"},    {"nein", "ja"}, {"non", "oui"},    {"no", "si"},
                                           {"nee", "ja"}, {"não", "sim"}, {"nej", "ja"},     {"off", "on"}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        for (int truth = 0; truth < 2; truth++)
            if (strlen(words[i][truth]) == n && strncasecmp(words[i][truth], s, n) == 0)
                return truth;
    return -1;
}

const char *const guess_operations[4] = {"strip_tags", "unescape_html", "nfc", "squeeze"};
