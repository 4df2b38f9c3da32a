/*
 * What a failure means, by its SQLSTATE; how one is kept; arrays as text.
 */
#include "lib/text.h"
#include "t/unit/tap.h"
#include "worker/quote.h"
#include "worker/session.h"

static void test_remedies(void)
{
    static const struct {
        const char *sqlstate, *name;
        enum remedy remedy;
    } cases[] = {
        {"", "nothing", REMEDY_NONE},
        {"08006", "connection_failure", REMEDY_RETRY},
        {"57P01", "admin_shutdown", REMEDY_RETRY},
        {"57P03", "cannot_connect_now", REMEDY_RETRY},
        {"57014", "query_canceled", REMEDY_RETRY},
        {"53100", "disk_full", REMEDY_RETRY},
        {"53300", "too_many_connections", REMEDY_RETRY},
        {"40P01", "deadlock_detected", REMEDY_RETRY},
        {"25006", "read_only_sql_transaction", REMEDY_RETRY},
        {"55P03", "lock_not_available", REMEDY_RETRY},
        {"22001", "string_data_right_truncation", REMEDY_RECORDS},
        {"22P02", "invalid_text_representation", REMEDY_RECORDS},
        {"23505", "unique_violation", REMEDY_RECORDS},
        {"23514", "check_violation", REMEDY_RECORDS},
        {"54000", "program_limit_exceeded", REMEDY_RECORDS},
        {"42703", "undefined_column", REMEDY_STOP},
        {"42501", "insufficient_privilege", REMEDY_STOP},
        {"0A000", "feature_not_supported", REMEDY_STOP},
        {"XX000", "internal_error", REMEDY_STOP},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct failure f;
        failure_set(&f, cases[i].sqlstate, "testing", "%s", cases[i].name);
        is_int(failure_remedy(&f), cases[i].remedy, cases[i].name);
    }
}

static void test_long_message(void)
{
    struct failure f;
    char text[3000];
    memset(text, 'x', sizeof text);
    for (size_t i = 1; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 1] = 0;
    failure_set(&f, "22001", "testing", "%s", text);
    ok(strlen(f.message) > 1000 && strlen(f.message) < sizeof f.message, "a long message is cut");
    is_int(text_utf8_valid(f.message, strlen(f.message)), strlen(f.message), "between characters");
}

static void test_array(void)
{
    struct arena a;
    arena_init(&a);
    is(session_array(&a, NULL, 0), "{}", "no elements");
    is(session_array(&a, (const char *const[]){"a", "b\"c", "d\\e", "NULL", "f,g"}, 5),
       "{\"a\",\"b\\\"c\",\"d\\\\e\",\"NULL\",\"f,g\"}", "elements are quoted");
    arena_release(&a);
}

static void test_quotes(void)
{
    struct buf b;
    buf_init(&b, 100);
    quote_identifier(&b, "a\"b'c\\");
    is(buf_str(&b), "\"a\"\"b'c\\\"", "an identifier");
    buf_reset(&b);
    quote_string(&b, "a\"b'c\\");
    is(buf_str(&b), "E'a\"b''c\\\\'", "a string");
    buf_release(&b);
}

int main(void)
{
    test_remedies();
    test_long_message();
    test_array();
    test_quotes();
    return tap_done();
}
