/* The admin port: GET-only HTTP/1.1 on the core's loop. One request at a time per connection, keep-alive,
 * bounded in every way; anything else than a small GET is refused and closed. */
#ifndef OSTRAKA_NODE_HTTP_H
#define OSTRAKA_NODE_HTTP_H

#include "base/buf.h"
#include "io/env.h"

struct http_server;

/* Fills in body and content type (static text) and returns the HTTP status. path: without its query, NUL
 * terminated, printable. */
typedef int http_answer(void *ctx, const char *path, struct buf *body, const char **content_type);

struct http_options {
    struct env *env;
    struct logger *logger;
    struct env_addr listen;
    uint32_t connection_max; /* default 64; further ones are closed at once */
    http_answer *answer;
    void *ctx;
};

MUST_USE enum status http_create(const struct http_options *options, struct http_server **server_out);
uint16_t http_port(const struct http_server *h);
/* After the environment was shut down and drained. */
void http_destroy(struct http_server *h);

/* ---- the pure part, for tests and the fuzzer ---- */

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_REQUEST, HTTP_PARSE_BAD };
#define HTTP_REQUEST_BYTES_MAX 8192
#define HTTP_PATH_MAX 256
struct http_request {
    char path[HTTP_PATH_MAX];
    bool get, keep_alive;
    size_t size; /* bytes of the input it took */
};
enum http_parse http_parse(struct bytes input, struct http_request *request);

#endif
