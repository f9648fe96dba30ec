#include "node/http.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"

#define BODY_BYTES_MAX (4u << 20)

struct http_connection {
    struct list link;
    struct http_server *server;
    struct env_socket *socket;
    struct buf in, out;
    bool sending, closing;
};

struct http_server {
    struct http_options options;
    struct env_listener *listener;
    uint16_t port;
    struct list connections; /* who has asked longest ago comes first */
    uint32_t connection_count;
};

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
    default: return "Error";
    }
}

static void respond(struct http_connection *c, int status, const char *type, struct bytes body,
                    bool keep_alive)
{
    buf_printf(&c->out,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n"
               "Cache-Control: no-store\r\n\r\n",
               status, reason_of(status), type, body.size, keep_alive ? "keep-alive" : "close");
    buf_append_bytes(&c->out, body);
    c->closing = !keep_alive || c->out.failed;
    if (c->out.failed) {
        env_close(c->server->options.env, c->socket);
        return;
    }
    c->sending = true;
    env_send(c->server->options.env, c->socket, c->out.data, c->out.size);
}

static void answer(struct http_connection *c, const struct http_request *request)
{
    list_remove(&c->link);
    list_push_back(&c->server->connections, &c->link);
    if (!request->get) {
        respond(c, 405, "text/plain", BYTES_LITERAL("only GET is offered here\n"), false);
        return;
    }
    struct buf body;
    buf_init(&body, BODY_BYTES_MAX);
    const char *type = "text/plain; charset=utf-8";
    const struct http_options *o = &c->server->options;
    int status = o->answer(o->ctx, request->path, &body, &type);
    respond(c, status, type, buf_view(&body), request->keep_alive);
    buf_deinit(&body);
}

static void work(struct http_connection *c)
{
    if (c->sending || c->closing) return;
    struct http_request request;
    switch (http_parse(buf_view(&c->in), &request)) {
    case HTTP_PARSE_MORE: return;
    case HTTP_PARSE_BAD:
        respond(c, 400, "text/plain", BYTES_LITERAL("this is not a small HTTP/1.1 GET request\n"), false);
        return;
    case HTTP_PARSE_REQUEST:
        buf_consume(&c->in, request.size);
        answer(c, &request);
        return;
    }
}

static void on_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct http_connection *c = ctx;
    (void)s;
    if (c->closing) return;
    buf_append_bytes(&c->in, bytes);
    if (!c->in.failed) {
        work(c);
        return;
    }
    c->closing = true; /* a flood of pipelined requests */
    env_close(c->server->options.env, c->socket);
}

static void on_sent(void *ctx, struct env_socket *s)
{
    struct http_connection *c = ctx;
    c->sending = false;
    buf_reset(&c->out);
    if (c->closing) env_close(c->server->options.env, s);
    else work(c);
}

static void on_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct http_connection *c = ctx;
    (void)s;
    (void)reason;
    list_remove(&c->link);
    c->server->connection_count--;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c);
}

static const struct env_socket_handler socket_handler = {
    .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

/* Who says nothing must not keep others from asking whether the node lives. False: all are being answered. */
static bool make_room(struct http_server *h)
{
    LIST_FOR_EACH(item, &h->connections) {
        struct http_connection *c = CONTAINER_OF(item, struct http_connection, link);
        if (c->sending || c->closing) continue;
        c->closing = true;
        env_close(h->options.env, c->socket);
        return true;
    }
    return false;
}

static bool on_accepted(void *ctx, struct env_socket *s, const struct env_addr *peer)
{
    struct http_server *h = ctx;
    (void)peer;
    if (h->connection_count >= h->options.connection_max && !make_room(h)) return false;
    struct http_connection *c = calloc(1, sizeof *c);
    if (c == NULL) return false;
    c->server = h;
    c->socket = s;
    buf_init(&c->in, 4 * HTTP_REQUEST_BYTES_MAX);
    buf_init(&c->out, BODY_BYTES_MAX + 1024);
    list_push_back(&h->connections, &c->link);
    h->connection_count++;
    env_socket_attach(h->options.env, s, &socket_handler, c);
    return true;
}

static const struct env_listener_handler listener_handler = {on_accepted, false};

enum status http_create(const struct http_options *options, struct http_server **server_out)
{
    ASSERT(options->answer != NULL);
    struct http_server *h = calloc(1, sizeof *h);
    if (h == NULL) return STATUS_NO_MEMORY;
    h->options = *options;
    if (h->options.connection_max == 0) h->options.connection_max = 64;
    list_init(&h->connections);
    enum status status = env_listen(options->env, &options->listen, &listener_handler, h, &h->listener,
                                    &h->port);
    if (status != STATUS_OK) {
        free(h);
        return status;
    }
    *server_out = h;
    return STATUS_OK;
}

uint16_t http_port(const struct http_server *h)
{
    return h->port;
}

void http_destroy(struct http_server *h)
{
    ASSERT(list_empty(&h->connections));
    free(h);
}
