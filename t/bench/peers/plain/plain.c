/*
 * A peer of `make bench`: a responder as most people write one with libfcgi and libpq. One process serves one request at a
 * time: accept, ask with a prepared statement, wait, print. spawn-fcgi starts as many processes as are wanted.
 */
#include <fcgi_stdio.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS "id, client, external_id, vendor_id, name, category, price, in_stock, tags, updated_at"

static const struct {
    const char *path, *sql;
    int list, embed;
} queries[] = {
    {"/products/", "SELECT " COLUMNS " FROM api.v_products_v1 WHERE id = $1", 0, 0},
    {"/range/", "SELECT " COLUMNS " FROM api.v_products_v1 WHERE id >= $1 ORDER BY id LIMIT 100", 1, 0},
    {"/embed/",
     "SELECT p.id, p.name, p.price, v.id AS vendor_id, v.name AS vendor_name FROM api.v_products_v1 p "
     "LEFT JOIN api.v_vendors_v1 v ON v.id = p.vendor_id WHERE p.id >= $1 ORDER BY p.id LIMIT 20",
     1, 1},
    {"/vendor/", "SELECT " COLUMNS " FROM api.v_products_v1 WHERE vendor_id = $1 ORDER BY id LIMIT 20", 1, 0},
};
enum { QUERIES = sizeof queries / sizeof *queries, BOOL = 16, INT8 = 20, NUMERIC = 1700, JSONB = 3802 };

static void print_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            putchar('\\'), putchar(c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_value(PGresult *r, int row, int column)
{
    const char *value = PQgetvalue(r, row, column);
    Oid type = PQftype(r, column);
    if (PQgetisnull(r, row, column))
        printf("null");
    else if (type == INT8 || type == NUMERIC || type == JSONB)
        printf("%s", value);
    else if (type == BOOL)
        printf("%s", *value == 't' ? "true" : "false");
    else
        print_string(value);
}

static void print_row(PGresult *r, int row, int embed)
{
    int columns = embed ? 3 : PQnfields(r);
    putchar('{');
    for (int i = 0; i < columns; i++) {
        printf("%s\"%s\":", i ? "," : "", PQfname(r, i));
        print_value(r, row, i);
    }
    if (embed && PQgetisnull(r, row, 3))
        printf(",\"vendor\":null");
    else if (embed) {
        printf(",\"vendor\":{\"id\":");
        print_value(r, row, 3);
        printf(",\"name\":");
        print_value(r, row, 4);
        putchar('}');
    }
    putchar('}');
}

static void serve(PGconn *c, const char *url)
{
    for (int i = 0; i < QUERIES; i++) {
        size_t n = strlen(queries[i].path);
        if (strncmp(url, queries[i].path, n) != 0)
            continue;
        const char *id = url + n;
        PGresult *r = PQexecPrepared(c, queries[i].path, 1, &id, NULL, NULL, 0);
        if (PQresultStatus(r) != PGRES_TUPLES_OK || (!queries[i].list && !PQntuples(r)))
            break;
        printf("Content-Type: application/json\r\n\r\n");
        if (queries[i].list)
            putchar('[');
        for (int row = 0; row < PQntuples(r); row++) {
            if (row)
                putchar(',');
            print_row(r, row, queries[i].embed);
        }
        if (queries[i].list)
            putchar(']');
        PQclear(r);
        return;
    }
    printf("Status: 404 Not Found\r\nContent-Type: application/json\r\n\r\n{\"message\":\"not found\"}");
}

int main(void)
{
    PGconn *c = PQconnectdb(getenv("BENCH_DATABASE"));
    if (PQstatus(c) != CONNECTION_OK)
        return 1;
    for (int i = 0; i < QUERIES; i++)
        PQclear(PQprepare(c, queries[i].path, queries[i].sql, 1, NULL));
    while (FCGI_Accept() >= 0)
        serve(c, getenv("REQUEST_URI"));
    PQfinish(c);
    return 0;
}
