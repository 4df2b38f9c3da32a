/*
 * Arrays, grants and options as Postgres' catalog has them.
 */
#include "lib/catalog_text.h"
#include "lib/buf.h"
#include "t/unit/tap.h"

static struct arena arena;

/* The list in one string, each element in <>. */
static const char *told(const char *const *list)
{
    struct buf b;
    buf_init(&b, 1000);
    for (; *list; list++)
        buf_printf(&b, "<%s>", *list);
    const char *text = arena_strdup(&arena, buf_str(&b));
    buf_release(&b);
    return text;
}

static void test_array(void)
{
#define IS(text, list, name) is(told(catalog_array(&arena, (text))), (list), (name))
    IS(NULL, "", "no array, no elements");
    IS("{}", "", "an empty one");
    IS("{a,b c,d}", "<a><b c><d>", "plain elements");
    IS("{\"a,b\",\"}\",\"\",\"NULL\"}", "<a,b><}><><NULL>", "quoted ones, and an empty one");
    IS("{\"a\\\"b\",\"c\\\\d\",e}", "<a\"b><c\\d><e>", "what a backslash protects");
    IS("{a,\"b", "<a><b>", "an end that is missing");
#undef IS
}

static void test_writers(void)
{
#define IS(acl, list, name) is(told(catalog_writers(&arena, (acl), "owner")), (list), (name))
    IS(NULL, "", "without an ACL nobody but the owner");
    IS("{owner=arwdDxt/owner,ds=r/owner}", "", "the owner and a reader");
    IS("{owner=arwdDxt/owner,ds=rw/owner,al=a/owner}", "<al><ds>", "two who write, sorted");
    IS("{=d/owner}", "<PUBLIC>", "everybody");
    IS("{ds=r*w*/owner}", "<ds>", "with the right to grant it");
    IS("{ds=rxt/owner}", "", "references and triggers are no writing");
    IS("{ds=r/dadaw}", "", "letters of who granted it");
    IS("{ds=D/owner,ds=a/other}", "<ds>", "granted by two");
    IS("{\"\\\"we ird\\\"=w/owner\",\"\\\"a\\\"\\\"b=\\\"=a/owner\"}", "<a\"b=><we ird>", "names in quotes");
#undef IS
}

static void test_option(void)
{
    static const char *const on[] = {"true", "t", "TRUE", "yes", "Y", "on", "ON", "1"};
    static const char *const off[] = {"false", "f", "no", "n", "off", "0", "o", ""};
    for (size_t i = 0; i < ARRAY_SIZE(on); i++)
        ok(catalog_option(&arena, arena_printf(&arena, "{a=1,barrier=%s}", on[i]), "barrier"), "%s is on", on[i]);
    for (size_t i = 0; i < ARRAY_SIZE(off); i++)
        ok(!catalog_option(&arena, arena_printf(&arena, "{barrier=%s,a=1}", off[i]), "barrier"), "\"%s\" is off",
           off[i]);
    ok(!catalog_option(&arena, NULL, "barrier"), "not given at all");
    ok(!catalog_option(&arena, "{barriers=true}", "barrier"), "nor another of a longer name");
}

int main(void)
{
    arena_init(&arena);
    test_array();
    test_writers();
    test_option();
    arena_release(&arena);
    return tap_done();
}
