/* Flags: what is taken, and what is refused instead of guessed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "tests/test.h"

struct values {
    const char *text, *place, *places;
    bool on;
    uint64_t number, size, duration;
    struct env_addr address;
};

/* Parses words separated by blanks. */
static int parse(struct values *v, const char *line, size_t words_max, const char **words, size_t *count)
{
    static char copy[512];
    char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) argv[argc++] = word;
    const struct cli_flag flags[] = {
        {"text", 't', CLI_TEXT, &v->text, "T", "a text"},
        {"on", 0, CLI_SWITCH, &v->on, NULL, "a switch"},
        {"number", 'n', CLI_NUMBER, &v->number, "N", "a number"},
        {"size-of", 0, CLI_SIZE, &v->size, "SIZE", "a size"},
        {"time", 0, CLI_DURATION, &v->duration, "TIME", "a time"},
        {"address", 0, CLI_ADDRESS, &v->address, "H:P", "an address"},
        {"place", 0, CLI_PLACE, &v->place, "H:P", "a place"},
        {"places", 0, CLI_PLACES, &v->places, "H:P,...", "places"},
    };
    const struct cli_command c = {"test", "Tests.", "test", flags, sizeof flags / sizeof flags[0], NULL};
    return cli_parse(&c, argc, argv, words, words_max, count);
}

static int parse_flags(struct values *v, const char *line)
{
    return parse(v, line, 0, NULL, NULL);
}

TEST(cli_flags, are_given_in_every_spelling)
{
    struct values v = {0};
    assert_int_equal(parse_flags(&v, "--text a -n 7 --size-of=3KiB --time 2s --on --address 127.0.0.1:80"), CLI_OK);
    assert_string_equal(v.text, "a");
    assert_u64_equal(v.number, 7);
    assert_u64_equal(v.size, 3072);
    assert_u64_equal(v.duration, 2000000000u);
    assert_true(v.on);
    assert_int_equal(v.address.port, 80);
    assert_int_equal(parse_flags(&v, "--on=false -t -x"), CLI_OK);
    assert_false(v.on);
    assert_string_equal(v.text, "-x");
}

TEST(cli_flags, what_does_not_parse_is_refused)
{
    const char *const wrong[] = {
        "--nosuch", "-z", "--number", "--number x", "--number -1", "--number 99999999999999999999", "--size-of 3MB",
        "--time 3", "--on=maybe", "--address localhost:80", "--address 127.0.0.1", "--address 127.0.0.1:99999",
        "--place host", "--place host:", "--place :80", "--place host:0", "--place host:99999", "--place ho;st:8x",
        "--places a:1,", "--places ,a:1", "--places a:1,b", "--places a:1,,b:2", "-nn 3", "word", "--text= --nosuch"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct values v = {0};
        if (parse_flags(&v, wrong[i]) != CLI_USAGE) fail_msg("\"%s\" is taken", wrong[i]);
    }
}

TEST(cli_flags, places_may_have_names)
{
    struct values v = {0};
    assert_int_equal(parse_flags(&v, "--place db1.example.org:7433 --places a:1,10.0.0.1:2,[::1]:3"), CLI_OK);
    assert_string_equal(v.places, "a:1,10.0.0.1:2,[::1]:3");
}

TEST(cli_flags, environment_stands_in_and_the_command_line_wins)
{
    struct values v = {0};
    setenv("OSTRAKA_NUMBER", "5", 1);
    setenv("OSTRAKA_SIZE_OF", "1GiB", 1);
    assert_int_equal(parse_flags(&v, ""), CLI_OK);
    assert_u64_equal(v.number, 5);
    assert_u64_equal(v.size, 1u << 30);
    assert_int_equal(parse_flags(&v, "--number 6"), CLI_OK);
    assert_u64_equal(v.number, 6);
    setenv("OSTRAKA_NUMBER", "five", 1);
    assert_int_equal(parse_flags(&v, ""), CLI_USAGE);
    unsetenv("OSTRAKA_NUMBER");
    unsetenv("OSTRAKA_SIZE_OF");
}

TEST(cli_flags, words_are_counted)
{
    struct values v = {0};
    const char *words[2];
    size_t count = 0;
    assert_int_equal(parse(&v, "one --on two", 2, words, &count), CLI_OK);
    assert_int_equal(count, 2);
    assert_string_equal(words[1], "two");
    assert_int_equal(parse(&v, "one two three", 2, words, &count), CLI_USAGE);
    assert_int_equal(parse(&v, "-- --on", 2, words, &count), CLI_OK);
    assert_string_equal(words[0], "--on");
}

TEST(cli_flags, help_is_asked_for)
{
    struct values v = {0};
    assert_int_equal(parse_flags(&v, "--help"), -1);
    assert_int_equal(parse_flags(&v, "--on -h --nosuch"), -1);
}
