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

static const struct {
    const char *name;
    bool is_list; /* may be sent in several lines */
} wanted[N_VALUES] = {
    [METHOD] = {"REQUEST_METHOD=", false},
    [URI] = {"REQUEST_URI=", false},
    [ACCEPT] = {"HTTP_ACCEPT=", true},
    [PREFER] = {"HTTP_PREFER=", true},
    [RANGE] = {"HTTP_RANGE=", false},
    [ACCEPT_PROFILE] = {"HTTP_ACCEPT_PROFILE=", false},
    [IF_NONE_MATCH] = {"HTTP_IF_NONE_MATCH=", true},
    [IF_MODIFIED_SINCE] = {"HTTP_IF_MODIFIED_SINCE=", false},
    [AUTHORIZATION] = {"HTTP_AUTHORIZATION=", false},
    [ORIGIN] = {"HTTP_ORIGIN=", false},
    [ASKED_METHOD] = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD=", false},
    [ASKED_HEADERS] = {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS=", true},
    [CONTENT_LENGTH] = {"CONTENT_LENGTH=", false},
    [TRANSFER_ENCODING] = {"HTTP_TRANSFER_ENCODING=", true},
};

enum { LONGEST_LIST = 4096 }; /* bytes; joining more lines than anybody sends would cost time and memory */

static void take(const char *values[N_VALUES], struct arena *a, const char *parameter)
{
    for (size_t i = 0; i < N_VALUES; i++) {
        size_t n = strlen(wanted[i].name);
        if (strncmp(parameter, wanted[i].name, n) != 0)
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
