/*
 * Reading manual pages (mdoc) for the tests that hold them against the tables of the code.
 */
#ifndef ORIEL_UNIT_MANUAL_H
#define ORIEL_UNIT_MANUAL_H

#include "lib/mem.h"
#include "t/unit/tap.h"

enum { MOST = 128 };

struct words {
    const char *list[MOST];
    size_t n;
};

static void add(struct words *w, const char *word)
{
    if (w->n < MOST)
        w->list[w->n++] = word;
    else
        ok(false, "there is room for the word %s", word);
}

static void add_all(struct words *w, const char *const *list)
{
    for (; *list; list++)
        add(w, *list);
}

static bool holds(const struct words *w, const char *word)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->list[i], word) == 0)
            return true;
    return false;
}

static const char *read_page(struct arena *a, const char *path)
{
    char *text = arena_alloc(a, 1 << 20);
    FILE *f = fopen(path, "r");
    if (!ok(f != NULL, "%s is there", path))
        return "";
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    ok(n > 0, "and holds something");
    return text;
}

/* The words behind a line's macros: ".It Cm lower , upper" gives lower and upper, ".It Fl \-json" json. */
static void add_items(struct words *w, const char *line, size_t n, const char *macro, struct arena *a)
{
    char *copy = arena_memdup(a, line, n), *rest = copy;
    size_t m = strlen(macro);
    if (strncmp(copy, macro, m) != 0 || copy[m] != ' ')
        return;
    rest += m + 1;
    for (char *word; (word = strsep(&rest, " "));) {
        if (strcmp(word, "Ar") == 0 || strcmp(word, "Oo") == 0)
            return;
        if (strncmp(word, "\\-", 2) == 0)
            word += 2;
        if (strcmp(word, ",") != 0 && *word)
            add(w, word);
    }
}

/* What the macro names in a section of a page; sub NULL: in all of it, "": before its first subsection. */
static struct words documented(struct arena *a, const char *page, const char *section, const char *sub,
                               const char *macro)
{
    struct words w = {0};
    bool in_section = false, in_sub = false;
    for (const char *line = page; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t n = strcspn(line, "\n");
        const char *text = arena_memdup(a, line, n);
        if (strncmp(text, ".Sh ", 4) == 0) {
            in_section = strcmp(text + 4, section) == 0;
            in_sub = !sub || !*sub;
        } else if (strncmp(text, ".Ss ", 4) == 0) {
            in_sub = !sub || strcmp(text + 4, sub) == 0; /* "" is none */
            if (in_section && strcmp(macro, ".Ss") == 0)
                add(&w, text + 4);
        } else if (in_section && in_sub)
            add_items(&w, line, n, macro, a);
    }
    return w;
}

/* The words of one that the other has not, each behind a comma; "" for none. */
static const char *difference(struct arena *a, const struct words *one, const struct words *other)
{
    const char *found = "";
    for (size_t i = 0; i < one->n; i++)
        if (!holds(other, one->list[i]))
            found = arena_printf(a, "%s, %s", found, one->list[i]);
    return found;
}

static void compare(struct arena *a, const struct words *manual, const struct words *code, const char *what)
{
    const char *missing = difference(a, code, manual), *extra = difference(a, manual, code);
    ok(!*missing, "%s: the manual has all%s%s", what, *missing ? ", but not" : "", *missing ? missing + 1 : "");
    ok(!*extra, "%s: the manual has no more%s%s", what, *extra ? ", but" : "", *extra ? extra + 1 : "");
}

static void test_list(struct arena *a, const char *page, const char *section, const char *sub, const char *const *list)
{
    struct words code = {0}, manual = documented(a, page, section, sub, ".It Cm");
    add_all(&code, list);
    compare(a, &manual, &code, sub && *sub ? sub : section);
}

#endif
