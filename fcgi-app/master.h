/*
 * The master: it keeps the listening socket, and as many responders on it as it was told to. It serves nothing and
 * has no session at Postgres (early.h begins one for the first responder), so there is little in it that could fail.
 *
 *   a responder ends      another takes its place, after a pause if it ended soon; no place is ever given up
 *   SIGHUP                reads the configuration again. If it is wrong, says so and keeps the old one. Otherwise
 * replaces the responders one by one, each only when its successor is ready: no request is lost SIGTERM, SIGINT lets
 * all responders drain, kills those that need longer than the drain timeout, and ends
 */
#ifndef ORIEL_MASTER_H
#define ORIEL_MASTER_H

#include "fcgi-app/options.h"

/* Runs until it is told to stop; returns an enum exit_code. Descriptor 0 must be a listening socket. path and
 * responders are what service was loaded with, and is loaded with again on SIGHUP. Takes service over. */
int master_run(struct service *service, const char *path, int responders);

#endif
