/* Entity files: what a good one says, each mistake with its line, and what files of a folder say of each other. */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/entity.h"

static const char *json_of(struct arena *a, const char *s)
{
    char *json = arena_strdup(a, s);
    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return json;
}

static struct entity *parse(struct arena *a, const char *text, struct buf *log)
{
    text = json_of(a, text);
    log_capture(log);
    struct entity *e = entity_parse(a, "conf/acme-product.json", text, strlen(text));
    log_capture(NULL);
    return e;
}

static void test_good(struct arena *a)
{
    struct buf log;
    buf_init(&log, 8192);
    struct entity *e = parse(
        a,
        "{'entity':'product','table':'dp.product','primaryKey':['client','external_id'],'id':'id',\n"
        "'orderBy':'changed_at','unknown':'keep_raw','limits':{'rejectPercent':2.5},'description':'x','fields':[\n"
        "{'name':'external_id','from':'/"
        "id','type':'string','clean':['trim'],'constraints':{'required':true,'maxLength':64}},\n"
        "{'name':'changed_at','from':['/day','/time'],'join':' ','type':'datetime','format':'%d.%m.%Y "
        "%H:%M','zone':'Europe/Berlin'},\n"
        "{'name':'price','from':'/price','type':'number','decimalChar':',','groupChar':' ','missingValues':['','-'],\n"
        " 'constraints':{'minimum':0.10},'default':'1.50','onError':'default'},\n"
        "{'name':'vendor_id','from':'/vendor','type':'string','reference':'vendor','onMissing':'null'}]}",
        &log);
    is(buf_str(&log), "", "a good file has no complaints");
    if (!ok(e, "and is read"))
        return;
    is(e->file, "acme-product", "its name is the file's");
    is(e->schema, "dp", "schema");
    is(e->table, "product", "table");
    is(e->id, "id", "id");
    is(e->order_by, "changed_at", "orderBy");
    is_int((long long)strlen(e->sha256), 64, "its text has a SHA-256");
    ok(e->keyed_by_client, "the client is in the key and no field");
    ok(e->reject_percent > 2.49 && e->reject_percent < 2.51, "rejectPercent");
    is(entity_key_field(e)->name, "external_id", "beside the client one field is the key");
    const struct field *f = &e->fields[1];
    is(f->from[1], "/time", "several places");
    ok(!f->from[2] && strcmp(f->join, " ") == 0, "joined by a space");
    is(f->zone, "Europe/Berlin", "zone");
    f = &e->fields[2];
    ok(f->decimal_char == ',' && f->group_char == ' ' && f->bare_number, "signs of a number");
    is(f->missing_values[1], "-", "missingValues");
    is(f->minimum, "0.10", "a minimum keeps its digits");
    is(f->default_text, "1.50", "a default");
    is_int(f->on_error, ACTION_DEFAULT, "onError");
    f = &e->fields[3];
    is(f->reference, "vendor", "reference");
    is_int(f->on_missing, ACTION_NULL, "onMissing");
    is_int(e->fields[0].on_missing, ACTION_PARK, "which is park by default");
    is(e->fields[0].missing_values[0], "", "an empty text is missing by default");
    buf_release(&log);
}

/* One field of a file in which all else is good; the complaint that it brings, with its place. */
static const struct {
    const char *field, *complaint;
} bad_fields[] = {
    {"'name':'v','type':'string'", "fields[1]: the key \"from\" is missing"},
    {"'name':'v','from':'','type':'string'", "fields[1].from: must not be empty"},
    {"'name':'v','from':[],'type':'string'", "an empty list"},
    {"'name':'v','from':'/a~2','type':'string'", "\"~\" is written \"~0\""},
    {"'name':'v','from':7,'type':'string'", "a string was expected"},
    {"'from':'/v','type':'string'", "the key \"name\" is missing"},
    {"'name':'v','from':'/v'", "the key \"type\" is missing"},
    {"'name':'v','from':'/v','type':'strng'", "fields[1].type: one of string, integer"},
    {"'name':'v','from':'/v','type':'string','requird':1", "fields[1].requird: unknown key"},
    {"'name':'v','from':'/v','type':'string','missingValue':['']", "did you mean \"missingValues\"?"},
    {"'name':'v','from':'/v','type':'string','join':','", "joins what a list"},
    {"'name':'v','from':'/v','type':'string','constraints':{'maxLenght':3}", "did you mean \"maxLength\"?"},
    {"'name':'v','from':'/v','type':'string','constraints':{'minimum':3}",
     "means nothing for type string; it is for integer, number, date"},
    {"'name':'v','from':'/v','type':'integer','constraints':{'pattern':'x'}",
     "means nothing for type integer; it is for string"},
    {"'name':'v','from':'/v','type':'integer','constraints':{'minimum':'x'}", "not a valid integer"},
    {"'name':'v','from':'/v','type':'integer','constraints':{'minimum':99999999999999999999}", "as a string"},
    {"'name':'v','from':'/v','type':'date','constraints':{'minimum':'1.1.2000'}", "ISO 8601"},
    {"'name':'v','from':'/v','type':'string','constraints':{'enum':[]}", "at least one value"},
    {"'name':'v','from':'/v','type':'boolean','constraints':{'enum':['maybe']}", "not a valid boolean"},
    {"'name':'v','from':'/v','type':'string','constraints':{'pattern':'a('}", "not a regular expression"},
    {"'name':'v','from':'/v','type':'string','constraints':{'maxLength':-1}", "a whole number"},
    {"'name':'v','from':'/v','type':'string','constraints':{'required':'yes'}", "true or false"},
    {"'name':'v','from':'/v','type':'string','format':'%d'",
     "means nothing for type string; it is for date, time, datetime"},
    {"'name':'v','from':'/v','type':'date','format':'%d.%m'", "year, month and day are needed"},
    {"'name':'v','from':'/v','type':'date','zone':'UTC'", "it is for datetime"},
    {"'name':'v','from':'/v','type':'datetime','zone':'Europe/Atlantis'", "no zone \"Europe/Atlantis\""},
    {"'name':'v','from':'/v','type':'datetime','zone':'../../passwd'", "no zone"},
    {"'name':'v','from':'/v','type':'datetime','zone':'Asia/Tokyo','constraints':{'minimum':'2000-01-01T00:00'}",
     "no limits"},
    {"'name':'v','from':'/v','type':'string','decimalChar':','", "it is for integer, number"},
    {"'name':'v','from':'/v','type':'number','decimalChar':',,'", "one character"},
    {"'name':'v','from':'/v','type':'number','decimalChar':'5'", "no digit"},
    {"'name':'v','from':'/v','type':'number','groupChar':'.'", "the same as decimalChar"},
    {"'name':'v','from':'/v','type':'string','trueValues':['y']", "it is for boolean"},
    {"'name':'v','from':'/v','type':'object','clean':['trim']", "it is for string"},
    {"'name':'v','from':'/v','type':'string','clean':['trimm']", "did you mean \"trim\"?"},
    {"'name':'v','from':'/v','type':'string','clean':'trim'", "a list was expected"},
    {"'name':'v','from':'/v','type':'integer','default':'x'", "not a valid integer"},
    {"'name':'v','from':'/v','type':'integer','default':0,'constraints':{'minimum':1}",
     "breaks the field's own minimum"},
    {"'name':'v','from':'/v','type':'integer','onError':'default'", "there is no default"},
    {"'name':'v','from':'/v','type':'integer','onError':'park'", "one of reject, null, default"},
    {"'name':'v','from':'/v','type':'string','onMissing':'park'", "\"reference\" is missing"},
    {"'name':'v','from':'/v','type':'string','reference':'x','onMissing':'default'", "one of park, reject, null"},
    {"'name':'v','from':null,'type':'string','constraints':{'required':true}", "required, but no source has it"},
    {"'name':'k','from':'/v','type':'string'", "a second field \"k\""},
    {"'name':'raw_batch','from':'/v','type':'string'", "Oriel itself writes"},
    {"'name':'gone_at','from':'/v','type':'datetime'", "Oriel itself writes"},
    {"'name':'id','from':'/v','type':'integer'", "Oriel itself assigns"},
    {"'name':'a234567890123456789012345678901234567890123456789012345678901234','from':'/v','type':'string'",
     "longer than 63"},
};

static void test_bad_fields(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_fields); i++) {
        struct arena a;
        struct buf log;
        arena_init(&a);
        buf_init(&log, 8192);
        struct entity *e =
            parse(&a,
                  arena_printf(&a,
                               "{'entity':'x','table':'dp.x','primaryKey':['client','k'],'id':'id','fields':[\n"
                               "{'name':'k','from':'/k','type':'string','constraints':{'required':true}},\n{%s}]}",
                               bad_fields[i].field),
                  &log);
        bool told = strstr(buf_str(&log), bad_fields[i].complaint);
        bool placed = strncmp(buf_str(&log), "conf/acme-product.json:3: ", 26) == 0;
        if (!ok(!e && told && placed, "%s is told with its line", bad_fields[i].field))
            printf("#   got: %s#   expected: %s\n", buf_str(&log), bad_fields[i].complaint);
        buf_release(&log);
        arena_release(&a);
    }
}

#define FIELD "{'name':'k','from':'/k','type':'string','constraints':{'required':true}}"
static const struct {
    const char *text, *complaint;
} bad_files[] = {
    {"[]", "an object was expected"},
    {"{'entity':'x'", "not valid JSON"},
    {"{'table':'dp.x','primaryKey':['k'],'fields':[" FIELD "]}", "\"entity\" is missing"},
    {"{'entity':'x','primaryKey':['k'],'fields':[" FIELD "]}", "\"table\" is missing"},
    {"{'entity':'x','table':'x','primaryKey':['k'],'fields':[" FIELD "]}", "a schema and a table"},
    {"{'entity':'x','table':'a.b.c','primaryKey':['k'],'fields':[" FIELD "]}", "a schema and a table"},
    {"{'entity':'x','table':'dp.x','fields':[" FIELD "]}", "\"primaryKey\" has to name"},
    {"{'entity':'x','table':'dp.x','primaryKey':['kk'],'fields':[" FIELD "]}", "no field \"kk\"; did you mean \"k\"?"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k','k'],'fields':[" FIELD "]}", "named twice"},
    {"{'entity':'x','table':'dp.x','primaryKey':['client'],'fields':[" FIELD "]}", "the client alone"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'fields':[{'name':'k','from':'/k','type':'string'}]}",
     "has to have"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'fields':[]}", "at least one field"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'orderBy':'j','fields':[" FIELD "]}", "no field \"j\""},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'unknown':'drop','fields':[" FIELD "]}", "one of keep_raw"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'limits':{'rejectPercent':101},'fields':[" FIELD "]}",
     "from 0 to 100"},
    {"{'entity':'x','table':'dp.x','primaryKey':['k'],'limits':{'rejects':1},'fields':[" FIELD "]}", "unknown key"},
    {"{'entity':'x','table':'dp.x','primarykey':['k'],'fields':[" FIELD "]}", "did you mean \"primaryKey\"?"},
};

static void test_bad_files(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
        struct arena a;
        struct buf log;
        arena_init(&a);
        buf_init(&log, 8192);
        struct entity *e = parse(&a, bad_files[i].text, &log);
        if (!ok(!e && strstr(buf_str(&log), bad_files[i].complaint), "told: %s", bad_files[i].complaint))
            printf("#   got: %s", buf_str(&log));
        buf_release(&log);
        arena_release(&a);
    }
}

/* A folder of entity files. */
struct folder {
    char path[64];
    struct arena arena;
};

static void folder_init(struct folder *f)
{
    snprintf(f->path, sizeof f->path, "/tmp/test_worker_entity.XXXXXX");
    if (!mkdtemp(f->path))
        abort();
    arena_init(&f->arena);
}

static void write_file(struct folder *f, const char *name, const char *text)
{
    FILE *out = fopen(arena_printf(&f->arena, "%s/%s", f->path, name), "w");
    fputs(json_of(&f->arena, text), out);
    fclose(out);
}

static void folder_release(struct folder *f)
{
    const char *command = arena_printf(&f->arena, "rm -r %s", f->path);
    if (system(command) != 0)
        abort();
    arena_release(&f->arena);
}

/* An entity with a key "k", an id, and references to others. */
static void write_entity(struct folder *f, const char *file, const char *entity, const char *to, const char *more)
{
    const char *reference =
        to ? arena_printf(&f->arena, ",\n{'name':'r','from':'/r','type':'string','reference':'%s'}", to) : "";
    write_file(f, arena_printf(&f->arena, "%s.json", file),
               arena_printf(&f->arena,
                            "{'entity':'%s','table':'dp.%s','primaryKey':['client','k'],%s'fields':[" FIELD "%s]}",
                            entity, entity, more ? more : "'id':'id',", reference));
}

static const char *load_folder(struct folder *f, struct buf *log)
{
    struct entity_set set;
    buf_init(log, 8192);
    log_capture(log);
    int result = entity_load_all(&set, &f->arena, f->path);
    log_capture(NULL);
    const char *order = "";
    for (size_t i = 0; i < set.n; i++)
        order = arena_printf(&f->arena, "%s%s%s", order, i ? " " : "", set.list[i].file);
    return result == 0 ? order : "failed";
}

static void test_set(void)
{
    struct folder f;
    struct buf log;
    folder_init(&f);
    write_entity(&f, "a-batch", "batch", "product", NULL);
    write_entity(&f, "b-product", "product", "vendor", NULL);
    write_entity(&f, "c-product", "product", NULL, NULL);
    write_entity(&f, "d-vendor", "vendor", "vendor", NULL);
    write_file(&f, "d-vendor.test.json", "nothing");
    write_file(&f, "notes.txt", "nothing");
    is(load_folder(&f, &log), "c-product d-vendor b-product a-batch", "what is referred to comes first");
    is(buf_str(&log), "", "and a reference to itself is none to complain of");
    buf_release(&log);
    write_entity(&f, "e-vendor", "vendor", "batch", NULL);
    is(load_folder(&f, &log), "failed", "a circle is refused");
    ok(strstr(buf_str(&log), "references go in a circle (") && strstr(buf_str(&log), "vendor -> batch"), "and shown");
    buf_release(&log);
    folder_release(&f);
}

static void test_set_mistakes(void)
{
    static const struct {
        const char *to, *entity, *more, *complaint;
    } rows[] = {
        {"vendr", "vendor", NULL,
         "a.json:2: fields[1].reference: no file feeds an entity \"vendr\"; did you mean \"vendor\"?"},
        {"vendor", "vendor", "'id':null,", "\"vendor\" has no id"},
        {NULL, "x", "'id':'other',", "b.json:1: id: "},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct folder f;
        struct buf log;
        folder_init(&f);
        write_entity(&f, "a", "x", rows[i].to, NULL);
        write_entity(&f, "b", rows[i].entity, NULL, rows[i].more);
        is(load_folder(&f, &log), "failed", rows[i].complaint);
        if (!ok(strstr(buf_str(&log), rows[i].complaint), "is told"))
            printf("#   got: %s", buf_str(&log));
        buf_release(&log);
        folder_release(&f);
    }
}

static void test_compound_key(void)
{
    struct folder f;
    struct buf log;
    folder_init(&f);
    write_entity(&f, "a", "x", "pair", NULL);
    write_file(&f, "b.json",
               "{'entity':'pair','table':'dp.pair','id':'id','primaryKey':['k','l'],'fields':[" FIELD ","
               "{'name':'l','from':'/l','type':'string','constraints':{'required':true}}]}");
    write_file(&f, "c.json", "{'entity':'other','table':'dp.pair','id':'id','primaryKey':['k'],'fields':[" FIELD "]}");
    is(load_folder(&f, &log), "failed", "no text can refer to a key of two fields");
    ok(strstr(buf_str(&log), "the key of \"pair\" is not one field"), "which is told");
    ok(strstr(buf_str(&log), "c.json:1: table: "), "with all mistakes of other files: two entities on one table");
    buf_release(&log);
    is(load_folder(&(struct folder){.path = "/nonexistent"}, &log), "failed", "no folder");
    buf_release(&log);
    folder_release(&f);
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_good(&a);
    arena_release(&a);
    test_bad_fields();
    test_bad_files();
    test_set();
    test_set_mistakes();
    test_compound_key();
    return tap_done();
}
