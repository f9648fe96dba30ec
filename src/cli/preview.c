#include "cli/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "cli/visit.h"
#include "net/net.h"
#include "shard/admin.h"

#define TIMEOUT_NS 3000000000u /* for each address */
#define QUORUM(voters) ((voters) / 2 + 1)

static void print_answer(const struct admin_answer *a)
{
    printf("another node: %u ranges would get a replica there (%llu bytes), besides what moves to even out the nodes\n"
           "quorum: %u, then %u\nnodes that may be lost: %d, then %d\nranges with fewer voters than wanted: %u, then %u\n"
           "now: %s\nnothing was changed\n",
           a->moves, (unsigned long long)a->move_bytes, QUORUM(a->now.voters_min), QUORUM(a->then.voters_min),
           a->now.tolerance, a->then.tolerance, a->now.under, a->fewer, a->text);
}

/* CLI_OK: it was printed. */
static int take(struct bytes reply, const char **why)
{
    static struct admin_answer a;
    struct reader in = reader_make(reply);
    enum status status = (enum status)get_u16(&in);
    *why = "it answers something else: is it of the same version?";
    if (in.failed) return CLI_ERROR;
    *why = status == STATUS_UNAVAILABLE ? "it is no member of a cluster, or its cluster has no quorum" : status_name(status);
    if (status != STATUS_OK) return status == STATUS_UNAVAILABLE ? CLI_NO_QUORUM : CLI_ERROR;
    *why = "it answers something else: is it of the same version?";
    if (!admin_decode(get_bytes(&in, reader_left(&in)), &a)) return CLI_ERROR;
    print_answer(&a);
    return CLI_OK;
}

static int ask(const char *host_port, const char *locality, const char **why)
{
    struct buf payload;
    struct cli_visit v = {.request = SHARD_MESSAGE_PREVIEW, .reply = SHARD_MESSAGE_PREVIEW_REPLY};
    buf_init(&payload, 256);
    buf_init(&v.answer, NET_MESSAGE_BYTES_MAX);
    put_sized(&payload, bytes_of_string(locality == NULL ? "" : locality));
    v.payload = buf_view(&payload);
    *why = "the locality is too long";
    int status = payload.failed ? CLI_ERROR : cli_visit_run(&v, host_port, TIMEOUT_NS, why);
    if (status == CLI_OK) status = take(buf_view(&v.answer), why);
    buf_deinit(&payload);
    buf_deinit(&v.answer);
    return status;
}

int cli_preview(const char *join, const char *locality)
{
    int status = CLI_ERROR;
    for (const char *at = join; *at != '\0';) {
        char host[NET_HOST_MAX];
        const char *why = "the address is too long";
        size_t size = strcspn(at, ",");
        if (size < sizeof host) {
            memcpy(host, at, size);
            host[size] = '\0';
            status = ask(host, locality, &why);
            if (status == CLI_OK) return CLI_OK;
        }
        fprintf(stderr, "ostraka start: %.*s: %s\n", (int)size, at, why);
        at += size + (at[size] == ',');
    }
    return status;
}
