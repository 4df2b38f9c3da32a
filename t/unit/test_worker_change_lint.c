/* Views that take columns which they do not name, seen in the text of a change. */
#include "lib/log.h"
#include "t/unit/tap.h"
#include "worker/change_lint.h"

static const struct {
    const char *sql;
    int line; /* of the mistake; 0 for none */
} rows[] = {
    {"CREATE VIEW api.v_a_v1 AS SELECT * FROM dp.a;", 1},
    {"create or replace view \"api\".v_a_v1 as\nselect a.id,\n  b.* from dp.a", 3},
    {"CREATE VIEW api.v_a_v1 AS SELECT *, 1 AS one FROM dp.a", 1},
    {"CREATE VIEW api.v_a_v1 AS SELECT DISTINCT ON (id) * FROM dp.a", 1},
    {"CREATE VIEW api.v_a_v1 AS SELECT to_jsonb(a.*) FROM dp.a", 1},
    {"CREATE VIEW api.v_a_v1 AS SELECT s.id FROM (SELECT * FROM dp.a) s", 1},
    {"CREATE VIEW api.v_a_v1 AS TABLE dp.a", 1},
    {"CREATE RECURSIVE VIEW api.v_a_v1 (id) AS SELECT *", 1},
    {"SELECT 1; -- ; CREATE\n\nCREATE /* a /* b */ * */ VIEW api.v_a_v1 AS SELECT * FROM dp.a;", 3},
    {"CREATE VIEW api.v_a_v1 AS SELECT 'it''s' AS a, * FROM dp.a", 1},
    {"CREATE VIEW api.v_a_v1 AS SELECT E'\\'' AS a, * FROM dp.a", 1},
    {"CREATE VIEW api.v_a_v1 AS SELECT count(*) AS n FROM dp.a;", 0},
    {"CREATE VIEW api.v_a_v1 AS SELECT a.x * a.y AS z, 2 *(a.x) AS w, count( * ) FROM dp.a;", 0},
    {"CREATE VIEW api.v_a_v1 AS SELECT '* FROM' AS a, $$ * FROM $$ AS b, $t$ $$ , * $t$ AS c, \"*\" FROM dp.a;", 0},
    {"CREATE VIEW api.v_a_v1 AS SELECT id -- * FROM\n/* * FROM */ FROM dp.a;", 0},
    {"CREATE VIEW dp.a AS SELECT * FROM dp.b;", 0},
    {"CREATE TABLE dp.c AS SELECT * FROM dp.b; INSERT INTO dp.c SELECT * FROM dp.b;", 0},
    {"CREATE VIEW api.v_a_v1 AS SELECT id FROM dp.a; CREATE TABLE dp.c AS SELECT * FROM dp.b;", 0},
    {"", 0},
    {"'open", 0},
    {"$t$open", 0},
    {"/* open", 0},
};

/* Statements that end the transaction: the line that is told, 0 for none. */
static const struct {
    const char *sql;
    int line;
} transactions[] = {
    {"CREATE TABLE dp.a (id int);\nCOMMIT;", 2},
    {"begin; SELECT 1", 1},
    {"SELECT 1;\n\n  ROLLBACK", 3},
    {"SELECT 1;\nSTART TRANSACTION;", 2},
    {"SELECT 1;\nEND;", 2},
    {"SAVEPOINT a; ROLLBACK TO a; RELEASE a; ROLLBACK TO SAVEPOINT a", 0},
    {"DO $$ BEGIN PERFORM 1; END $$; SELECT 'COMMIT'; -- ;COMMIT\n", 0},
    {"CREATE FUNCTION dp.f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END; SELECT 1", 0},
    {"CREATE FUNCTION dp.f() RETURNS int BEGIN ATOMIC SELECT 1; END;\nCOMMIT", 2},
    {"", 0},
};

static const struct {
    const char *sql;
    size_t n;
    int line; /* of the nth statement; 0: it has not so many */
} statements[] = {
    {"SELECT 1", 0, 1},
    {"-- first\n\nSELECT 1;\nSELECT\n2;", 0, 3},
    {"-- first\n\nSELECT 1;\nSELECT\n2;", 1, 4},
    {"-- first\n\nSELECT 1;\nSELECT\n2;\n", 2, 0},
    {";;\nSELECT 1;;\n; SELECT 2", 1, 3},
    {"CREATE RULE r AS ON INSERT TO a DO (SELECT 1;\nSELECT 2);\nSELECT 3", 1, 3},
    {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nSELECT 1;\nEND;\nSELECT 3", 1, 4},
    {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END;\nSELECT 3", 1, 2},
    {"SELECT ';\n;', $$;\n$$, \"a;\"\"\n;\";\nSELECT 2", 1, 5},
};

static const struct {
    const char *sql, *name;
    bool mentioned;
} names[] = {
    {"DROP VIEW api.V_a_v1;", "v_a_v1", true},
    {"DROP VIEW api.\"v_a_v1\";", "v_a_v1", true},
    {"DROP VIEW api.\"v_a \"\"b_v1\";", "v_a \"b_v1", true},
    {"DROP VIEW api.\"v_a \"\"b_v1\";", "v_a ", false},
    {"DROP VIEW api.v_a_v10;", "v_a_v1", false},
    {"SELECT 'v_a_v1' -- v_a_v1", "v_a_v1", false},
};

static void test_transactions(struct arena *a)
{
    for (size_t i = 0; i < ARRAY_SIZE(transactions); i++) {
        struct change_file f = {.path = "expand.sql", .sql = transactions[i].sql};
        struct buf log;
        buf_init(&log, 4096);
        log_capture(&log);
        int result = change_lint_transaction(&f);
        log_capture(NULL);
        const char *place = arena_printf(a, "expand.sql:%d: a phase is one transaction", transactions[i].line);
        if (transactions[i].line)
            ok(result < 0 && strstr(buf_str(&log), place), "transaction %zu: told", i);
        else
            ok(result == 0 && !log.len, "transaction %zu: not told", i);
        buf_release(&log);
    }
}

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_transactions(&a);
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
        const struct change_file f = {.sql = statements[i].sql};
        int line = change_line_of_statement(&f, statements[i].n);
        ok(line == statements[i].line, "statement %zu: line %d", i, line);
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct change_file f = {.sql = names[i].sql};
        ok(change_mentions(&f, names[i].name) == names[i].mentioned, "name %zu", i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct change_file f = {.path = "expand.sql", .sql = rows[i].sql};
        struct buf log;
        buf_init(&log, 4096);
        log_capture(&log);
        int result = change_lint(&f);
        log_capture(NULL);
        const char *place = arena_printf(&a, "expand.sql:%d: a contract takes all columns", rows[i].line);
        if (rows[i].line)
            ok(result < 0 && strstr(buf_str(&log), place), "row %zu: told", i);
        else
            ok(result == 0 && !log.len, "row %zu: not told", i);
        buf_release(&log);
    }
    arena_release(&a);
    return tap_done();
}
