/* Creation, identity, the end, and the books. */
#include <stdlib.h>

#include "net/net_int.h"

#define OUTPUT_BYTES_DEFAULT         ((size_t)16 << 20)
#define OUTPUT_BYTES_MIN             ((size_t)64 << 10) /* handshakes always fit */
#define CONNECT_TIMEOUT_DEFAULT_NS   (1 * NET_SEC)
#define HANDSHAKE_TIMEOUT_DEFAULT_NS (5 * NET_SEC)
#define BACKOFF_MIN_DEFAULT_NS       (50 * NET_MS)
#define BACKOFF_MAX_DEFAULT_NS       (1 * NET_SEC)
_Static_assert(OUTPUT_BYTES_MIN > 2 * NET_HELLO_BYTES_MAX, "handshakes always fit");

/* ---- creation ---- */

static void default_u64(uint64_t *value, uint64_t otherwise)
{
    if (*value == 0) *value = otherwise;
}

static void default_u32(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0) *value = otherwise;
}

static void options_complete(struct net_options *o)
{
    if (o->output_bytes_max == 0) o->output_bytes_max = OUTPUT_BYTES_DEFAULT;
    if (o->output_bytes_max < OUTPUT_BYTES_MIN) o->output_bytes_max = OUTPUT_BYTES_MIN;
    default_u64(&o->connect_timeout_ns, CONNECT_TIMEOUT_DEFAULT_NS);
    default_u64(&o->handshake_timeout_ns, HANDSHAKE_TIMEOUT_DEFAULT_NS);
    default_u64(&o->backoff_ns_min, BACKOFF_MIN_DEFAULT_NS);
    default_u64(&o->backoff_ns_max, BACKOFF_MAX_DEFAULT_NS);
    if (o->backoff_ns_max < o->backoff_ns_min) o->backoff_ns_max = o->backoff_ns_min;
    default_u32(&o->handshakes_max, 64);
    default_u32(&o->guests_max, 64);
    default_u32(&o->accepted_max, 1024);
    if (o->version_min == 0) o->version_min = NET_VERSION_MIN;
    if (o->version_max == 0) o->version_max = NET_VERSION_MAX;
    ASSERT(o->version_min <= o->version_max);
}

static void check_handler(const struct net_handler *h)
{
    ASSERT(h->on_message != NULL);
    ASSERT(h->on_guest_message != NULL);
    ASSERT(h->on_guest_closed != NULL);
    ASSERT(h->on_link != NULL);
    ASSERT(h->on_peer_seen != NULL);
    ASSERT(h->on_refused != NULL);
    ASSERT(h->admit != NULL);
}

enum status net_create(const struct net_options *options, struct net **net_out)
{
    ASSERT(options->env != NULL);
    ASSERT(options->timers != NULL);
    check_handler(options->handler);
    struct net *n = calloc(1, sizeof *n);
    if (n == NULL) return STATUS_NO_MEMORY;
    n->options = *options;
    n->identity = options->identity;
    options_complete(&n->options);
    map_init(&n->peer_map);
    struct list *lists[] = {&n->peers,    &n->conns,  &n->dirty,  &n->resolves,
                            &n->inbounds, &n->visits, &n->delayed};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_init(lists[i]);
    *net_out = n;
    return STATUS_OK;
}

/* ---- identity ---- */

static bool identity_equal(const struct net_identity *a, const struct net_identity *b)
{
    return net_cluster_equal(a, b) && a->node.value == b->node.value &&
           a->incarnation == b->incarnation && a->start_marks[0] == b->start_marks[0] &&
           strcmp(a->advertise, b->advertise) == 0;
}

void net_set_identity(struct net *n, const struct net_identity *identity)
{
    ASSERT(strnlen(identity->advertise, NET_HOST_MAX) < NET_HOST_MAX);
    if (identity_equal(&n->identity, identity)) return;
    bool renamed = n->identity.node.value != identity->node.value ||
                   !net_cluster_equal(&n->identity, identity);
    n->identity = *identity;
    if (identity->node.value != 0) net_remove_peer(n, identity->node);
    LIST_FOR_EACH(item, &n->inbounds)
    {
        struct net_inbound *in = CONTAINER_OF(item, struct net_inbound, link);
        /* It came to the node that we were. */
        if (renamed && in->state == NET_INBOUND_NODE)
            net_inbound_close(in, STATUS_CLOSED, "our identity has changed");
    }
    LIST_FOR_EACH(item, &n->peers) net_peer_redial(CONTAINER_OF(item, struct net_peer, link));
}

/* ---- the end ---- */

void net_stop(struct net *n)
{
    if (n->stopped) return;
    n->stopped = true;
    if (n->listener != NULL) env_listener_close(n->options.env, n->listener);
    n->listener = NULL;
    net_delayed_free(n);
    LIST_FOR_EACH(item, &n->peers) net_peer_hang_up(CONTAINER_OF(item, struct net_peer, link));
    LIST_FOR_EACH(item, &n->inbounds)
    net_inbound_close(CONTAINER_OF(item, struct net_inbound, link), STATUS_CANCELLED,
                      "this node stops");
    net_visits_end(n);
}

bool net_idle(const struct net *n)
{
    return list_empty(&n->conns) && list_empty(&n->resolves) && list_empty(&n->visits);
}

void net_destroy(struct net *n)
{
    if (n == NULL) return;
    n->stopped = true;
    if (n->listener != NULL) env_listener_close(n->options.env, n->listener);
    net_delayed_free(n);
    net_visits_free(n);
    while (!list_empty(&n->peers))
        net_peer_free(CONTAINER_OF(n->peers.next, struct net_peer, link));
    ASSERT(list_empty(&n->conns)); /* every on_closed has been delivered */
    ASSERT(list_empty(&n->resolves));
    ASSERT(list_empty(&n->inbounds));
    ASSERT(n->accepted_count == 0 && n->handshake_count == 0 && n->guest_count == 0);
    ASSERT(n->metrics.connections == 0);
    map_deinit(&n->peer_map);
    free(n);
}

/* ---- books ---- */

bool net_may_log(struct net *n)
{
    uint64_t second = net_now_ns(n) / NET_SEC;
    if (second != n->log_second) {
        if (n->log_dropped > 0)
            LOG_WARN(n->options.logger, "net", "log lines left out", "count=%u", n->log_dropped);
        n->log_second = second;
        n->log_count = n->log_dropped = 0;
    }
    if (n->log_count++ < NET_LOG_LINES_PER_SEC) return true;
    n->log_dropped++;
    return false;
}

const struct net_metrics *net_metrics(const struct net *n)
{
    return &n->metrics;
}
