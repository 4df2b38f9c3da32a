#include "worker/table.h"

#include <unistr.h>
#include <uniwidth.h>

#include "lib/mem.h"

enum { GAP = 2, NARROWEST = 8 }; /* between columns; no text is cut shorter */

static bool is_number(const PGresult *r, int column)
{
    static const Oid numbers[] = {20, 21, 23, 700, 701, 1700}; /* int8, int2, int4, float4, float8, numeric */
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (PQftype(r, column) == numbers[i])
            return true;
    return false;
}

static int width_of(const char *s)
{
    int width = u8_strwidth((const uint8_t *)s, "UTF-8");
    return width < 0 ? 0 : width;
}

static bool is_control(ucs4_t c)
{
    return c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0);
}

void table_put_text(struct buf *out, const char *s, bool lines)
{
    for (const uint8_t *p = (const uint8_t *)s; *p;) {
        ucs4_t c;
        int n = u8_strmbtouc(&c, p);
        bool plain = n > 0 && (!is_control(c) || (lines && (c == '\n' || c == '\t')));
        n = n > 0 ? n : 1;
        buf_put(out, plain ? (const char *)p : "?", plain ? (size_t)n : 1);
        p += n;
    }
}

/* Appends s in just `width` places, cut or filled up with spaces. */
static void put_cell(struct buf *out, const char *s, int width, bool right)
{
    int own = width_of(s), room = own > width ? width - 1 : width, used = 0;
    if (right && own < width)
        buf_printf(out, "%*s", width - own, "");
    for (const uint8_t *p = (const uint8_t *)s; *p;) {
        ucs4_t c;
        int n = u8_strmbtouc(&c, p);
        if (n <= 0)
            break;
        int w = uc_width(c, "UTF-8");
        bool control = is_control(c);
        w = control ? 1 : w < 0 ? 0 : w;
        if (used + w > room)
            break;
        if (control)
            buf_putc(out, '?');
        else
            buf_put(out, p, (size_t)n);
        used += w;
        p += n;
    }
    if (own > width) {
        buf_puts(out, "…");
        used++;
    }
    if (!right && used < width)
        buf_printf(out, "%*s", width - used, "");
}

/* Control characters are counted as the "?" that stands for them. */
static int needed(const char *s)
{
    int controls = 0, n;
    ucs4_t c;
    for (const uint8_t *p = (const uint8_t *)s; *p && (n = u8_strmbtouc(&c, p)) > 0; p += n)
        controls += is_control(c);
    return controls;
}

static void measure(const PGresult *r, int n, int *widths)
{
    for (int c = 0; c < n; c++) {
        widths[c] = width_of(PQfname(r, c));
        for (int row = 0; row < PQntuples(r); row++) {
            const char *s = PQgetvalue(r, row, c);
            int width = width_of(s) + needed(s);
            if (width > widths[c])
                widths[c] = width;
        }
    }
}

/* Takes places from the widest text, one at a time, until all fit or no text can be cut further. */
static void fit(const PGresult *r, int n, int *widths)
{
    int total = (n - 1) * GAP;
    for (int c = 0; c < n; c++)
        total += widths[c];
    for (; total > TABLE_WIDTH; total--) {
        int widest = -1;
        for (int c = 0; c < n; c++)
            if (!is_number(r, c) && widths[c] > NARROWEST && (widest < 0 || widths[c] > widths[widest]))
                widest = c;
        if (widest < 0)
            return;
        widths[widest]--;
    }
}

static void put_line(struct buf *out, const PGresult *r, int row, int n, const int *widths)
{
    for (int c = 0; c < n; c++) {
        if (c)
            buf_printf(out, "%*s", GAP, "");
        put_cell(out, row < 0 ? PQfname(r, c) : PQgetvalue(r, row, c), widths[c], is_number(r, c));
    }
    while (out->len && out->data[out->len - 1] == ' ')
        buf_trim_end(out, 1);
    buf_putc(out, '\n');
}

void table_print(struct buf *out, const PGresult *r, int n_columns)
{
    int *widths = mem_alloc((size_t)n_columns * sizeof *widths);
    measure(r, n_columns, widths);
    fit(r, n_columns, widths);
    for (int row = -1; row < PQntuples(r); row++)
        put_line(out, r, row, n_columns, widths);
    free(widths);
}

void table_print_json(struct buf *out, const PGresult *r)
{
    enum { BOOLEAN_OID = 16 };
    buf_putc(out, '[');
    for (int row = 0; row < PQntuples(r); row++) {
        buf_puts(out, row ? ",\n " : "\n ");
        for (int c = 0; c < PQnfields(r); c++) {
            const char *value = PQgetvalue(r, row, c);
            buf_puts(out, c ? ", " : "{");
            buf_json_string(out, PQfname(r, c), strlen(PQfname(r, c)));
            buf_puts(out, ": ");
            if (PQgetisnull(r, row, c))
                buf_puts(out, "null");
            else if (PQftype(r, c) == BOOLEAN_OID)
                buf_puts(out, *value == 't' ? "true" : "false");
            else if (is_number(r, c))
                buf_puts(out, value);
            else
                buf_json_string(out, value, strlen(value));
        }
        buf_putc(out, '}');
    }
    buf_puts(out, PQntuples(r) ? "\n]" : "]");
}
