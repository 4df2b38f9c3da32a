/*
 * oriel-fcgi: serves contracts as JSON to a web server, over FastCGI. Started by spawn-fcgi (or anything that hands
 * over a listening socket as descriptor 0), it stays in the foreground.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/master.h"
#include "lib/log.h"
#include "lib/settings.h"
#include "lib/text.h"

static void print_help(void)
{
    printf("oriel-fcgi %s: serves contracts as JSON to a web server, over FastCGI.\n\n"
           "usage: spawn-fcgi -n -s SOCKET -M 0660 -U WEB_USER -G WEB_GROUP -- oriel-fcgi [-c FILE] [-n RESPONDERS]\n\n"
           "  -c, --config FILE    oriel.json; else $ORIEL_CONFIG, ./oriel.json, /etc/oriel/oriel.json\n"
           "  -n, --responders N   how many processes; else \"responders\" of the section \"responder\", else 2\n"
           "  -h, --help           this text\n"
           "  -V, --version        the version\n\n"
           "HUP reads the configuration again and replaces the responders without losing a request; TERM and INT let\n"
           "them finish their requests, then it ends.\n",
           ORIEL_VERSION);
}

static bool is_listening(int fd)
{
    int yes = 0;
    socklen_t size = sizeof yes;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0 && yes;
}

static int start(const char *config, int responders)
{
    if (!config)
        config = settings_find();
    struct service *service = service_load(config, responders, is_listening(STDIN_FILENO));
    if (!service)
        return EXIT_USAGE;
    if (!is_listening(STDIN_FILENO)) {
        log_error("standard input is no listening socket; start me by spawn-fcgi -n -s SOCKET -- oriel-fcgi -c %s",
                  config);
        service_free(service);
        return EXIT_USAGE;
    }
    log_init("oriel-fcgi", LOG_DAEMON);
    return master_run(service, config, responders);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"responders", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    const char *config = NULL;
    long long responders = 0;
    log_init("oriel-fcgi", LOG_COMMAND);
    for (int o; (o = getopt_long(argc, argv, "c:n:hV", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            config = optarg;
            break;
        case 'n':
            if (text_integer(optarg, 1, MOST_RESPONDERS, &responders) == 0)
                break;
            log_error("-n %s: a whole number from 1 to %d was expected", optarg, MOST_RESPONDERS);
            return EXIT_USAGE;
        case 'h':
            print_help();
            return EXIT_OK;
        case 'V':
            printf("oriel-fcgi %s\n", ORIEL_VERSION);
            return EXIT_OK;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        log_error("\"%s\" is one word too many (see `oriel-fcgi --help`)", argv[optind]);
        return EXIT_USAGE;
    }
    return start(config, (int)responders);
}
