#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_LINE = 16 * 1024 };

static const char *log_program = "oriel";
static enum log_style log_style = LOG_COMMAND;
static struct buf *captured;

void log_init(const char *program, enum log_style style)
{
    log_program = program;
    log_style = style;
}

void log_capture(struct buf *b)
{
    captured = b;
}

static void put_escaped(struct buf *line, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\n')
            buf_puts(line, log_style == LOG_DAEMON ? " | " : "\n  ");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\x%02x", c);
        else
            buf_putc(line, (char)c);
    }
}

static void put_prefix(struct buf *line, const char *level)
{
    if (log_style == LOG_COMMAND) {
        buf_printf(line, "%s: %s%s", log_program, level, *level ? ": " : "");
        return;
    }
    struct timespec now;
    struct tm tm;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(line, "%s.%03ldZ %s[%d] %s: ", text, now.tv_nsec / 1000000, log_program, (int)getpid(),
               *level ? level : "info");
}

static void log_line(const char *level, const char *format, va_list args, int error)
{
    int saved = errno;
    char message[LONGEST_LINE];
    vsnprintf(message, sizeof message, format, args);
    struct buf line;
    buf_init(&line, (size_t)LONGEST_LINE * 5);
    if (!captured)
        put_prefix(&line, level);
    put_escaped(&line, message);
    if (error) {
        buf_puts(&line, ": ");
        put_escaped(&line, strerror(error));
    }
    buf_putc(&line, '\n');
    if (captured)
        buf_put(captured, line.data, line.len);
    else {
        /* one write, so that lines of several processes do not mix; nobody is left to hear of a failure */
        ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
        (void)ignored;
    }
    buf_release(&line);
    errno = saved;
}

#define LOG_FUNCTION(name, level, error)                                                                               \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        int saved = errno;                                                                                             \
        (void)saved;                                                                                                   \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        log_line(level, format, args, error);                                                                          \
        va_end(args);                                                                                                  \
    }
LOG_FUNCTION(log_info, "", 0)
LOG_FUNCTION(log_warn, "warning", 0)
LOG_FUNCTION(log_error, "error", 0)
LOG_FUNCTION(log_errno, "error", saved)
