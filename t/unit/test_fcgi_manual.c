/* The manual page of oriel-fcgi against the keys that it reads. */
#include "fcgi-app/options.h"
#include "t/unit/manual.h"

int main(void)
{
    struct arena a;
    arena_init(&a);
    test_list(&a, read_page(&a, "fcgi-app/man/oriel-fcgi.8"), "CONFIGURATION", NULL, option_keys);
    arena_release(&a);
    return tap_done();
}
