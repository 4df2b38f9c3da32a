#include "lib/typescript.h"

#include "lib/column_type.h"

static const char head[] =
    "// The contracts, as @supabase/postgrest-js takes them. Written by `oriel contract types`: do not edit, run it\n"
    "// again. Use: new PostgrestClient<Database>('http://host').schema('v1')\n"
    "\n"
    "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];\n"
    "\n"
    "export type Database = {\n"
    "  // Whose grammar the responders speak, for what the client allows.\n"
    "  __InternalSupabase: {\n"
    "    PostgrestVersion: \"14\";\n"
    "  };\n";
static const char nothing[] = "{ [_ in never]: never }";

static void indent(struct buf *b, int depth)
{
    buf_printf(b, "%*s", 2 * depth, "");
}

static void put_string(struct buf *b, const char *s)
{
    buf_json_string(b, s, strlen(s));
}

/* A property's name, in quotes unless it is a plain identifier. */
static void put_name(struct buf *b, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    bool plain = strspn(name, letters) && !name[strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")];
    if (plain)
        buf_puts(b, name);
    else
        put_string(b, name);
}

/* Text inside of a comment, whose end it must not be; line breaks become blanks. */
static void put_comment_text(struct buf *b, const char *text)
{
    for (const char *s = text; *s; s++) {
        if (*s == '/' && s > text && s[-1] == '*')
            buf_putc(b, '\\');
        buf_putc(b, (unsigned char)*s < 0x20 ? ' ' : *s);
    }
}

static void put_comment(struct buf *b, int depth, const char *text)
{
    if (!text)
        return;
    indent(b, depth);
    buf_puts(b, "/** ");
    put_comment_text(b, text);
    buf_puts(b, " */\n");
}

static void put_contract_comment(struct buf *b, int depth, const struct contract *c)
{
    if (!c->deprecated) {
        put_comment(b, depth, c->comment);
        return;
    }
    indent(b, depth);
    buf_puts(b, c->comment ? "/** " : "/**");
    put_comment_text(b, c->comment ? c->comment : "");
    buf_puts(b, "\n");
    indent(b, depth);
    buf_printf(b, " * @deprecated%s%s", c->sunset ? " served until " : "", c->sunset ? c->sunset : "");
    if (c->successor) {
        buf_puts(b, "; use ");
        put_comment_text(b, c->successor);
    }
    buf_puts(b, " */\n");
}

static bool contains(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool is_not_null(const struct contract *c, const char *name)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (strcmp(c->columns[i].name, name) == 0)
            return c->columns[i].not_null;
    return false;
}

/* An embed may be null though the columns of its foreign key never are: its target may hide the row. postgrest-js
 * knows no other sign of that than a column that may be null, so the first one of such a key is typed so. */
static bool is_null_for_embeds(const struct contract *c, const struct contract_column *column)
{
    for (size_t i = 0; i < c->n_foreign_keys; i++) {
        const char *const *columns = c->foreign_keys[i].columns;
        bool all = strcmp(columns[0], column->name) == 0;
        for (size_t k = 0; all && columns[k]; k++)
            all = is_not_null(c, columns[k]);
        if (all)
            return true;
    }
    return false;
}

static void put_column_comment(struct buf *b, const char *comment, bool for_embeds)
{
    static const char why[] = "Never null by itself: typed so since an embed by it may be, where the other contract "
                              "does not show the row.";
    struct buf text;
    if (!for_embeds) {
        put_comment(b, 5, comment);
        return;
    }
    buf_init(&text, b->max);
    buf_printf(&text, "%s%s%s", comment ? comment : "", comment ? " " : "", why);
    put_comment(b, 5, buf_str(&text));
    buf_release(&text);
}

/* related: embeds by its foreign keys are typed, too. */
static void put_column(struct buf *b, const struct contract *c, const struct contract_column *column, bool related)
{
    static const char *const names[N_COLUMN_FORMS] = {[FORM_ANY] = "Json",
                                                      [FORM_BOOLEAN] = "boolean",
                                                      [FORM_INTEGER] = "number",
                                                      [FORM_NUMBER] = "number",
                                                      [FORM_STRING] = "string"};
    struct column_type type = column_type_read(column->type);
    bool for_embeds = related && is_null_for_embeds(c, column);
    put_column_comment(b, column->comment, for_embeds);
    indent(b, 5);
    put_name(b, column->name);
    if (!type.array)
        buf_printf(b, ": %s", names[type.form]);
    else if (type.form == FORM_ANY)
        buf_puts(b, ": Json[]");
    else
        buf_printf(b, ": (%s | null)[]", names[type.form]);
    buf_puts(b, column->not_null && !for_embeds ? ";\n" : " | null;\n");
}

static void put_names(struct buf *b, const char *key, const char *const *names)
{
    indent(b, 6);
    buf_printf(b, "%s: [", key);
    for (size_t i = 0; names[i]; i++) {
        buf_puts(b, i ? ", " : "");
        put_string(b, names[i]);
    }
    buf_puts(b, "];\n");
}

static bool same_names(const char *const *a, const char *const *b)
{
    size_t n = 0, m = 0;
    for (; a[n]; n++)
        if (!contains(b, a[n]))
            return false;
    while (b[m])
        m++;
    return n == m;
}

/* Is there at most one row here for each of the target's? */
static bool is_one_to_one(const struct contract *c, const struct contract_foreign_key *fk)
{
    if (same_names(c->key, fk->columns))
        return true;
    for (size_t i = 0; i < c->n_uniques; i++)
        if (same_names(c->uniques[i], fk->columns))
            return true;
    return false;
}

/* What embeds may call it: the name that was declared, else its columns. */
static void put_foreign_key_name(struct buf *b, const struct contract_foreign_key *fk)
{
    struct buf name;
    buf_init(&name, b->max);
    if (fk->name)
        buf_puts(&name, fk->name);
    else
        for (size_t i = 0; fk->columns[i]; i++)
            buf_printf(&name, "%s%s", i ? "_" : "", fk->columns[i]);
    put_string(b, buf_str(&name));
    buf_release(&name);
}

static void put_relationship(struct buf *b, const struct contract *c, const struct contract_foreign_key *fk,
                             const struct contract *target)
{
    indent(b, 5);
    buf_puts(b, "{\n");
    indent(b, 6);
    buf_puts(b, "foreignKeyName: ");
    put_foreign_key_name(b, fk);
    buf_puts(b, ";\n");
    put_names(b, "columns", fk->columns);
    indent(b, 6);
    buf_printf(b, "isOneToOne: %s;\n", is_one_to_one(c, fk) ? "true" : "false");
    indent(b, 6);
    buf_puts(b, "referencedRelation: ");
    put_string(b, target->version == c->version ? target->entity : target->view);
    buf_puts(b, ";\n");
    put_names(b, "referencedColumns", fk->target_columns);
    indent(b, 5);
    buf_puts(b, "},\n");
}

static void put_relationships(struct buf *b, const struct contract_set *set, const struct contract *c)
{
    bool any = false;
    indent(b, 4);
    buf_puts(b, "Relationships: [");
    for (size_t i = 0; i < c->n_foreign_keys; i++) {
        const struct contract *target = contract_find_view(set, c->foreign_keys[i].target);
        if (!target)
            continue;
        buf_puts(b, any ? "" : "\n");
        any = true;
        put_relationship(b, c, &c->foreign_keys[i], target);
    }
    if (any)
        indent(b, 4);
    buf_puts(b, "];\n");
}

/* set NULL: without relationships. */
static void put_view(struct buf *b, const char *name, const struct contract *c, const struct contract_set *set)
{
    put_contract_comment(b, 3, c);
    indent(b, 3);
    put_name(b, name);
    buf_puts(b, ": {\n");
    indent(b, 4);
    buf_puts(b, "Row: {\n");
    for (size_t i = 0; i < c->n_columns; i++)
        put_column(b, c, &c->columns[i], set != NULL);
    indent(b, 4);
    buf_puts(b, "};\n");
    if (set) {
        put_relationships(b, set, c);
    } else {
        indent(b, 4);
        buf_puts(b, "Relationships: [];\n");
    }
    indent(b, 3);
    buf_puts(b, "};\n");
}

/* Does a foreign key of a contract of this version lead to c? */
static bool is_target(const struct contract_set *set, int version, const struct contract *c)
{
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->contracts[i].n_foreign_keys; k++)
            if (set->contracts[i].version == version && strcmp(set->contracts[i].foreign_keys[k].target, c->view) == 0)
                return true;
    return false;
}

static void put_version(struct buf *b, const struct contract_set *set, int version)
{
    buf_printf(b, "  v%d: {\n    Tables: %s;\n    Views: {\n", version, nothing);
    for (size_t i = 0; i < set->n; i++)
        if (set->contracts[i].version == version)
            put_view(b, set->contracts[i].entity, &set->contracts[i], set);
    for (size_t i = 0; i < set->n; i++)
        if (set->contracts[i].version != version && is_target(set, version, &set->contracts[i]))
            put_view(b, set->contracts[i].view, &set->contracts[i], NULL);
    buf_printf(b, "    };\n    Functions: %s;\n  };\n", nothing);
}

void typescript_print(const struct contract_set *set, struct buf *b)
{
    buf_puts(b, head);
    for (int version = contract_next_version(set, 0); version; version = contract_next_version(set, version))
        put_version(b, set, version);
    buf_puts(b, "};\n");
}
