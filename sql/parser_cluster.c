/* ALTER RANGE, NODE, CLUSTER and SYSTEM: ranges, nodes and settings of the whole cluster. All but ALTER SYSTEM are
 * extensions, and so is DRY RUN. */
#include "sql/parser_int.h"

static bool accept_word(struct sql_parser *p, const char *word)
{
    if (!parser_at_word(p, word)) return false;
    parser_next(p);
    return true;
}

static void expect_word(struct sql_parser *p, const char *word)
{
    if (!accept_word(p, word)) parser_fail_here(p);
}

bool parser_accept_dry_run(struct sql_parser *p)
{
    if (!accept_word(p, "dry")) return false;
    expect_word(p, "run");
    return true;
}

static const struct sql_node *alter_range(struct sql_parser *p, uint32_t position)
{
    struct sql_alter_cluster *alter = PARSER_NODE(p, sql_alter_cluster, SQL_STMT_ALTER_CLUSTER, position);
    parser_next(p);
    alter->id = parser_integer(p);
    if (parser_accept_kw(p, SQL_KW_MERGE)) {
        alter->change = SQL_CLUSTER_MERGE;
        return &alter->node;
    }
    if (accept_word(p, "transfer")) {
        alter->change = SQL_CLUSTER_TRANSFER;
    } else {
        alter->change = SQL_CLUSTER_MOVE;
        if (!parser_accept_kw(p, SQL_KW_MOVE)) parser_fail_here(p);
        parser_expect_kw(p, SQL_KW_FROM);
        alter->from = parser_integer(p);
    }
    parser_expect_kw(p, SQL_KW_TO);
    alter->to = parser_integer(p);
    return &alter->node;
}

static const struct sql_node *alter_node(struct sql_parser *p, uint32_t position)
{
    struct sql_alter_cluster *alter = PARSER_NODE(p, sql_alter_cluster, SQL_STMT_ALTER_CLUSTER, position);
    parser_next(p);
    alter->id = parser_integer(p);
    if (accept_word(p, "drain")) alter->change = SQL_CLUSTER_DRAIN;
    else if (accept_word(p, "decommission")) alter->change = SQL_CLUSTER_DECOMMISSION;
    else if (accept_word(p, "activate")) alter->change = SQL_CLUSTER_ACTIVATE;
    else parser_fail_here(p);
    alter->force = parser_accept_kw(p, SQL_KW_FORCE);
    alter->dry_run = parser_accept_dry_run(p);
    return &alter->node;
}

static const struct sql_node *alter_cluster(struct sql_parser *p, uint32_t position)
{
    struct sql_alter_cluster *alter = PARSER_NODE(p, sql_alter_cluster, SQL_STMT_ALTER_CLUSTER, position);
    parser_next(p);
    alter->change = SQL_CLUSTER_ADD_NODE;
    parser_expect_kw(p, SQL_KW_ADD);
    expect_word(p, "node");
    if (accept_word(p, "locality")) alter->locality = parser_string(p);
    alter->dry_run = parser_accept_dry_run(p);
    return &alter->node;
}

static const struct sql_node *alter_system(struct sql_parser *p, uint32_t position)
{
    struct sql_alter_system *alter = PARSER_NODE(p, sql_alter_system, SQL_STMT_ALTER_SYSTEM, position);
    parser_next(p);
    if (parser_at_kw(p, SQL_KW_RESET)) {
        const struct sql_node *reset = parser_reset(p);
        if (!p->failed) alter->set = *sql_as_set(reset);
    } else {
        parser_expect_kw(p, SQL_KW_SET);
        alter->set.node = (struct sql_node){.kind = SQL_STMT_SET, .position = position};
        parser_set_setting(p, &alter->set);
        if (alter->set.set == SQL_SET_FROM_CURRENT) parser_fail_here(p);
    }
    alter->dry_run = parser_accept_dry_run(p);
    return &alter->node;
}

const struct sql_node *parser_alter_cluster(struct sql_parser *p, uint32_t position)
{
    if (parser_at_kw(p, SQL_KW_RANGE)) return alter_range(p, position);
    if (parser_at_word(p, "node")) return alter_node(p, position);
    if (parser_at_kw(p, SQL_KW_CLUSTER)) return alter_cluster(p, position);
    if (parser_at_kw(p, SQL_KW_SYSTEM)) return alter_system(p, position);
    return NULL;
}
