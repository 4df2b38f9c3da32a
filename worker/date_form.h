/*
 * Dates and times as sources write them. A form is strptime-like, but free of the locale and strict: nothing may be
 * left over, and only real dates and times are taken.
 *
 *   %Y four digits   %y two, 1969 to 2068   %m %d %e %j month, day, day of the year   %B %b month's English name,
 * either %H %I %p hour    %M minute   %S second  %f one to nine digits of a second         %z Z, +HH, +HHMM or +HH:MM
 * %% %
 *
 * %m %d %H %I %M %S take one or two digits, %e also a space before one; any other byte stands for itself. The form NULL
 * is ISO 8601 in its extended form: 2015-04-04, 12:30[:59[.123]], and both with "T" or a space between, then perhaps an
 * offset.
 */
#ifndef ORIEL_DATE_FORM_H
#define ORIEL_DATE_FORM_H

#include "lib/mem.h"

enum date_kind { DATE_ONLY, TIME_ONLY, DATE_AND_TIME };

struct date_time {
    int year, month, day;
    int hour, minute, second, nanosecond;
    bool has_offset;
    int offset; /* minutes east of UTC */
};

/* What is wrong with a form for that kind, as a sentence; NULL when it is good. */
const char *date_form_problem(const char *form, enum date_kind kind);
/* form must be good, or NULL for ISO 8601. False when s is not of that form or names no real date or time. */
bool date_form_parse(const char *form, enum date_kind kind, const char *s, size_t n, struct date_time *out) must_check;

/* ISO 8601 text as Postgres reads it. zone is what a DATE_AND_TIME without an offset is followed by; NULL for UTC. */
const char *date_time_text(struct arena *a, enum date_kind kind, const struct date_time *t, const char *zone);
/* Orders by instant; without an offset UTC is meant. */
int date_time_compare(const struct date_time *x, const struct date_time *y);

/* Is it the name of a zone in the system's tz database (or UTC)? Names that lead out of its folder are not. */
bool date_zone_exists(const char *zone);

#endif
