/* How a session begins, byte by byte: what is offered instead of what was asked for, what is reported, what is
 * refused. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "tests/process/cluster.h"
#include "tests/process/raw.h"
#include "tests/test.h"

#define SSL_REQUEST    80877103u
#define GSSENC_REQUEST 80877104u

static struct cluster cluster;

/* What a node said up to and with the first ReadyForQuery, or to the end. */
struct opening {
    char types[64];
    char names[1024];           /* of the parameters, in order, with blanks between */
    char encoding[64], style[64];
    uint32_t version, unknown;  /* of NegotiateProtocolVersion */
    char options[256];
    char severity[16], severity_plain[16], sqlstate[6], message[200];
};

static void read_bytes(struct raw *r, void *to, size_t size, bool *end)
{
    for (char *at = to; size > 0 && !*end;) {
        ssize_t got = recv(r->fd, at, size, 0);
        *end = got <= 0;
        if (got <= 0) return;
        at += got;
        size -= (size_t)got;
    }
}

static uint32_t u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

static void note_parameter(struct opening *o, const char *body)
{
    const char *value = body + strlen(body) + 1;
    snprintf(o->names + strlen(o->names), sizeof o->names - strlen(o->names), "%s ", body);
    if (strcmp(body, "client_encoding") == 0) snprintf(o->encoding, sizeof o->encoding, "%s", value);
    if (strcmp(body, "DateStyle") == 0) snprintf(o->style, sizeof o->style, "%s", value);
}

static void note_error(struct opening *o, const char *body)
{
    for (const char *at = body; *at != '\0'; at += strlen(at) + 1) {
        if (*at == 'S') snprintf(o->severity, sizeof o->severity, "%s", at + 1);
        if (*at == 'V') snprintf(o->severity_plain, sizeof o->severity_plain, "%s", at + 1);
        if (*at == 'C') snprintf(o->sqlstate, sizeof o->sqlstate, "%s", at + 1);
        if (*at == 'M') snprintf(o->message, sizeof o->message, "%s", at + 1);
    }
}

static void note_negotiation(struct opening *o, const char *body, size_t size)
{
    o->version = u32(body);
    o->unknown = u32(body + 4);
    for (size_t at = 8; at < size; at += strlen(body + at) + 1)
        snprintf(o->options + strlen(o->options), sizeof o->options - strlen(o->options), "%s ", body + at);
}

static struct opening read_opening(struct raw *r)
{
    struct opening o = {.version = 0};
    bool end = false;
    for (size_t count = 0; count + 1 < sizeof o.types; count++) {
        char head[5], body[4097] = "";
        read_bytes(r, head, 5, &end);
        if (end) break;
        size_t size = u32(head + 1) - 4;
        assert_true(size < sizeof body);
        read_bytes(r, body, size, &end);
        assert_false(end);
        o.types[count] = head[0];
        if (head[0] == 'S') note_parameter(&o, body);
        else if (head[0] == 'E') note_error(&o, body);
        else if (head[0] == 'v') note_negotiation(&o, body, size);
        else if (head[0] == 'Z') break;
    }
    return o;
}

/* parameters: "user\0postgres\0...", without the last NUL. */
static struct opening open_with(uint32_t version, const char *parameters, size_t size)
{
    struct raw r = raw_dial(cluster.nodes[0].sql);
    char packet[1024];
    version = htonl(version);
    assert_true(size + 5 <= sizeof packet);
    memcpy(packet, &version, 4);
    memcpy(packet + 4, parameters, size);
    packet[4 + size] = '\0';
    raw_message(&r, 0, packet, size + 5);
    struct opening o = read_opening(&r);
    raw_close(&r);
    return o;
}
#define OPEN(version, parameters) open_with(version, parameters, sizeof parameters)
#define V3 (3u << 16)

static void everything_is_reported(void)
{
    struct opening o = OPEN(V3, "user\0postgres\0database\0postgres");
    assert_string_equal(o.types, "RSSSSSSSSSSSSSKZ");
    assert_string_equal(o.names, "application_name client_encoding DateStyle default_transaction_read_only in_hot_standby "
                                 "integer_datetimes IntervalStyle is_superuser server_encoding server_version "
                                 "session_authorization standard_conforming_strings TimeZone ");
    o = OPEN(V3, "user\0postgres"); /* the database is the user's name then */
    assert_string_equal(o.types, "RSSSSSSSSSSSSSKZ");
}

static void newer_minors_and_unknown_options_are_negotiated(void)
{
    struct opening o = OPEN(V3 | 2, "user\0postgres");
    assert_string_equal(o.types, "vRSSSSSSSSSSSSSKZ");
    assert_int_equal(o.version, V3);
    assert_int_equal(o.unknown, 0);
    o = OPEN(V3 | 9999, "user\0postgres\0_pq_.grease\0on\0_pq_.other\0" "1");
    assert_string_equal(o.types, "vRSSSSSSSSSSSSSKZ");
    assert_int_equal(o.unknown, 2);
    assert_string_equal(o.options, "_pq_.grease _pq_.other ");
    o = OPEN(V3, "user\0postgres\0_pq_.grease\0on");
    assert_string_equal(o.types, "vRSSSSSSSSSSSSSKZ");
    assert_int_equal(o.unknown, 1);
}

static void encodings_are_spelled_in_many_ways(void)
{
    struct opening o = OPEN(V3, "user\0postgres\0client_encoding\0'utf-8'\0DateStyle\0ISO");
    assert_string_equal(o.encoding, "UTF8");
    assert_string_equal(o.style, "ISO, MDY");
    o = OPEN(V3, "user\0postgres\0client_encoding\0unicode\0datestyle\0iso, dmy");
    assert_string_equal(o.encoding, "UTF8");
    assert_string_equal(o.style, "ISO, DMY");
    o = OPEN(V3, "user\0postgres\0client_encoding\0SQL_ASCII");
    assert_string_equal(o.encoding, "SQL_ASCII");
    o = OPEN(V3, "user\0postgres\0client_encoding\0LATIN1");
    assert_string_equal(o.sqlstate, "0A000");
}

static void expect_refused(struct opening o, const char *sqlstate, const char *message)
{
    assert_string_equal(o.sqlstate, sqlstate);
    assert_non_null(strstr(o.message, message));
    assert_string_equal(o.severity, "FATAL");
    assert_string_equal(o.severity_plain, "FATAL");
    assert_int_equal(o.types[strlen(o.types) - 1], 'E'); /* and then it hung up */
}

static void what_is_wrong_is_told(void)
{
    expect_refused(OPEN(V3, "database\0postgres"), "28000", "no PostgreSQL user name");
    expect_refused(OPEN(V3, "user\0nobody"), "28000", "");
    expect_refused(OPEN(V3, "user\0postgres\0database\0nonesuch"), "3D000", "database \"nonesuch\" does not exist");
    expect_refused(OPEN(V3, "user\0postgres\0nonesuch\0" "1"), "42704", "unrecognized configuration parameter");
    expect_refused(OPEN(V3, "user\0postgres\0TimeZone\0Mars/Olympus"), "22023", "invalid value for parameter");
    expect_refused(OPEN(V3, "user\0postgres\0options\0-c nonesuch=1"), "42704", "unrecognized configuration parameter");
    expect_refused(OPEN(V3, "user\0postgres\0replication\0true"), "0A000", "replication");
    expect_refused(OPEN(V3, "user"), "08P01", "invalid startup packet layout");
    expect_refused(OPEN(2u << 16, "user\0postgres"), "0A000", "unsupported frontend protocol");
    expect_refused(OPEN(4u << 16, "user\0postgres"), "0A000", "unsupported frontend protocol");
}

/* Encryption is asked for first; N, and the session begins on the same connection. */
static void encryption_is_declined(void)
{
    static const uint32_t requests[] = {GSSENC_REQUEST, SSL_REQUEST};
    struct raw r = raw_dial(cluster.nodes[0].sql);
    for (size_t i = 0; i < 2; i++) {
        uint32_t body = htonl(requests[i]);
        char answer = 0;
        bool end = false;
        raw_message(&r, 0, &body, sizeof body);
        read_bytes(&r, &answer, 1, &end);
        assert_int_equal(answer, 'N');
    }
    assert_true(raw_start(&r));
    raw_query(&r, "SELECT 1");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    raw_close(&r);
}

TEST(startup, says_what_is_there_and_refuses_what_is_not)
{
    cluster_start(&cluster, "auto");
    everything_is_reported();
    newer_minors_and_unknown_options_are_negotiated();
    encodings_are_spelled_in_many_ways();
    what_is_wrong_is_told();
    encryption_is_declined();
    cluster_wait_metric(&cluster, 0, "sql_connections", 0);
    cluster_stop(&cluster);
}
