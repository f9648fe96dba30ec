/* Structured logs, one line per event:
 *
 *   ts=2026-01-02T03:04:05.123456Z level=info module=raft node=3 msg="became leader" term=7
 *
 * The logger is an object handed in; where lines go (stderr, the simulator's trace) is its sink. A
 * line is at most LOG_LINE_BYTES_MAX bytes and a longer one is cut and ends in "...". Control
 * characters, malformed UTF-8 and backslashes in msg and values are escaped (\n, \xNN, \\), so
 * hostile text can neither forge a line nor steer a terminal. */
#ifndef OSTRAKA_BASE_LOG_H
#define OSTRAKA_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 2048

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct logger {
    enum log_level level;                                 /* lines below it are not rendered */
    uint64_t (*wall_ns)(void *ctx);                       /* time stamp source; may be NULL */
    void (*write)(void *ctx, const char *line, int size); /* one line with its newline */
    void *ctx;
    uint64_t node_id; /* 0: not known yet, not printed */
};

/* Logs to stderr with the real clock. */
void logger_init_stderr(struct logger *l, enum log_level level);

/* msg: a short fixed sentence without '='. The format gives `key=value` pairs; values with spaces
 * are quoted by the caller with \"%s\"; "" when there are none. A NULL logger drops the line. */
#pragma GCC diagnostic ignored "-Wformat-zero-length" /* "": no values */
__attribute__((cold, format(printf, 5, 6))) void log_line(struct logger *l, enum log_level level,
                                                          const char *module, const char *msg,
                                                          const char *format, ...);

#define LOG_DEBUG(l, module, msg, ...) LOG_AT(l, LOG_LEVEL_DEBUG, module, msg, __VA_ARGS__)
#define LOG_INFO(l, module, msg, ...)  LOG_AT(l, LOG_LEVEL_INFO, module, msg, __VA_ARGS__)
#define LOG_WARN(l, module, msg, ...)  LOG_AT(l, LOG_LEVEL_WARN, module, msg, __VA_ARGS__)
#define LOG_ERROR(l, module, msg, ...) LOG_AT(l, LOG_LEVEL_ERROR, module, msg, __VA_ARGS__)
#define LOG_AT(l, at, module, msg, ...) \
    do { \
        if ((l) != NULL && (at) >= (l)->level) log_line((l), (at), (module), (msg), __VA_ARGS__); \
    } while (0)

#endif
