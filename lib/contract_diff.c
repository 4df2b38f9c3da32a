#include "lib/contract_diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

/* Sorted by subject. Each rule names its mirror: what the opposite change triggers. */
enum rule {
    CONTRACT_ADDED,
    CONTRACT_REMOVED,
    TOMBSTONE_REUSED,
    COLUMN_ADDED,
    COLUMN_REMOVED,
    COLUMN_RENAMED,
    COLUMN_MOVED,
    TYPE_CHANGED,
    TYPE_WIDENED,
    TYPE_NARROWED,
    COLLATION_CHANGED,
    NOT_NULL_LOST,
    NOT_NULL_GAINED,
    KEY_LOST,
    KEY_GAINED,
    KEY_CHANGED,
    UNIQUE_LOST,
    UNIQUE_GAINED,
    FOREIGN_KEY_LOST,
    FOREIGN_KEY_GAINED,
    READER_GRANT_LOST,
    READER_GRANT_GAINED,
    WRITE_GRANT_GAINED,
    WRITE_GRANT_LOST,
    OWNER_RIGHTS_LOST,
    OWNER_RIGHTS_GAINED,
    SECURITY_INVOKER_ON,
    SECURITY_INVOKER_OFF,
    SECURITY_BARRIER_ON,
    SECURITY_BARRIER_OFF,
    DEFINITION_CHANGED,
    COMMENT_UNREADABLE,
    COMMENT_READABLE,
    COMMENT_CHANGED,
    DEPRECATION_SET,
    DEPRECATION_WITHDRAWN,
    SUNSET_SET,
    SUNSET_WITHDRAWN,
    SUNSET_EARLIER,
    SUNSET_LATER,
    SUCCESSOR_CHANGED,
    CACHE_CHANGED,
    N_RULES
};

#define NEW_VERSION "publish a new version beside this one, and let readers move"
const struct contract_rule contract_rules[] = {
    [CONTRACT_ADDED] = {"contract_added", "contract_removed", CONTRACT_OK, "a new contract disturbs nobody", ""},
    [CONTRACT_REMOVED] = {"contract_removed", "contract_added", CONTRACT_BREAK, "every request to it fails from now on",
                          "deprecate it, set a sunset, and remove it when nobody reads it any more"},
    [TOMBSTONE_REUSED] = {"tombstone_reused", "tombstone_reused", CONTRACT_BREAK,
                          "a reader that still knows the retired contract would read something else under its name",
                          "take the next version number"},
    [COLUMN_ADDED] = {"column_added", "column_removed", CONTRACT_OK,
                      "readers name their columns, or take what they do not know without harm", ""},
    [COLUMN_REMOVED] = {"column_removed", "column_added", CONTRACT_BREAK,
                        "a reader that asks for it gets an error, one that does not finds it missing", NEW_VERSION},
    [COLUMN_RENAMED] = {"column_renamed", "column_renamed", CONTRACT_BREAK,
                        "a reader that asks for the old name gets an error", NEW_VERSION},
    [COLUMN_MOVED] = {"column_moved", "column_moved", CONTRACT_BREAK,
                      "whoever reads by position (CSV, a spreadsheet) reads another column",
                      "append new columns at the end"},
    [TYPE_CHANGED] = {"type_changed", "type_changed", CONTRACT_BREAK,
                      "values take another form, and filters another meaning", NEW_VERSION},
    [TYPE_WIDENED] = {"type_widened", "type_narrowed", CONTRACT_BREAK,
                      "values can come that the reader's own type does not hold", NEW_VERSION},
    [TYPE_NARROWED] = {"type_narrowed", "type_widened", CONTRACT_BREAK,
                       "values can be cut or rounded, and filters on them fail", NEW_VERSION},
    [COLLATION_CHANGED] = {"collation_changed", "collation_changed", CONTRACT_BREAK,
                           "the order of rows and pages changes", NEW_VERSION},
    [NOT_NULL_LOST] = {"not_null_lost", "not_null_gained", CONTRACT_BREAK, "a reader that relies on a value meets null",
                       NEW_VERSION},
    [NOT_NULL_GAINED] = {"not_null_gained", "not_null_lost", CONTRACT_OK, "a promise more", ""},
    [KEY_LOST] = {"key_lost", "key_gained", CONTRACT_BREAK,
                  "a reader can no longer tell rows apart, nor fetch one by its key", NEW_VERSION},
    [KEY_GAINED] = {"key_gained", "key_lost", CONTRACT_OK, "a promise more", ""},
    [KEY_CHANGED] = {"key_changed", "key_changed", CONTRACT_BREAK, "addresses of single rows mean other rows, or none",
                     NEW_VERSION},
    [UNIQUE_LOST] = {"unique_lost", "unique_gained", CONTRACT_BREAK,
                     "a reader that looks one row up by it meets several", NEW_VERSION},
    [UNIQUE_GAINED] = {"unique_gained", "unique_lost", CONTRACT_OK, "a promise more", ""},
    [FOREIGN_KEY_LOST] = {"foreign_key_lost", "foreign_key_gained", CONTRACT_BREAK,
                          "a reader that embeds by it gets an error", NEW_VERSION},
    [FOREIGN_KEY_GAINED] = {"foreign_key_gained", "foreign_key_lost", CONTRACT_OK, "a promise more", ""},
    [READER_GRANT_LOST] = {"reader_grant_lost", "reader_grant_gained", CONTRACT_BREAK,
                           "the reader's role may not read it",
                           "GRANT SELECT on the view, and USAGE on its schema, to the reader's role"},
    [READER_GRANT_GAINED] = {"reader_grant_gained", "reader_grant_lost", CONTRACT_OK, "it can be read now", ""},
    [WRITE_GRANT_GAINED] = {"write_grant_gained", "write_grant_lost", CONTRACT_BREAK,
                            "a plain view can be written through, down to the table",
                            "REVOKE every grant but SELECT on the view"},
    [WRITE_GRANT_LOST] = {"write_grant_lost", "write_grant_gained", CONTRACT_OK, "nobody may write through it", ""},
    [OWNER_RIGHTS_LOST] = {"owner_rights_lost", "owner_rights_gained", CONTRACT_BREAK,
                           "rights on the tables are checked as the view's owner, so every read fails",
                           "GRANT SELECT on the tables to the view's owner"},
    [OWNER_RIGHTS_GAINED] = {"owner_rights_gained", "owner_rights_lost", CONTRACT_OK, "it can be read now", ""},
    [SECURITY_INVOKER_ON] = {"security_invoker_on", "security_invoker_off", CONTRACT_BREAK,
                             "rights on the tables are checked as the reader, who has none",
                             "ALTER VIEW … RESET (security_invoker)"},
    [SECURITY_INVOKER_OFF] = {"security_invoker_off", "security_invoker_on", CONTRACT_OK,
                              "rights are checked as the owner, as they should be", ""},
    [SECURITY_BARRIER_ON] = {"security_barrier_on", "security_barrier_off", CONTRACT_ACK,
                             "filters that are not leakproof no longer reach indexes",
                             "say that it is wanted: `oriel contract lock --ack`"},
    [SECURITY_BARRIER_OFF] = {"security_barrier_off", "security_barrier_on", CONTRACT_ACK,
                              "a reader's function may see rows that the view filters out; CREATE OR REPLACE VIEW "
                              "drops the option in silence",
                              "repeat WITH (security_barrier), or say that it is wanted: `oriel contract lock --ack`"},
    [DEFINITION_CHANGED] =
        {"definition_changed", "definition_changed", CONTRACT_ACK,
         "the same columns may now hold other values, or other rows",
         "if the meaning stays what it was, say so with `oriel contract lock --ack`; if not: " NEW_VERSION},
    [COMMENT_UNREADABLE] = {"comment_unreadable", "comment_readable", CONTRACT_BREAK,
                            "key, relationships and not-null are declared there and cannot be known",
                            "mend the comment"},
    [COMMENT_READABLE] = {"comment_readable", "comment_unreadable", CONTRACT_OK, "the declarations are known again",
                          ""},
    [COMMENT_CHANGED] = {"comment_changed", "comment_changed", CONTRACT_OK, "the documentation changes", ""},
    [DEPRECATION_SET] = {"deprecation_set", "deprecation_withdrawn", CONTRACT_OK, "readers are told to move", ""},
    [DEPRECATION_WITHDRAWN] = {"deprecation_withdrawn", "deprecation_set", CONTRACT_OK, "readers may stay", ""},
    [SUNSET_SET] = {"sunset_set", "sunset_withdrawn", CONTRACT_OK, "readers are told the day", ""},
    [SUNSET_WITHDRAWN] = {"sunset_withdrawn", "sunset_set", CONTRACT_OK, "readers may stay", ""},
    [SUNSET_EARLIER] = {"sunset_earlier", "sunset_later", CONTRACT_BREAK,
                        "readers have planned by the day they were told", "keep the day, or take a later one"},
    [SUNSET_LATER] = {"sunset_later", "sunset_earlier", CONTRACT_OK, "readers have more time", ""},
    [SUCCESSOR_CHANGED] = {"successor_changed", "successor_changed", CONTRACT_OK, "readers are pointed elsewhere", ""},
    [CACHE_CHANGED] = {"cache_changed", "cache_changed", CONTRACT_OK, "answers are kept for another time", ""},
};
const size_t n_contract_rules = N_RULES;
_Static_assert(ARRAY_SIZE(contract_rules) == N_RULES, "each rule has its line");

struct comparing {
    struct contract_differences *d;
    struct arena *arena;
    size_t room;
    const struct contract *before, *after;
};

static void add(struct comparing *c, enum rule rule, const char *view, const char *column, const char *before,
                const char *after)
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
static enum rule type_rule(const char *before, const char *after)
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

static void compare_column(struct comparing *c, const struct contract_column *before,
                           const struct contract_column *after)
{
    const char *view = c->before->view, *name = before->name;
    if (!same(before->type, after->type))
        add(c, type_rule(before->type, after->type), view, name, before->type, after->type);
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
    if (same_list(b->key, a->key))
        return;
    enum rule rule = !*a->key ? KEY_LOST : !*b->key ? KEY_GAINED : KEY_CHANGED;
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

/* What `one` has and `other` has not, told by the rule. */
static void compare_relations(struct comparing *c, const struct contract *one, const struct contract *other,
                              enum rule unique, enum rule foreign_key)
{
    bool lost = one == c->before;
    for (size_t i = 0; i < one->n_uniques; i++)
        if (!has_unique(other, one->uniques[i])) {
            const char *text = list_text(c->arena, one->uniques[i]);
            add(c, unique, one->view, NULL, lost ? text : NULL, lost ? NULL : text);
        }
    for (size_t i = 0; i < one->n_foreign_keys; i++)
        if (!has_foreign_key(other, &one->foreign_keys[i])) {
            const char *text = foreign_key_text(c->arena, &one->foreign_keys[i]);
            add(c, foreign_key, one->view, NULL, lost ? text : NULL, lost ? NULL : text);
        }
}

static void compare_flag(struct comparing *c, bool before, bool after, enum rule on, enum rule off)
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
        enum rule rule = !b->sunset                         ? SUNSET_SET
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
        compare_relations(c, b, a, UNIQUE_LOST, FOREIGN_KEY_LOST);
        compare_relations(c, a, b, UNIQUE_GAINED, FOREIGN_KEY_GAINED);
        compare_life(c);
    }
    compare_rights(c);
    if (!same(b->definition, a->definition))
        add(c, DEFINITION_CHANGED, b->view, NULL, arena_printf(c->arena, "%.12s", b->definition),
            arena_printf(c->arena, "%.12s", a->definition));
    if (!same(b->comment, a->comment))
        add(c, COMMENT_CHANGED, b->view, NULL, b->comment, a->comment);
}

void contract_compare_one(struct contract_differences *d, struct arena *a, const struct contract *agreed,
                          const struct contract *found)
{
    *d = (struct contract_differences){0};
    struct comparing c = {.d = d, .arena = a, .before = agreed, .after = found};
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
    struct comparing c = {.d = d, .arena = a};
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
