#include "worker/field_rename.h"

#include "lib/text.h"

/* Where the field's own name begins; what stands before it is the object. Only a pointer has steps. */
static size_t own_name(const char *place)
{
    return *place == '/' ? (size_t)(strrchr(place, '/') - place) + 1 : 0;
}

static bool same_object(const char *x, const char *y)
{
    size_t nx = own_name(x), ny = own_name(y);
    nx -= nx == 1; /* a top-level key may be named with and without "/" */
    ny -= ny == 1;
    return nx == ny && strncmp(x, y, nx) == 0;
}

/* Within a twentieth, since a client may rename in the middle of a delivery and back. */
static bool about_as_many(long long x, long long y)
{
    long long more = x > y ? x : y, less = x > y ? y : x;
    return (more - less) * 20 <= more;
}

static bool may_be(const struct field_deviation *missing, const struct field_deviation *u, long long records)
{
    return !u->asked && *u->place && u->n * 2 >= records && about_as_many(u->n, missing->n) &&
           same_object(u->place, missing->place);
}

const char *field_renamed_to(const struct field_deviation *missing, const struct field_deviation *list, size_t n,
                             long long records)
{
    const char *nearest = NULL, *came_with = NULL;
    size_t n_came_with = 0;
    if (!missing->asked || missing->n * 2 < records)
        return NULL;
    const char **names = mem_alloc((n + 1) * sizeof *names);
    size_t n_names = 0;
    for (const struct field_deviation *u = list; u < list + n; u++) {
        if (!may_be(missing, u, records))
            continue;
        names[n_names++] = u->place + own_name(u->place);
        if (u->since == missing->since && n_came_with++ == 0)
            came_with = u->place;
    }
    const char *name = text_nearest(missing->place + own_name(missing->place), names);
    for (const struct field_deviation *u = list; name && u < list + n && !nearest; u++)
        if (name == u->place + own_name(u->place))
            nearest = u->place;
    free(names);
    return nearest ? nearest : n_came_with == 1 ? came_with : NULL;
}
