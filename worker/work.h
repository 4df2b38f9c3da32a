/*
 * The daemon: one leader pulls, keeps, cleans and merges; others stand by and take over when it goes.
 */
#ifndef ORIEL_WORK_H
#define ORIEL_WORK_H

#include "lib/base.h"

/* The channel on which `oriel pull` tells the leader that oriel.source.asked has changed. */
#define PULL_CHANNEL "oriel_pull"

/*
 * Runs until TERM or INT; the batch in hand is finished first. HUP reads the configuration again. config: path of
 * oriel.json; database: as in domain_load(). Returns an exit code: EXIT_USAGE when the configuration, its tests, its
 * tables or a contract are not in order, so that nothing was started.
 */
int work_run(const char *config, const char *database) must_check;

/*
 * Leads until the source was pulled that somebody asked for (oriel.source.asked), and works on no other. Where a worker
 * leads already, it ends at once: that one pulls. Returns an exit code as work_run().
 */
int work_once(const char *config, const char *database, const char *source) must_check;

#endif
