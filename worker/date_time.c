/* What a date or time is once it was read: its text, its order, and the zones it may be in. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/date_form.h"

#define ZONEINFO "/usr/share/zoneinfo"

/* Two digits and a separator, so that a million of them do not go through printf. */
static char *put_two(char *p, int v, char separator)
{
    *p++ = (char)('0' + (unsigned)v / 10);
    *p++ = (char)('0' + (unsigned)v % 10);
    *p = separator;
    return p + (separator != 0);
}

static char *put_fraction(char *p, int nanosecond)
{
    if (!nanosecond)
        return p;
    *p++ = '.';
    for (int unit = 100000000; nanosecond; unit /= 10) {
        *p++ = (char)('0' + nanosecond / unit);
        nanosecond %= unit;
    }
    *p = 0;
    return p;
}

const char *date_time_text(struct arena *a, enum date_kind kind, const struct date_time *t, const char *zone)
{
    char text[64], *p = text;
    if (kind != TIME_ONLY) {
        p = put_two(p, t->year / 100, 0);
        p = put_two(p, t->year % 100, '-');
        p = put_two(p, t->month, '-');
        p = put_two(p, t->day, 0);
    }
    if (kind == DATE_AND_TIME)
        *p++ = ' ';
    if (kind != DATE_ONLY) {
        p = put_two(p, t->hour, ':');
        p = put_two(p, t->minute, ':');
        p = put_fraction(put_two(p, t->second, 0), t->nanosecond);
    }
    if (kind != DATE_AND_TIME)
        return arena_memdup(a, text, (size_t)(p - text));
    if (!t->has_offset && zone)
        return arena_printf(a, "%s %s", text, zone);
    int minutes = abs(t->offset);
    *p++ = t->offset < 0 ? '-' : '+';
    p = put_two(p, minutes / 60, minutes % 60 ? ':' : 0);
    if (minutes % 60)
        p = put_two(p, minutes % 60, 0);
    return arena_memdup(a, text, (size_t)(p - text));
}

/* Days since 1 March of year 0, in the Gregorian calendar. */
static long long day_number(const struct date_time *t)
{
    long long y = t->month > 2 ? t->year : t->year - 1;
    long long m = t->month > 2 ? t->month - 3 : t->month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + t->day - 1;
}

int date_time_compare(const struct date_time *x, const struct date_time *y)
{
    const struct date_time *both[] = {x, y};
    long long seconds[2];
    for (int i = 0; i < 2; i++) {
        const struct date_time *t = both[i];
        seconds[i] = day_number(t) * 86400 + t->hour * 3600 + t->minute * 60 + t->second - t->offset * 60;
    }
    if (seconds[0] != seconds[1])
        return seconds[0] < seconds[1] ? -1 : 1;
    return (x->nanosecond > y->nanosecond) - (x->nanosecond < y->nanosecond);
}

bool date_zone_exists(const char *zone)
{
    char path[256], magic[4] = "";
    if (strcmp(zone, "UTC") == 0)
        return true;
    for (const char *p = zone; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p)) /* no dot, so no way out of the folder */
            return false;
    int n = snprintf(path, sizeof path, ZONEINFO "/%s", zone);
    if (!*zone || *zone == '/' || n < 0 || (size_t)n >= sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, magic, sizeof magic);
    close(fd);
    return got == (ssize_t)sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}
