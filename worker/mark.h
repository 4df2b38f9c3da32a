/*
 * A record's text for people, with values marked in it. Pure.
 */
#ifndef ORIEL_MARK_H
#define ORIEL_MARK_H

#include "lib/buf.h"
#include "worker/locate.h"

/* What stands around a marked value: where letters can be inverted, and where not. */
#define MARK_BEGINS ">>>"
#define MARK_ENDS   "<<<"

struct marks {
    struct span *list; /* in the order of the text, none within or across another */
    size_t n;
};

void marks_add(struct marks *m, struct arena *a, struct span span);
/* Appends the text as table_put_text() does, with its marked parts inverted (terminal), else between MARK_BEGINS and
 * MARK_ENDS. */
void marks_put(const struct marks *m, struct arena *a, struct buf *out, const char *text, bool terminal);

#endif
