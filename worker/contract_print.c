#include "worker/contract_print.h"

#include "lib/log.h"
#include "lib/openapi.h"
#include "lib/typescript.h"

static int print(const struct buf *text)
{
    if (fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0)
        return EXIT_OK;
    log_errno("cannot write to standard output");
    return EXIT_FAILED;
}

static int refuse_version(struct arena *a, const char *lock_path, const struct contract_set *lock, int version)
{
    const char *list = NULL;
    for (int v = contract_next_version(lock, 0); v; v = contract_next_version(lock, v))
        list = arena_printf(a, "%s%s%d", list ? list : "", list ? ", " : "", v);
    log_error("%s has no contract of version %d; there is %s", lock_path, version, list ? list : "none at all");
    return EXIT_USAGE;
}

int contract_print_openapi(struct arena *a, const struct settings *settings, int version)
{
    struct contract_set lock;
    struct buf text;
    if (contract_lock_load(&lock, a, settings->lock) < 0)
        return EXIT_USAGE;
    buf_init(&text, SIZE_MAX / 2);
    int result = openapi_print(&lock, version, openapi_access_read(settings->responder), &text) < 0
                     ? refuse_version(a, settings->lock, &lock, version)
                     : print(&text);
    buf_release(&text);
    return result;
}

int contract_print_types(struct arena *a, const char *lock_path)
{
    struct contract_set lock;
    struct buf text;
    if (contract_lock_load(&lock, a, lock_path) < 0)
        return EXIT_USAGE;
    buf_init(&text, SIZE_MAX / 2);
    typescript_print(&lock, &text);
    int result = print(&text);
    buf_release(&text);
    return result;
}
