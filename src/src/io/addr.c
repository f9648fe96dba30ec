/* Numeric addresses as text and back. */
#include "io/env.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/assert.h"

/* One to five digits, at most 65535. */
static bool port_parse(struct bytes text, uint16_t *port_out)
{
    if (text.size == 0 || text.size > 5) return false;
    uint32_t port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (port > UINT16_MAX) return false;
    *port_out = (uint16_t)port;
    return true;
}

/* inet_pton wants a terminated string; a NUL inside the text must not end it early. */
static bool ip_parse(struct bytes text, struct env_addr *addr)
{
    char host[INET6_ADDRSTRLEN];
    if (text.size == 0 || text.size >= sizeof host) return false;
    if (memchr(text.data, 0, text.size) != NULL) return false;
    memcpy(host, text.data, text.size);
    host[text.size] = 0;
    return inet_pton(addr->family == 4 ? AF_INET : AF_INET6, host, addr->ip) == 1;
}

enum status env_addr_parse(struct bytes text, struct env_addr *addr_out)
{
    ASSERT(addr_out != NULL);
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') colon--;
    if (colon == 0) return STATUS_INVALID;

    struct env_addr addr = {.family = 4};
    struct bytes host = bytes_make(text.data, colon - 1);
    struct bytes port = bytes_make(text.data + colon, text.size - colon);
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        addr.family = 6;
        host = bytes_make(host.data + 1, host.size - 2);
    }
    if (!port_parse(port, &addr.port) || !ip_parse(host, &addr)) return STATUS_INVALID;
    *addr_out = addr;
    return STATUS_OK;
}

void env_addr_format(const struct env_addr *addr, char text[ENV_ADDR_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN];
    ASSERT(addr->family == 0 || addr->family == 4 || addr->family == 6);
    if (addr->family == 0) {
        snprintf(text, ENV_ADDR_TEXT_MAX, "none");
        return;
    }
    bool is_v4 = addr->family == 4;
    const char *shown = inet_ntop(is_v4 ? AF_INET : AF_INET6, addr->ip, ip, sizeof ip);
    ASSERT(shown != NULL);
    int size = snprintf(text, ENV_ADDR_TEXT_MAX, is_v4 ? "%s:%u" : "[%s]:%u", ip,
                        (unsigned)addr->port);
    ASSERT(size > 0 && size < ENV_ADDR_TEXT_MAX);
}

bool env_addr_equal(const struct env_addr *a, const struct env_addr *b)
{
    if (a->family != b->family) return false;
    if (a->family == 0) return true;
    ASSERT(a->family == 4 || a->family == 6);
    return a->port == b->port && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}

bool env_addr_is_loopback(const struct env_addr *a)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (a->family == 4) return a->ip[0] == 127;
    if (a->family != 6) return false;
    if (memcmp(a->ip, v4_mapped, sizeof v4_mapped) == 0) return a->ip[12] == 127;
    return memcmp(a->ip, v6_loopback, sizeof v6_loopback) == 0;
}
