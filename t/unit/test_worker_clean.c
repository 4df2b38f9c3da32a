/* Cleaning: each row of the table is one field of an entity file, one document, and what comes out. */
#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/clean.h"
#include "worker/reader.h"

/* In the tables ' stands for ", so that JSON can be read. */
static const char *json_of(struct arena *a, const char *s)
{
    char *json = arena_strdup(a, s);
    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return json;
}

/* The field under test is "v"; the key is another, which has a default and so is always there. */
static struct entity *entity_of(struct arena *a, const char *field)
{
    const char *text =
        arena_printf(a,
                     "{'entity':'x','table':'dp.x','primaryKey':['client','key'],'fields':["
                     "{'name':'v','from':'v',%s},{'name':'key','from':null,'type':'string','default':'1',"
                     "'constraints':{'required':true}}]}",
                     field);
    text = json_of(a, text);
    return entity_parse(a, "x.json", text, strlen(text));
}

/* "=text" or "null" for a row, then each reason as "action rule reason". */
static const char *outcome(struct arena *a, const struct cleaned *c)
{
    const struct cell *cell = &c->cells[0];
    const char *text = c->rejected ? "" : cell->text ? arena_printf(a, "=%.*s", (int)cell->len, cell->text) : "null";
    for (size_t i = 0; i < c->n_reasons; i++)
        text = arena_printf(a, "%s%s%s %s %s", text, *text ? "; " : "", action_names[c->reasons[i].action],
                            c->reasons[i].rule, reason_names[c->reasons[i].code]);
    return text;
}

static const char *clean_text(struct arena *a, const char *field, const char *document)
{
    const struct format ndjson = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
    const char *text = json_of(a, document);
    struct entity *e = entity_of(a, field);
    struct record record;
    struct cleaned cleaned;
    if (!e)
        return "the entity file is wrong";
    reader_parse(&ndjson, NULL, text, strlen(text), a, &record);
    if (record.problem)
        return "the document is wrong";
    clean_document(e, &record.document, a, &cleaned);
    return outcome(a, &cleaned);
}

static const struct {
    const char *field, *document, *outcome;
} rows[] = {
    /* string */
    {"'type':'string'", "{'v':'as it is '}", "=as it is "},
    {"'type':'string'", "{'v':12.50}", "=12.50"},
    {"'type':'string'", "{'v':123456789012345678901234567890}", "=123456789012345678901234567890"},
    {"'type':'string'", "{'v':true}", "reject string malformed"},
    {"'type':'string'", "{'v':{'a':1}}", "reject string malformed"},
    {"'type':'string'", "{'v':['a']}", "reject string malformed"},
    {"'type':'string'", "{'v':'a\\u0000b'}", "reject string bad_encoding"},
    {"'type':'string','clean':['digits']", "{'v':'1\\u00002'}", "reject string bad_encoding"},
    {"'type':'string'", "{'v':'\\ud83d\\ude00'}", "=\U0001f600"},
    /* missing */
    {"'type':'string'", "{}", "null"},
    {"'type':'string'", "{'v':null}", "null"},
    {"'type':'string'", "{'v':''}", "null"},
    {"'type':'string','missingValues':[]", "{'v':''}", "="},
    {"'type':'string','missingValues':['-','n/a']", "{'v':'n/a'}", "null"},
    {"'type':'string','clean':['trim'],'missingValues':['-']", "{'v':' - '}", "null"},
    {"'type':'integer','missingValues':['-1']", "{'v':-1}", "null"},
    {"'type':'string','constraints':{'required':true}", "{'v':''}", "reject required missing"},
    {"'type':'string','constraints':{'required':true}", "{}", "reject required missing"},
    {"'type':'string','constraints':{'required':true},'onError':'null'", "{}", "reject required missing"},
    {"'type':'string','default':'none'", "{}", "=none"},
    {"'type':'number','default':1.50,'constraints':{'required':true}", "{}", "=1.50"},
    {"'type':'boolean','default':false", "{}", "=false"},
    {"'type':'date','format':'%d/%m/%Y','default':'2000-01-31'", "{}", "=2000-01-31"},
    /* actions */
    {"'type':'integer','onError':'null'", "{'v':'x'}", "null; null integer malformed"},
    {"'type':'integer','onError':'null','constraints':{'required':true}", "{'v':'x'}", "reject integer malformed"},
    {"'type':'integer','onError':'default','default':7", "{'v':'x'}", "=7; default integer malformed"},
    {"'type':'integer','onError':'null','constraints':{'minimum':1}", "{'v':0}", "null; null minimum out_of_range"},
    {"'type':'string','constraints':{'pattern':'[a-z]+','maxLength':2}", "{'v':'ABC'}",
     "reject maxLength too_long; reject pattern pattern"},
    /* integer */
    {"'type':'integer'", "{'v':42}", "=42"},
    {"'type':'integer'", "{'v':'-042'}", "=-42"},
    {"'type':'integer'", "{'v':'+7'}", "=7"},
    {"'type':'integer'", "{'v':9223372036854775807}", "=9223372036854775807"},
    {"'type':'integer'", "{'v':-9223372036854775808}", "=-9223372036854775808"},
    {"'type':'integer'", "{'v':9223372036854775808}", "reject integer out_of_range"},
    {"'type':'integer'", "{'v':1.0}", "reject integer malformed"},
    {"'type':'integer'", "{'v':1e3}", "reject integer malformed"},
    {"'type':'integer'", "{'v':'1e3'}", "reject integer malformed"},
    {"'type':'integer'", "{'v':'12 '}", "reject integer malformed"},
    {"'type':'integer'", "{'v':false}", "reject integer malformed"},
    {"'type':'integer','groupChar':','", "{'v':'1,234,567'}", "=1234567"},
    {"'type':'integer','groupChar':','", "{'v':'12,34,567'}", "=1234567"},
    {"'type':'integer','groupChar':','", "{'v':'1,95'}", "reject integer malformed"},
    {"'type':'integer','groupChar':','", "{'v':'1234,567'}", "reject integer malformed"},
    {"'type':'integer','bareNumber':false", "{'v':'0 full defects'}", "=0"},
    {"'type':'integer','bareNumber':false", "{'v':'A-5'}", "reject integer malformed"},
    {"'type':'integer','bareNumber':false", "{'v':'none'}", "reject integer malformed"},
    /* number */
    {"'type':'number'", "{'v':0.1000}", "=0.1000"},
    {"'type':'number'", "{'v':1.5e3}", "=1500"},
    {"'type':'number'", "{'v':15E-3}", "=0.015"},
    {"'type':'number'", "{'v':'-0.00'}", "=0.00"},
    {"'type':'number'", "{'v':'.5'}", "=0.5"},
    {"'type':'number'", "{'v':'5.'}", "reject number malformed"},
    {"'type':'number'", "{'v':'1.2.3'}", "reject number malformed"},
    {"'type':'number'", "{'v':'0x10'}", "reject number malformed"},
    {"'type':'number'", "{'v':'NaN'}", "reject number malformed"},
    {"'type':'number'", "{'v':'Infinity'}", "reject number malformed"},
    {"'type':'number'", "{'v':1e999999999999}", "reject number out_of_range"},
    {"'type':'number'", "{'v':12345678901234567890.12345678901234567890}",
     "=12345678901234567890.12345678901234567890"},
    {"'type':'number','decimalChar':',','groupChar':' '", "{'v':'1 234,50'}", "=1234.50"},
    {"'type':'number','decimalChar':',','groupChar':' '", "{'v':'1\\u00a0234\\u202f567,5'}", "=1234567.5"},
    {"'type':'number','decimalChar':','", "{'v':2.5}", "=2.5"},
    {"'type':'number','decimalChar':','", "{'v':'2.5'}", "reject number malformed"},
    {"'type':'number','bareNumber':false", "{'v':'about -12.5 %'}", "=-12.5"},
    {"'type':'number','bareNumber':false", "{'v':'\\u20ac.5'}", "=0.5"},
    {"'type':'number','bareNumber':false", "{'v':'1950-2200'}", "reject number malformed"},
    /* boolean */
    {"'type':'boolean'", "{'v':true}", "=true"},
    {"'type':'boolean'", "{'v':'FALSE'}", "=false"},
    {"'type':'boolean'", "{'v':1}", "=true"},
    {"'type':'boolean'", "{'v':'yes'}", "reject boolean malformed"},
    {"'type':'boolean','trueValues':['yes'],'falseValues':['no']", "{'v':'no'}", "=false"},
    {"'type':'boolean'", "{'v':{}}", "reject boolean malformed"},
    /* dates and times */
    {"'type':'date'", "{'v':'2016-02-29'}", "=2016-02-29"},
    {"'type':'date'", "{'v':'2015-02-29'}", "reject date malformed"},
    {"'type':'date'", "{'v':'2015-02-03 '}", "reject date malformed"},
    {"'type':'date','format':'%Y%m%d'", "{'v':20150401}", "=2015-04-01"},
    {"'type':'date','clean':['ordinal'],'format':'%B %d, %Y'", "{'v':'April 4th, 2015'}", "=2015-04-04"},
    {"'type':'time'", "{'v':'12:30'}", "=12:30:00"},
    {"'type':'time'", "{'v':'24:00'}", "reject time malformed"},
    {"'type':'datetime'", "{'v':'2015-04-04T12:00:00.250Z'}", "=2015-04-04 12:00:00.25+00"},
    {"'type':'datetime'", "{'v':'2015-04-04 12:00'}", "=2015-04-04 12:00:00+00"},
    {"'type':'datetime'", "{'v':'2015-04-04T12:00:00-03:30'}", "=2015-04-04 12:00:00-03:30"},
    {"'type':'datetime','zone':'Europe/Berlin'", "{'v':'2015-04-04 12:00'}", "=2015-04-04 12:00:00 Europe/Berlin"},
    {"'type':'datetime','zone':'Europe/Berlin'", "{'v':'2015-04-04 12:00Z'}", "=2015-04-04 12:00:00+00"},
    /* object and array */
    {"'type':'object'", "{'v':{'a':[1.50,null,true,'\\u00e9']}}", "={\"a\":[1.50,null,true,\"\u00e9\"]}"},
    {"'type':'object'", "{'v':{'n':12345678901234567890123}}", "={\"n\":12345678901234567890123}"},
    {"'type':'object'", "{'v':[1]}", "reject object malformed"},
    {"'type':'object'", "{'v':{'a':'\\u0000'}}", "reject object bad_encoding"},
    {"'type':'object'", "{'v':{'a':'\\\\u0000'}}", "={\"a\":\"\\\\u0000\"}"},
    {"'type':'array'", "{'v':[]}", "=[]"},
    {"'type':'array'", "{'v':'[1, 2]'}", "=[1,2]"},
    {"'type':'array'", "{'v':'[1'}", "reject array malformed"},
    {"'type':'array'", "{'v':3}", "reject array malformed"},
    /* constraints */
    {"'type':'integer','constraints':{'minimum':1,'maximum':'10'}", "{'v':10}", "=10"},
    {"'type':'integer','constraints':{'minimum':1,'maximum':'10'}", "{'v':11}", "reject maximum out_of_range"},
    {"'type':'number','constraints':{'minimum':0.1}", "{'v':0.0999999999999999999999}", "reject minimum out_of_range"},
    {"'type':'number','constraints':{'minimum':0.1}", "{'v':0.10}", "=0.10"},
    {"'type':'date','constraints':{'minimum':'2000-01-01'}", "{'v':'1999-12-31'}", "reject minimum out_of_range"},
    {"'type':'time','constraints':{'maximum':'12:00'}", "{'v':'12:00:00.000001'}", "reject maximum out_of_range"},
    {"'type':'datetime','constraints':{'maximum':'2015-01-01T00:00Z'}", "{'v':'2015-01-01T01:30+02:00'}",
     "=2015-01-01 01:30:00+02"},
    {"'type':'datetime','constraints':{'maximum':'2015-01-01T00:00Z'}", "{'v':'2014-12-31T23:30-01:00'}",
     "reject maximum out_of_range"},
    {"'type':'string','constraints':{'minLength':2,'maxLength':3}", "{'v':'\\u00e9\\u00e9\\u00e9'}",
     "=\u00e9\u00e9\u00e9"},
    {"'type':'string','constraints':{'minLength':2,'maxLength':3}", "{'v':'\\u00e9'}", "reject minLength out_of_range"},
    {"'type':'string','constraints':{'minLength':2,'maxLength':3}", "{'v':'abcd'}", "reject maxLength too_long"},
    {"'type':'string','constraints':{'pattern':'[0-9]{4}'}", "{'v':'1234'}", "=1234"},
    {"'type':'string','constraints':{'pattern':'[0-9]{4}'}", "{'v':'12345'}", "reject pattern pattern"},
    {"'type':'string','constraints':{'pattern':'a|ab'}", "{'v':'ab'}", "=ab"},
    {"'type':'string','constraints':{'pattern':'\\\\p{Lu}.'}", "{'v':'\\u00c9\\u00e9'}", "=\u00c9\u00e9"},
    {"'type':'string','constraints':{'pattern':'(a*)*b'}", "{'v':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}",
     "reject pattern pattern"},
    {"'type':'string','constraints':{'enum':['red','green']}", "{'v':'green'}", "=green"},
    {"'type':'string','constraints':{'enum':['red','green']}", "{'v':'greens'}", "reject enum not_in_enum"},
    {"'type':'number','constraints':{'enum':[1,2.5]}", "{'v':'2.50'}", "=2.50"},
    {"'type':'date','constraints':{'enum':['2015-01-01']}", "{'v':'2015-01-02'}", "reject enum not_in_enum"},
    /* operations and their faults */
    {"'type':'number','clean':['unit:kg']", "{'v':'100 lbs'}", "=45.359237"},
    {"'type':'number','clean':['unit:kg']", "{'v':'6'}", "reject unit:kg bad_unit"},
    {"'type':'number','clean':['unit:kg']", "{'v':6}", "reject unit:kg bad_unit"},
    {"'type':'number','clean':['trim','unit:kg']", "{'v':' '}", "null"},
    {"'type':'number','clean':['unit:kg'],'missingValues':['-']", "{'v':'-'}", "null"},
    {"'type':'number','clean':['trim'],'decimalChar':','", "{'v':2.5}", "=2.5"},
    {"'type':'integer','clean':['cents'],'decimalChar':',','groupChar':' '", "{'v':'1 234,50'}", "=123450"},
    {"'type':'integer','clean':['trim','cents'],'decimalChar':','", "{'v':12.50}", "=1250"},
    {"'type':'integer','clean':['cents'],'decimalChar':','", "{'v':'12.50'}", "reject integer malformed"},
    {"'type':'integer','decimalChar':','", "{'v':'12,5'}", "reject integer malformed"},
    {"'type':'number','clean':['unit:g'],'decimalChar':','", "{'v':'1,5 kg'}", "=1500"},
    {"'type':'number','clean':['unit:kg'],'decimalChar':',','onError':'null'", "{'v':'1 g'}", "=0.001"},
    {"'type':'string','clean':['trim','unescape_html','squeeze']", "{'v':'  A &amp;  B '}", "=A & B"},
};

static void test_rows(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena a;
        arena_init(&a);
        const char *name = arena_printf(&a, "%s of %s", rows[i].field, rows[i].document);
        is(clean_text(&a, rows[i].field, rows[i].document), rows[i].outcome, name);
        arena_release(&a);
    }
}

/* Several places joined into one field. */
static void test_joined(void)
{
    static const struct {
        const char *document, *outcome;
    } joins[] = {
        {"{'a':'x','b':{'c':7}}", "=x-7"},   {"{'a':'','b':{'c':7}}", "=7"},
        {"{'a':'x','b':null}", "=x"},        {"{}", "null"},
        {"{'a':null,'b':{'c':''}}", "null"}, {"{'a':['x'],'b':{'c':7}}", "reject string malformed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(joins); i++) {
        struct arena a;
        arena_init(&a);
        const char *text = "{'entity':'x','table':'dp.x','primaryKey':['client','v2'],'fields':["
                           "{'name':'v','from':['/a','/b/c'],'join':'-','type':'string'},"
                           "{'name':'v2','from':null,'type':'string','default':'1','constraints':{'required':true}}]}";
        text = json_of(&a, text);
        struct entity *e = entity_parse(&a, "x.json", text, strlen(text));
        const struct format ndjson = {.kind = FORMAT_NDJSON, .encoding = "UTF-8"};
        const char *document = json_of(&a, joins[i].document);
        struct record record;
        struct cleaned cleaned;
        reader_parse(&ndjson, NULL, document, strlen(document), &a, &record);
        clean_document(e, &record.document, &a, &cleaned);
        is(outcome(&a, &cleaned), joins[i].outcome, document);
        arena_release(&a);
    }
}

/* All fields are looked at, and each reason tells field and value. */
static void test_all_reasons(void)
{
    struct arena a;
    struct cleaned cleaned;
    arena_init(&a);
    const char *text = json_of(&a, "{'entity':'x','table':'dp.x','primaryKey':['id'],'fields':["
                                   "{'name':'id','from':'Id','type':'string','constraints':{'required':true}},"
                                   "{'name':'price','from':'Price','type':'number'},"
                                   "{'name':'made','from':'Made','type':'date','onError':'null'}]}");
    struct entity *e = entity_parse(&a, "x.json", text, strlen(text));
    const char *const names[] = {"Made", "Id", "Price"};
    const struct value cells[] = {{VALUE_STRING, "soon", 4},
                                  {VALUE_STRING, "", 0},
                                  {VALUE_STRING,
                                   "a\xff"
                                   "b",
                                   3}};
    const struct document d = {.header = header_make(&a, names, 3), .cells = cells};
    clean_document(e, &d, &a, &cleaned);
    ok(cleaned.rejected, "a record with one rejecting reason is rejected");
    is_int((long long)cleaned.n_reasons, 3, "each of three fields has its reason");
    if (cleaned.n_reasons == 3) {
        is(cleaned.reasons[0].field, "id", "the first is about the first field");
        is(cleaned.reasons[0].value, "", "a missing value is told as it came");
        is(cleaned.reasons[1].field, "price", "the second about the second");
        is(cleaned.reasons[1].value,
           "a\xef\xbf\xbd"
           "b",
           "what is no UTF-8 is replaced in a reason's value");
        is(action_names[cleaned.reasons[2].action], "null", "the third only costs its value");
    }
    arena_release(&a);
}

static void test_reason_value(void)
{
    struct arena a;
    char text[256];
    arena_init(&a);
    memset(text, 'x', sizeof text);
    memcpy(text + 199, "\xc3\xa9", 2);
    is_int((long long)strlen(reason_value(&a, text, sizeof text)), 199, "a value is cut between characters");
    is(reason_value(&a, "a\0b", 3),
       "a\xef\xbf\xbd"
       "b",
       "a NUL is replaced");
    is(reason_value(&a, "a\xc3", 2), "a\xef\xbf\xbd", "half a character is replaced");
    is(reason_value(&a, "", 0), "", "nothing stays nothing");
    arena_release(&a);
}

static void test_reason_names(void)
{
    size_t n = 0;
    while (reason_names[n])
        n++;
    is_int((long long)n, REASON_CONSTRAINT + 1, "every reason has its name");
    is(reason_names[REASON_CONSTRAINT], "constraint", "and the last its own");
    is(action_names[ACTION_PARK], "park", "so have the actions");
}

int main(void)
{
    test_rows();
    test_joined();
    test_all_reasons();
    test_reason_value();
    test_reason_names();
    return tap_done();
}
