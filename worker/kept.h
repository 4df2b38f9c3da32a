/*
 * Kept records: those of a raw batch, read back from Postgres and parsed as the source reads them.
 */
#ifndef ORIEL_KEPT_H
#define ORIEL_KEPT_H

#include "worker/reader.h"
#include "worker/session.h"
#include "worker/source.h"

struct kept {
    int64_t id; /* raw.batch.id */
    const char *client;
    struct format format;
    const struct header *header;
};

/*
 * Takes a row of r (id, client, format, header, source) apart; what k points to lives in a and in r. Encoding and
 * dialect are those of today's source file where there is one (sources may be NULL), since they may have been mended
 * since. -1: s->failure says why it cannot be read.
 */
int kept_read(struct kept *k, struct arena *a, struct session *s, const PGresult *r, int row,
              const struct source_set *sources) must_check;
/* Whether the month of a batch b of raw.batch was not pruned. The rows of raw.batch stay when their records go. */
#define KEPT_CONDITION                                                                                                 \
    "NOT EXISTS (SELECT FROM raw.month m WHERE m.pruned_at IS NOT NULL AND b.received_at >= m.since AND "              \
    "b.received_at < m.until)"
#define KEPT_COLUMNS "b.id, b.client, b.format::pg_catalog.text, b.header, b.source"

/* A whole number in a result's binary column. */
uint32_t kept_integer(const PGresult *r, int row, int column);

#endif
