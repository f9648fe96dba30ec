/* `range ls|split|merge|transfer|move`. */
#include <stdio.h>
#include <string.h>

#include "cli/order.h"

static void split_statement(const struct order *o, struct order_text *t)
{
    order_add(t, "ALTER TABLE ");
    order_add_table(t, o->words[1]);
    order_add(t, " SPLIT AT VALUES (");
    for (size_t i = 2; i < o->count; i++) {
        if (i > 2) order_add(t, ", ");
        order_add_literal(t, o->words[i]);
    }
    order_add(t, ")");
}

/* False: these words are no order. */
static bool range_statement(const struct order *o, struct order_text *t)
{
    char numbers[120] = "";
    if (order_is(o, "ls", 1)) {
        order_add(t, "SHOW RANGES");
    } else if (order_is(o, "ls", 2)) {
        order_add(t, "SHOW RANGES FROM TABLE ");
        order_add_table(t, o->words[1]);
    } else if (o->count >= 3 && strcmp(o->words[0], "split") == 0) {
        split_statement(o, t);
    } else if (order_is(o, "merge", 2) && order_numbers(o, 1)) {
        snprintf(numbers, sizeof numbers, "ALTER RANGE %s MERGE", o->words[1]);
    } else if (order_is(o, "transfer", 3) && order_numbers(o, 1)) {
        snprintf(numbers, sizeof numbers, "ALTER RANGE %s TRANSFER TO %s", o->words[1], o->words[2]);
    } else if (order_is(o, "move", 4) && order_numbers(o, 1)) {
        snprintf(numbers, sizeof numbers, "ALTER RANGE %s MOVE FROM %s TO %s", o->words[1], o->words[2], o->words[3]);
    }
    order_add(t, numbers);
    return t->size > 0 && !t->failed;
}

int cli_range(int argc, char **argv)
{
    struct order o = {.url = "127.0.0.1:7432"};
    struct order_text text = {.size = 0};
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &o.url, "URL|H:P,...", "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"timeout", 0, CLI_DURATION, &o.timeout_ns, "TIME", "how long to wait (30s)"},
    };
    const struct cli_command command = {
        "range",
        "Which ranges there are, how large and how busy; divides a table at a key; unites a range with the next one;\n"
        "changes who leads a range, and who holds it.\n"
        "VALUE...: one for each of the first columns of the primary key, plain text as COPY takes it: split kv abc; split t 7 x.\n"
        "TABLE: as the table is called, also in upper case; SCHEMA.TABLE.",
        "range ls [TABLE] | split TABLE VALUE... | merge RANGE | transfer RANGE NODE | move RANGE FROM-NODE TO-NODE  [--url URL]",
        flags, sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, o.words, ORDER_WORDS_MAX, &o.count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (o.count == 0 || !range_statement(&o, &text)) {
        fprintf(stderr, "ostraka range: these words are no order: %s\n", command.usage);
        return CLI_USAGE;
    }
    PGconn *connection = order_connect("range", &o, &status);
    if (connection == NULL) return status;
    status = order_run("range", connection, text.text);
    PQfinish(connection);
    return status;
}
