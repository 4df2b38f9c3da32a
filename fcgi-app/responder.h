/*
 * A responder: one process, one thread, one event loop, one read-only connection to Postgres. It serves any number of
 * nginx's kept connections at once, which FastCGI's usual one-request-per-process loop cannot.
 */
#ifndef ORIEL_RESPONDER_H
#define ORIEL_RESPONDER_H

#include "fcgi-app/board.h"
#include "fcgi-app/options.h"

/*
 * Serves descriptor 0, a listening socket with O_NONBLOCK, until it is told to stop; returns an enum exit_code. SIGTERM
 * must be blocked and nobody else's: it means "drain". One byte goes to ready_fd, which is then closed, when requests
 * are taken. What it counts goes to the board, and its seat says what it is doing.
 */
int responder_run(const struct service *service, struct board *board, struct board_seat *seat, int ready_fd);

#endif
