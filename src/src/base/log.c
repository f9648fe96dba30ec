#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/utf8.h"

#define CUT_MARK "..."

/* A line under construction. Room for the cut mark and the newline is held back, so that a line
 * always ends properly. */
struct line {
    char text[LOG_LINE_BYTES_MAX];
    size_t size;
    bool cut;
};
#define ROOM (LOG_LINE_BYTES_MAX - sizeof CUT_MARK)

static void put(struct line *line, const char *text, size_t size)
{
    if (line->cut || size > ROOM - line->size) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_string(struct line *line, const char *s)
{
    put(line, s, strlen(s));
}

/* Control characters, line separators and the backslash itself: what could end a line, steer a
 * terminal, or pass for one of our escapes. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || code == '\\' || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
           code == 0x2029;
}

static void put_escape(struct line *line, uint8_t byte)
{
    char escape[8];
    int size;
    switch (byte) {
    case '\n': size = snprintf(escape, sizeof escape, "\\n"); break;
    case '\r': size = snprintf(escape, sizeof escape, "\\r"); break;
    case '\t': size = snprintf(escape, sizeof escape, "\\t"); break;
    case '\\': size = snprintf(escape, sizeof escape, "\\\\"); break;
    default: size = snprintf(escape, sizeof escape, "\\x%02x", byte); break;
    }
    put(line, escape, (size_t)size);
}

/* Values may hold whatever a client sent. A byte that is not part of well-formed UTF-8 is escaped
 * too. */
static void put_escaped(struct line *line, struct bytes text)
{
    while (text.size > 0 && !line->cut) {
        uint32_t code = 0;
        size_t size = utf8_decode(text, &code);
        bool safe = size > 0 && !is_unsafe(code);
        if (size == 0) size = 1;
        if (safe)
            put(line, (const char *)text.data, size);
        else
            for (size_t i = 0; i < size; i++)
                put_escape(line, text.data[i]);
        text = bytes_make(text.data + size, text.size - size);
    }
}

static void put_time(struct line *line, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) return;
    char text[64];
    size_t size = strftime(text, sizeof text, "ts=%Y-%m-%dT%H:%M:%S", &tm);
    ASSERT(size > 0);
    put(line, text, size);
    int fraction = snprintf(text, sizeof text, ".%06uZ ", (unsigned)(ns % 1000000000 / 1000));
    put(line, text, (size_t)fraction);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG: return "debug";
    case LOG_LEVEL_INFO: return "info";
    case LOG_LEVEL_WARN: return "warn";
    case LOG_LEVEL_ERROR: return "error";
    }
    UNREACHABLE();
}

static void put_head(struct line *line, const struct logger *l, enum log_level level,
                     const char *module, const char *msg)
{
    if (l->wall_ns != NULL) put_time(line, l->wall_ns(l->ctx));
    put_string(line, "level=");
    put_string(line, level_name(level));
    put_string(line, " module=");
    put_string(line, module);
    if (l->node_id != 0) {
        char node[32];
        int size = snprintf(node, sizeof node, " node=%llu", (unsigned long long)l->node_id);
        put(line, node, (size_t)size);
    }
    put_string(line, " msg=\"");
    put_escaped(line, bytes_of_string(msg));
    put_string(line, "\"");
}

static void finish(struct line *line)
{
    if (line->cut) {
        memcpy(line->text + line->size, CUT_MARK, sizeof CUT_MARK - 1);
        line->size += sizeof CUT_MARK - 1;
    }
    line->text[line->size++] = '\n';
    ASSERT(line->size <= sizeof line->text);
}

void log_line(struct logger *l, enum log_level level, const char *module, const char *msg,
              const char *format, ...)
{
    if (l == NULL || level < l->level) return;
    ASSERT(l->write != NULL);
    struct line line;
    line.size = 0;
    line.cut = false;
    put_head(&line, l, level, module, msg);

    char values[LOG_LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(values, sizeof values, format, args);
    va_end(args);
    ASSERT(size >= 0);
    size_t kept = (size_t)size < sizeof values ? (size_t)size : sizeof values - 1;
    if (kept > 0) put_string(&line, " ");
    put_escaped(&line, bytes_make(values, kept));
    ASSERT(kept == (size_t)size || line.cut); /* what vsnprintf cuts would not have fitted anyway */
    finish(&line);
    l->write(l->ctx, line.text, (int)line.size);
}

static uint64_t real_wall_ns(void *ctx)
{
    (void)ctx;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One write per line, so that lines of several processes on one descriptor do not mix. Nobody is
 * left to be told when it fails. */
static void write_stderr(void *ctx, const char *line, int size)
{
    (void)ctx;
    if (write(STDERR_FILENO, line, (size_t)size) < 0) return;
}

void logger_init_stderr(struct logger *l, enum log_level level)
{
    *l = (struct logger){.level = level, .wall_ns = real_wall_ns, .write = write_stderr};
}
