#include "worker/merge_fresh.h"

static const char doing_fresh[] = "merging new rows";

/* Ids are given in the order of batch and line. */
static bool is_one_batch_in_order(const struct rows *rows)
{
    for (size_t i = 1; i < rows->n; i++)
        if (rows->list[i].lineage.batch != rows->list[0].lineage.batch ||
            rows->list[i].lineage.line < rows->list[i - 1].lineage.line)
            return false;
    return true;
}

static void put_id(struct buf *b, long long id)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\t';
    do
        *--at = (char)('0' + id % 10);
    while (id /= 10);
    buf_put(b, at, (size_t)(digits + sizeof digits - at));
}

/* A row as rows_add() wrote it: batch, line, client, fields. A client that is not of the key is not stored. */
static void put_row(struct buf *b, const struct rows *rows, size_t i, bool with_client)
{
    size_t len;
    const char *text = rows_text(rows, i, 1, &len);
    if (with_client) {
        buf_put(b, text, len);
        return;
    }
    const char *line = strchr(text, '\t') + 1, *client = strchr(line, '\t') + 1, *fields = strchr(client, '\t') + 1;
    buf_put(b, text, (size_t)(client - text));
    buf_put(b, fields, len - (size_t)(fields - text));
}

static int copy(const struct merge_sql *sql, const struct entity *e, struct session *s, const struct rows *rows,
                long long id)
{
    struct buf text;
    buf_init(&text, ROWS_LARGEST);
    for (size_t i = 0; i < rows->n; i++) {
        if (e->id)
            put_id(&text, id++);
        put_row(&text, rows, i, e->keyed_by_client);
    }
    int result = text.failed ? 0 : session_copy(s, doing_fresh, sql->fresh_copy, text.data, text.len) < 0 ? -1 : 1;
    buf_release(&text);
    return result == 1 && s->copied != (long long)rows->n ? 0 : result; /* a trigger of the table has its own mind */
}

static int count_and_copy(const struct merge_sql *sql, const struct entity *e, struct session *s,
                          const struct rows *rows)
{
    char batch[32], n[32];
    snprintf(batch, sizeof batch, "%lld", (long long)rows->list[0].lineage.batch);
    snprintf(n, sizeof n, "%zu", rows->n);
    PGresult *r = session_query(s, doing_fresh, sql->fresh_count, 2, (const char *[]){batch, n});
    if (!r)
        return -1;
    long long id = session_integer(r, 0, 0);
    bool waited_for = *PQgetvalue(r, 0, 1) == 't'; /* then it has to be known which rows arrived */
    PQclear(r);
    return waited_for ? 0 : copy(sql, e, s, rows, id);
}

static int script(struct session *s, const char *sql)
{
    PGresult *r = session_script(s, doing_fresh, sql);
    PQclear(r);
    return r ? 0 : -1;
}

int merge_fresh(const struct merge_sql *sql, const struct entity *e, struct session *s, const struct rows *rows)
{
    if (!sql->fresh_copy || !is_one_batch_in_order(rows))
        return 0;
    if (script(s, "SAVEPOINT fresh") < 0)
        return -1;
    int result = count_and_copy(sql, e, s, rows);
    if (result < 0 && failure_remedy(&s->failure) != REMEDY_RECORDS)
        return -1;
    if (result > 0)
        return script(s, "RELEASE SAVEPOINT fresh") < 0 ? -1 : 1;
    return script(s, "ROLLBACK TO SAVEPOINT fresh; RELEASE SAVEPOINT fresh");
}
