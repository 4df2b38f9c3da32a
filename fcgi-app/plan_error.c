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
    {"ORIEL001", 503}, /* the database does not hold the contract */
    {"PGRST100", 400}, /* the query cannot be parsed */
    {"PGRST103", 416}, /* the range cannot be served */
    {"PGRST106", 406}, /* no such profile */
    {"PGRST107", 406}, /* no acceptable media type */
    {"PGRST108", 400}, /* a path that is not embedded */
    {"PGRST117", 405}, /* method */
    {"PGRST122", 400}, /* unknown preference with handling=strict */
    {"PGRST123", 400}, /* aggregates */
    {"PGRST125", 404}, /* no such path */
    {"PGRST200", 400}, /* no such relationship */
    {"PGRST205", 404}, /* no such entity */
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
