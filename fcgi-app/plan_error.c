#include "fcgi-app/plan_error.h"

#include <string.h>

#include "lib/text.h"

enum { LONGEST_TEXT = 200 }; /* bytes of a stranger's text in a message */

static const struct {
    const char *code;
    int status;
} statuses[] = {
    {"22023", 400},    /* a time zone that is no name */
    {"42703", 400},    /* unknown column */
    {"42704", 400},    /* unknown type in a cast */
    {"42803", 400},    /* an order that groups do not have */
    {"ORIEL001", 503}, /* the database does not hold the contract */
    {"PGRST100", 400}, /* the query cannot be parsed */
    {"PGRST103", 416}, /* the range cannot be served */
    {"PGRST106", 406}, /* no such profile */
    {"PGRST107", 406}, /* no acceptable media type */
    {"PGRST108", 400}, /* a path that is not embedded */
    {"PGRST117", 405}, /* method */
    {"PGRST118", 400}, /* an order by an embed of several rows */
    {"PGRST122", 400}, /* unknown preference with handling=strict */
    {"PGRST123", 400}, /* aggregates */
    {"PGRST125", 404}, /* no such path */
    {"PGRST127", 400}, /* aggregates in a to-many that is spread */
    {"PGRST200", 400}, /* no such relationship */
    {"PGRST201", 300}, /* several such relationships */
    {"PGRST202", 404}, /* functions, of which there are none */
    {"PGRST205", 404}, /* no such entity */
    {"PGRST300", 500}, /* a token, and no key to check it with */
    {"PGRST301", 401}, /* a token that cannot be decoded */
    {"PGRST302", 401}, /* no token where one is needed */
    {"PGRST303", 401}, /* a token whose claims do not hold */
};

int plan_error_status(const char *code)
{
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (strcmp(statuses[i].code, code) == 0)
            return statuses[i].status;
    return 500;
}

int plan_fail(struct api_error *e, const char *code, const char *message, const char *details, const char *hint)
{
    *e = (struct api_error){
        .status = plan_error_status(code), .code = code, .message = message, .details = details, .hint = hint};
    return -1;
}

int plan_fail_withheld(struct api_error *e, struct arena *a, const struct api_contract *contract)
{
    const struct contract *c = contract->contract;
    return plan_fail(e, "ORIEL001",
                     arena_printf(a, "%s@%d is withheld: the database does not hold what this contract promises",
                                  c->entity, c->version),
                     contract->withheld, "It is served again as soon as the database holds it; try again later.");
}

int plan_fail_not_embedded(struct api_error *e, struct arena *a, const char *name)
{
    name = plan_error_text(a, name, false);
    return plan_fail(e, "PGRST108", arena_printf(a, "'%s' is not an embedded resource in this request", name), NULL,
                     arena_printf(a, "Verify that '%s' is included in the 'select' query parameter.", name));
}

/* Steps back from a byte inside a character to the character's first byte. */
static size_t cut_between_characters(const char *s, size_t n)
{
    while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    return n;
}

const char *plan_error_text(struct arena *a, const char *text, bool quoted)
{
    static const char replacement[] = "\xef\xbf\xbd", ellipsis[] = "\xe2\x80\xa6";
    size_t n = strlen(text);
    bool cut = n > LONGEST_TEXT;
    if (cut)
        n = cut_between_characters(text, LONGEST_TEXT);
    char *out = arena_alloc(a, 3 * n + sizeof ellipsis); /* a bad byte becomes three */
    size_t len = 0;
    for (size_t i = 0, valid_until = 0; i < n; i++) {
        if (i >= valid_until)
            valid_until = i + text_utf8_valid(text + i, n - i);
        if (i == valid_until) {
            memcpy(out + len, replacement, 3);
            len += 3;
            continue;
        }
        if (quoted && (text[i] == '"' || text[i] == '\\'))
            out[len++] = '\\';
        out[len++] = text[i];
    }
    if (cut)
        memcpy(out + len, ellipsis, 3);
    return out;
}
