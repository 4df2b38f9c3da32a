/*
 * The parameters of a FastCGI request (RFC 3875's variables, as "NAME=value") as a struct request. Pure.
 */
#ifndef ORIEL_REQUEST_H
#define ORIEL_REQUEST_H

#include "fcgi-app/plan.h"

/*
 * Reads a NULL-terminated list of parameters. Headers that a client sent several times are joined by commas, as RFC
 * 9110, section 5.3, says that they mean. Strings point into parameters or live in a. *url_length gets the bytes of
 * path and query together. `now` is left to whoever has a clock.
 */
void request_read(struct request *r, struct arena *a, char *const *parameters, size_t *url_length);

#endif
