/* What a node remembers of its sessions and statements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/activity_int.h"
#include "sql/session_int.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

static void run(struct database *d, const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    database_run(d, "a", text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    if (expected != NULL && strstr((const char *)out.data, expected) == NULL)
        fail_msg("%s\n%s\nhas no %s", text, (const char *)out.data, expected);
    buf_deinit(&out);
}

TEST(activity, remembers_five_hundred_statements_those_used_last)
{
    struct database *d = database_create(1);
    run(d, "SELECT 1 AS early", NULL);
    for (int i = 0; i < STATEMENT_STATS_MAX + 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "SELECT 1 AS a%d", i);
        run(d, text, NULL);
    }
    run(d, "SELECT count(*) FROM ostraka.statements", "| 500 |");
    run(d, "SELECT count(*) FROM ostraka.statements WHERE statement = 'select ? as early'",
        "| 0 |");
    run(d, "SELECT calls, errors FROM ostraka.statements WHERE statement = 'select ? as a599'",
        "| 1 | 0 |");
    run(d, "SELECT 1/0 AS broken", "22012");
    run(d, "SELECT errors FROM ostraka.statements WHERE statement = 'select ? / ? as broken'",
        "| 1 |");
    database_destroy(d);
}

TEST(activity, cuts_long_texts_between_characters)
{
    struct database *d = database_create(2);
    char text[2000] = "SELECT 1 -- ";
    size_t at = strlen(text);
    while (at + 3 < sizeof text) {
        memcpy(text + at, "\xe2\x82\xac", 3);
        at += 3;
    }
    run(d, text, "| 1 |");
    const struct session_activity *a = &database_session(d, "a")->activity;
    assert_true(a->text_size <= ACTIVITY_TEXT_BYTES && a->text_size > ACTIVITY_TEXT_BYTES - 3);
    assert_int_equal((a->text_size - 12) % 3, 0);
    run(d, "SELECT '\xff'", "22021"); /* not even text */
    run(d, "SELECT length(query) > 5 FROM pg_stat_activity", "| t |");
    database_destroy(d);
}

TEST(activity, gives_every_session_its_own_pid)
{
    struct sql_activity *a;
    struct sql_activity_options o = {.log_slow_ms = -1};
    assert_int_equal(sql_activity_create(&o, &a), STATUS_OK);
    struct session_activity taken = {.pid = 7};
    list_push_back(&a->sessions, &taken.link);
    assert_int_equal(sql_activity_new_pid(a), 1);
    for (uint32_t i = 2; i < 1u << 20; i++)
        (void)sql_activity_new_pid(a);
    for (int32_t pid = 1; pid < 7; pid++)
        assert_int_equal(sql_activity_new_pid(a), pid); /* from the start again */
    assert_int_equal(sql_activity_new_pid(a), 8);       /* 7 is in use */
    list_remove(&taken.link);
    sql_activity_destroy(a);
}

TEST(activity, settings_of_the_node_are_what_sessions_start_with)
{
    struct database *d = database_create(3);
    run(d, "SHOW log_min_duration_statement", "| -1 |");
    run(d, "SET log_min_duration_statement = '2s'; SHOW log_min_duration_statement", "| 2s |");
    run(d, "SET log_min_duration_statement = 'soon'", "22023");
    run(d, "RESET log_min_duration_statement; SHOW log_min_duration_statement", "| -1 |");
    database_destroy(d);
}
