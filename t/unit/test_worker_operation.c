/* Each named operation: texts in, texts out. */
#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/operation.h"

static const struct {
    const char *operation, *in, *out; /* out NULL: bad_unit */
} rows[] = {
    {"trim", "  a b\t\r\n", "a b"},
    {"trim", "\u00a0\ufeffa\u200b\u3000", "a"},
    {"trim", " \u00a0 ", ""},
    {"trim", "", ""},
    {"squeeze", "a  b\t\nc", "a b c"},
    {"squeeze", " \u00a0a\u2003 b ", " a b "},
    {"upper", "stra\u00dfe 1", "STRASSE 1"},
    {"upper", "abc", "ABC"},
    {"lower", "\u00c9COLE", "\u00e9cole"},
    {"lower", "ABC-1", "abc-1"},
    {"nfc", "e\u0301a", "\u00e9a"},
    {"nfc", "plain", "plain"},
    {"digits", "+1 (555) 010-9999", "15550109999"},
    {"digits", "\u0661a", ""},
    {"ordinal", "April 4th, 2015", "April 4, 2015"},
    {"ordinal", "1st 2nd 3RD 4th", "1 2 3 4"},
    {"ordinal", "the 4thing, north", "the 4thing, north"},
    {"ordinal", "th", "th"},
    {"unescape_html", "A &amp; B &lt;c&gt;", "A & B <c>"},
    {"unescape_html", "&eacute;&#233;&#xE9;&#XE9;", "\u00e9\u00e9\u00e9\u00e9"},
    {"unescape_html", "&amp;amp;", "&amp;"},
    {"unescape_html", "&#150;&#x80;", "\u2013\u20ac"},
    {"unescape_html", "&nosuch; &; & &#; &#x; &#0; &#xD800; &#x110000; &#129; &#-5;",
     "&nosuch; &; & &#; &#x; &#0; &#xD800; &#x110000; &#129; &#-5;"},
    {"unescape_html", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;",
     "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;"},
    {"strip_tags", "<b>bold</b> and <i class='x'>italic</i>", "bold and italic"},
    {"strip_tags", "one<br/>two<P>three</p>", "one two three "},
    {"strip_tags", "a<!-- > -->b<!DOCTYPE html>c", "abc"},
    {"strip_tags", "x<script>if (a<b) alert('</b>')</script >y<style>p{}</style>z", "xyz"},
    {"strip_tags", "<a title=\"1>0\">t</a>", "t"},
    {"strip_tags", "<a title=\"1>0", "0"},
    {"strip_tags", "3 < 5, <3, a<b", "3 < 5, <3, a<b"},
    {"strip_tags", "<!-- open <b>x</b>", "<!-- open x"},
    {"strip_tags", "gone<script>for ever", "gone"},
    {"strip_tags", "<", "<"},
    {"cents", "12.5", "1250"},
    {"cents", "0", "0"},
    {"cents", "7", "700"},
    {"cents", "-0.01", "-1"},
    {"cents", "3.335", "334"},
    {"cents", "3.3349", "333"},
    {"cents", "-3.335", "-334"},
    {"cents", "-0.001", "0"},
    {"cents", "1e2", "10000"},
    {"cents", "90071992547409.93", "9007199254740993"},
    {"cents", "", ""},
    {"cents", "on request", "on request"},
    {"cents", "12.50 EUR", "12.50 EUR"},
    {"unit:kg", "60 kg", "60"},
    {"unit:kg", "60kg", "60"},
    {"unit:kg", " 100 LBS. ", "45.359237"},
    {"unit:kg", "1.5 oz", "0.0425242846875"},
    {"unit:kg", "300 x 60 kg", "18000"},
    {"unit:kg", "2\u00d73 * 0.5 kg", "3"},
    {"unit:kg", "1 g", "0.001"},
    {"unit:g", "1.5 kg", "1500"},
    {"unit:g", "1 oz", "28.349523125"},
    {"unit:lb", "1 kg", "2.204622621849"},
    {"unit:lb", "16 oz", "1"},
    {"unit:lb", "1.23456789012345 lb", "1.23456789012345"},
    {"unit:oz", "1 lb", "16"},
    {"unit:kg", "-5 kg", "-5"},
    {"unit:kg", "0 lb", "0"},
    {"unit:kg", "", ""},
    {"unit:kg", "6", NULL},
    {"unit:kg", "2 kg,lbs", NULL},
    {"unit:kg", "kg", NULL},
    {"unit:kg", "5 stone", NULL},
    {"unit:kg", "5 x kg", NULL},
    {"unit:kg", "1 kg 500 g", NULL},
    {"unit:kg", "1,5 kg", NULL},
    {"unit:kg", "1x1x1x1x1x1x1x1x1 kg", NULL},
};

static bool load(struct operation *o, struct arena *a, const char *name, struct number_form numbers)
{
    const char *json = arena_printf(a, "[\"%s\"]", name);
    const struct cfg *c = cfg_parse(a, "test", json, strlen(json));
    operation_load(o, cfg_at(c, 0), numbers);
    return !cfg_failed(c);
}

static void test_rows(struct arena *a)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct operation o;
        struct cell text = {arena_strdup(a, rows[i].in), strlen(rows[i].in)};
        bool good = load(&o, a, rows[i].operation, (struct number_form){'.', 0}) && o.apply(&o, a, &text);
        is(good ? arena_memdup(a, text.text, text.len) : NULL, rows[i].out,
           arena_printf(a, "%s, row %zu", rows[i].operation, i));
    }
}

static void test_number_form(struct arena *a)
{
    struct operation o;
    struct cell text = {"1.234,5 g", 9};
    ok(load(&o, a, "unit:kg", (struct number_form){',', '.'}), "a unit in a field with its own signs");
    ok(o.apply(&o, a, &text), "reads its numbers");
    is(text.text, "1,2345", "and writes them so");
}

/* However a text is made, time must not grow with the square of its length. */
static void test_long_texts(struct arena *a)
{
    static const char *const bits[] = {"<", "<!--", "<a ", "<a b=\"", "<script>", "&", "&#", "<a b='\">"};
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        size_t n = strlen(bits[i]), times = 400000;
        char *s = arena_alloc(a, n * times + 1);
        for (size_t k = 0; k < times; k++)
            memcpy(s + k * n, bits[i], n);
        struct cell text = {s, n * times};
        ok(operation_strip_tags(NULL, a, &text) && text.len <= n * times && operation_unescape_html(NULL, a, &text),
           "%zu times %s", times, bits[i]);
    }
}

static void test_mistakes(struct arena *a)
{
    static const struct {
        const char *name, *message;
    } mistakes[] = {{"trimm", "did you mean \"trim\"?"},
                    {"unit:kgs", "did you mean \"unit:kg\"?"},
                    {"unit:furlong", "known are kg, g, lb and oz"},
                    {"rot13", "known are cents, digits, lower"}};
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        struct operation o;
        struct buf log;
        buf_init(&log, 4096);
        log_capture(&log);
        bool good = load(&o, a, mistakes[i].name, (struct number_form){'.', 0});
        log_capture(NULL);
        ok(!good && strstr(buf_str(&log), mistakes[i].message), "%s is told", mistakes[i].name);
        buf_release(&log);
    }
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_rows(&a);
    test_number_form(&a);
    test_long_texts(&a);
    test_mistakes(&a);
    arena_release(&a);
    return tap_done();
}
