#include "worker/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/text.h"

/* Opening a converter loads a module, so the last one is kept: a program reads few encodings, one after the other. */
static struct {
    char *encoding;
    iconv_t converter;
} last;

static iconv_t converter_for(const char *encoding)
{
    const iconv_t none = (iconv_t)-1;
    if (last.encoding && strcmp(last.encoding, encoding) == 0) {
        iconv(last.converter, NULL, NULL, NULL, NULL);
        return last.converter;
    }
    /* iconv takes suffixes after "/": "//IGNORE" would drop what does not decode */
    iconv_t converter = *encoding && !strchr(encoding, '/') ? iconv_open("UTF-8", encoding) : none;
    if (converter == none)
        return none;
    if (last.encoding) {
        iconv_close(last.converter);
        free(last.encoding);
    }
    last.encoding = mem_strdup(encoding);
    last.converter = converter;
    return converter;
}

bool encoding_is_utf8(const char *encoding)
{
    return strcasecmp(encoding, "UTF-8") == 0 || strcasecmp(encoding, "UTF8") == 0;
}

const char *encoding_problem(const char *encoding)
{
    if (encoding_is_utf8(encoding))
        return NULL;
    iconv_t converter = converter_for(encoding);
    if (converter == (iconv_t)-1)
        return "no such encoding here; `iconv -l` lists those that there are";
    for (int c = 0; c < 0x80; c++) {
        char in = (char)c, out[16], *from = &in, *to = out;
        size_t left = 1, room = sizeof out;
        iconv(converter, NULL, NULL, NULL, NULL);
        if (iconv(converter, &from, &left, &to, &room) == (size_t)-1 ||
            iconv(converter, NULL, NULL, &to, &room) == (size_t)-1 || to != out + 1 || out[0] != in)
            return "in this encoding a byte of the value of a line end or of a comma may be part of another character, "
                   "so "
                   "records cannot be told apart; have the file converted to UTF-8";
    }
    return NULL;
}

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= 0x80)
            return false;
    return true;
}

const char *encoding_decode(const char *encoding, struct arena *a, const char *bytes, size_t n, size_t *len)
{
    if (encoding_is_utf8(encoding)) {
        *len = text_utf8_valid(bytes, n);
        return *len == n ? bytes : NULL;
    }
    *len = n;
    if (is_ascii(bytes, n)) /* most records are, and in no encoding that was let through does that change them */
        return bytes;
    iconv_t converter = converter_for(encoding);
    size_t room = n * 9 + 16, left = n; /* TSCII has bytes that stand for three characters of three bytes each */
    char *out = arena_alloc(a, room), *to = out;
    char *from = arena_memdup(a, bytes, n); /* iconv wants it writable */
    const char *start = from;
    *len = 0;
    if (converter == (iconv_t)-1) /* refused by encoding_problem() at load */
        return NULL;
    if (iconv(converter, &from, &left, &to, &room) == (size_t)-1 ||
        iconv(converter, NULL, NULL, &to, &room) == (size_t)-1) {
        *len = (size_t)(from - start);
        return NULL;
    }
    *len = (size_t)(to - out);
    return out;
}
