/*
 * What may stand behind @ in a contract's comments, and what is said of what may not.
 */
#include "lib/contract.h"
#include "t/unit/tap.h"

static struct contract *read_comment(struct arena *a, const char *comment, const char *column_comment)
{
    struct contract *c = arena_alloc(a, sizeof *c);
    c->columns = arena_array(a, 3, sizeof *c->columns);
    c->n_columns = 3;
    c->columns[0] = (struct contract_column){.name = "id", .type = "bigint", .comment = column_comment};
    c->columns[1] = (struct contract_column){.name = "vendor_id", .type = "bigint"};
    c->columns[2] = (struct contract_column){.name = "Odd name", .type = "text"};
    contract_comment_read(c, a, comment);
    return c;
}

static void test_good(struct arena *a)
{
    struct contract *c =
        read_comment(a,
                     "Things.\nTwo lines.\n@primaryKey id, \"Odd name\"\n@unique vendor_id\n@unique id\n"
                     "@foreignKey (vendor_id) references v_vendors_v1 (id)|@name maker\n"
                     "@foreignKey (ID) references v_x_v2 (\"Odd\"\"er\")\n@deprecated\n@sunset 2028-02-29\n"
                     "@successor v_things_v2\n@cache 60\n",
                     "Number.\n@notNull");
    is(c->problem, NULL, "all of it can be read");
    is(c->comment, "Things.\nTwo lines.", "the text is left");
    ok(strcmp(c->key[0], "id") == 0 && strcmp(c->key[1], "Odd name") == 0 && !c->key[2], "a key of two, one quoted");
    is_int(c->n_uniques, 2, "two uniques");
    is_int(c->n_foreign_keys, 2, "two foreign keys");
    is(c->foreign_keys[0].name, "maker", "one with a name");
    is(c->foreign_keys[1].columns[0], "id", "unquoted names fold to lower case, as in SQL");
    is(c->foreign_keys[1].target_columns[0], "Odd\"er", "a quote within quotes");
    ok(c->deprecated, "deprecated");
    is(c->sunset, "2028-02-29", "sunset");
    is(c->successor, "v_things_v2", "successor");
    is_int(c->cache_seconds, 60, "cache");
    ok(c->columns[0].not_null && !c->columns[1].not_null, "not null where it is declared");
    is(c->columns[0].comment, "Number.", "the column's text is left");
    c = read_comment(a, NULL, NULL);
    ok(!c->comment && !*c->key && !c->problem && c->cache_seconds == -1, "no comment declares nothing");
}

static void test_bad(struct arena *a)
{
    static const struct {
        const char *comment, *column, *says;
    } cases[] = {
        {"@primarykey id", NULL, "did you mean @primaryKey?"},
        {"@primaryKey", NULL, "a name was expected"},
        {"@primaryKey nope", NULL, "no column \"nope\""},
        {"@primaryKey id id", NULL, "was not expected"},
        {"@primaryKey id,", NULL, "a name was expected"},
        {"@primaryKey id\n@noKey", NULL, "both"},
        {"@foreignKey vendor_id references v_x_v1 (id)", NULL, "expected: @foreignKey"},
        {"@foreignKey (vendor_id) references v_x_v1 (id, x)", NULL, "as many columns"},
        {"@foreignKey (vendor_id) references v_x_v1 (id)|@nam x", NULL, "only @name"},
        {"@sunset 2027-13-01", NULL, "a day such as"},
        {"@sunset 2027-1-01", NULL, "a day such as"},
        {"@sunset 2027-01-01x", NULL, "a day such as"},
        {"@cache soon", NULL, "number of seconds"},
        {"@deprecated yes", NULL, "was not expected"},
        {"x", "@notnull", "may have @notNull"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct contract *c = read_comment(a, cases[i].comment, cases[i].column);
        if (!ok(c->problem && strstr(c->problem, cases[i].says), "case %zu is told: %s", i, cases[i].says))
            printf("# %s\n", c->problem ? c->problem : "(no problem)");
    }
}

static void test_names(struct arena *a)
{
    static const char *const bad[] = {"v__v1", "v_x",          "x_v1",        "v_x_v0", "v_x_v01",
                                      "v_x_v", "v_x_v1234567", "products_v1", ""};
    const char *entity;
    int version;
    ok(contract_name_split(a, "v_order_lines_v12", &entity, &version) == 0 && strcmp(entity, "order_lines") == 0 &&
           version == 12,
       "a contract's name");
    ok(contract_name_split(a, "v_a_v1_v2", &entity, &version) == 0 && strcmp(entity, "a_v1") == 0 && version == 2,
       "the last number counts");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ok(contract_name_split(a, bad[i], &entity, &version) < 0, "\"%s\" is none", bad[i]);
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_good(&a);
    test_bad(&a);
    test_names(&a);
    arena_release(&a);
    return tap_done();
}
