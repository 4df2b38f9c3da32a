/* What a load would make of rows that share keys. */
#include "t/unit/tap.h"

#include "worker/try_merge.h"

static struct field fields[] = {{.name = "text", .from = (const char *const[]){"/text", NULL}},
                                {.name = "none", .from = (const char *const[]){NULL}},
                                {.name = "key", .from = (const char *const[]){"/key", NULL}, .key = true}};
static const struct entity entity = {.file = "e", .fields = fields, .n_fields = ARRAY_SIZE(fields)};

static void note_key(void *context, const char *key)
{
    buf_printf(context, "%s ", key);
}

/* Records as letters: the key, then what it says; "-" is rejected, "|" ends a batch, "/" a delivery. */
static void check(const char *records, long long updated, long long unchanged, const char *rejected)
{
    struct try_merge m;
    struct buf keys;
    long long n = 0;
    buf_init(&keys, 1000);
    try_merge_init(&m, &entity, note_key, &keys);
    for (const char *p = records; *p; p++) {
        struct cell cells[] = {{p + 1, 1}, {NULL, 0}, {p, 1}};
        struct cleaned cleaned = {.rejected = *p == '-', .cells = cells};
        if (*p == '/') {
            try_merge_end(&m);
            continue;
        }
        p += *p != '-';
        m.batch_records = p[1] == '|' ? 1 : 1000; /* the record reaches it */
        try_merge_record(&m, &cleaned, 10);
        p += p[1] == '|';
    }
    try_merge_end(&m);
    for (const char *p = buf_str(&keys); *p; p++)
        n += *p == ' ';
    is(buf_str(&keys), rejected, records);
    is_int(m.rejected, n, "as many are rejected as are told");
    is_int(m.updated, updated, "updated");
    is_int(m.unchanged, unchanged, "unchanged");
    try_merge_release(&m);
    buf_release(&keys);
}

int main(void)
{
    check("", 0, 0, "");
    check("a1b1c1", 0, 0, "");
    check("a1a2b1", 0, 0, "a ");
    check("a1a1b1", 0, 1, "");
    check("a1a2a1", 0, 1, "a ");
    check("a1a1a2a3b1b2", 0, 1, "a a b ");
    check("a1--a2", 0, 0, "a ");
    check("a1b1|a2b1", 1, 1, "");
    check("a1b1/a2b1", 1, 1, "");
    check("a1a2|a1a2", 0, 1, "a a ");
    check("a1a2/a3/a3", 1, 1, "a ");

    struct try_merge m;
    try_merge_init(&m, &entity, note_key, NULL);
    struct cell cells[] = {{"x", 1}, {NULL, 0}, {"k", 1}};
    struct cleaned cleaned = {.cells = cells};
    m.batch_bytes = 100;
    for (int i = 0; i < 10; i++)
        try_merge_record(&m, &cleaned, 50);
    is_int((long long)m.known.n, 1, "a batch ends by its bytes, too");
    is_int(m.unchanged, 9, "and what is the same stays so");
    try_merge_release(&m);
    return tap_done();
}
