/* unit:kg and its like: "300 x 60 kg", "100 lbs", "1.5 oz" to a number of one unit of mass. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "worker/decimal.h"
#include "worker/operation.h"

/* Behind a division this many places are kept; the pound and the ounce are exact in 12 places of a kilogram. */
enum { PLACES = 12, MOST_FACTORS = 8, LONGEST_TEXT = 200 };

struct unit {
    const char *name;
    const char *picokilograms; /* 10^-12 kg: NIST Handbook 44, appendix C */
    const char *kilograms;     /* kilograms as this unit, times 10^-12; NULL when that has no end */
};

static const struct unit units[] = {
    {"kg", "1000000000000", "0.000000000001"},
    {"g", "1000000000", "0.000000001"},
    {"lb", "453592370000", NULL},
    {"oz", "28349523125", NULL},
};

const char *const unit_names[] = {"kg", "g", "lb", "oz", NULL};

/* How they are written; case does not count, one dot may follow. */
static const struct {
    const char *word, *unit;
} words[] = {
    {"kg", "kg"},    {"kgs", "kg"},    {"kilo", "kg"}, {"kilos", "kg"}, {"kilogram", "kg"}, {"kilograms", "kg"},
    {"g", "g"},      {"gr", "g"},      {"gram", "g"},  {"grams", "g"},  {"lb", "lb"},       {"lbs", "lb"},
    {"pound", "lb"}, {"pounds", "lb"}, {"oz", "oz"},   {"ounce", "oz"}, {"ounces", "oz"},
};

const struct unit *unit_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static const struct unit *unit_of_word(const char *s, size_t n)
{
    if (n && s[n - 1] == '.')
        n--;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].word) == n && strncasecmp(words[i].word, s, n) == 0)
            return unit_find(words[i].unit);
    return NULL;
}

static void skip_spaces(const char **s, const char *end)
{
    while (*s < end && **s == ' ')
        (*s)++;
}

/* Passes over a multiplication sign: "x", "*" or U+00D7. */
static bool skip_times(const char **s, const char *end)
{
    size_t n = *s == end ? 0 : tolower((unsigned char)**s) == 'x' || **s == '*' ? 1 : 0;
    if (!n && end - *s >= 2 && memcmp(*s, "\u00d7", 2) == 0)
        n = 2;
    *s += n;
    return n > 0;
}

/* Reads "N x N x … N", of which the product goes into *amount; *s then stands at what follows. */
static bool read_amount(const struct operation *o, struct arena *a, const char **s, const char *end,
                        const char **amount)
{
    char literal[LONGEST_TEXT + 1];
    *amount = "1";
    for (int i = 0; i < MOST_FACTORS; i++) {
        const char *factor;
        skip_spaces(s, end);
        size_t n = number_read(o->numbers, *s, (size_t)(end - *s), literal);
        if (!n || decimal_plain(a, literal, strlen(literal), &factor) != DECIMAL_OK)
            return false;
        *amount = decimal_multiply(a, *amount, factor);
        *s += n;
        skip_spaces(s, end);
        if (!skip_times(s, end))
            return true;
    }
    return false;
}

static const char *convert(struct arena *a, const char *amount, const struct unit *from, const struct unit *to)
{
    if (from == to)
        return amount;
    amount = decimal_multiply(a, amount, from->picokilograms);
    return to->kilograms ? decimal_multiply(a, amount, to->kilograms)
                         : decimal_divide(a, amount, to->picokilograms, PLACES);
}

bool operation_unit(const struct operation *self, struct arena *a, struct cell *text)
{
    const char *s = text->text, *end = s + text->len, *amount;
    if (!text->len) /* an empty text is a missing value, not one without a unit */
        return true;
    if (text->len > LONGEST_TEXT || !read_amount(self, a, &s, end, &amount))
        return false;
    while (end > s && end[-1] == ' ')
        end--;
    const struct unit *from = unit_of_word(s, (size_t)(end - s));
    if (!from)
        return false;
    const char *result = decimal_trim(a, convert(a, amount, from, self->unit));
    size_t n = strlen(result);
    char *out = arena_memdup(a, result, n);
    char *point = strchr(out, '.');
    if (point)
        *point = self->numbers.decimal_char;
    *text = (struct cell){out, n};
    return true;
}
