/* Requests of the admin port. */
#include "node/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static enum http_parse parse(const char *text, struct http_request *r)
{
    /* A copy of exactly the size: reading beyond it is seen by the sanitizer. */
    size_t size = strlen(text);
    char *copy = malloc(size + 1);
    memcpy(copy, text, size);
    enum http_parse parsed = http_parse(bytes_make(copy, size), r);
    free(copy);
    return parsed;
}

TEST(http_parse, takes_a_small_get)
{
    struct http_request r;
    const char *text = "GET /status?pretty=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\nGET /next";
    assert_int_equal(parse(text, &r), HTTP_PARSE_REQUEST);
    assert_string_equal(r.path, "/status");
    assert_true(r.get && r.keep_alive);
    assert_int_equal(r.size, strlen(text) - strlen("GET /next"));
}

TEST(http_parse, keeps_the_connection_as_asked)
{
    struct http_request r;
    assert_int_equal(parse("GET / HTTP/1.1\r\nconnection:  CLOSE\r\n\r\n", &r), HTTP_PARSE_REQUEST);
    assert_false(r.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &r), HTTP_PARSE_REQUEST);
    assert_false(r.keep_alive);
    assert_int_equal(parse("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", &r), HTTP_PARSE_REQUEST);
    assert_false(r.get);
}

TEST(http_parse, waits_for_the_rest)
{
    struct http_request r;
    const char *text = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t size = 0; size < strlen(text); size++) {
        char part[64] = "";
        memcpy(part, text, size);
        assert_int_equal(parse(part, &r), HTTP_PARSE_MORE);
    }
}

TEST(http_parse, refuses_everything_else)
{
    static const char *const wrong[] = {
        "\r\n\r\n", "GET\r\n\r\n", "GET \r\n\r\n", "GET status HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET /\xff HTTP/1.1\r\n\r\n", "GET /\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n"};
    struct http_request r;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (parse(wrong[i], &r) != HTTP_PARSE_BAD) fail_msg("taken: %s", wrong[i]);
}

TEST(http_parse, is_bounded)
{
    static char text[2 * HTTP_REQUEST_BYTES_MAX];
    struct http_request r;
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(parse(text, &r), HTTP_PARSE_BAD); /* a line that does not end */
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    assert_int_equal(parse(text, &r), HTTP_PARSE_BAD);
    memcpy(text + sizeof text - 6, "\r\n\r\n", 5);
    assert_int_equal(parse(text, &r), HTTP_PARSE_BAD);
    char path[HTTP_PATH_MAX + 64];
    memset(path, 'a', sizeof path);
    memcpy(path, "GET /", 5);
    snprintf(path + 5 + HTTP_PATH_MAX - 1, 32, " HTTP/1.1\r\n\r\n"); /* one more than fits */
    assert_int_equal(parse(path, &r), HTTP_PARSE_BAD);
    snprintf(path + 5 + HTTP_PATH_MAX - 2, 32, " HTTP/1.1\r\n\r\n");
    assert_int_equal(parse(path, &r), HTTP_PARSE_REQUEST);
}
