/*
 * The drop folder: which files are complete, in which order, and when one is read again.
 */
#include <errno.h>
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

/* What a FIFO would do to a worker that opened it is to let it wait for ever; so would this test. */
static void test_kinds(void)
{
    static const char *const names[] = {"fifo.ndjson", "link.ndjson", "folder.ndjson"};
    char path[ARRAY_SIZE(names)][200];
    struct buf told;
    struct stat st;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    ok(mkfifo(path[0], 0600) == 0 && symlink("/etc/passwd", path[1]) == 0 && mkdir(path[2], 0700) == 0, "all kinds");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        is_int(drop_open(path[i], &st), -1, names[i]);
        is_int(errno, ELOOP, "is not opened");
    }
    buf_init(&told, 10000);
    log_capture(&told);
    is(next(NULL), NULL, "all that is no regular file is left alone");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        ok(strstr(buf_str(&told), names[i]), "which is told of each");
    ok(strstr(buf_str(&told), "it is no regular file"), "with the reason");
    buf_reset(&told);
    is(next(NULL), NULL, "at each look");
    is(buf_str(&told), "", "but told once");
    size_t n;
    const struct drop_file *first = drop_left_out(&drop, &n);
    is_int((int)n, 2, "two of them are left out; a folder may be there");
    is(first ? first->name : NULL, "fifo.ndjson", "of which this is the first");
    is(first ? first->problem : NULL, "it is no regular file", "with the reason");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        remove(path[i]);
    log_capture(NULL);
    buf_release(&told);
}

static void test_left_out(void)
{
    struct buf told;
    size_t n;
    buf_init(&told, 10000);
    log_capture(&told);
    is(next(NULL), NULL, "all is done");
    ok(!drop_left_out(&drop, &n) && n == 0, "and nothing left out");
    put("cut.ndjson", "\x1f\x8b\x08", 7200);
    is(next(NULL), NULL, "a gzip that is cut off");
    const struct drop_file *f = drop_left_out(&drop, &n);
    ok(f && n == 1 && strstr(f->problem, "cut off"), "is left out, with the reason");
    is(next(NULL), NULL, "at the next look");
    ok(drop_left_out(&drop, &n) && n == 1, "too");
    put("cut.ndjson", "c", 7000);
    is(next(NULL), "cut.ndjson", "until it changes");
    ok(!drop_left_out(&drop, &n), "then it is not any more");
    done("cut.ndjson");
    log_capture(NULL);
    buf_release(&told);
}

/* The scan saw a file; when it is to be read, a FIFO has taken its place. */
static void test_swapped(void)
{
    char path[200];
    struct buf told;
    snprintf(path, sizeof path, "%s/swapped.ndjson", folder);
    put("swapped.ndjson", "s", 7200);
    buf_init(&told, 10000);
    log_capture(&told);
    is_int(drop_scan(&drop), 0, "a file is seen");
    unlink(path);
    is_int(mkfifo(path, 0600), 0, "and a FIFO put in its place");
    ok(!drop_next(&drop, "swapped.ndjson"), "is not waited for");
    is(next(NULL), NULL, "nor at the next look");
    ok(strstr(buf_str(&told), "leaves swapped.ndjson"), "which tells it");
    unlink(path);
    log_capture(NULL);
    buf_release(&told);
}

static void test_states(void)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof path, "%s/young.ndjson", folder);
    int fd = drop_open(path, &st);
    ok(fd >= 0, "a regular file is opened");
    struct file_state before = file_state_of(&st), after = before;
    ok(file_state_same(&before, &after), "one state");
    struct timespec pause = {.tv_nsec = 20000000}; /* longer than the step of a file system's clock */
    nanosleep(&pause, NULL);
    ok(fchmod(fd, 0640) == 0 && fstat(fd, &st) == 0, "other rights");
    after = file_state_of(&st);
    ok(!file_state_same(&before, &after), "are another state: what could not be read may be readable now");
    ok(file_contents_same(&before, &after), "of the same contents: loading goes on");
    is(next(NULL), "young.ndjson", "so it is looked at again");
    done("young.ndjson");
    after.size++;
    ok(!file_contents_same(&before, &after), "another size is other contents");
    close(fd);
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
    static const char *const names[] = {"b.ndjson", "young.ndjson", ".c.ndjson", "d.ndjson.part",
                                        "e.csv",    "\xff.ndjson",  "cut.ndjson"};
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
    test_kinds();
    test_swapped();
    test_left_out();
    test_states();
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
