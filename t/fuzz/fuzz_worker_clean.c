/*
 * Cleaning anything. The first letter of the input says what the rest is: j a JSON record, t a text that stands in
 * every field, e an entity file. What must hold of every outcome is checked: Postgres has to be able to take it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/clean.h"
#include "worker/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every type, operation and constraint once. */
static const char entity_text[] =
    "{\"entity\":\"x\",\"table\":\"dp.x\",\"primaryKey\":[\"id\"],\"fields\":["
    "{\"name\":\"id\",\"from\":\"/id\",\"type\":\"string\",\"clean\":[\"trim\",\"squeeze\",\"nfc\"],"
    "\"constraints\":{\"required\":true,\"minLength\":1,\"maxLength\":20}},"
    "{\"name\":\"html\",\"from\":\"html\",\"type\":\"string\",\"clean\":[\"strip_tags\",\"unescape_html\",\"upper\","
    "\"lower\"],"
    "\"constraints\":{\"pattern\":\"[^<]*\"},\"onError\":\"null\"},"
    "{\"name\":\"code\",\"from\":[\"/id\",\"/code\"],\"type\":\"string\",\"clean\":[\"digits\"],\"onError\":\"null\"},"
    "{\"name\":\"i\",\"from\":\"/n/"
    "i\",\"type\":\"integer\",\"groupChar\":\",\",\"constraints\":{\"maximum\":1000},\"onError\":\"null\"},"
    "{\"name\":\"n\",\"from\":\"/n/n\",\"type\":\"number\",\"decimalChar\":\",\",\"groupChar\":\" "
    "\",\"bareNumber\":false,"
    "\"constraints\":{\"minimum\":0.1},\"onError\":\"default\",\"default\":1},"
    "{\"name\":\"kg\",\"from\":\"/kg\",\"type\":\"number\",\"clean\":[\"unit:kg\"],\"onError\":\"null\"},"
    "{\"name\":\"oz\",\"from\":\"/kg\",\"type\":\"number\",\"clean\":[\"unit:oz\"],\"onError\":\"null\"},"
    "{\"name\":\"b\",\"from\":\"/b\",\"type\":\"boolean\",\"onError\":\"null\"},"
    "{\"name\":\"d\",\"from\":\"/d\",\"type\":\"date\",\"clean\":[\"ordinal\"],\"format\":\"%B %d, "
    "%Y\",\"onError\":\"null\"},"
    "{\"name\":\"j\",\"from\":\"/d\",\"type\":\"date\",\"format\":\"%Y%j\",\"onError\":\"null\"},"
    "{\"name\":\"t\",\"from\":\"/t\",\"type\":\"time\",\"format\":\"%I:%M:%S %p\",\"onError\":\"null\"},"
    "{\"name\":\"at\",\"from\":\"/"
    "at\",\"type\":\"datetime\",\"constraints\":{\"minimum\":\"2000-01-01T00:00Z\"},\"onError\":\"null\"},"
    "{\"name\":\"o\",\"from\":\"/o\",\"type\":\"object\",\"onError\":\"null\"},"
    "{\"name\":\"a\",\"from\":\"/o/0\",\"type\":\"array\",\"onError\":\"null\"}]}";

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool is_text(const char *s, size_t n)
{
    return !memchr(s, 0, n) && text_utf8_valid(s, n) == n;
}

static void check(const struct entity *e, const struct cleaned *c)
{
    bool rejected = false;
    for (size_t i = 0; i < c->n_reasons; i++) {
        const struct reason *r = &c->reasons[i];
        rejected = rejected || r->action == ACTION_REJECT;
        must(r->field && r->rule && reason_names[r->code]);
        must(!r->value || (strlen(r->value) <= 200 && is_text(r->value, strlen(r->value))));
        must(!r->message || is_text(r->message, strlen(r->message)));
    }
    must(rejected == c->rejected);
    for (size_t i = 0; !rejected && i < e->n_fields; i++) {
        must(!c->cells[i].text || is_text(c->cells[i].text, c->cells[i].len));
        must(c->cells[i].text || !e->fields[i].required);
    }
}

static void clean_record(const struct entity *e, struct arena *a, const char *s, size_t n)
{
    const struct format f = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
    struct record record;
    struct cleaned cleaned;
    reader_parse(&f, NULL, s, n, a, &record);
    if (record.problem) {
        must(is_text(record.problem->value, strlen(record.problem->value)));
        return;
    }
    clean_document(e, &record.document, a, &cleaned);
    check(e, &cleaned);
}

/* The text in every column that some field reads. */
static void clean_text(const struct entity *e, struct arena *a, const char *s, size_t n)
{
    static const char *const names[] = {"id", "html", "code", "kg", "b", "d", "t", "at", "o"};
    struct value cells[ARRAY_SIZE(names)];
    struct cleaned cleaned;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        cells[i] = (struct value){VALUE_STRING, s, n};
    struct document d = {.header = header_make(a, names, ARRAY_SIZE(names)), .cells = cells};
    clean_document(e, &d, a, &cleaned);
    check(e, &cleaned);
}

static void clean_with(struct arena *a, const char *s, size_t n)
{
    static const char record[] = "{\"id\":\"1\",\"v\":\"x\",\"n\":1.5,\"d\":\"2015-01-01\"}";
    struct entity *e = entity_parse(a, "fuzz.json", s, n);
    if (e)
        clean_record(e, a, record, sizeof record - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct buf log;
    if (size < 1)
        return 0;
    arena_init(&a);
    buf_init(&log, 1 << 20);
    log_capture(&log);
    const struct entity *e = entity_parse(&a, "x.json", entity_text, sizeof entity_text - 1);
    must(e != NULL);
    const char *s = arena_memdup(&a, data + 1, size - 1);
    if (data[0] == 'e')
        clean_with(&a, s, size - 1);
    else if (data[0] == 'j')
        clean_record(e, &a, s, size - 1);
    else if (data[0] == 't')
        clean_text(e, &a, s, text_utf8_valid(s, size - 1));
    log_capture(NULL);
    buf_release(&log);
    arena_release(&a);
    return 0;
}
