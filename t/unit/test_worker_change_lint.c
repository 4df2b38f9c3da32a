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

int main(void)
{
    struct arena a;
    arena_init(&a);
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
