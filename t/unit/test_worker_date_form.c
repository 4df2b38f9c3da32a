/* Forms of dates and times: what each conversion takes, and that nothing else is taken. */
#include "t/unit/tap.h"
#include "worker/date_form.h"

static const struct {
    enum date_kind kind;
    const char *form, *text, *iso; /* iso NULL: not taken */
} rows[] = {
    {DATE_ONLY, NULL, "2015-04-04", "2015-04-04"},
    {DATE_ONLY, NULL, "2015-4-4", NULL},
    {DATE_ONLY, NULL, "2015-04-31", NULL},
    {DATE_ONLY, NULL, "0000-01-01", NULL},
    {DATE_ONLY, NULL, "0001-01-01", "0001-01-01"},
    {DATE_ONLY, NULL, "2000-02-29", "2000-02-29"},
    {DATE_ONLY, NULL, "1900-02-29", NULL},
    {DATE_ONLY, NULL, "2015-04-04x", NULL},
    {DATE_ONLY, NULL, "", NULL},
    {DATE_ONLY, "%d/%m/%Y", "4/4/2015", "2015-04-04"},
    {DATE_ONLY, "%d/%m/%Y", "04/13/2015", NULL},
    {DATE_ONLY, "%d.%m.%y", "01.02.68", "2068-02-01"},
    {DATE_ONLY, "%d.%m.%y", "01.02.69", "1969-02-01"},
    {DATE_ONLY, "%d.%m.%y", "01.02.2015", NULL},
    {DATE_ONLY, "%Y%m%d", "20150401", "2015-04-01"},
    {DATE_ONLY, "%B %d, %Y", "April 4, 2015", "2015-04-04"},
    {DATE_ONLY, "%B %d, %Y", "apr 4, 2015", "2015-04-04"},
    {DATE_ONLY, "%b %d, %Y", "MAY 4, 2015", "2015-05-04"},
    {DATE_ONLY, "%b %d, %Y", "Mai 4, 2015", NULL},
    {DATE_ONLY, "%e-%b-%Y", " 4-Dec-2015", "2015-12-04"},
    {DATE_ONLY, "%e-%b-%Y", "14-Dec-2015", "2015-12-14"},
    {DATE_ONLY, "%Y %j", "2016 366", "2016-12-31"},
    {DATE_ONLY, "%Y %j", "2015 366", NULL},
    {DATE_ONLY, "%Y %j", "2015 000", NULL},
    {DATE_ONLY, "%Y %j", "2015 060", "2015-03-01"},
    {DATE_ONLY, "%d%%%m%%%Y", "1%2%2015", "2015-02-01"},
    {TIME_ONLY, NULL, "23:59:59", "23:59:59"},
    {TIME_ONLY, NULL, "23:59", "23:59:00"},
    {TIME_ONLY, NULL, "23:59:59.000001", "23:59:59.000001"},
    {TIME_ONLY, NULL, "23:59:59.", NULL},
    {TIME_ONLY, NULL, "24:00:00", NULL},
    {TIME_ONLY, NULL, "23:60", NULL},
    {TIME_ONLY, NULL, "23:59:60", NULL},
    {TIME_ONLY, NULL, "23:59Z", NULL},
    {TIME_ONLY, "%I:%M %p", "12:05 am", "00:05:00"},
    {TIME_ONLY, "%I:%M %p", "12:05 PM", "12:05:00"},
    {TIME_ONLY, "%I:%M %p", "1:05 PM", "13:05:00"},
    {TIME_ONLY, "%I:%M %p", "13:05 PM", NULL},
    {TIME_ONLY, "%I:%M %p", "1:05 XM", NULL},
    {TIME_ONLY, "%H%M%S", "010203", "01:02:03"},
    {TIME_ONLY, "%H.%M.%S,%f", "1.2.3,5", "01:02:03.5"},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00Z", "2015-04-04 12:00:00+00"},
    {DATE_AND_TIME, NULL, "2015-04-04 12:00", "2015-04-04 12:00:00+00"},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00+0530", "2015-04-04 12:00:00+05:30"},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00-08", "2015-04-04 12:00:00-08"},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00+16:00", NULL},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00+05:60", NULL},
    {DATE_AND_TIME, NULL, "2015-04-04T12:00:00 Z", NULL},
    {DATE_AND_TIME, NULL, "2015-04-04", NULL},
    {DATE_AND_TIME, "%d.%m.%Y %H:%M%z", "4.4.2015 12:00+02:00", "2015-04-04 12:00:00+02"},
    {DATE_AND_TIME, "%d.%m.%Y %H:%M", "4.4.2015 12:00", "2015-04-04 12:00:00+00"},
};

static void test_rows(struct arena *a)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct date_time t;
        bool good = date_form_parse(rows[i].form, rows[i].kind, rows[i].text, strlen(rows[i].text), &t);
        const char *name = arena_printf(a, "\"%s\" as %s", rows[i].text, rows[i].form ? rows[i].form : "ISO 8601");
        is(good ? date_time_text(a, rows[i].kind, &t, NULL) : NULL, rows[i].iso, name);
    }
}

static void test_forms(void)
{
    static const struct {
        enum date_kind kind;
        const char *form;
        bool good;
    } forms[] = {
        {DATE_ONLY, "%Y-%m-%d", true},     {DATE_ONLY, "%j/%Y", true},         {DATE_ONLY, "%B %Y", false},
        {DATE_ONLY, "%Y-%m-%d %H", false}, {DATE_ONLY, "%Y-%m-%d-%j", false},  {DATE_ONLY, "%Y %y %m %d", false},
        {DATE_ONLY, "%Y-%m-%d%", false},   {DATE_ONLY, "%Y-%m-%d %a", false},  {TIME_ONLY, "%H:%M", true},
        {TIME_ONLY, "%I:%M", false},       {TIME_ONLY, "%H:%M %p", false},     {TIME_ONLY, "%M:%S", false},
        {TIME_ONLY, "%H:%M%z", false},     {DATE_AND_TIME, "%Y-%m-%d", false}, {DATE_AND_TIME, "%Y-%m-%dT%H%z", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        ok((date_form_problem(forms[i].form, forms[i].kind) == NULL) == forms[i].good, "%s is %s", forms[i].form,
           forms[i].good ? "good" : "told");
}

static void test_zones(struct arena *a)
{
    static const char *const bad[] = {"",       "Europe/Nowhere", "../../../etc/passwd", "/etc/localtime",
                                      "Europe", "zone.tab",       "Europe/Berlin ",      "europe/../Berlin"};
    struct date_time t;
    ok(date_zone_exists("UTC"), "UTC is a zone");
    ok(date_zone_exists("Europe/Berlin"), "so is one of the tz database");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ok(!date_zone_exists(bad[i]), "\"%s\" is none", bad[i]);
    ok(date_form_parse(NULL, DATE_AND_TIME, "2015-04-04 12:00:00.5", 21, &t), "a time without offset");
    is(date_time_text(a, DATE_AND_TIME, &t, "Europe/Berlin"), "2015-04-04 12:00:00.5 Europe/Berlin",
       "is meant in its zone");
}

static int order(const char *x, const char *y)
{
    struct date_time tx, ty;
    if (!date_form_parse(NULL, DATE_AND_TIME, x, strlen(x), &tx) ||
        !date_form_parse(NULL, DATE_AND_TIME, y, strlen(y), &ty))
        return 99;
    return date_time_compare(&tx, &ty);
}

static void test_compare(void)
{
    is_int(order("2015-01-01T00:00Z", "2015-01-01T01:00+01:00"), 0, "the same instant");
    is_int(order("2014-12-31T23:59Z", "2015-01-01T00:00Z"), -1, "over a year's end");
    is_int(order("2016-03-01T00:00Z", "2016-02-29T23:59:59.999999Z"), 1, "over a leap day");
    is_int(order("2015-01-01T00:00:00.5Z", "2015-01-01T00:00:00.25Z"), 1, "by the fraction");
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_rows(&a);
    test_forms();
    test_zones(&a);
    test_compare();
    arena_release(&a);
    return tap_done();
}
