#include "worker/command.h"

#include <stdarg.h>

#include "lib/log.h"
#include "worker/bookkeeping.h"

int command_usage(const char *command, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t name = strcspn(command, " "); /* "change" of "change plan" */
    log_error("%s%s%s (see `oriel help%s%.*s`)", command, *command ? ": " : "", message, *command ? " " : "", (int)name,
              command);
    return EXIT_USAGE;
}

PGconn *command_connect(struct command_context *context)
{
    struct pg_target target;
    pg_target_init(&target, context->settings.database, ROLE_WRITER, "oriel " ORIEL_VERSION);
    PGconn *c = pg_connect(&target);
    if (!c || bookkeeping_check(c) == BOOKKEEPING_FITS)
        return c;
    PQfinish(c);
    return NULL;
}

struct domain *command_domain(struct command_context *context, int *code)
{
    PGconn *c = command_connect(context);
    *code = EXIT_FAILED;
    if (!c)
        return NULL;
    PQfinish(c);
    *code = EXIT_USAGE;
    return domain_load(context->config, context->database);
}
