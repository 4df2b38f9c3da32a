/*
 * The drop folder: which files are complete, in which order, and when one is read again.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "t/unit/tap.h"
#include "worker/source_file.h"

static char folder[] = "/tmp/oriel-drop-XXXXXX";
static struct source source = {.name = "s", .folder = folder, .pattern = "*.ndjson", .settle_ms = 3600000};
static struct drop drop;

/* age: seconds since it was written. */
static void put(const char *name, const char *text, int age)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age;
    times[1] = times[0];
    utimensat(AT_FDCWD, path, times, 0);
}

static const char *next(const char *first)
{
    static char name[64];
    if (drop_scan(&drop) < 0)
        return "the folder cannot be read";
    const struct drop_file *f = drop_next(&drop, first);
    if (!f)
        return NULL;
    snprintf(name, sizeof name, "%s", f->name);
    return name;
}

static void done(const char *name)
{
    for (size_t i = 0; i < drop.n; i++)
        if (strcmp(drop.files[i].name, name) == 0)
            drop.files[i].done = true;
}

static void test_choice(void)
{
    char sum[65];
    is(next(NULL), NULL, "an empty folder");
    put("b.ndjson", "b", 7200);
    put("a.ndjson", "a", 7200);
    put("young.ndjson", "y", 0);
    put(".c.ndjson", "c", 7200);
    put("d.ndjson.part", "d", 7200);
    put("e.csv", "e", 7200);
    is(next(NULL), "a.ndjson", "the first by name");
    is(next("b.ndjson"), "b.ndjson", "unless another is preferred");
    is(next("gone.ndjson"), "a.ndjson", "which may be gone");
    is(drop_next(&drop, NULL)->sha256, (text_sha256("a", 1, sum), sum), "its contents are summed");
    done("a.ndjson");
    is(next(NULL), "b.ndjson", "what is done is passed over, also after another look");
    done("b.ndjson");
    is(next(NULL), NULL, "a young file is not complete; dot files, parts and other names are not meant");
    source.settle_ms = 0;
    is(next(NULL), "young.ndjson", "until it has settled");
    done("young.ndjson");
}

static void test_name(void)
{
    struct buf told;
    buf_init(&told, 10000);
    log_capture(&told);
    put("\xff.ndjson", "x", 7200);
    is(next(NULL), NULL, "a file whose name is not UTF-8 is left alone");
    ok(strstr(buf_str(&told), "names are not UTF-8"), "which is told");
    buf_reset(&told);
    is(next(NULL), NULL, "at each look");
    is(buf_str(&told), "", "but told once");
    log_capture(NULL);
    buf_release(&told);
}

static void test_change(void)
{
    is(next(NULL), NULL, "all done");
    put("a.ndjson", "aa", 5000);
    is(next(NULL), "a.ndjson", "a file that has changed is looked at again");
    char sum[65];
    is(drop_next(&drop, NULL)->sha256, (text_sha256("aa", 2, sum), sum), "and summed again");
    char path[200];
    snprintf(path, sizeof path, "%s/a.ndjson", folder);
    unlink(path);
    is(next(NULL), NULL, "a file that is gone is forgotten");
}

static void clean_up(void)
{
    static const char *const names[] = {"b.ndjson",      "young.ndjson", ".c.ndjson",
                                        "d.ndjson.part", "e.csv",        "\xff.ndjson"};
    char path[200];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    drop_init(&drop, &source);
    test_choice();
    test_name();
    test_change();
    clean_up();
    struct buf told;
    buf_init(&told, 10000);
    log_capture(&told);
    is_int(drop_scan(&drop), -1, "a folder that is gone");
    ok(strstr(buf_str(&told), "source s: cannot read its folder"), "is told");
    buf_reset(&told);
    is_int(drop_scan(&drop), -1, "is looked for again");
    is(buf_str(&told), "", "and told once");
    log_capture(NULL);
    buf_release(&told);
    drop_release(&drop);
    return tap_done();
}
