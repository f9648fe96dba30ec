#include "io/env.h"
#include "tests/test.h"

static enum status parse(const char *text, struct env_addr *addr)
{
    return env_addr_parse(bytes_of_string(text), addr);
}

TEST(addr, parses_and_formats_v4_and_v6)
{
    static const char *const texts[] = {"127.0.0.1:7433", "0.0.0.0:0", "255.255.255.255:65535",
                                        "[::1]:80",       "[::]:1",    "[2001:db8::ff00:42]:9"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct env_addr addr;
        char text[ENV_ADDR_TEXT_MAX];
        assert_int_equal(parse(texts[i], &addr), STATUS_OK);
        env_addr_format(&addr, text);
        assert_string_equal(text, texts[i]);
    }
}

TEST(addr, keeps_bytes_in_network_order)
{
    struct env_addr addr;
    assert_int_equal(parse("1.2.3.4:258", &addr), STATUS_OK);
    assert_int_equal(addr.family, 4);
    assert_memory_equal(addr.ip, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(addr.port, 258);
}

TEST(addr, refuses_what_is_not_an_address)
{
    static const char *const texts[] = {
        "",           ":",         ":80",        "127.0.0.1",   "127.0.0.1:",  "127.0.0.1:65536",
        "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:000001", "127.0.0:1", "127.0.0.1.1:1",
        "localhost:1", "::1:80",   "[::1]80",    "[::1]",       "[]:1",        "[127.0.0.1]:1",
        "[::1%lo]:1", " 1.2.3.4:1", "[::1:1",
        "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff]:1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct env_addr addr = {.family = 99};
        assert_int_equal(parse(texts[i], &addr), STATUS_INVALID);
        assert_int_equal(addr.family, 99); /* untouched */
    }
    struct env_addr addr;
    assert_int_equal(env_addr_parse(bytes_make("1.2.3.4\0:1", 10), &addr), STATUS_INVALID);
    assert_int_equal(env_addr_parse(BYTES_EMPTY, &addr), STATUS_INVALID);
}

TEST(addr, compares_family_port_and_the_bytes_that_count)
{
    struct env_addr a, b;
    assert_int_equal(parse("1.2.3.4:5", &a), STATUS_OK);
    b = a;
    b.ip[15] = 7; /* not a part of a v4 address */
    assert_true(env_addr_equal(&a, &b));
    b.port = 6;
    assert_false(env_addr_equal(&a, &b));
    b = a;
    b.ip[3] = 5;
    assert_false(env_addr_equal(&a, &b));
    assert_int_equal(parse("[102:304::]:5", &b), STATUS_OK);
    assert_false(env_addr_equal(&a, &b));
    a = b;
    b.ip[15] = 1;
    assert_false(env_addr_equal(&a, &b));
    struct env_addr none = {0}, other = {.port = 1};
    assert_true(env_addr_equal(&none, &other));
    assert_false(env_addr_equal(&none, &a));
}

TEST(addr, knows_loopback)
{
    static const struct { const char *text; bool loopback; } cases[] = {
        {"127.0.0.1:1", true},     {"127.9.9.9:1", true},         {"128.0.0.1:1", false},
        {"[::1]:1", true},         {"[::]:1", false},             {"[::ffff:127.0.0.1]:1", true},
        {"[::ffff:10.0.0.1]:1", false}, {"0.0.0.0:1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct env_addr addr;
        assert_int_equal(parse(cases[i].text, &addr), STATUS_OK);
        assert_int_equal(env_addr_is_loopback(&addr), cases[i].loopback);
    }
    struct env_addr none = {0};
    char text[ENV_ADDR_TEXT_MAX];
    assert_false(env_addr_is_loopback(&none));
    env_addr_format(&none, text);
    assert_string_equal(text, "none");
}
