#include "worker/input.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/log.h"
#include "lib/mem.h"

enum { FIRST_BUFFER = 256 << 10, COMPRESSED = 64 << 10, GZIP_WINDOW = 15 + 16 };

struct gunzip {
    z_stream z;
    int fd;
    bool file_ended, between; /* between: a member has ended, and another may follow */
    unsigned char bytes[COMPRESSED];
};

static const char cut[] = "its gzip is cut off: it was not delivered whole";
static const char broken[] = "its gzip is broken";
static const char behind[] = "something that is no gzip stands behind its gzip";

static ssize_t read_some(int fd, void *to, size_t n)
{
    ssize_t got;
    while ((got = read(fd, to, n)) < 0 && errno == EINTR)
        ;
    return got;
}

/* ---- gzip ---- */

static struct gunzip *gunzip_new(int fd)
{
    struct gunzip *g = mem_alloc(sizeof *g);
    g->fd = fd;
    if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
        abort(); /* only for lack of memory */
    return g;
}

static void gunzip_free(struct gunzip *g)
{
    if (g)
        inflateEnd(&g->z);
    free(g);
}

/* 0, or -1 and *problem (NULL: errno says it). */
static int refill(struct gunzip *g, const char **problem)
{
    if (g->z.avail_in || g->file_ended)
        return 0;
    ssize_t n = read_some(g->fd, g->bytes, sizeof g->bytes);
    *problem = NULL;
    g->file_ended = n == 0;
    g->z.next_in = g->bytes;
    g->z.avail_in = n > 0 ? (unsigned)n : 0;
    return n < 0 ? -1 : 0;
}

/* Behind a member: another one (RFC 1952, section 2.2), or the end. 1: another; 0: the end; -1 and *problem. */
static int next_member(struct gunzip *g, const char **problem)
{
    if (refill(g, problem) < 0)
        return -1;
    if (!g->z.avail_in)
        return 0;
    *problem = behind;
    if (*g->z.next_in != 0x1f)
        return -1;
    g->between = false;
    return inflateReset(&g->z) == Z_OK ? 1 : -1;
}

/* At least a byte, at most n. 0 at the end; -1 and *problem. */
static ssize_t gunzip_read(struct gunzip *g, void *to, size_t n, const char **problem)
{
    g->z.next_out = to;
    g->z.avail_out = n > 1 << 30 ? 1 << 30 : (unsigned)n;
    unsigned room = g->z.avail_out;
    while (g->z.avail_out == room) {
        int more = g->between ? next_member(g, problem) : 1;
        if (more <= 0)
            return more;
        if (refill(g, problem) < 0)
            return -1;
        *problem = cut;
        if (!g->z.avail_in)
            return -1;
        int code = inflate(&g->z, Z_NO_FLUSH);
        *problem = broken;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return -1;
        g->between = code == Z_STREAM_END;
    }
    return room - g->z.avail_out;
}

const char *input_gzip_problem(int fd)
{
    enum { BLOCK = 256 << 10 };
    unsigned char first[2];
    const char *problem = NULL;
    if (lseek(fd, 0, SEEK_SET) < 0 || read_some(fd, first, 2) != 2 || first[0] != 0x1f || first[1] != 0x8b ||
        lseek(fd, 0, SEEK_SET) < 0)
        return NULL;
    struct gunzip *g = gunzip_new(fd);
    char *block = mem_alloc(BLOCK);
    ssize_t n;
    while ((n = gunzip_read(g, block, BLOCK, &problem)) > 0)
        ;
    free(block);
    gunzip_free(g);
    return n < 0 ? problem ? problem : strerror(errno) : NULL;
}

/* ---- the window ---- */

void input_init(struct input *in, int fd, const char *name)
{
    *in = (struct input){.fd = fd, .name = name, .size = FIRST_BUFFER, .data = mem_realloc(NULL, FIRST_BUFFER)};
}

void input_release(struct input *in)
{
    gunzip_free(in->gunzip);
    free(in->data);
    *in = (struct input){.fd = -1};
}

static int fail(const struct input *in, const char *problem)
{
    unsigned long long at = in->offset + (in->end - in->start);
    if (problem)
        log_error("cannot read %s behind byte %llu: %s", in->name, at, problem);
    else
        log_errno("cannot read %s behind byte %llu", in->name, at);
    return -1;
}

/* What was read first tells what it is. */
static bool begins_a_gzip(const struct input *in)
{
    const unsigned char *p = (const unsigned char *)in->data;
    return in->end >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

/* Reads behind end. -1 after a message. */
static ssize_t read_behind(struct input *in)
{
    const char *problem = NULL;
    size_t room = in->size - in->end;
    ssize_t n = in->gunzip ? gunzip_read(in->gunzip, in->data + in->end, room, &problem)
                           : read_some(in->fd, in->data + in->end, room);
    return n < 0 ? fail(in, problem) : n;
}

/* Takes the beginning of the file, and where it is a gzip puts in its place what is in there. */
static int probe(struct input *in)
{
    in->probed = true;
    for (ssize_t n; in->end < 2;) {
        if ((n = read_behind(in)) < 0)
            return -1;
        in->end += (size_t)n;
        if (n == 0)
            return 0;
    }
    if (!begins_a_gzip(in))
        return 0;
    in->gunzip = gunzip_new(in->fd);
    size_t taken = in->end < COMPRESSED ? in->end : COMPRESSED;
    memcpy(in->gunzip->bytes, in->data, taken);
    in->gunzip->z.next_in = in->gunzip->bytes;
    in->gunzip->z.avail_in = (unsigned)taken;
    in->end = 0;
    return 0;
}

static void make_room(struct input *in)
{
    if (in->start) {
        memmove(in->data, in->data + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end == in->size) {
        in->size *= 2;
        in->data = mem_realloc(in->data, in->size);
    }
}

int input_more(struct input *in)
{
    if (in->at_end)
        return 0;
    if (!in->probed) {
        size_t size = in->size;
        in->size = COMPRESSED; /* so that all of it fits a gunzip */
        int result = probe(in);
        in->size = size;
        if (result < 0)
            return -1;
        if (in->end)
            return 1;
    }
    make_room(in);
    ssize_t n = read_behind(in);
    if (n < 0)
        return -1;
    in->at_end = n == 0;
    in->end += (size_t)n;
    return n > 0;
}

/* A gzip cannot be entered in its middle: what stands before the offset is read and dropped. */
static int skip(struct input *in, uint64_t offset)
{
    while (in->offset < offset) {
        size_t have = in->end - in->start;
        uint64_t want = offset - in->offset;
        input_advance(in, have < want ? have : (size_t)want);
        if (in->offset < offset) {
            int got = input_more(in);
            if (got < 0)
                return -1;
            if (got == 0)
                return fail(in, "it is shorter than what was read of it before");
        }
    }
    return 0;
}

int input_seek(struct input *in, uint64_t offset)
{
    /* a pipe cannot seek, and need not when it is read from its beginning */
    if (lseek(in->fd, 0, SEEK_SET) < 0 && (offset || errno != ESPIPE)) {
        log_errno("cannot go to byte %llu of %s", (unsigned long long)offset, in->name);
        return -1;
    }
    if (offset == 0)
        return 0;
    if (input_more(in) < 0)
        return -1;
    if (in->gunzip)
        return skip(in, offset);
    in->start = in->end = 0;
    in->at_end = false;
    in->offset = offset;
    if (lseek(in->fd, (off_t)offset, SEEK_SET) >= 0)
        return 0;
    log_errno("cannot go to byte %llu of %s", (unsigned long long)offset, in->name);
    return -1;
}

void input_advance(struct input *in, size_t n)
{
    in->start += n;
    in->offset += n;
}

int input_peek(struct input *in, size_t at)
{
    while (in->start + at >= in->end) {
        int got = input_more(in);
        if (got <= 0)
            return got - 1;
    }
    return (unsigned char)in->data[in->start + at];
}
