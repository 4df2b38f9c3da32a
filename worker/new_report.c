/* What `oriel new` shows of what it was guided by. */
#include "worker/new_report.h"

#include "worker/convert.h"
#include "worker/table.h"

static const char *percent(struct arena *a, size_t part, size_t whole)
{
    if (!whole)
        return "";
    return part == whole ? "100 %" : arena_printf(a, "%.1f %%", (double)(part * 1000 / whole) / 10);
}

static const char *join_examples(struct arena *a, const struct guess_place *p)
{
    const char *text = "";
    for (size_t i = 0; i < p->n_examples; i++)
        text = arena_printf(a, "%s%s%s", text, i ? " | " : "", p->examples[i]);
    return text;
}

/* The type, and the keys that say in which form its values come. */
static const char *type_text(struct arena *a, const struct guess_field *f)
{
    static const struct {
        const char *key, *before;
    } keys[] = {{"\"format\": ", " "}, {"\"decimalChar\": ", ", point "}, {"\"groupChar\": ", ", groups "}};
    const char *text = type_names[f->type];
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *at = strstr(f->keys, keys[i].key);
        if (at)
            text = arena_printf(a, "%s%s%.*s", text, keys[i].before,
                                (int)strcspn(at + strlen(keys[i].key) + 1, "\"") + 2, at + strlen(keys[i].key));
    }
    const char *unit = strstr(f->keys, "unit:"), *bare = strstr(f->keys, "bareNumber");
    return unit   ? arena_printf(a, "%s, %.*s", text, (int)strcspn(unit, "\""), unit)
           : bare ? arena_printf(a, "%s in a text", text)
                  : text;
}

static void put_cell(PGresult *r, int row, int column, const char *text)
{
    char *copy = mem_strdup(text);
    (void)PQsetvalue(r, row, column, copy, (int)strlen(copy));
    free(copy);
}

/* What PQsetResultAttrs() takes, which has no const. */
static void set_columns(PGresult *r)
{
    enum { TEXT = 25, INT8 = 20 }; /* oids */
    static char names[][16] = {"column", "type", "fits", "missing", "distinct", "longest", "examples"};
    PGresAttDesc columns[ARRAY_SIZE(names)] = {{0}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        columns[i] = (PGresAttDesc){.name = names[i], .typid = i >= 2 && i <= 5 ? INT8 : TEXT};
    (void)PQsetResultAttrs(r, ARRAY_SIZE(columns), columns);
}

void new_print_evidence(const struct guess *g, const struct guess_field *fields, struct arena *a)
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    if (!r)
        return;
    set_columns(r);
    for (size_t i = 0; i < g->n; i++) {
        const struct guess_field *f = &fields[i];
        const char *cells[] = {f->name,
                               type_text(a, f),
                               percent(a, f->fits, f->place->values),
                               arena_printf(a, "%zu", f->missing),
                               arena_printf(a, "%zu", f->distinct),
                               f->place->longest ? arena_printf(a, "%zu", f->place->longest) : "",
                               join_examples(a, f->place)};
        for (size_t k = 0; k < ARRAY_SIZE(cells); k++)
            put_cell(r, (int)i, (int)k, cells[k]);
    }
    struct buf out;
    buf_init(&out, 4 << 20);
    table_print(&out, r, PQnfields(r));
    printf("%s", buf_str(&out));
    buf_release(&out);
    PQclear(r);
}

void new_print_doubts(const struct guess *g, const struct guess_field *fields)
{
    const char *title = "\nIn doubt:\n";
    for (size_t i = 0; i < g->n; i++) {
        const struct guess_field *f = &fields[i];
        if (f->also) {
            printf("%s  %s: %s fits as many values; look at which is meant\n", title, f->name, f->also);
            title = "";
        }
    }
}
