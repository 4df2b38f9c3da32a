#include "fcgi-app/entity_tag.h"

#include <string.h>

#include "lib/text.h"

void entity_tag_make(char tag[ENTITY_TAG_SIZE], const struct buf *body, const char *media_type, long long total,
                     const char *next)
{
    char hash[65], next_hash[65] = "", all[300];
    text_sha256(buf_str(body), body->len, hash);
    if (next)
        text_sha256(next, strlen(next), next_hash);
    int n = snprintf(all, sizeof all, "%s %lld %s %s", hash, total, media_type, next_hash);
    text_sha256(all, (size_t)n < sizeof all ? (size_t)n : sizeof all - 1, hash);
    snprintf(tag, ENTITY_TAG_SIZE, "\"%.32s\"", hash);
}

void entity_tag_of_version(char tag[ENTITY_TAG_SIZE], const char *version, const char *shape)
{
    static const char *const prefix = "W/\"";
    char hash[65];
    struct buf all;
    buf_init(&all, SIZE_MAX / 2);
    buf_puts(&all, version);
    buf_putc(&all, ' ');
    buf_puts(&all, shape);
    text_sha256(buf_str(&all), all.len, hash);
    buf_release(&all);
    memcpy(tag, prefix, 3);
    memcpy(tag + 3, hash, 32);
    memcpy(tag + 35, "\"", 2);
}

bool entity_tag_matches(const char *if_none_match, const char *tag)
{
    static const char between[] = " \t,";
    const char *s = if_none_match + strspn(if_none_match, between);
    if (strcmp(s, "*") == 0)
        return true;
    tag += *tag == 'W' ? 2 : 0;
    for (; *s; s += strspn(s, between)) {
        if (strncmp(s, "W/", 2) == 0)
            s += 2;
        const char *end = *s == '"' ? strchr(s + 1, '"') : NULL;
        if (!end) /* no list of tags */
            return false;
        size_t n = (size_t)(end - s) + 1;
        if (n == strlen(tag) && memcmp(s, tag, n) == 0)
            return true;
        s = end + 1;
    }
    return false;
}
