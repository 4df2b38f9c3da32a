#include "worker/json_array.h"

#include "lib/log.h"
#include "worker/json_read.h"
#include "worker/reader.h"

enum { NOT_HERE = 0, FOUND = 1, BROKEN = -1, TOLD = -2 };

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What goes wrong with the text, as input_peek() tells it. */
static int ended_early(int peeked)
{
    return peeked == -1 ? BROKEN : TOLD;
}

/* The first byte from *at on that is no white space, with *at at it; negative as input_peek(). */
static int after_space(struct input *in, size_t *at)
{
    int c;
    while (is_space(c = input_peek(in, *at)))
        ++*at;
    return c;
}

/* ---- a value's end ---- */

/* Moves *at, which stands at a quote, behind the string. 0, BROKEN, TOLD. */
static int skip_string(struct input *in, size_t *at)
{
    for (++*at;; ++*at) {
        /* a run of letters at once, as far as it is here */
        while (in->start + *at < in->end && in->data[in->start + *at] != '"' && in->data[in->start + *at] != '\\')
            ++*at;
        int c = *at > LONGEST_RECORD && in->fd >= 0 ? -1 : input_peek(in, *at);
        if (c < 0)
            return ended_early(c);
        if (c == '\\')
            ++*at;
        else if (c == '"') {
            ++*at;
            return 0;
        }
    }
}

/* From an opening bracket to behind the one that closes it. What stands between is not judged but for its strings. */
static int skip_brackets(struct input *in, size_t *at)
{
    size_t depth = 0;
    do {
        int c = *at > LONGEST_RECORD && in->fd >= 0 ? -1 : input_peek(in, *at);
        if (c < 0)
            return ended_early(c);
        if (c == '"') {
            int result = skip_string(in, at);
            if (result < 0)
                return result;
            continue;
        }
        depth += (c == '{' || c == '[') - (size_t)(c == '}' || c == ']');
        ++*at;
    } while (depth);
    return 0;
}

/* Moves *at, which stands at a value's first byte, behind it. A value that is no value is as long as it has letters. */
static int skip_value(struct input *in, size_t *at)
{
    int c = input_peek(in, *at);
    if (c < 0)
        return ended_early(c);
    if (c == '"')
        return skip_string(in, at);
    if (c == '{' || c == '[')
        return skip_brackets(in, at);
    size_t from = *at;
    while ((c = input_peek(in, *at)) >= 0 && !is_space(c) && c != ',' && c != ']' && c != '}' && *at <= LONGEST_RECORD)
        ++*at;
    return c == -2 ? TOLD : *at == from ? BROKEN : 0;
}

/* ---- a pointer's end ---- */

static const char *next_step(const char *pointer)
{
    return pointer + 1 + strcspn(pointer + 1, "/");
}

/* Whether a key, between its quotes, is the pointer's first step (RFC 6901, section 4). */
static bool is_step(const char *key, size_t n, const char *pointer)
{
    size_t length = (size_t)(next_step(pointer) - pointer - 1), k = 0;
    struct arena a;
    struct json_mistake mistake;
    arena_init(&a);
    char *step = arena_memdup(&a, pointer + 1, length);
    for (size_t i = 0; i < length; i++) {
        bool tilde = step[i] == '~' && i + 1 < length && (step[i + 1] == '0' || step[i + 1] == '1');
        step[k++] = !tilde ? step[i] : step[++i] == '0' ? '~' : '/';
    }
    const char *quoted = arena_printf(&a, "[%.*s]", (int)n, key);
    struct json *json = memchr(key, '\\', n) ? json_read(quoted, strlen(quoted), &a, &mistake) : NULL;
    size_t n_name = n - 2;
    const char *name = json ? json_decode(json, json_first(json->nodes), &a, &n_name) : key + 1;
    bool same = n_name == k && memcmp(name, step, k) == 0;
    arena_release(&a);
    return same;
}

/* From an object's first byte to the value of its member that the pointer's first step names; what lies before is
 * taken. FOUND, NOT_HERE with the input behind the object, BROKEN, TOLD. */
static int enter_member(struct input *in, const char *pointer)
{
    size_t at = 1;
    for (;;) {
        int c = after_space(in, &at);
        if (c < 0)
            return ended_early(c);
        input_advance(in, at + (c == '}'));
        if (c == '}')
            return NOT_HERE;
        if (c != '"')
            return BROKEN;
        size_t end = 0;
        int result = skip_string(in, &end);
        if (result < 0)
            return result;
        bool wanted = is_step(in->data + in->start, end, pointer);
        c = after_space(in, &end);
        if (c != ':')
            return c < 0 ? ended_early(c) : BROKEN;
        end++;
        if ((c = after_space(in, &end)) < 0)
            return ended_early(c);
        input_advance(in, end);
        if (wanted)
            return FOUND;
        at = 0;
        if ((result = skip_value(in, &at)) < 0)
            return result;
        c = after_space(in, &at);
        if (c != ',' && c != '}')
            return c < 0 ? ended_early(c) : BROKEN;
        at += c == ',';
    }
}

/* To the first byte of what the pointer leads to. */
static int descend(struct input *in, const char *pointer)
{
    size_t at = 0;
    int c = after_space(in, &at);
    if (c < 0)
        return ended_early(c);
    input_advance(in, at);
    for (; *pointer; pointer = next_step(pointer)) {
        if ((c = input_peek(in, 0)) < 0)
            return ended_early(c);
        int result = c == '{' ? enter_member(in, pointer) : NOT_HERE;
        if (result != FOUND)
            return result;
    }
    return FOUND;
}

/* ---- records ---- */

static int tell(const struct input *in, const char *what)
{
    log_error("%s: byte %llu: %s", in->name, (unsigned long long)in->offset, what);
    return -1;
}

static int enter(struct json_array *j, struct input *in, const char *pointer)
{
    int result = descend(in, pointer ? pointer : "");
    int c = result == FOUND ? input_peek(in, 0) : -1;
    if (result == TOLD || c == -2)
        return -1;
    if (result == NOT_HERE) {
        log_error("%s: it has nothing at \"%s\", where the records are to be (\"records\" in the source file)",
                  in->name, pointer);
        return -1;
    }
    if (result == BROKEN || c < 0)
        return tell(in, "it is not JSON, or cut off, before the array of records begins");
    if (c != '[')
        return tell(in, pointer ? "what \"records\" leads to is no array"
                                : "an array was expected; where the records stand inside of an object, say where by "
                                  "\"records\" in the source file");
    input_advance(in, 1);
    j->entered = true;
    return 0;
}

/*
 * Reads on from the array's last bracket to the end of the file. The rest of the objects around it is not judged but
 * for its end: a document without one did not come whole, and behind it no other may stand, whose records nobody would
 * read.
 */
static int end(struct json_array *j, struct input *in, const char *pointer)
{
    size_t depth = 1; /* brackets that are open */
    bool quoted = false, escaped = false;
    int c;
    for (; pointer && *pointer; pointer = next_step(pointer))
        depth++;
    j->ended = true;
    for (; (c = input_peek(in, 0)) >= 0; input_advance(in, 1)) {
        if (quoted) {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if (!depth && !is_space(c))
            return tell(in, "something stands behind the document; a file holds one, or, as ndjson, one a line");
        else if (c == '"')
            quoted = true;
        else
            depth += (c == '{' || c == '[') - (size_t)(c == '}' || c == ']');
    }
    if (c == -1 && depth)
        return tell(in, "the document is cut off behind its records; it was not delivered whole");
    return c == -1 ? 0 : -1;
}

int json_array_next(struct json_array *j, struct input *in, const char *pointer, struct extent *element)
{
    size_t at = 0;
    if (j->ended)
        return 0;
    if (!j->entered && enter(j, in, pointer) < 0)
        return -1;
    int c = after_space(in, &at);
    if (c >= 0)
        input_advance(in, at);
    if (c == ']' && (!j->any || !j->behind_comma))
        return end(j, in, pointer);
    if (c == ']' || c == ',' || c == '}')
        return tell(in, "a value was expected here");
    at = 0;
    int result = c < 0 ? ended_early(c) : skip_value(in, &at);
    element->len = at;
    if (result == 0 && (c = after_space(in, &at)) < 0)
        result = ended_early(c);
    if (result == TOLD)
        return -1;
    if (result == BROKEN)
        return tell(in, at > LONGEST_RECORD ? "this record is longer than 16 MiB; is it the right format for the file?"
                                            : "the array of records is cut off; it was not delivered whole");
    if (c != ',' && c != ']')
        return tell(in, "behind this record neither a comma nor the end of the array stands");
    j->any = true;
    j->behind_comma = c == ',';
    element->next = at + (c == ',');
    return 1;
}

/* ---- a document that is here ---- */

int json_locate(const char *text, size_t n, const char *pointer, size_t *at, size_t *len)
{
    /* a window over memory: nothing is read, so nothing in it is written */
    struct input in = {.fd = -1, .size = n, .end = n, .at_end = true, .probed = true};
    memcpy(&in.data, &text, sizeof text);
    size_t whole = 0;
    int c = after_space(&in, &whole);
    size_t first = whole;
    if (c < 0 || (c != '{' && c != '[') || skip_value(&in, &whole) < 0)
        return BROKEN;
    size_t end = whole;
    if (after_space(&in, &whole) != -1)
        return BROKEN;
    in.end = end;
    input_advance(&in, first);
    int result = descend(&in, pointer);
    if (result != FOUND)
        return result;
    *at = in.start;
    *len = 0;
    return skip_value(&in, len) < 0 ? BROKEN : FOUND;
}
