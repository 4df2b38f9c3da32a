/*
 * oriel readers: who serves which contract now.
 */
#include "worker/command.h"
#include "worker/reader_lease.h"

static int run(struct command_context *context, int argc, char **argv)
{
    struct reader_leases leases;
    (void)argc, (void)argv;
    PGconn *c = command_connect(context);
    int result = c ? reader_leases_read(&leases, &context->arena, c, NULL) : -1;
    PQfinish(c);
    if (result < 0)
        return EXIT_FAILED;
    printf("%-24s %-36s %-16s %-20s %s\n", "contract", "reader", "address", "since", "pid");
    for (size_t i = 0; i < leases.n; i++) {
        const struct reader_lease *l = &leases.list[i];
        printf("%-24s %-36s %-16s %-20s %s\n", l->view, l->application, l->address, l->since, l->pid);
    }
    if (!leases.n)
        printf("(nobody)\n");
    return EXIT_OK;
}

const struct command command_readers = {
    .name = "readers", .arguments = "", .summary = "who serves which contract now", .run = run};
