#include "fcgi-app/request.h"

#include <string.h>

/* What is looked for, in the order of the values. */
enum {
    METHOD,
    URI,
    ACCEPT,
    PREFER,
    RANGE,
    ACCEPT_PROFILE,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    AUTHORIZATION,
    ORIGIN,
    ASKED_METHOD,
    ASKED_HEADERS,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    N_VALUES
};

#define WANTED(name) name, sizeof(name) - 1
static const struct {
    const char *name;
    size_t length;
    bool is_list; /* may be sent in several lines */
} wanted[N_VALUES] = {
    [METHOD] = {WANTED("REQUEST_METHOD="), false},
    [URI] = {WANTED("REQUEST_URI="), false},
    [ACCEPT] = {WANTED("HTTP_ACCEPT="), true},
    [PREFER] = {WANTED("HTTP_PREFER="), true},
    [RANGE] = {WANTED("HTTP_RANGE="), false},
    [ACCEPT_PROFILE] = {WANTED("HTTP_ACCEPT_PROFILE="), false},
    [IF_NONE_MATCH] = {WANTED("HTTP_IF_NONE_MATCH="), true},
    [IF_MODIFIED_SINCE] = {WANTED("HTTP_IF_MODIFIED_SINCE="), false},
    [AUTHORIZATION] = {WANTED("HTTP_AUTHORIZATION="), false},
    [ORIGIN] = {WANTED("HTTP_ORIGIN="), false},
    [ASKED_METHOD] = {WANTED("HTTP_ACCESS_CONTROL_REQUEST_METHOD="), false},
    [ASKED_HEADERS] = {WANTED("HTTP_ACCESS_CONTROL_REQUEST_HEADERS="), true},
    [CONTENT_LENGTH] = {WANTED("CONTENT_LENGTH="), false},
    [TRANSFER_ENCODING] = {WANTED("HTTP_TRANSFER_ENCODING="), true},
};

enum { LONGEST_LIST = 4096 }; /* bytes; joining more lines than anybody sends would cost time and memory */

static void take(const char *values[N_VALUES], struct arena *a, const char *parameter)
{
    size_t n = (size_t)(strchrnul(parameter, '=') - parameter) + 1;
    for (size_t i = 0; i < N_VALUES; i++) {
        if (n != wanted[i].length || memcmp(parameter, wanted[i].name, n) != 0)
            continue;
        if (!values[i])
            values[i] = parameter + n;
        else if (wanted[i].is_list && strlen(values[i]) < LONGEST_LIST)
            values[i] = arena_printf(a, "%s, %s", values[i], parameter + n);
        return;
    }
}

/* CONTENT_LENGTH is empty or "0" where there is no body; anything else, even nonsense, is taken for one. */
static bool announces_body(const char *const values[N_VALUES])
{
    const char *length = values[CONTENT_LENGTH];
    return (length && length[strspn(length, "0")]) || (values[TRANSFER_ENCODING] && *values[TRANSFER_ENCODING]);
}

void request_read(struct request *r, struct arena *a, char *const *parameters, size_t *url_length)
{
    const char *values[N_VALUES] = {NULL};
    for (; *parameters; parameters++)
        take(values, a, *parameters);
    bool has_body = announces_body(values);
    for (size_t i = 0; i < N_VALUES; i++)
        values[i] = values[i] ? values[i] : "";
    *url_length = strlen(values[URI]);
    const char *question = strchr(values[URI], '?');
    *r = (struct request){
        .method = values[METHOD],
        .path = question ? arena_memdup(a, values[URI], (size_t)(question - values[URI])) : values[URI],
        .query = question ? question + 1 : "",
        .accept = values[ACCEPT],
        .prefer = values[PREFER],
        .range = values[RANGE],
        .accept_profile = values[ACCEPT_PROFILE],
        .if_none_match = values[IF_NONE_MATCH],
        .if_modified_since = values[IF_MODIFIED_SINCE],
        .authorization = values[AUTHORIZATION],
        .origin = values[ORIGIN],
        .asked_method = values[ASKED_METHOD],
        .asked_headers = values[ASKED_HEADERS],
        .has_body = has_body,
    };
}
