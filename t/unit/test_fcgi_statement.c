/* The book of prepared statements: finding, displacing, forgetting. */
#include "t/unit/tap.h"

#include "fcgi-app/statement.h"

static struct statements book;

static struct statement *add(int i)
{
    char sql[32], displaced[24];
    snprintf(sql, sizeof sql, "SELECT %d", i);
    return statement_add(&book, sql, displaced);
}

static void test_find(void)
{
    char displaced[24] = "x";
    struct statement *s = statement_add(&book, "SELECT 1", displaced);
    is(displaced, "", "nothing makes room in an empty book");
    is(s->name, "s1", "the first name");
    is_int(s->state, STATEMENT_PREPARING, "a new statement is being prepared");
    ok(statement_find(&book, "SELECT 1") == s, "it is found by its text");
    ok(!statement_find(&book, "SELECT 2"), "another text is not");
    statement_forget(&book, s);
    ok(!statement_find(&book, "SELECT 1"), "a forgotten one is not found");
    is_int((long long)book.n, 0, "and not counted");
}

static void test_forget_in_use(void)
{
    struct statement *s = add(3);
    statement_take(s);
    statement_take(s);
    statement_forget(&book, s);
    statement_forget(&book, s);
    is_int(s->state, STATEMENT_FORGOTTEN, "forgetting twice is once");
    struct statement *again = add(3);
    ok(again != s && strcmp(again->name, s->name) != 0, "its text may come again, under another name");
    statement_give_back(s);
    is(s->sql, "SELECT 3", "it lives while it has a user");
    statement_give_back(s);
    statements_clear(&book);
    ok(!book.oldest && !book.newest && book.n == 0, "a cleared book is empty");
}

static void test_displace(void)
{
    char displaced[24];
    struct statement *first = add(0), *second = add(1);
    for (int i = 2; i < STATEMENTS_MAX; i++)
        add(i);
    statement_take(second);
    ok(statement_find(&book, "SELECT 0") == first, "asked for, so the newest by use");
    char third_name[24];
    memcpy(third_name, statement_find(&book, "SELECT 2")->name, sizeof third_name);
    statement_find(&book, "SELECT 3");
    for (int i = 4; i < STATEMENTS_MAX; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "SELECT %d", i);
        statement_find(&book, sql);
    }
    statement_find(&book, "SELECT 0");
    statement_add(&book, "SELECT 'new'", displaced);
    is(displaced, third_name, "the one that was used longest ago and has no user makes room");
    ok(!statement_find(&book, "SELECT 2"), "and is gone");
    ok(statement_find(&book, "SELECT 1") == second, "one in use stays");
    is_int((long long)book.n, STATEMENTS_MAX, "the book does not grow");
    statement_give_back(second);
}

static void test_all_in_use(void)
{
    char displaced[24];
    for (struct statement *s = book.oldest; s; s = s->newer)
        statement_take(s);
    ok(!statement_add(&book, "SELECT 'late'", displaced), "no room where all are in use");
    is(displaced, "", "and nothing is displaced");
    for (struct statement *s = book.oldest; s; s = s->newer)
        statement_give_back(s);
    unsigned long long made = book.made;
    statements_clear(&book);
    ok(book.made == made, "names go on after a clearing");
}

int main(void)
{
    test_find();
    test_forget_in_use();
    test_displace();
    test_all_in_use();
    return tap_done();
}
