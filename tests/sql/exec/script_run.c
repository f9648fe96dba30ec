#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sql/exec/database.h"
#include "tests/sql/exec/script.h"
#include "tests/test.h"

#define RESULT_BYTES_MAX (64u << 20)

static bool rewriting(void)
{
    const char *set = getenv("OSTRAKA_REWRITE");
    return set != NULL && strcmp(set, "1") == 0;
}

static char *run_case(struct database *d, const struct script_case *c)
{
    struct buf out;
    buf_init(&out, RESULT_BYTES_MAX);
    uint64_t before = sql_session_rows_read(database_session(d, c->session));
    database_run(d, c->session, c->text, c->copy, 7, &out); /* pieces cut rows anywhere */
    if (c->counts_reads)
        buf_printf(
            &out, "(rows read: %llu)\n",
            (unsigned long long)(sql_session_rows_read(database_session(d, c->session)) - before));
    buf_append_byte(&out, 0);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return (char *)out.data;
}

void script_run(const char *name)
{
    char path[512];
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    snprintf(path, sizeof path, "%s/sql/%s.sql", TEST_DATA_DIR, name);
    struct script s;
    script_load(&s, path);
    assert_true(s.count > 0);
    struct database *d = database_create(1);
    size_t different = 0;
    for (size_t i = 0; i < s.count; i++) {
        struct script_case *c = &s.cases[i];
        char *got = run_case(d, c);
        if (!rewriting() && strcmp(got, c->expected) != 0) {
            print_error("%s:%d: %s\nexpected\n%sgot\n%s\n", s.path, c->line, c->text, c->expected,
                        got);
            different++;
        }
        free(c->expected);
        c->expected = got;
    }
    database_destroy(d);
    if (rewriting()) script_save(&s);
    script_free(&s);
    assert_int_equal(different, 0);
}
