/*
 * The rule table: each rule is triggered by a change, its mirror by the opposite change, and none is left out.
 */
#include "lib/contract_diff.h"
#include "t/unit/tap.h"

static const char *const key_id[] = {"id", NULL}, *const key_name[] = {"name", NULL}, *const no_names[] = {NULL};
static const char *const somebody[] = {"somebody", NULL};

/* A contract with a bit of everything, to be changed by the table below. */
static struct contract *make(struct arena *a)
{
    struct contract *c = arena_alloc(a, sizeof *c);
    static const struct contract_column columns[] = {
        {.name = "id", .type = "integer", .not_null = true},
        {.name = "name", .type = "character varying(20)", .comment = "Its name."},
        {.name = "price", .type = "numeric(12,2)"},
        {.name = "at", .type = "timestamp(3) with time zone"},
    };
    *c = (struct contract){.view = "v_things_v1",
                           .entity = "things",
                           .version = 1,
                           .comment = "Things.",
                           .key = key_id,
                           .security_barrier = true,
                           .owner_can_read = true,
                           .reader_can_select = true,
                           .writers = no_names,
                           .definition = "d1",
                           .cache_seconds = -1};
    c->n_columns = ARRAY_SIZE(columns);
    c->columns = arena_array(a, c->n_columns + 1, sizeof *c->columns);
    memcpy(c->columns, columns, sizeof columns);
    c->n_foreign_keys = 0;
    c->foreign_keys = arena_array(a, 1, sizeof *c->foreign_keys);
    c->uniques = arena_array(a, 1, sizeof *c->uniques);
    return c;
}

static void append(struct contract *c)
{
    c->columns[c->n_columns++] = (struct contract_column){.name = "x", .type = "text"};
}
static void drop_first(struct contract *c)
{
    memmove(c->columns, c->columns + 1, --c->n_columns * sizeof *c->columns);
    c->key = no_names;
}
static void drop_last(struct contract *c)
{
    c->n_columns--;
}
static void rename_one(struct contract *c)
{
    c->columns[1].name = "title";
}
static void swap(struct contract *c)
{
    struct contract_column t = c->columns[1];
    c->columns[1] = c->columns[2];
    c->columns[2] = t;
}
static void insert(struct contract *c)
{
    memmove(c->columns + 1, c->columns, c->n_columns++ * sizeof *c->columns);
    c->columns[0] = (struct contract_column){.name = "x", .type = "text"};
}
static void retype(struct contract *c)
{
    c->columns[2].type = "text";
}
static void widen_integer(struct contract *c)
{
    c->columns[0].type = "bigint";
}
static void widen_varchar(struct contract *c)
{
    c->columns[1].type = "character varying(30)";
}
static void unlimit_varchar(struct contract *c)
{
    c->columns[1].type = "character varying";
}
static void widen_scale(struct contract *c)
{
    c->columns[2].type = "numeric(12,3)";
}
static void other_tail(struct contract *c)
{
    c->columns[3].type = "timestamp(3) without time zone";
}
static void collate(struct contract *c)
{
    c->columns[1].collation = "C";
}
static void promise_name(struct contract *c)
{
    c->columns[1].not_null = true;
}
static void lose_key(struct contract *c)
{
    c->key = no_names;
}
static void change_key(struct contract *c)
{
    c->key = key_name;
}
static void unique(struct contract *c)
{
    c->uniques[c->n_uniques++] = key_name;
}
static void relate(struct contract *c)
{
    c->foreign_keys[c->n_foreign_keys++] = (struct contract_foreign_key){key_id, "v_others_v1", key_id, NULL};
}
static void revoke(struct contract *c)
{
    c->reader_can_select = false;
}
static void let_write(struct contract *c)
{
    c->writers = somebody;
}
static void lose_rights(struct contract *c)
{
    c->owner_can_read = false;
}
static void invoker(struct contract *c)
{
    c->security_invoker = true;
}
static void no_barrier(struct contract *c)
{
    c->security_barrier = false;
}
static void redefine(struct contract *c)
{
    c->definition = "d2";
}
static void spoil_comment(struct contract *c)
{
    c->problem = "unreadable";
}
static void recomment(struct contract *c)
{
    c->comment = "Other things.";
}
static void recomment_column(struct contract *c)
{
    c->columns[1].comment = NULL;
}
static void deprecate(struct contract *c)
{
    c->deprecated = true;
}
static void set_sunset(struct contract *c)
{
    c->sunset = "2027-01-01";
}
static void succeed(struct contract *c)
{
    c->successor = "v_things_v2";
}
static void cache(struct contract *c)
{
    c->cache_seconds = 60;
}

static const struct {
    void (*change)(struct contract *);
    const char *rule; /* the worst that it triggers */
    const char *column;
} cases[] = {
    {append, "column_added", "x"},
    {drop_first, "column_removed", "id"},
    {drop_last, "column_removed", "at"},
    {rename_one, "column_renamed", "name"},
    {swap, "column_moved", "name"},
    {retype, "type_changed", "price"},
    {widen_integer, "type_widened", "id"},
    {widen_varchar, "type_widened", "name"},
    {unlimit_varchar, "type_widened", "name"},
    {widen_scale, "type_widened", "price"},
    {other_tail, "type_changed", "at"},
    {collate, "collation_changed", "name"},
    {promise_name, "not_null_gained", "name"},
    {lose_key, "key_lost", NULL},
    {change_key, "key_changed", NULL},
    {unique, "unique_gained", NULL},
    {relate, "foreign_key_gained", NULL},
    {revoke, "reader_grant_lost", NULL},
    {let_write, "write_grant_gained", NULL},
    {lose_rights, "owner_rights_lost", NULL},
    {invoker, "security_invoker_on", NULL},
    {no_barrier, "security_barrier_off", NULL},
    {redefine, "definition_changed", NULL},
    {spoil_comment, "comment_unreadable", NULL},
    {recomment, "comment_changed", NULL},
    {recomment_column, "comment_changed", "name"},
    {deprecate, "deprecation_set", NULL},
    {set_sunset, "sunset_set", NULL},
    {succeed, "successor_changed", NULL},
    {cache, "cache_changed", NULL},
};

static bool seen[128];

static const struct contract_difference *find(const struct contract_differences *d, const char *rule)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->list[i].rule->name, rule) == 0) {
            seen[d->list[i].rule - contract_rules] = true;
            return &d->list[i];
        }
    return NULL;
}

static const struct contract_rule *rule_named(const char *name)
{
    for (size_t i = 0; i < n_contract_rules; i++)
        if (strcmp(contract_rules[i].name, name) == 0)
            return &contract_rules[i];
    return NULL;
}

static void test_case(size_t i)
{
    struct arena a;
    struct contract_differences d, back;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    cases[i].change(after);
    contract_compare_one(&d, &a, before, after, NULL);
    contract_compare_one(&back, &a, after, before, NULL);
    const struct contract_rule *rule = rule_named(cases[i].rule);
    const struct contract_difference *found = find(&d, cases[i].rule);
    ok(found, "change %zu triggers %s", i, cases[i].rule);
    ok(rule && d.verdict >= rule->verdict, "and weighs no less");
    if (found && cases[i].column)
        is(found->column, cases[i].column, "at the column");
    ok(rule && find(&back, rule->mirror), "the opposite change triggers %s", rule ? rule->mirror : "(no such rule)");
    ok(found && strstr(contract_difference_text(&a, found), cases[i].rule), "its sentence names the rule");
    arena_release(&a);
}

static void test_set(void)
{
    static const char *const tombs[] = {"v_old_v1", NULL};
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *one = make(&a), *old = make(&a);
    old->view = "v_old_v1";
    struct contract_set empty = {.tombstones = no_names}, with = {.contracts = one, .n = 1, .tombstones = no_names},
                        buried = {.tombstones = tombs}, risen = {.contracts = old, .n = 1, .tombstones = no_names};
    contract_compare(&d, &a, &with, &with);
    ok(d.n == 0 && d.verdict == CONTRACT_SAME, "equal sets do not differ");
    contract_compare(&d, &a, &empty, &with);
    ok(find(&d, "contract_added") && d.verdict == CONTRACT_OK, "a new contract is compatible");
    contract_compare(&d, &a, &with, &empty);
    ok(find(&d, "contract_removed") && d.verdict == CONTRACT_BREAK, "a missing one breaks");
    contract_compare(&d, &a, &buried, &risen);
    ok(find(&d, "tombstone_reused") && d.verdict == CONTRACT_BREAK, "a retired name must not come back");
    arena_release(&a);
}

static void test_removal_moves_nothing(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    memmove(after->columns + 1, after->columns + 2, (--after->n_columns - 1) * sizeof *after->columns);
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 1 && find(&d, "column_removed"), "a removed column is told once, not as a move of those behind it");
    arena_release(&a);
}

static void test_insertion_moves(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    insert(after);
    contract_compare_one(&d, &a, before, after, NULL);
    ok(find(&d, "column_moved") && d.verdict == CONTRACT_BREAK, "a column in front moves those behind it");
    arena_release(&a);
}

static void test_sunset(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    before->sunset = "2027-06-01";
    after->sunset = "2027-01-01";
    contract_compare_one(&d, &a, before, after, NULL);
    ok(find(&d, "sunset_earlier") && d.verdict == CONTRACT_BREAK, "an earlier sunset breaks");
    contract_compare_one(&d, &a, after, before, NULL);
    ok(find(&d, "sunset_later") && d.verdict == CONTRACT_OK, "a later one does not");
    arena_release(&a);
}

static void test_values(void)
{
    static const char *const two[] = {"good", "bad", NULL}, *const three[] = {"good", "so-so", "bad", NULL};
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    after->columns[1].values = three;
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 0, "values that a lock file does not know are no difference");
    before->columns[1].values = two;
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 1 && find(&d, "enum_value_added") && d.verdict == CONTRACT_ACK, "a value more wants an acknowledgement");
    is(d.list[0].after, "so-so", "and is named");
    contract_compare_one(&d, &a, after, before, NULL);
    ok(d.n == 1 && find(&d, "enum_value_lost") && d.verdict == CONTRACT_ACK, "a value less too");
    is(d.list[0].before, "so-so", "and is named");
    arena_release(&a);
}

static void test_sort_index(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    after->sort_index = SORT_INDEX_MISSING;
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 0, "an index that was not asked for is no difference");
    before->sort_index = SORT_INDEX_THERE;
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 1 && find(&d, "sort_index_lost") && d.verdict == CONTRACT_ACK, "a lost one wants an acknowledgement");
    contract_compare_one(&d, &a, after, before, NULL);
    ok(d.n == 1 && find(&d, "sort_index_gained") && d.verdict == CONTRACT_OK, "a gained one does not");
    arena_release(&a);
}

static void test_definition_not_read(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract *before = make(&a), *after = make(&a);
    after->definition = NULL;
    contract_compare_one(&d, &a, before, after, NULL);
    ok(d.n == 0, "a definition that was not read is no difference");
    arena_release(&a);
}

/* A set of v_things_v1 with a foreign key to the target, and of the contracts of those names. */
static struct contract_set set_with(struct arena *a, const char *target, const char *one, const char *other)
{
    struct contract_set set = {.contracts = arena_array(a, 3, sizeof *set.contracts), .tombstones = no_names};
    const char *const others[] = {one, other};
    set.contracts[set.n++] = *make(a);
    for (size_t i = 0; i < 2; i++)
        if (others[i]) {
            struct contract *c = &set.contracts[set.n++];
            *c = *make(a);
            c->view = others[i];
            ok(contract_name_split(a, c->view, &c->entity, &c->version) == 0, "%s is a contract's name", c->view);
        }
    if (target) {
        set.contracts[0].n_foreign_keys = 1;
        set.contracts[0].foreign_keys[0] =
            (struct contract_foreign_key){.columns = key_id, .target = target, .target_columns = key_id};
    }
    contract_set_sort(&set);
    return set;
}

static void test_foreign_keys(void)
{
    struct arena a;
    struct contract_differences d;
    arena_init(&a);
    struct contract_set to_one = set_with(&a, "v_makers_v1", "v_makers_v1", "v_makers_v2"),
                        to_two = set_with(&a, "v_makers_v2", "v_makers_v2", NULL),
                        to_none = set_with(&a, NULL, NULL, NULL),
                        left = set_with(&a, NULL, "v_makers_v1", "v_makers_v2");
    contract_compare(&d, &a, &to_one, &to_two);
    ok(find(&d, "foreign_key_moved") && !find(&d, "foreign_key_lost") && !find(&d, "foreign_key_gained"),
       "another version of what it leads to is a move");
    contract_compare(&d, &a, &to_one, &to_none);
    ok(find(&d, "foreign_key_retired") && !find(&d, "foreign_key_lost"), "it may go with what it leads to");
    contract_compare(&d, &a, &to_none, &to_one);
    ok(find(&d, "foreign_key_introduced") && !find(&d, "foreign_key_gained"), "and come with it");
    contract_compare(&d, &a, &to_one, &left);
    ok(find(&d, "foreign_key_lost") && d.verdict == CONTRACT_BREAK, "but not go from what is still there");
    contract_compare_one(&d, &a, contract_find_view(&to_one, "v_things_v1"), &to_none.contracts[0], &to_none);
    ok(find(&d, "foreign_key_retired"), "one contract is compared with that in mind");
    arena_release(&a);
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        test_case(i);
    test_set();
    test_removal_moves_nothing();
    test_insertion_moves();
    test_sunset();
    test_values();
    test_sort_index();
    test_definition_not_read();
    test_foreign_keys();
    for (size_t i = 0; i < n_contract_rules; i++) {
        const struct contract_rule *r = &contract_rules[i], *mirror = rule_named(r->mirror);
        ok(mirror && rule_named(mirror->mirror) == r, "%s and its mirror point at each other", r->name);
        ok(seen[i], "%s was triggered", r->name);
        ok(*r->why && (r->verdict == CONTRACT_OK) == !*r->instead,
           "%s says why, and what to do instead where that matters", r->name);
    }
    return tap_done();
}
