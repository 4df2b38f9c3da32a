/*
 * The lock file: the contracts that were agreed on, one column a line, so that a change of a contract is a line of a
 * diff.
 */
#include <string.h>

#include "lib/contract.h"
#include "lib/settings.h"

enum { LOCK_FORM = 1 };

static void put_string(struct buf *b, const char *s)
{
    buf_json_string(b, s, strlen(s));
}

static void put_member(struct buf *b, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(b, ", \"%s\": ", key);
    put_string(b, value);
}

static void put_list(struct buf *b, const char *const *list)
{
    buf_putc(b, '[');
    for (size_t i = 0; list[i]; i++) {
        buf_puts(b, i ? ", " : "");
        put_string(b, list[i]);
    }
    buf_putc(b, ']');
}

static void print_columns(const struct contract *c, struct buf *b)
{
    buf_puts(b, "      \"columns\": [");
    for (size_t i = 0; i < c->n_columns; i++) {
        const struct contract_column *col = &c->columns[i];
        buf_printf(b, "%s\n        {\"name\": ", i ? "," : "");
        put_string(b, col->name);
        put_member(b, "type", col->type);
        put_member(b, "base", col->base);
        put_member(b, "collation", col->collation);
        if (col->not_null)
            buf_puts(b, ", \"notNull\": true");
        if (col->values) {
            buf_puts(b, ", \"values\": ");
            put_list(b, col->values);
        }
        put_member(b, "comment", col->comment);
        buf_putc(b, '}');
    }
    buf_puts(b, "\n      ],\n");
}

static void print_keys(const struct contract *c, struct buf *b)
{
    if (c->no_key)
        buf_puts(b, "      \"noKey\": true,\n");
    else {
        buf_puts(b, "      \"primaryKey\": ");
        put_list(b, c->key);
        buf_puts(b, ",\n");
    }
    if (c->sort_index != SORT_INDEX_UNKNOWN)
        buf_printf(b, "      \"keyIndex\": %s,\n", c->sort_index == SORT_INDEX_THERE ? "true" : "false");
    if (c->n_uniques) {
        buf_puts(b, "      \"unique\": [");
        for (size_t i = 0; i < c->n_uniques; i++) {
            buf_puts(b, i ? ", " : "");
            put_list(b, c->uniques[i]);
        }
        buf_puts(b, "],\n");
    }
    if (c->n_foreign_keys) {
        buf_puts(b, "      \"foreignKeys\": [");
        for (size_t i = 0; i < c->n_foreign_keys; i++) {
            const struct contract_foreign_key *fk = &c->foreign_keys[i];
            buf_printf(b, "%s\n        {\"columns\": ", i ? "," : "");
            put_list(b, fk->columns);
            put_member(b, "references", fk->target);
            buf_puts(b, ", \"referencedColumns\": ");
            put_list(b, fk->target_columns);
            put_member(b, "name", fk->name);
            buf_putc(b, '}');
        }
        buf_puts(b, "\n      ],\n");
    }
}

static void print_life(const struct contract *c, struct buf *b)
{
    if (c->deprecated)
        buf_puts(b, "      \"deprecated\": true,\n");
    if (c->sunset)
        buf_printf(b, "      \"sunset\": \"%s\",\n", c->sunset);
    if (c->successor) {
        buf_puts(b, "      \"successor\": ");
        put_string(b, c->successor);
        buf_puts(b, ",\n");
    }
    if (c->cache_seconds >= 0)
        buf_printf(b, "      \"cacheSeconds\": %lld,\n", c->cache_seconds);
}

static void print_contract(const struct contract *c, struct buf *b)
{
    buf_puts(b, "    ");
    put_string(b, c->view);
    buf_puts(b, ": {\n");
    if (c->comment) {
        buf_puts(b, "      \"description\": ");
        put_string(b, c->comment);
        buf_puts(b, ",\n");
    }
    print_columns(c, b);
    print_keys(c, b);
    print_life(c, b);
    buf_printf(b, "      \"securityBarrier\": %s,\n", c->security_barrier ? "true" : "false");
    buf_puts(b, "      \"grants\": {");
    put_string(b, ROLE_READER);
    buf_puts(b, ": [\"SELECT\"]},\n");
    buf_printf(b, "      \"output\": \"%s\",\n      \"definition\": \"%s\"\n    }", c->output, c->definition);
}

void contract_lock_print(const struct contract_set *set, struct buf *b)
{
    buf_printf(b, "{\n  \"oriel\": %d,\n  \"contracts\": {", LOCK_FORM);
    for (size_t i = 0; i < set->n; i++) {
        buf_puts(b, i ? ",\n" : "\n");
        print_contract(&set->contracts[i], b);
    }
    buf_puts(b, "\n  },\n  \"tombstones\": [");
    for (size_t i = 0; set->tombstones && set->tombstones[i]; i++) {
        buf_puts(b, i ? ",\n    " : "\n    ");
        put_string(b, set->tombstones[i]);
    }
    buf_puts(b, set->tombstones && *set->tombstones ? "\n  ],\n" : "],\n");
    buf_puts(b, "  \"acknowledged\": [");
    for (size_t i = 0; i < set->n_acknowledged; i++) {
        const struct contract_acknowledgement *k = &set->acknowledged[i];
        buf_printf(b, "%s\n    {\"fingerprint\": \"%s\"", i ? "," : "", k->fingerprint);
        put_member(b, "contract", k->contract);
        put_member(b, "rule", k->rule);
        put_member(b, "reason", k->reason);
        buf_putc(b, '}');
    }
    buf_puts(b, set->n_acknowledged ? "\n  ]\n}\n" : "]\n}\n");
}

struct loading {
    struct contract_set *set;
    struct arena *arena;
};

/* Strings of the list at c, each of which must be a column of the contract. */
static const char *const *load_names(const struct contract *k, struct arena *a, const struct cfg *c)
{
    size_t n = cfg_length(c);
    const char **names = arena_array(a, n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        names[i] = cfg_value_string(cfg_at(c, i));
        if (k && !contract_find_column(k, names[i]))
            cfg_error(cfg_at(c, i), "the contract has no column \"%s\"", names[i]);
    }
    return names;
}

static void load_columns(struct contract *c, struct arena *a, const struct cfg *list)
{
    static const char *const keys[] = {"name", "type", "base", "collation", "notNull", "values", "comment", NULL};
    c->n_columns = cfg_length(list);
    c->columns = arena_array(a, c->n_columns, sizeof *c->columns);
    for (size_t i = 0; i < c->n_columns; i++) {
        const struct cfg *at = cfg_at(list, i), *values = cfg_get(at, "values");
        cfg_keys(at, keys);
        c->columns[i] = (struct contract_column){
            .name = cfg_need_string(at, "name"),
            .type = cfg_need_string(at, "type"),
            .base = cfg_string(at, "base", NULL),
            .collation = cfg_string(at, "collation", NULL),
            .comment = cfg_string(at, "comment", NULL),
            .not_null = cfg_bool(at, "notNull", false),
            .values = values->value ? load_names(NULL, a, values) : NULL,
        };
    }
}

static void load_foreign_keys(struct contract *c, struct arena *a, const struct cfg *list)
{
    static const char *const keys[] = {"columns", "references", "referencedColumns", "name", NULL};
    c->n_foreign_keys = cfg_length(list);
    c->foreign_keys = arena_array(a, c->n_foreign_keys, sizeof *c->foreign_keys);
    for (size_t i = 0; i < c->n_foreign_keys; i++) {
        const struct cfg *at = cfg_at(list, i), *targets = cfg_get(at, "referencedColumns");
        cfg_keys(at, keys);
        c->foreign_keys[i] = (struct contract_foreign_key){
            .columns = load_names(c, a, cfg_get(at, "columns")),
            .target = cfg_need_string(at, "references"),
            .target_columns = load_names(NULL, a, targets),
            .name = cfg_string(at, "name", NULL),
        };
        if (cfg_length(cfg_get(at, "columns")) != cfg_length(targets))
            cfg_error(at, "columns and referencedColumns must be equally many");
    }
}

static void load_contract(const struct cfg *at, void *context)
{
    static const char *const keys[] = {"description", "columns",   "noKey",        "primaryKey",
                                       "keyIndex",    "unique",    "foreignKeys",  "deprecated",
                                       "sunset",      "successor", "cacheSeconds", "securityBarrier",
                                       "grants",      "output",    "definition",   NULL};
    static const char *const empty[] = {NULL};
    struct loading *loading = context;
    struct arena *a = loading->arena;
    struct contract *c = &loading->set->contracts[loading->set->n++];
    cfg_keys(at, keys);
    *c = (struct contract){
        .view = at->key,
        .entity = "",
        .comment = cfg_string(at, "description", NULL),
        .no_key = cfg_bool(at, "noKey", false),
        .security_barrier = cfg_bool(at, "securityBarrier", false),
        .owner_can_read = true,
        .reader_can_select = true,
        .writers = empty,
        .output = cfg_need_string(at, "output"),
        .definition = cfg_need_string(at, "definition"),
        .deprecated = cfg_bool(at, "deprecated", false),
        .sunset = cfg_string(at, "sunset", NULL),
        .successor = cfg_string(at, "successor", NULL),
        .cache_seconds = cfg_integer(at, "cacheSeconds", -1, 0, 31536000),
    };
    if (contract_name_split(a, c->view, &c->entity, &c->version) < 0)
        cfg_error(at, "a contract's name has the form v_<entity>_v<number>");
    load_columns(c, a, cfg_get(at, "columns"));
    c->key = load_names(c, a, cfg_get(at, "primaryKey"));
    if (cfg_get(at, "keyIndex")->value)
        c->sort_index = cfg_bool(at, "keyIndex", false) ? SORT_INDEX_THERE : SORT_INDEX_MISSING;
    const struct cfg *uniques = cfg_get(at, "unique");
    c->n_uniques = cfg_length(uniques);
    c->uniques = arena_array(a, c->n_uniques, sizeof *c->uniques);
    for (size_t i = 0; i < c->n_uniques; i++)
        c->uniques[i] = load_names(c, a, cfg_at(uniques, i));
    load_foreign_keys(c, a, cfg_get(at, "foreignKeys"));
    /* a lock file edited by hand, or merged wrongly, would let the shape and its hash tell different things */
    if (!cfg_failed(at) && strcmp(c->output, contract_output_hash(c, a)) != 0)
        cfg_error(cfg_get(at, "output"),
                  "does not belong to these columns and this key; write the file anew with `oriel contract lock`");
}

static void load_acknowledged(struct contract_set *set, struct arena *a, const struct cfg *list)
{
    static const char *const keys[] = {"fingerprint", "contract", "rule", "reason", NULL};
    set->n_acknowledged = cfg_length(list);
    set->acknowledged = arena_array(a, set->n_acknowledged, sizeof *set->acknowledged);
    for (size_t i = 0; i < set->n_acknowledged; i++) {
        const struct cfg *at = cfg_at(list, i);
        cfg_keys(at, keys);
        set->acknowledged[i] = (struct contract_acknowledgement){
            .fingerprint = cfg_need_string(at, "fingerprint"),
            .contract = cfg_need_string(at, "contract"),
            .rule = cfg_need_string(at, "rule"),
            .reason = cfg_need_string(at, "reason"),
        };
    }
}

static void count(const struct cfg *at, void *context)
{
    (void)at;
    ++*(size_t *)context;
}

int contract_lock_load(struct contract_set *set, struct arena *a, const char *path)
{
    static const char *const keys[] = {"oriel", "contracts", "tombstones", "acknowledged", NULL};
    const struct cfg *root = cfg_open(a, path);
    size_t n = 0;
    if (!root)
        return -1;
    cfg_keys(root, keys);
    if (cfg_integer(root, "oriel", 0, 0, INT32_MAX) != LOCK_FORM)
        cfg_error(cfg_get(root, "oriel"),
                  "this program reads form %d of the lock file; write it anew with the `oriel` "
                  "that belongs to this program",
                  LOCK_FORM);
    cfg_each(cfg_get(root, "contracts"), count, &n);
    *set = (struct contract_set){.contracts = arena_array(a, n, sizeof *set->contracts)};
    struct loading loading = {.set = set, .arena = a};
    cfg_each(cfg_get(root, "contracts"), load_contract, &loading);
    contract_set_sort(set); /* or nothing is found in it */
    set->tombstones = cfg_strings(root, "tombstones", NULL);
    for (size_t i = 0; set->tombstones[i]; i++)
        if (contract_find_view(set, set->tombstones[i]))
            cfg_error(cfg_at(cfg_get(root, "tombstones"), i),
                      "was retired, yet is among the contracts; choose a new version");
    load_acknowledged(set, a, cfg_get(root, "acknowledged"));
    return cfg_failed(root) ? -1 : 0;
}
