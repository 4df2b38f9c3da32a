#include "worker/metrics.h"

static const char counter[] = "oriel_requests_total";

enum label { LABEL_CONTRACT, LABEL_VERSION, LABEL_STATUS, LABELS };
static const char *const label_names[LABELS] = {"contract", "version", "status"};

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* A quoted value with its escapes (\\, \", \n) taken out, in a. Returns what is behind it, or NULL. */
static const char *read_value(struct arena *a, const char *s, const char **value)
{
    if (*s++ != '"')
        return NULL;
    char *out = arena_alloc(a, strcspn(s, "\n") + 1);
    *value = out;
    for (; *s != '"'; s++) {
        bool escaped = *s == '\\';
        s += escaped;
        if (!*s || *s == '\n')
            return NULL;
        *out++ = escaped && *s == 'n' ? '\n' : *s;
    }
    return s + 1;
}

/* {name="value",…}: those that are known; "" for one that is not there. Returns what is behind it, or NULL. */
static const char *read_labels(struct arena *a, const char *s, const char *values[LABELS])
{
    for (size_t i = 0; i < LABELS; i++)
        values[i] = "";
    for (s = skip_blanks(s + 1); *s != '}';) {
        size_t n = strcspn(s, "=\"\n");
        const char *name = s, *value;
        s = s[n] == '=' ? read_value(a, skip_blanks(s + n + 1), &value) : NULL;
        if (!s)
            return NULL;
        for (size_t i = 0; i < LABELS; i++)
            if (strlen(label_names[i]) == n && strncmp(label_names[i], name, n) == 0)
                values[i] = value;
        s = skip_blanks(s);
        if (*s == ',')
            s = skip_blanks(s + 1);
        else if (*s != '}')
            return NULL;
    }
    return s + 1;
}

static struct metrics_requests *find(struct metrics *m, const char *entity, int version)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->list[i].version == version && strcmp(m->list[i].entity, entity) == 0)
            return &m->list[i];
    m->list[m->n] = (struct metrics_requests){.entity = entity, .version = version};
    return &m->list[m->n++];
}

/* One sample of the counter, from behind its name. */
static int read_sample(struct metrics *m, struct arena *a, const char *s)
{
    const char *labels[LABELS];
    char *end;
    if (!(s = read_labels(a, s, labels)))
        return -1;
    s = skip_blanks(s);
    double value = strtod(s, &end);
    /* a time may stand behind the value */
    if (end == s || !(value >= 0 && value < 1e18) || !strchr(" \t\r\n", *end))
        return -1;
    struct metrics_requests *r = find(m, labels[LABEL_CONTRACT], (int)strtol(labels[LABEL_VERSION], NULL, 10));
    r->answered += (unsigned long long)value;
    if (*labels[LABEL_STATUS] >= '4' && *labels[LABEL_STATUS] <= '5')
        r->refused += (unsigned long long)value;
    return 0;
}

static bool is_counter(const char *line)
{
    return strncmp(line, counter, sizeof counter - 1) == 0 && line[sizeof counter - 1] == '{';
}

int metrics_read(struct metrics *m, struct arena *a, const char *text)
{
    size_t lines = 0;
    *m = (struct metrics){0};
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        lines += is_counter(line);
    m->list = arena_array(a, lines + 1, sizeof *m->list);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        m->wrong_line++;
        if (is_counter(line) && read_sample(m, a, line + sizeof counter - 1) < 0) {
            m->problem = "that is no sample of a counter";
            return -1;
        }
    }
    m->wrong_line = 0;
    m->problem = lines ? NULL : "it has no oriel_requests_total: these are not the metrics of Oriel's responders";
    return lines ? 0 : -1;
}
