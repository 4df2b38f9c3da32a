#include "lib/json_write.h"

static void begin_line(struct json_writer *w)
{
    if (w->depth)
        buf_printf(w->out, "\n%*s", 2 * w->depth, "");
}

/* The comma behind the member before, a new line, and the key. */
static void begin_member(struct json_writer *w, const char *key)
{
    if (w->begun)
        buf_putc(w->out, ',');
    w->begun = true;
    begin_line(w);
    if (!key)
        return;
    buf_json_string(w->out, key, strlen(key));
    buf_puts(w->out, ": ");
}

static void open_level(struct json_writer *w, const char *key, char bracket)
{
    begin_member(w, key);
    buf_putc(w->out, bracket);
    w->depth++;
    w->begun = false;
}

static void close_level(struct json_writer *w, char bracket)
{
    w->depth--;
    if (w->begun) {
        if (!w->depth)
            buf_putc(w->out, '\n');
        begin_line(w);
    }
    buf_putc(w->out, bracket);
    w->begun = true;
}

void json_open_object(struct json_writer *w, const char *key)
{
    open_level(w, key, '{');
}

void json_close_object(struct json_writer *w)
{
    close_level(w, '}');
}

void json_open_array(struct json_writer *w, const char *key)
{
    open_level(w, key, '[');
}

void json_close_array(struct json_writer *w)
{
    close_level(w, ']');
}

void json_string(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    begin_member(w, key);
    buf_json_string(w->out, text, strlen(text));
}

void json_integer(struct json_writer *w, const char *key, long long n)
{
    begin_member(w, key);
    buf_printf(w->out, "%lld", n);
}

void json_true(struct json_writer *w, const char *key)
{
    begin_member(w, key);
    buf_puts(w->out, "true");
}

void json_strings(struct json_writer *w, const char *key, const char *const *list)
{
    begin_member(w, key);
    buf_putc(w->out, '[');
    for (size_t i = 0; list[i]; i++) {
        buf_puts(w->out, i ? ", " : "");
        buf_json_string(w->out, list[i], strlen(list[i]));
    }
    buf_putc(w->out, ']');
}

void json_component(struct json_writer *w, const char *key, const char *section, const char *name)
{
    begin_member(w, key);
    buf_printf(w->out, "{\"$ref\": \"#/components/%s/%s\"}", section, name);
}
