#include "worker/secret.h"

#include <errno.h>

enum { LONGEST = 8192 };

void secret_load(struct secret *s, const struct cfg *c, const char *const other[])
{
    const char *keys[8] = {"env", "file"};
    for (size_t i = 0; other && other[i] && i + 3 < ARRAY_SIZE(keys); i++)
        keys[i + 2] = other[i];
    cfg_keys(c, keys);
    *s = (struct secret){.env = cfg_string(c, "env", NULL), .file = cfg_string(c, "file", NULL)};
    if (s->file)
        s->file = cfg_resolve(c, s->file);
    if (!s->env == !s->file)
        cfg_error(
            c, "name the secret's place, {\"env\": \"NAME\"} or {\"file\": \"PATH\"}; it must not stand here itself");
}

const char *secret_read(const struct secret *s, struct arena *a, const char **problem)
{
    char text[LONGEST];
    const char *value = s->env ? getenv(s->env) : NULL;
    if (s->env && !value)
        *problem = arena_printf(a, "the environment variable %s, which holds its secret, is not set", s->env);
    if (s->env)
        return value ? arena_strdup(a, value) : NULL;
    FILE *f = fopen(s->file, "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    *problem = !f ? arena_printf(a, "%s, which holds its secret, cannot be read: %s", s->file, strerror(errno))
               : ferror(f) || n == sizeof text
                   ? arena_printf(a, "%s does not hold a secret of at most %d bytes", s->file, LONGEST - 1)
                   : NULL;
    if (f)
        fclose(f);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    return *problem ? NULL : arena_memdup(a, text, n);
}
