/* RFC 9112, as far as GET without a body needs it. */
#include "node/http.h"

#include <strings.h>

static struct bytes line_at(struct bytes input, size_t from, size_t *next)
{
    for (size_t i = from; i + 1 < input.size; i++) {
        if (input.data[i] != '\r' || input.data[i + 1] != '\n') continue;
        *next = i + 2;
        return bytes_make(input.data + from, i - from);
    }
    *next = 0;
    return BYTES_EMPTY;
}

static bool header_is(struct bytes line, const char *name, const char *value)
{
    size_t name_size = strlen(name);
    if (line.size <= name_size || line.data[name_size] != ':') return false;
    if (strncasecmp((const char *)line.data, name, name_size) != 0) return false;
    size_t at = name_size + 1;
    while (at < line.size && (line.data[at] == ' ' || line.data[at] == '\t')) at++;
    return line.size - at == strlen(value) &&
           strncasecmp((const char *)line.data + at, value, line.size - at) == 0;
}

static bool parse_request_line(struct bytes line, struct http_request *request)
{
    const char *p = (const char *)line.data;
    size_t method = 0;
    while (method < line.size && p[method] != ' ') method++;
    request->get = method == 3 && memcmp(p, "GET", 3) == 0;
    size_t start = method + 1, end = start;
    if (start >= line.size || p[start] != '/') return false;
    while (end < line.size && p[end] != ' ') end++;
    if (line.size - end != 9 || memcmp(p + end, " HTTP/1.", 8) != 0) return false;
    request->keep_alive = p[end + 8] == '1';
    size_t size = end - start;
    for (size_t i = 0; i < size; i++) {
        if (p[start + i] < '!' || p[start + i] > '~') return false;
        if (p[start + i] == '?') {
            size = i;
            break;
        }
    }
    if (size >= HTTP_PATH_MAX) return false;
    memcpy(request->path, p + start, size);
    request->path[size] = '\0';
    return true;
}

enum http_parse http_parse(struct bytes input, struct http_request *request)
{
    *request = (struct http_request){0};
    size_t next;
    struct bytes line = line_at(input, 0, &next);
    if (next == 0) return input.size >= HTTP_REQUEST_BYTES_MAX ? HTTP_PARSE_BAD : HTTP_PARSE_MORE;
    if (!parse_request_line(line, request)) return HTTP_PARSE_BAD;
    for (;;) {
        line = line_at(input, next, &next);
        if (next == 0) return input.size >= HTTP_REQUEST_BYTES_MAX ? HTTP_PARSE_BAD : HTTP_PARSE_MORE;
        if (line.size == 0) break;
        if (header_is(line, "connection", "close")) request->keep_alive = false;
        /* A body would have to be skipped to stay in step; nobody sends one with GET. */
        if (line.size > 15 && strncasecmp((const char *)line.data, "content-length:", 15) == 0 &&
            !header_is(line, "content-length", "0"))
            return HTTP_PARSE_BAD;
        if (line.size > 18 && strncasecmp((const char *)line.data, "transfer-encoding:", 18) == 0)
            return HTTP_PARSE_BAD;
    }
    request->size = next;
    return next > HTTP_REQUEST_BYTES_MAX ? HTTP_PARSE_BAD : HTTP_PARSE_REQUEST;
}
