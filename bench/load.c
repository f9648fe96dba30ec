/* The closed loop: connections, epoll, and the window that is measured. */
#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define BUFFER_BYTES_MAX  (64u << 20)
#define RECEIVE_BYTES     (256u << 10)
#define EVENTS_MAX        256
#define DRAIN_NS          UINT64_C(30000000000) /* a server silent for so long hangs */
#define TEXT_BYTES        (2 * LOAD_VALUE_BYTES_MAX)

uint64_t load_key(struct load *l)
{
    return prng_between(&l->prng, 1, l->options->keys);
}

struct bytes load_value(struct load *l)
{
    uint64_t size = l->options->value_bytes;
    return bytes_make(l->text + prng_below(&l->prng, TEXT_BYTES - size), size);
}

void load_greeted(struct load_conn *c)
{
    ASSERT(!c->ready);
    c->ready = true;
    c->load->open_count++;
}

static void note_gap(struct load_result *r, uint64_t now_ns)
{
    if (now_ns - r->answered_ns > r->gap_ns) r->gap_ns = now_ns - r->answered_ns;
    r->answered_ns = now_ns;
}

void load_answered(struct load_conn *c, uint64_t started_ns, bool ok)
{
    struct load *l = c->load;
    ASSERT(c->inflight > 0);
    c->inflight--;
    if (!l->measuring) return;
    if (ok) {
        uint64_t now_ns = load_now_ns();
        l->result->ops++;
        histogram_add(&l->result->latency_ns, now_ns - started_ns);
        if (c->arrived_ns >= started_ns) histogram_add(&l->result->arrival_ns, c->arrived_ns - started_ns);
        note_gap(l->result, now_ns);
    } else {
        l->result->errors++;
    }
}

/* ---- sockets ---- */

static int connect_to(const struct env_addr *a)
{
    struct sockaddr_storage storage;
    socklen_t size;
    memset(&storage, 0, sizeof storage);
    if (a->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)&storage;
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->ip, 4);
        size = sizeof *in;
    } else {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)&storage;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(a->port);
        memcpy(&in->sin6_addr, a->ip, 16);
        size = sizeof *in;
    }
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&storage, size) == 0 || errno == EINPROGRESS) return fd;
    close(fd);
    return -1;
}

static bool fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    return false;
}

/* Sends what there is. Interest in EPOLLOUT is level, so it is asked for only while blocked. */
static bool flush(struct load_conn *c)
{
    bool blocked = false;
    while (c->out.size > 0 && !blocked) {
        ssize_t sent = send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL);
        if (sent >= 0) buf_consume(&c->out, (size_t)sent);
        else if (errno == EAGAIN || errno == ENOTCONN) blocked = true;
        else if (errno != EINTR) return fail("send");
    }
    if (c->out.failed) {
        errno = ENOBUFS;
        return fail("send");
    }
    struct epoll_event event = {.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    if (epoll_ctl(c->load->epoll, EPOLL_CTL_MOD, c->fd, &event) != 0) return fail("epoll_ctl");
    return true;
}

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

/* When the kernel had what was received last, which we may have come to look at much later: it says so by another clock. */
static void note_arrival(struct load_conn *c, struct msghdr *m)
{
    struct timespec real, stamp;
    uint64_t now_ns = load_now_ns();
    clock_gettime(CLOCK_REALTIME, &real);
    c->arrived_ns = now_ns;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_TIMESTAMPNS) continue;
        memcpy(&stamp, CMSG_DATA(h), sizeof stamp);
        uint64_t ago_ns = ns_of(&real) > ns_of(&stamp) ? ns_of(&real) - ns_of(&stamp) : 0;
        c->arrived_ns = ago_ns < now_ns ? now_ns - ago_ns : now_ns;
    }
}

static ssize_t receive_some(struct load_conn *c, uint8_t *at)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {.iov_base = at, .iov_len = RECEIVE_BYTES};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(c->fd, &m, 0);
    if (size > 0 && c->load->options->arrivals) note_arrival(c, &m);
    return size;
}

static bool receive(struct load_conn *c)
{
    for (;;) {
        uint8_t *at = buf_reserve(&c->in, RECEIVE_BYTES);
        if (at == NULL) return fail("receive buffer");
        ssize_t size = receive_some(c, at);
        if (size > 0) {
            c->in.size += (size_t)size;
            if (size < (ssize_t)RECEIVE_BYTES) break;
        } else if (size == 0) {
            errno = ECONNRESET;
            return fail("the server ended a connection");
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return fail("receive");
        }
    }
    return c->in.size == 0 || c->load->protocol->received(c);
}

/* ---- the loop ---- */

static bool more_allowed(const struct load *l)
{
    return !l->stopping && (l->number_max == 0 || l->next_number < l->number_max);
}

/* With a rate, the turn of the next request has come. What could not start in time starts late: the sum is kept. */
static bool due(const struct load *l)
{
    uint64_t rate = l->options->rate;
    if (rate == 0 || l->opened_ns == 0) return rate == 0;
    return (double)l->next_number / (double)rate * 1e9 <= (double)(load_now_ns() - l->opened_ns);
}

static bool start(struct load_conn *c)
{
    c->inflight++;
    c->started_ns = load_now_ns();
    return c->load->protocol->request(c, c->load->next_number++, c->started_ns);
}

static bool top_up(struct load_conn *c)
{
    struct load *l = c->load;
    bool started = l->open_count == l->options->connections; /* none starts before all can */
    while (started && c->inflight < l->options->pipeline && more_allowed(l) && due(l))
        if (!start(c)) return false;
    return c->out.size == 0 || flush(c);
}

/* Requests that a server forgot would keep a closed loop from ever seeing that it answers again. */
static bool ask_again(struct load *l)
{
    uint64_t patience_ns = l->options->patience_ms * 1000000, now_ns = load_now_ns();
    if (patience_ns == 0 || l->open_count < l->options->connections) return true;
    for (uint64_t i = 0; i < l->options->connections; i++) {
        struct load_conn *c = &l->conns[i];
        bool late = c->inflight > 0 && now_ns - c->started_ns >= patience_ns;
        if (!late || c->inflight == LOAD_PIPELINE_MAX || !more_allowed(l)) continue;
        if (!start(c) || !flush(c)) return false;
    }
    return true;
}

/* Under a rate no answer need be under way that starts the next request. */
static bool start_due(struct load *l)
{
    if (l->options->rate == 0) return true;
    uint64_t count = l->options->connections, first = l->next_number % count;
    for (uint64_t i = 0; i < count && due(l); i++)
        if (!top_up(&l->conns[(first + i) % count])) return false;
    return true;
}

static bool open_all(struct load *l)
{
    for (uint64_t i = 0; i < l->options->connections; i++) {
        struct load_conn *c = &l->conns[i];
        buf_init(&c->in, BUFFER_BYTES_MAX);
        buf_init(&c->out, BUFFER_BYTES_MAX);
        c->load = l;
        c->fd = -1;
    }
    for (uint64_t i = 0; i < l->options->connections; i++) {
        struct load_conn *c = &l->conns[i];
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        c->fd = connect_to(&l->options->addresses[i % l->options->address_count]);
        if (c->fd < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
            return fail("connect");
        int on = 1;
        if (l->options->arrivals && setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
            return fail("timestamps");
        if (!l->protocol->open(c)) return false;
    }
    return true;
}

static void close_all(struct load *l)
{
    for (uint64_t i = 0; i < l->options->connections; i++) {
        struct load_conn *c = &l->conns[i];
        if (c->state != NULL) l->protocol->close(c);
        if (c->fd >= 0) close(c->fd);
        buf_deinit(&c->in);
        buf_deinit(&c->out);
    }
}

static bool handle(struct load_conn *c, uint32_t events)
{
    bool was_started = c->load->open_count == c->load->options->connections;
    if (events & EPOLLOUT && !flush(c)) return false;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive(c)) return false;
    if (!top_up(c)) return false;
    if (was_started || c->load->open_count < c->load->options->connections) return true;
    for (uint64_t i = 0; i < c->load->options->connections; i++)
        if (!top_up(&c->load->conns[i])) return false;
    return true;
}

static bool idle(const struct load *l)
{
    for (uint64_t i = 0; i < l->options->connections; i++)
        if (l->conns[i].inflight > 0) return false;
    return l->open_count == l->options->connections;
}

static bool turn(struct load *l, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(l->epoll, events, EVENTS_MAX, timeout_ms);
    if (count < 0 && errno != EINTR) return fail("epoll_wait");
    for (int i = 0; i < count; i++)
        if (!handle(events[i].data.ptr, events[i].events)) return false;
    return true;
}

/* Until the deadline, or with none until all requests are made and answered. */
static bool run_until(struct load *l, uint64_t deadline_ns)
{
    uint64_t answered_at_ns = load_now_ns(), number_seen = l->next_number, open_seen = 0;
    for (;;) {
        uint64_t now = load_now_ns();
        if (deadline_ns != 0 && now >= deadline_ns) return true;
        if (deadline_ns == 0 && !more_allowed(l) && idle(l)) return true;
        if (l->next_number != number_seen || l->open_count != open_seen) answered_at_ns = now;
        number_seen = l->next_number;
        open_seen = l->open_count;
        if (now - answered_at_ns > DRAIN_NS) {
            errno = ETIMEDOUT;
            return fail("the server does not answer");
        }
        uint64_t left_ms = deadline_ns == 0 ? 100 : (deadline_ns - now) / 1000000 + 1;
        uint64_t most_ms = l->options->rate != 0 ? 1 : l->options->patience_ms != 0 ? 10 : 100;
        if (!turn(l, (int)(left_ms > most_ms ? most_ms : left_ms)) || !ask_again(l) || !start_due(l)) return false;
    }
}

static bool wait_open(struct load *l)
{
    uint64_t deadline_ns = load_now_ns() + DRAIN_NS;
    while (l->open_count < l->options->connections) {
        if (load_now_ns() > deadline_ns) {
            errno = ETIMEDOUT;
            return fail("connect");
        }
        if (!turn(l, 100)) return false;
    }
    l->opened_ns = load_now_ns();
    return true;
}

/* ---- the window ---- */

static bool servers_cpu_ns(const struct load_options *o, uint64_t *ns_out)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < o->pid_count; i++) {
        uint64_t ns;
        if (!load_process_cpu_ns(o->pids[i], &ns)) return false;
        sum += ns;
    }
    *ns_out = sum;
    return o->pid_count > 0;
}

static bool measure(struct load *l, bool timed)
{
    const struct load_options *o = l->options;
    struct load_result *r = l->result;
    uint64_t before_ns = 0, after_ns = 0, start_ns = load_now_ns();
    if (timed && !run_until(l, start_ns + o->warmup_ms * 1000000)) return false;
    r->server_cpu_known = servers_cpu_ns(o, &before_ns);
    uint64_t own_ns = load_own_cpu_ns();
    start_ns = load_now_ns();
    r->answered_ns = start_ns;
    l->measuring = true;
    if (!run_until(l, timed ? start_ns + o->seconds * 1000000000u : 0)) return false;
    l->measuring = false;
    uint64_t end_ns = load_now_ns();
    note_gap(r, end_ns);
    r->elapsed_ns = end_ns - start_ns;
    r->client_cpu_ns = load_own_cpu_ns() - own_ns;
    r->server_cpu_known = servers_cpu_ns(o, &after_ns) && r->server_cpu_known;
    r->server_cpu_ns = after_ns - before_ns;
    l->stopping = true;
    return run_until(l, 0);
}

static char *make_text(struct prng *prng)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char *text = malloc(TEXT_BYTES);
    ASSERT(text != NULL);
    for (size_t i = 0; i < TEXT_BYTES; i++) text[i] = alphabet[prng_below(prng, 36)];
    return text;
}

bool load_run(const struct load_options *options, const struct load_protocol *protocol,
              uint64_t request_max, struct load_result *result_out)
{
    struct load l = {.options = options, .protocol = protocol, .number_max = request_max,
                     .result = result_out};
    memset(result_out, 0, sizeof *result_out);
    histogram_init(&result_out->latency_ns);
    histogram_init(&result_out->arrival_ns);
    prng_init(&l.prng, load_now_ns());
    l.text = make_text(&l.prng);
    l.conns = calloc(options->connections, sizeof *l.conns);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(l.conns != NULL);
    ASSERT(l.epoll >= 0);
    bool ok = open_all(&l) && wait_open(&l) && measure(&l, request_max == 0);
    close_all(&l);
    close(l.epoll);
    free(l.conns);
    free(l.text);
    return ok;
}
