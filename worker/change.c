#include "worker/change.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/change_lint.h"
#include "worker/turn.h"

enum { LARGEST_SQL = 16 << 20 };

const char *const change_step_names[] = {"expand", "fill", "prove", "brownout", "contract", "revert", NULL};

/* NNNN-name: four digits, a hyphen, then lower-case letters, digits and hyphens. */
static bool is_change_name(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (!isdigit((unsigned char)name[i]))
            return false;
    return name[4] == '-' && name[5] && strspn(name + 5, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name + 5);
}

static const char *read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        log_errno("cannot read %s", path);
        return NULL;
    }
    struct buf text;
    char block[8192];
    const char *result = NULL;
    buf_init(&text, LARGEST_SQL);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_put(&text, block, n);
    if (ferror(f))
        log_errno("cannot read %s", path);
    else if (text.failed)
        log_error("%s is larger than %d MiB", path, LARGEST_SQL >> 20);
    else if (text.len && memchr(text.data, 0, text.len))
        log_error("%s holds a NUL byte, so it is not SQL", path);
    else
        result = arena_memdup(a, buf_str(&text), text.len);
    buf_release(&text);
    fclose(f);
    return result;
}

/* Every file of a change's folder must be one of its phases; a misspelt one would be passed over in silence. */
static int check_files(const char *folder)
{
    static const char *const files[] = {"contract.sql", "expand.sql", "fill.sql", "prove.sql", "revert.sql", NULL};
    int result = 0;
    DIR *d = opendir(folder);
    if (!d) {
        log_errno("cannot read %s", folder);
        return -1;
    }
    for (struct dirent *e; (e = readdir(d));) {
        const char *const *f = files;
        while (*f && strcmp(*f, e->d_name) != 0)
            f++;
        if (*f || e->d_name[0] == '.')
            continue;
        const char *near = text_nearest(e->d_name, files);
        log_error("%s/%s: no file of a change has this name%s%s%s", folder, e->d_name, near ? "; did you mean " : "",
                  near ? near : "", near ? "?" : "");
        result = -1;
    }
    closedir(d);
    return result;
}

static int load_file(struct change_file *f, struct arena *a, const char *folder, enum change_step step)
{
    f->path = arena_printf(a, "%s/%s.sql", folder, change_step_names[step]);
    if (step == STEP_BROWNOUT || (step != STEP_EXPAND && access(f->path, F_OK) < 0))
        return 0;
    f->sql = read_file(a, f->path);
    if (!f->sql)
        return -1;
    text_sha256(f->sql, strlen(f->sql), f->sha256);
    return 0;
}

static int load_one(struct change *change, struct arena *a, const char *folder, const char *name)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    if (!is_change_name(name)) {
        log_error("%s: a change's folder is named like 0001-what-it-does", path);
        return -1;
    }
    if (check_files(path) < 0)
        return -1;
    *change = (struct change){.name = arena_strdup(a, name)};
    for (int step = 0; step < N_STEPS; step++)
        if (load_file(&change->step[step], a, path, (enum change_step)step) < 0)
            return -1;
    return 0;
}

int change_load(struct change_list *changes, struct arena *a, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), result = 0;
    if (n < 0) {
        log_errno("cannot read the folder of changes, %s", folder);
        return -1;
    }
    *changes = (struct change_list){.list = arena_array(a, (size_t)n, sizeof *changes->list)};
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            if (load_one(&changes->list[changes->n], a, folder, entries[i]->d_name) < 0)
                result = -1;
            else
                changes->n++;
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

/* The first line that differs between what was applied and what is in the file, for people. */
static void tell_edit(const struct change_file *f)
{
    const char *was = f->applied_sql, *is = f->sql ? f->sql : "";
    int line = 1;
    while (*was && *is) {
        size_t nw = strcspn(was, "\n"), ni = strcspn(is, "\n");
        if (nw != ni || memcmp(was, is, nw) != 0)
            break;
        was += nw + (was[nw] == '\n');
        is += ni + (is[ni] == '\n');
        line++;
    }
    log_error(
        "%s:%d: this file was changed after it was applied (%s). Applied was:\n%.*s\nNow it says:\n%.*s\nWhat to do: "
        "give the file its old text back, and put what is new into a new change",
        f->path, line, f->applied_at, (int)strcspn(was, "\n"), was, (int)strcspn(is, "\n"), is);
}

static int step_named(const char *name)
{
    int step = 0;
    while (strcmp(change_step_names[step], name) != 0)
        step++;
    return step; /* the table's CHECK admits no other */
}

int change_read_state(struct change_list *changes, struct arena *a, PGconn *c)
{
    int result = 0;
    PGresult *r = pg_query(c, "reading which changes are applied",
                           "SELECT change, step, sha256, sql, pg_catalog.to_char(applied_at, 'YYYY-MM-DD HH24:MI')"
                           "  FROM oriel.change_step ORDER BY change, applied_at",
                           0, NULL);
    if (!r)
        return -1;
    for (int i = 0; i < PQntuples(r); i++) {
        struct change *change = NULL;
        for (size_t k = 0; k < changes->n && !change; k++)
            if (strcmp(changes->list[k].name, PQgetvalue(r, i, 0)) == 0)
                change = &changes->list[k];
        if (!change) {
            log_error(
                "change %s is applied in this database, but its folder is not here. What to do: take the checkout that "
                "this database was brought up with, or a newer one",
                PQgetvalue(r, i, 0));
            result = -1;
            continue;
        }
        struct change_file *f = &change->step[step_named(PQgetvalue(r, i, 1))];
        f->applied_sql = arena_strdup(a, PQgetvalue(r, i, 3));
        f->applied_at = arena_strdup(a, PQgetvalue(r, i, 4));
        if (strcmp(f->sha256, PQgetvalue(r, i, 2)) != 0) {
            tell_edit(f);
            result = -1;
        }
    }
    PQclear(r);
    return result;
}

PGresult *change_next_result(PGconn *c)
{
    PGresult *r = PQgetResult(c);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT)
        return r;
    PQclear(r);
    char *row;
    if (status == PGRES_COPY_IN)
        (void)!PQputCopyEnd(c, "the file of a phase has no data behind it; use INSERT");
    else
        while (PQgetCopyData(c, &row, 0) > 0)
            PQfreemem(row);
    return PQgetResult(c);
}

/* Postgres tells the place of what it cannot parse, of what fails later it does not: that is a statement's. */
static int line_of_failure(const struct change_file *f, size_t n, const PGresult *r)
{
    const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    if (!position)
        return change_line_of_statement(f, n);
    long at = strtol(position, NULL, 10);
    int line = 1;
    /* the position counts characters, not bytes */
    for (const char *p = f->sql; *p && at > 1; p++) {
        line += *p == '\n';
        at -= (*p & 0xc0) != 0x80;
    }
    return line;
}

void change_tell_failure(const struct change_file *f, size_t n, PGconn *c, const PGresult *r)
{
    char doing[512];
    int line = line_of_failure(f, n, r);
    if (line)
        snprintf(doing, sizeof doing, "%s:%d", f->path, line);
    else
        snprintf(doing, sizeof doing, "%s", f->path);
    pg_tell_failure(c, r, doing);
    log_error("%s: rolled back; %s. What to do: mend what the message above names, and run it again", f->path,
              f->partial ? "the ranges before are done, and it will go on behind them" : "nothing was changed");
}

bool change_is_open(const struct change *change)
{
    for (int step = STEP_EXPAND; step < STEP_REVERT; step++)
        if (change->step[step].sql && !change->step[step].applied_at)
            return true;
    return false;
}

int change_take_turn(PGconn *c)
{
    int mine = turn_take(c, "taking the runners' lock", "pg_catalog.hashtext('oriel change')");
    if (mine == 0)
        log_error("another `oriel change` is at work in this database; run this one again when it has ended");
    return mine > 0 ? 0 : -1;
}

int change_record(PGconn *c, const struct change *change, enum change_step step)
{
    const struct change_file *f = &change->step[step];
    const char *params[] = {change->name, change_step_names[step], f->sha256, f->sql ? f->sql : ""};
    if (pg_run(c, "recording the step", "INSERT INTO oriel.change_log (change, step, sha256) VALUES ($1, $2, $3)", 3,
               params) < 0)
        return -1;
    if (step == STEP_REVERT)
        return pg_run(c, "recording the step",
                      "WITH fill AS (DELETE FROM oriel.change_fill WHERE change = $1) DELETE FROM oriel.change_step "
                      "WHERE change = $1",
                      1, params);
    return pg_run(c, "recording the step",
                  "INSERT INTO oriel.change_step (change, step, sha256, sql) VALUES ($1, $2, $3, $4) "
                  "ON CONFLICT (change, step) DO UPDATE SET sha256 = $3, sql = $4, applied_at = pg_catalog.now()",
                  4, params);
}
