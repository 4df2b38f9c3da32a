#include "lib/contract_diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/contract_rule.h"
#include "lib/text.h"

struct comparing {
    struct contract_differences *d;
    struct arena *arena;
    size_t room;
    const struct contract *before, *after;
    const struct contract_set *agreed, *found; /* where targets of foreign keys are looked up; NULL: not known */
};

static void add(struct comparing *c, enum contract_rule_number rule, const char *view, const char *column,
                const char *before, const char *after)
{
    struct contract_differences *d = c->d;
    if (d->n == c->room) {
        size_t room = c->room ? c->room * 2 : 8;
        struct contract_difference *list = arena_array(c->arena, room, sizeof *list);
        if (d->n)
            memcpy(list, d->list, d->n * sizeof *list);
        d->list = list;
        c->room = room;
    }
    d->list[d->n++] = (struct contract_difference){&contract_rules[rule], view, column, before, after};
    if (contract_rules[rule].verdict > d->verdict)
        d->verdict = contract_rules[rule].verdict;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const char *const *a, const char *const *b)
{
    for (; *a && *b && strcmp(*a, *b) == 0; a++, b++)
        ;
    return !*a && !*b;
}

static const char *list_text(struct arena *a, const char *const *list)
{
    const char *text = *list ? *list : "";
    for (size_t i = 1; *list && list[i]; i++)
        text = arena_printf(a, "%s, %s", text, list[i]);
    return text;
}

/* Splits "numeric(12,2)" into its name and up to two numbers; returns how many numbers there are. */
static int modifiers(const char *type, long long numbers[2], size_t *name_length)
{
    const char *open = strchr(type, '(');
    *name_length = open ? (size_t)(open - type) : strlen(type);
    if (!open)
        return 0;
    char *end;
    numbers[0] = strtoll(open + 1, &end, 10);
    if (*end != ',')
        return 1;
    numbers[1] = strtoll(end + 1, NULL, 10);
    return 2;
}

static int rank(const char *type)
{
    static const char *const ladders[][3] = {{"smallint", "integer", "bigint"}, {"real", "double precision", NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(ladders); i++)
        for (size_t j = 0; j < 3 && ladders[i][j]; j++)
            if (strcmp(type, ladders[i][j]) == 0)
                return (int)(i * 10 + j);
    return -1;
}

/* What kind of change of type it is, seen from who reads the values. */
static enum contract_rule_number type_rule(const char *before, const char *after)
{
    int from = rank(before), to = rank(after);
    if (from >= 0 && to >= 0 && from / 10 == to / 10)
        return to > from ? TYPE_WIDENED : TYPE_NARROWED;
    long long b[2], a[2];
    size_t nb, na;
    int mb = modifiers(before, b, &nb), ma = modifiers(after, a, &na);
    /* the text behind the modifier, as in "timestamp(3) with time zone", is the same or it is another type */
    const char *tail_b = strchr(before, ')'), *tail_a = strchr(after, ')');
    if (nb != na || memcmp(before, after, nb) != 0 || (tail_b && tail_a && strcmp(tail_b, tail_a) != 0))
        return TYPE_CHANGED;
    if (!ma)
        return TYPE_WIDENED; /* the limit is gone */
    if (!mb)
        return TYPE_NARROWED;
    bool wider = a[0] > b[0] || (ma == 2 && mb == 2 && a[1] > b[1]);
    return wider ? TYPE_WIDENED : TYPE_NARROWED;
}

static bool in_list(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list;
}

/* Of a lock file that was written before the values were known, nothing can be said. */
static void compare_values(struct comparing *c, const struct contract_column *before,
                           const struct contract_column *after)
{
    if (!before->values || !after->values)
        return;
    for (const char *const *v = before->values; *v; v++)
        if (!in_list(after->values, *v))
            add(c, ENUM_VALUE_LOST, c->before->view, before->name, *v, NULL);
    for (const char *const *v = after->values; *v; v++)
        if (!in_list(before->values, *v))
            add(c, ENUM_VALUE_ADDED, c->before->view, before->name, NULL, *v);
}

/* A type of the same name, made anew: a domain over another type, a composite type with other attributes. Of a lock
 * file that was written before this was known, nothing can be said. */
static void compare_base(struct comparing *c, const struct contract_column *before, const struct contract_column *after)
{
    if (!before->base || !after->base || same(before->base, after->base))
        return;
    bool composite = *before->base == '(' || *after->base == '(';
    add(c, composite ? TYPE_CHANGED : type_rule(before->base, after->base), c->before->view, before->name,
        arena_printf(c->arena, "%s: %s", before->type, before->base),
        arena_printf(c->arena, "%s: %s", after->type, after->base));
}

static void compare_column(struct comparing *c, const struct contract_column *before,
                           const struct contract_column *after)
{
    const char *view = c->before->view, *name = before->name;
    if (!same(before->type, after->type))
        add(c, type_rule(before->type, after->type), view, name, before->type, after->type);
    else {
        compare_base(c, before, after);
        compare_values(c, before, after);
    }
    if (!same(before->collation, after->collation))
        add(c, COLLATION_CHANGED, view, name, before->collation, after->collation);
    if (before->not_null != after->not_null)
        add(c, before->not_null ? NOT_NULL_LOST : NOT_NULL_GAINED, view, name, before->not_null ? "not null" : "null",
            after->not_null ? "not null" : "null");
    if (!same(before->comment, after->comment))
        add(c, COMMENT_CHANGED, view, name, before->comment, after->comment);
}

/* Whether the column at i, which is not there any more, was given another name: in its place stands one of its type
 * that was not there before. */
static bool renamed(const struct comparing *c, size_t i)
{
    return i < c->after->n_columns && same(c->before->columns[i].type, c->after->columns[i].type) &&
           !contract_find_column(c->before, c->after->columns[i].name);
}

static void compare_columns(struct comparing *c)
{
    const char *view = c->before->view;
    size_t gone = 0; /* columns removed so far: those behind them move up, which is told once, as the removal */
    for (size_t i = 0; i < c->before->n_columns; i++) {
        const struct contract_column *before = &c->before->columns[i];
        const struct contract_column *after = contract_find_column(c->after, before->name);
        if (!after && renamed(c, i))
            add(c, COLUMN_RENAMED, view, before->name, before->name, c->after->columns[i].name);
        else if (!after) {
            add(c, COLUMN_REMOVED, view, before->name, before->type, NULL);
            gone++;
        } else {
            size_t position = (size_t)(after - c->after->columns);
            if (position != i - gone)
                add(c, COLUMN_MOVED, view, before->name, arena_printf(c->arena, "position %zu", i + 1),
                    arena_printf(c->arena, "position %zu", position + 1));
            compare_column(c, before, after);
        }
    }
    for (size_t i = 0; i < c->after->n_columns; i++) {
        const struct contract_column *after = &c->after->columns[i];
        bool is_new_name = i < c->before->n_columns && !contract_find_column(c->after, c->before->columns[i].name) &&
                           same(c->before->columns[i].type, after->type);
        if (!contract_find_column(c->before, after->name) && !is_new_name)
            add(c, COLUMN_ADDED, view, after->name, NULL, after->type);
    }
}

static void compare_keys(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    if (same_list(b->key, a->key)) {
        if (b->sort_index != a->sort_index && b->sort_index != SORT_INDEX_UNKNOWN &&
            a->sort_index != SORT_INDEX_UNKNOWN)
            add(c, a->sort_index == SORT_INDEX_THERE ? SORT_INDEX_GAINED : SORT_INDEX_LOST, b->view, NULL,
                list_text(c->arena, b->key), list_text(c->arena, a->key));
        return;
    }
    enum contract_rule_number rule = !*a->key ? KEY_LOST : !*b->key ? KEY_GAINED : KEY_CHANGED;
    add(c, rule, b->view, NULL, list_text(c->arena, b->key), list_text(c->arena, a->key));
}

static bool has_unique(const struct contract *c, const char *const *columns)
{
    for (size_t i = 0; i < c->n_uniques; i++)
        if (same_list(c->uniques[i], columns))
            return true;
    return false;
}

static bool has_foreign_key(const struct contract *c, const struct contract_foreign_key *fk)
{
    for (size_t i = 0; i < c->n_foreign_keys; i++) {
        const struct contract_foreign_key *other = &c->foreign_keys[i];
        if (same_list(other->columns, fk->columns) && same(other->target, fk->target) &&
            same_list(other->target_columns, fk->target_columns) && same(other->name, fk->name))
            return true;
    }
    return false;
}

static const char *foreign_key_text(struct arena *a, const struct contract_foreign_key *fk)
{
    return arena_printf(a, "(%s) references %s (%s)%s%s", list_text(a, fk->columns), fk->target,
                        list_text(a, fk->target_columns), fk->name ? " named " : "", fk->name ? fk->name : "");
}

static void compare_uniques(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    for (size_t i = 0; i < b->n_uniques; i++)
        if (!has_unique(a, b->uniques[i]))
            add(c, UNIQUE_LOST, b->view, NULL, list_text(c->arena, b->uniques[i]), NULL);
    for (size_t i = 0; i < a->n_uniques; i++)
        if (!has_unique(b, a->uniques[i]))
            add(c, UNIQUE_GAINED, b->view, NULL, NULL, list_text(c->arena, a->uniques[i]));
}

static bool same_entity(struct arena *a, const char *one, const char *other)
{
    const char *x, *y;
    int version;
    return contract_name_split(a, one, &x, &version) == 0 && contract_name_split(a, other, &y, &version) == 0 &&
           same(x, y);
}

/* The foreign key that `other` has in place of fk: the same but for the version that it leads to. NULL: none. */
static const struct contract_foreign_key *moved(struct comparing *c, const struct contract_foreign_key *fk,
                                                const struct contract *one, const struct contract *other)
{
    for (size_t i = 0; i < other->n_foreign_keys; i++) {
        const struct contract_foreign_key *k = &other->foreign_keys[i];
        if (same_list(k->columns, fk->columns) && same_list(k->target_columns, fk->target_columns) &&
            same(k->name, fk->name) && same_entity(c->arena, k->target, fk->target) && !has_foreign_key(one, k))
            return k;
    }
    return NULL;
}

static bool is_gone(const struct contract_set *from, const char *view)
{
    return from && !contract_find_view(from, view);
}

static void compare_foreign_keys(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    for (size_t i = 0; i < b->n_foreign_keys; i++) {
        const struct contract_foreign_key *fk = &b->foreign_keys[i], *to = moved(c, fk, b, a);
        if (!has_foreign_key(a, fk))
            add(c,
                to                              ? FOREIGN_KEY_MOVED
                : is_gone(c->found, fk->target) ? FOREIGN_KEY_RETIRED
                                                : FOREIGN_KEY_LOST,
                b->view, NULL, foreign_key_text(c->arena, fk), to ? foreign_key_text(c->arena, to) : NULL);
    }
    for (size_t i = 0; i < a->n_foreign_keys; i++) {
        const struct contract_foreign_key *fk = &a->foreign_keys[i];
        if (!has_foreign_key(b, fk) && !moved(c, fk, a, b))
            add(c, is_gone(c->agreed, fk->target) ? FOREIGN_KEY_INTRODUCED : FOREIGN_KEY_GAINED, b->view, NULL, NULL,
                foreign_key_text(c->arena, fk));
    }
}

static void compare_flag(struct comparing *c, bool before, bool after, enum contract_rule_number on,
                         enum contract_rule_number off)
{
    if (before != after)
        add(c, after ? on : off, c->before->view, NULL, before ? "on" : "off", after ? "on" : "off");
}

static void compare_rights(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    compare_flag(c, b->reader_can_select, a->reader_can_select, READER_GRANT_GAINED, READER_GRANT_LOST);
    compare_flag(c, b->owner_can_read, a->owner_can_read, OWNER_RIGHTS_GAINED, OWNER_RIGHTS_LOST);
    compare_flag(c, b->security_invoker, a->security_invoker, SECURITY_INVOKER_ON, SECURITY_INVOKER_OFF);
    compare_flag(c, b->security_barrier, a->security_barrier, SECURITY_BARRIER_ON, SECURITY_BARRIER_OFF);
    if (!same_list(b->writers, a->writers))
        add(c, *a->writers ? WRITE_GRANT_GAINED : WRITE_GRANT_LOST, b->view, NULL, list_text(c->arena, b->writers),
            list_text(c->arena, a->writers));
}

static void compare_life(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    compare_flag(c, b->deprecated, a->deprecated, DEPRECATION_SET, DEPRECATION_WITHDRAWN);
    if (!same(b->sunset, a->sunset)) {
        /* days are written so that they sort as text */
        enum contract_rule_number rule = !b->sunset                         ? SUNSET_SET
                                         : !a->sunset                       ? SUNSET_WITHDRAWN
                                         : strcmp(a->sunset, b->sunset) < 0 ? SUNSET_EARLIER
                                                                            : SUNSET_LATER;
        add(c, rule, b->view, NULL, b->sunset, a->sunset);
    }
    if (!same(b->successor, a->successor))
        add(c, SUCCESSOR_CHANGED, b->view, NULL, b->successor, a->successor);
    if (b->cache_seconds != a->cache_seconds)
        add(c, CACHE_CHANGED, b->view, NULL, arena_printf(c->arena, "%lld s", b->cache_seconds),
            arena_printf(c->arena, "%lld s", a->cache_seconds));
}

static void compare(struct comparing *c)
{
    const struct contract *b = c->before, *a = c->after;
    compare_columns(c);
    /* while the comment cannot be read, nothing that is declared in it is known: say that, not its consequences */
    if (!same(b->problem, a->problem))
        add(c, a->problem ? COMMENT_UNREADABLE : COMMENT_READABLE, b->view, NULL, b->problem, a->problem);
    else {
        compare_keys(c);
        compare_uniques(c);
        compare_foreign_keys(c);
        compare_life(c);
    }
    compare_rights(c);
    if (a->definition && !same(b->definition, a->definition)) /* or else it was not read */
        add(c, DEFINITION_CHANGED, b->view, NULL, arena_printf(c->arena, "%.12s", b->definition),
            arena_printf(c->arena, "%.12s", a->definition));
    if (!same(b->comment, a->comment))
        add(c, COMMENT_CHANGED, b->view, NULL, b->comment, a->comment);
}

void contract_compare_one(struct contract_differences *d, struct arena *a, const struct contract *agreed,
                          const struct contract *found, const struct contract_set *set)
{
    *d = (struct contract_differences){0};
    struct comparing c = {.d = d, .arena = a, .before = agreed, .after = found, .found = set};
    if (found)
        compare(&c);
    else
        add(&c, CONTRACT_REMOVED, agreed->view, NULL, agreed->view, NULL);
}

static bool is_tombstone(const struct contract_set *set, const char *view)
{
    for (size_t i = 0; set->tombstones && set->tombstones[i]; i++)
        if (strcmp(set->tombstones[i], view) == 0)
            return true;
    return false;
}

void contract_compare(struct contract_differences *d, struct arena *a, const struct contract_set *agreed,
                      const struct contract_set *found)
{
    *d = (struct contract_differences){0};
    struct comparing c = {.d = d, .arena = a, .agreed = agreed, .found = found};
    for (size_t i = 0; i < agreed->n; i++) {
        c.before = &agreed->contracts[i];
        c.after = contract_find_view(found, c.before->view);
        if (c.after)
            compare(&c);
        else
            add(&c, CONTRACT_REMOVED, c.before->view, NULL, c.before->view, NULL);
    }
    for (size_t i = 0; i < found->n; i++) {
        const char *view = found->contracts[i].view;
        if (is_tombstone(agreed, view))
            add(&c, TOMBSTONE_REUSED, view, NULL, NULL, view);
        else if (!contract_find_view(agreed, view))
            add(&c, CONTRACT_ADDED, view, NULL, NULL, view);
    }
}

const char *const contract_verdict_names[] = {"same", "ok", "ACK", "BREAK"};

const char *contract_difference_fingerprint(struct arena *a, const struct contract_difference *d)
{
    const char *const parts[] = {d->rule->name, d->view, d->column, d->before, d->after};
    struct buf b;
    char hex[65];
    buf_init(&b, SIZE_MAX / 2);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (parts[i])
            buf_json_string(&b, parts[i], strlen(parts[i]));
        else
            buf_putc(&b, '-');
    text_sha256(buf_str(&b), b.len, hex);
    buf_release(&b);
    return arena_memdup(a, hex, 16);
}

bool contract_difference_acknowledged(const struct contract_set *lock, struct arena *a,
                                      const struct contract_difference *d)
{
    const char *fingerprint = contract_difference_fingerprint(a, d);
    for (size_t i = 0; i < lock->n_acknowledged; i++)
        if (strcmp(lock->acknowledged[i].fingerprint, fingerprint) == 0)
            return true;
    return false;
}

const char *contract_difference_text(struct arena *a, const struct contract_difference *d)
{
    const char *text =
        arena_printf(a, "%s%s%s: %s", d->view, d->column ? "." : "", d->column ? d->column : "", d->rule->name);
    if (d->before || d->after)
        text = arena_printf(a, "%s: %s -> %s", text, d->before && *d->before ? d->before : "(none)",
                            d->after && *d->after ? d->after : "(none)");
    return arena_printf(a, "%s; %s%s%s", text, d->rule->why, *d->rule->instead ? ". Instead: " : "", d->rule->instead);
}

const char *contract_difference_public(struct arena *a, const struct contract_difference *d)
{
    if (!d->column)
        return d->rule->name;
    return arena_printf(a, "%s: %s (%s -> %s)", d->column, d->rule->name, d->before ? d->before : "none",
                        d->after ? d->after : "none");
}
