#include "worker/date_form.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

/* What is left to read, and what was read so far. */
struct scan {
    const char *s, *end;
    struct date_time *t;
    int day_of_year; /* 0: not given */
    int half;        /* 0 AM, 1 PM, -1 not given */
};

/* Reads min to max digits. */
static bool number(struct scan *c, int min, int max, int *out)
{
    int v = 0, n = 0;
    while (n < max && c->s < c->end && *c->s >= '0' && *c->s <= '9') {
        v = v * 10 + (*c->s++ - '0');
        n++;
    }
    *out = v;
    return n >= min;
}

static bool byte(struct scan *c, char b)
{
    if (c->s == c->end || *c->s != b)
        return false;
    c->s++;
    return true;
}

static bool read_year(struct scan *c)
{
    return number(c, 4, 4, &c->t->year);
}

static bool read_short_year(struct scan *c)
{
    if (!number(c, 2, 2, &c->t->year))
        return false;
    c->t->year += c->t->year < 69 ? 2000 : 1900; /* as POSIX has it */
    return true;
}

static bool read_month(struct scan *c)
{
    return number(c, 1, 2, &c->t->month);
}

static bool read_day(struct scan *c)
{
    return number(c, 1, 2, &c->t->day);
}

static bool read_padded_day(struct scan *c)
{
    return byte(c, ' ') ? number(c, 1, 1, &c->t->day) : read_day(c);
}

/* A month's name in full or its first three letters, whichever is longer in the text. */
static bool read_month_name(struct scan *c)
{
    size_t left = (size_t)(c->end - c->s);
    for (size_t i = 0; i < ARRAY_SIZE(months); i++) {
        size_t n = strlen(months[i]);
        if (left < 3 || strncasecmp(c->s, months[i], 3) != 0)
            continue;
        c->t->month = (int)i + 1;
        c->s += left >= n && strncasecmp(c->s, months[i], n) == 0 ? n : 3;
        return true;
    }
    return false;
}

static bool read_hour(struct scan *c)
{
    return number(c, 1, 2, &c->t->hour) && c->t->hour < 24;
}

static bool read_half_hour(struct scan *c)
{
    return number(c, 1, 2, &c->t->hour) && c->t->hour >= 1 && c->t->hour <= 12;
}

static bool read_half(struct scan *c)
{
    if (c->end - c->s < 2 || toupper((unsigned char)c->s[1]) != 'M')
        return false;
    char first = (char)toupper((unsigned char)*c->s);
    c->half = first == 'P';
    c->s += 2;
    return first == 'A' || first == 'P';
}

static bool read_minute(struct scan *c)
{
    return number(c, 1, 2, &c->t->minute) && c->t->minute < 60;
}

static bool read_second(struct scan *c)
{
    return number(c, 1, 2, &c->t->second) && c->t->second < 60;
}

static bool read_fraction(struct scan *c)
{
    const char *start = c->s;
    if (!number(c, 1, 9, &c->t->nanosecond))
        return false;
    for (long n = c->s - start; n < 9; n++)
        c->t->nanosecond *= 10;
    return true;
}

static bool read_day_of_year(struct scan *c)
{
    return number(c, 3, 3, &c->day_of_year) && c->day_of_year >= 1;
}

static bool read_offset(struct scan *c)
{
    int hours = 0, minutes = 0;
    c->t->has_offset = true;
    if (byte(c, 'Z'))
        return true;
    bool west = byte(c, '-');
    if ((!west && !byte(c, '+')) || !number(c, 2, 2, &hours))
        return false;
    if ((byte(c, ':') || (c->s < c->end && isdigit((unsigned char)*c->s))) && !number(c, 2, 2, &minutes))
        return false;
    c->t->offset = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours < 16 && minutes < 60; /* Postgres takes offsets below 16 hours */
}

/* The parts that a form may give. Two letters of one part exclude each other. */
enum part {
    PART_YEAR = 1,
    PART_MONTH = 2,
    PART_DAY = 4,
    PART_HOUR = 8,
    PART_HALF = 16,
    PART_MINUTE = 32,
    PART_SECOND = 64,
    PART_FRACTION = 128,
    PART_OFFSET = 256
};

static const struct conversion {
    char letter;
    int parts;
    bool (*read)(struct scan *);
} conversions[] = {
    {'Y', PART_YEAR, read_year},        {'y', PART_YEAR, read_short_year},
    {'m', PART_MONTH, read_month},      {'B', PART_MONTH, read_month_name},
    {'b', PART_MONTH, read_month_name}, {'d', PART_DAY, read_day},
    {'e', PART_DAY, read_padded_day},   {'j', PART_MONTH | PART_DAY, read_day_of_year},
    {'H', PART_HOUR, read_hour},        {'I', PART_HOUR, read_half_hour},
    {'p', PART_HALF, read_half},        {'M', PART_MINUTE, read_minute},
    {'S', PART_SECOND, read_second},    {'f', PART_FRACTION, read_fraction},
    {'z', PART_OFFSET, read_offset},
};

static const struct conversion *find_conversion(char letter)
{
    for (size_t i = 0; i < ARRAY_SIZE(conversions); i++)
        if (conversions[i].letter == letter)
            return &conversions[i];
    return NULL;
}

const char *date_form_problem(const char *form, enum date_kind kind)
{
    enum { DATE_PARTS = PART_YEAR | PART_MONTH | PART_DAY };
    int parts = 0;
    bool twelve = false;
    for (const char *p = form; *p; p++) {
        if (*p != '%' || *++p == '%')
            continue;
        const struct conversion *c = find_conversion(*p);
        if (!c)
            return "only %Y %y %m %d %e %j %B %b %H %I %p %M %S %f %z and %% may stand in it";
        if (parts & c->parts)
            return "the same part of the date or time is given twice";
        parts |= c->parts;
        twelve = twelve || *p == 'I';
    }
    if (kind != TIME_ONLY && (parts & DATE_PARTS) != DATE_PARTS)
        return "year, month and day are needed (%Y or %y; %m, %B or %b; %d or %e; or %j)";
    if (kind != DATE_ONLY && !(parts & PART_HOUR))
        return "the hour is needed (%H, or %I with %p)";
    if (kind == DATE_ONLY && (parts & ~DATE_PARTS))
        return "a date has no time of day and no offset";
    if (kind == TIME_ONLY && (parts & (DATE_PARTS | PART_OFFSET)))
        return "a time has no date and no offset";
    if (twelve != ((parts & PART_HALF) != 0))
        return "%I and %p need each other";
    return NULL;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool is_real_date(const struct date_time *t)
{
    return t->year >= 1 && t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= days_in_month(t->year, t->month);
}

/* Month and day of the day_of_year; one beyond the year's end gives a 32nd of December or later, which is no real date.
 */
static void set_day_of_year(struct date_time *t, int day_of_year)
{
    t->day = day_of_year;
    for (t->month = 1; t->month < 12 && t->day > days_in_month(t->year, t->month); t->month++)
        t->day -= days_in_month(t->year, t->month);
}

static bool iso_two(struct scan *c, int *out, int max)
{
    return number(c, 2, 2, out) && *out <= max;
}

static bool iso_time(struct scan *c)
{
    struct date_time *t = c->t;
    if (!iso_two(c, &t->hour, 23) || !byte(c, ':') || !iso_two(c, &t->minute, 59))
        return false;
    if (byte(c, ':') && !iso_two(c, &t->second, 59))
        return false;
    return !byte(c, '.') || read_fraction(c);
}

static bool iso_date(struct scan *c)
{
    struct date_time *t = c->t;
    return read_year(c) && byte(c, '-') && iso_two(c, &t->month, 12) && byte(c, '-') && iso_two(c, &t->day, 31);
}

static bool read_iso(struct scan *c, enum date_kind kind)
{
    if (kind != TIME_ONLY && !iso_date(c))
        return false;
    if (kind == DATE_AND_TIME && !byte(c, 'T') && !byte(c, ' '))
        return false;
    if (kind != DATE_ONLY && !iso_time(c))
        return false;
    return kind != DATE_AND_TIME || c->s == c->end || read_offset(c);
}

static bool read_form(struct scan *c, const char *form)
{
    for (const char *p = form; *p; p++) {
        if (*p != '%' || *++p == '%') {
            if (!byte(c, *p))
                return false;
        } else if (!find_conversion(*p)->read(c))
            return false;
    }
    return true;
}

bool date_form_parse(const char *form, enum date_kind kind, const char *s, size_t n, struct date_time *out)
{
    *out = (struct date_time){0};
    struct scan c = {.s = s, .end = s + n, .t = out, .half = -1};
    if (!(form ? read_form(&c, form) : read_iso(&c, kind)) || c.s != c.end)
        return false;
    if (c.half >= 0)
        out->hour = out->hour % 12 + 12 * c.half;
    if (c.day_of_year)
        set_day_of_year(out, c.day_of_year);
    return kind == TIME_ONLY || is_real_date(out);
}
