/* Trees as text: all statements; those about sessions, cursors and copying here. */
#include "sql/parser_print_int.h"

static void print_word(const char *word, const char *name, struct buf *out)
{
    print_text(out, word);
    sql_ast_print_identifier(name, out);
}

/* --- COPY, EXPLAIN, VACUUM --- */

/* (name value, ...): a space where definitions have `=`. */
static void print_generic_options(const struct sql_options *options, struct buf *out)
{
    if (options->count == 0) return;
    print_text(out, " (");
    for (uint32_t i = 0; i < options->count; i++) {
        const struct sql_option *option = &options->items[i];
        print_comma(i, out);
        if (strcmp(option->name, "analyze") == 0)
            print_text(out, "analyze");
        else
            print_word("", option->name, out);
        if (option->value != NULL) print_text(out, " ");
        if (option->value != NULL) print_expr(option->value, out);
        if (option->values.count == 0) continue;
        print_text(out, " (");
        print_list(&option->values, out);
        print_text(out, ")");
    }
    print_text(out, ")");
}

static void print_copy(const struct sql_copy *copy, struct buf *out)
{
    print_text(out, "COPY ");
    if (copy->query != NULL) {
        print_text(out, "(");
        print_statement(copy->query, out);
        print_text(out, ")");
    } else {
        print_name(&copy->table, out);
        print_columns(&copy->columns, out);
    }
    print_text(out, copy->from ? " FROM " : " TO ");
    if (copy->program) print_text(out, "PROGRAM ");
    if (copy->file == NULL)
        print_text(out, copy->from ? "STDIN" : "STDOUT");
    else
        print_string(copy->file, strlen(copy->file), out);
    print_generic_options(&copy->options, out);
    print_where(copy->where, out);
}

static void print_explain(const struct sql_explain *explain, struct buf *out)
{
    print_text(out, "EXPLAIN");
    print_generic_options(&explain->options, out);
    print_text(out, " ");
    print_statement(explain->statement, out);
}

static void print_vacuum(const struct sql_vacuum *vacuum, struct buf *out)
{
    print_text(out, vacuum->analyze_only ? "ANALYZE" : "VACUUM");
    print_generic_options(&vacuum->options, out);
    for (uint32_t i = 0; i < vacuum->table_count; i++) {
        print_text(out, i > 0 ? ", " : " ");
        print_name(&vacuum->tables[i].name, out);
        print_columns(&vacuum->tables[i].columns, out);
    }
}

/* --- Transactions and settings --- */

static void print_modes(const struct sql_transaction_modes *modes, struct buf *out)
{
    static const char *const levels[] = {"", "READ UNCOMMITTED", "READ COMMITTED",
                                         "REPEATABLE READ", "SERIALIZABLE"};
    if (modes->isolation != SQL_ISOLATION_NONE)
        buf_printf(out, " ISOLATION LEVEL %s", levels[modes->isolation]);
    if (modes->read_only == SQL_CHOICE_YES) print_text(out, " READ ONLY");
    if (modes->read_only == SQL_CHOICE_NO) print_text(out, " READ WRITE");
    if (modes->deferrable == SQL_CHOICE_YES) print_text(out, " DEFERRABLE");
    if (modes->deferrable == SQL_CHOICE_NO) print_text(out, " NOT DEFERRABLE");
    if (modes->as_of != NULL) print_text(out, " AS OF SYSTEM TIME ");
    if (modes->as_of != NULL) print_operand(modes->as_of, out);
}

static void print_transaction(const struct sql_transaction *t, struct buf *out)
{
    static const char *const words[] = {
        "",         "BEGIN",      "START TRANSACTION",  "COMMIT",
        "ROLLBACK", "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT "};
    print_text(out, words[t->transaction]);
    if (t->savepoint != NULL) sql_ast_print_identifier(t->savepoint, out);
    print_modes(&t->modes, out);
    if (t->chain) print_text(out, " AND CHAIN");
}

/* Each part between dots as an identifier. */
static void print_setting(const char *name, struct buf *out)
{
    char part[64];
    while (*name != 0) {
        size_t size = strcspn(name, ".");
        if (size == 0 || size >= sizeof part) {
            print_quoted(name, out);
            return;
        }
        memcpy(part, name, size);
        part[size] = 0;
        /* In quotes it is not taken for SHOW RANGES. */
        if (strcmp(part, "ranges") == 0)
            print_quoted(part, out);
        else
            sql_ast_print_identifier(part, out);
        name += size;
        if (*name == 0) return;
        print_text(out, ".");
        name++;
    }
}

static void print_set_value(const struct sql_node *value, struct buf *out)
{
    if (value->kind != SQL_EXPR_CAST) {
        print_expr(value, out);
        return;
    }
    /* SET TIME ZONE INTERVAL '..' HOUR TO MINUTE, or INTERVAL(2) '..'. */
    const struct sql_cast *cast = sql_as_cast(value);
    struct sql_type_name fields = cast->type, precision = cast->type;
    bool has_precision = cast->type.modifiers.count > 0;
    precision.interval_fields = 0;
    sql_ast_print_type(&precision, out);
    print_text(out, " ");
    print_expr(cast->arg, out);
    if (has_precision || fields.interval_fields == 0) return;
    print_text(out, " HOUR");
    if ((fields.interval_fields & SQL_INTERVAL_MINUTE) != 0) print_text(out, " TO MINUTE");
}

static void print_set(const struct sql_set *set, struct buf *out)
{
    bool reset = set->set == SQL_SET_RESET || set->set == SQL_SET_RESET_ALL;
    print_text(out, reset ? "RESET " : set->local ? "SET LOCAL " : "SET ");
    if (set->set == SQL_SET_RESET_ALL) print_text(out, "ALL");
    bool zone = set->values.count == 1 && set->values.items[0]->kind == SQL_EXPR_CAST;
    if (zone)
        print_text(out, "TIME ZONE ");
    else if (set->name != NULL)
        print_setting(set->name, out);
    if (set->set == SQL_SET_DEFAULT) print_text(out, " TO DEFAULT");
    if (set->set == SQL_SET_FROM_CURRENT) print_text(out, " FROM CURRENT");
    if (set->set != SQL_SET_VALUE) return;
    if (!zone) print_text(out, " TO ");
    for (uint32_t i = 0; i < set->values.count; i++) {
        print_comma(i, out);
        print_set_value(set->values.items[i], out);
    }
}

static void print_set_transaction(const struct sql_set_transaction *set, struct buf *out)
{
    print_text(out,
               set->session ? "SET SESSION CHARACTERISTICS AS TRANSACTION" : "SET TRANSACTION");
    print_modes(&set->modes, out);
}

static void print_show(const struct sql_show *show, struct buf *out)
{
    print_text(out, "SHOW ");
    if (show->name == NULL)
        print_text(out, "ALL");
    else
        print_setting(show->name, out);
}

static void print_show_ranges(const struct sql_show_ranges *show, struct buf *out)
{
    print_text(out, "SHOW RANGES");
    if (show->object == 0) return;
    print_text(out, show->object == SQL_OBJECT_INDEX ? " FROM INDEX " : " FROM TABLE ");
    print_name(&show->name, out);
}

static void print_alter_cluster(const struct sql_alter_cluster *alter, struct buf *out)
{
    static const char *const words[] = {[SQL_CLUSTER_DRAIN] = "DRAIN",
                                        [SQL_CLUSTER_DECOMMISSION] = "DECOMMISSION",
                                        [SQL_CLUSTER_ACTIVATE] = "ACTIVATE"};
    int id = (int)alter->id;
    switch (alter->change) {
    case SQL_CLUSTER_TRANSFER: buf_printf(out, "ALTER RANGE %d TRANSFER TO %d", id, (int)alter->to); return;
    case SQL_CLUSTER_MOVE:
        buf_printf(out, "ALTER RANGE %d MOVE FROM %d TO %d", id, (int)alter->from, (int)alter->to);
        return;
    case SQL_CLUSTER_MERGE: buf_printf(out, "ALTER RANGE %d MERGE", id); return;
    case SQL_CLUSTER_ADD_NODE:
        print_text(out, "ALTER CLUSTER ADD NODE");
        if (alter->locality != NULL) {
            print_text(out, " LOCALITY ");
            print_string(alter->locality, strlen(alter->locality), out);
        }
        if (alter->dry_run) print_text(out, " DRY RUN");
        return;
    default: break;
    }
    buf_printf(out, "ALTER NODE %d %s%s%s", id, words[alter->change], alter->force ? " FORCE" : "",
               alter->dry_run ? " DRY RUN" : "");
}

static void print_alter_system(const struct sql_alter_system *alter, struct buf *out)
{
    print_text(out, "ALTER SYSTEM ");
    print_set(&alter->set, out);
    if (alter->dry_run) print_text(out, " DRY RUN");
}

/* --- Prepared statements and cursors --- */

static void print_prepare(const struct sql_prepare *prepare, struct buf *out)
{
    print_word("PREPARE ", prepare->name, out);
    for (uint32_t i = 0; i < prepare->type_count; i++) {
        print_text(out, i == 0 ? " (" : ", ");
        sql_ast_print_type(&prepare->types[i], out);
    }
    print_text(out, prepare->type_count > 0 ? ") AS " : " AS ");
    print_statement(prepare->statement, out);
}

static void print_execute(const struct sql_execute *execute, struct buf *out)
{
    print_word("EXECUTE ", execute->name, out);
    if (execute->args.count == 0) return;
    print_text(out, " (");
    print_list(&execute->args, out);
    print_text(out, ")");
}

static void print_declare(const struct sql_declare_cursor *declare, struct buf *out)
{
    print_word("DECLARE ", declare->name, out);
    if (declare->binary) print_text(out, " BINARY");
    if (declare->insensitive) print_text(out, " INSENSITIVE");
    if (declare->asensitive) print_text(out, " ASENSITIVE");
    if (declare->scroll) print_text(out, " SCROLL");
    if (declare->no_scroll) print_text(out, " NO SCROLL");
    print_text(out, declare->hold ? " CURSOR WITH HOLD FOR " : " CURSOR FOR ");
    print_query(declare->query, out);
}

static void print_fetch(const struct sql_fetch *fetch, struct buf *out)
{
    static const char *const directions[] = {"", "FORWARD", "BACKWARD", "ABSOLUTE", "RELATIVE"};
    buf_printf(out, "%s %s ", fetch->move ? "MOVE" : "FETCH", directions[fetch->direction]);
    if (fetch->count == SQL_FETCH_ALL)
        print_text(out, "ALL");
    else
        buf_printf(out, "%lld", (long long)fetch->count);
    print_word(" FROM ", fetch->cursor, out);
}

static void print_named(const struct sql_named *node, struct buf *out)
{
    switch (node->node.kind) {
    case SQL_STMT_DEALLOCATE: print_text(out, "DEALLOCATE "); break;
    case SQL_STMT_CLOSE: print_text(out, "CLOSE "); break;
    case SQL_STMT_LISTEN: print_text(out, "LISTEN "); break;
    default: print_text(out, "UNLISTEN "); break;
    }
    if (node->name != NULL)
        sql_ast_print_identifier(node->name, out);
    else
        print_text(out, node->node.kind == SQL_STMT_UNLISTEN ? "*" : "ALL");
}

static void print_discard(const struct sql_discard *discard, struct buf *out)
{
    static const char *const words[] = {"", "ALL", "PLANS", "SEQUENCES", "TEMP"};
    buf_printf(out, "DISCARD %s", words[discard->discard]);
}

static void print_notify(const struct sql_notify *notify, struct buf *out)
{
    print_word("NOTIFY ", notify->channel, out);
    if (notify->payload == NULL) return;
    print_text(out, ", ");
    print_string(notify->payload, strlen(notify->payload), out);
}

static void print_lock(const struct sql_lock *lock, struct buf *out)
{
    print_text(out, "LOCK TABLE ");
    print_names(&lock->tables, out);
    buf_printf(out, " IN %s MODE%s", lock->mode, lock->nowait ? " NOWAIT" : "");
}

void print_statement(const struct sql_node *node, struct buf *out)
{
    if (print_definition(node, out)) return;
    switch (node->kind) {
    case SQL_STMT_SELECT: print_query(sql_as_select(node), out); break;
    case SQL_STMT_INSERT: print_insert(sql_as_insert(node), out); break;
    case SQL_STMT_UPDATE: print_update(sql_as_update(node), out); break;
    case SQL_STMT_DELETE: print_delete(sql_as_delete(node), out); break;
    case SQL_STMT_COPY: print_copy(sql_as_copy(node), out); break;
    case SQL_STMT_TRANSACTION: print_transaction(sql_as_transaction(node), out); break;
    case SQL_STMT_SET: print_set(sql_as_set(node), out); break;
    case SQL_STMT_SET_TRANSACTION: print_set_transaction(sql_as_set_transaction(node), out); break;
    case SQL_STMT_SHOW: print_show(sql_as_show(node), out); break;
    case SQL_STMT_SHOW_RANGES: print_show_ranges(sql_as_show_ranges(node), out); break;
    case SQL_STMT_ALTER_SYSTEM: print_alter_system(sql_as_alter_system(node), out); break;
    case SQL_STMT_ALTER_CLUSTER: print_alter_cluster(sql_as_alter_cluster(node), out); break;
    case SQL_STMT_EXPLAIN: print_explain(sql_as_explain(node), out); break;
    case SQL_STMT_PREPARE: print_prepare(sql_as_prepare(node), out); break;
    case SQL_STMT_EXECUTE: print_execute(sql_as_execute(node), out); break;
    case SQL_STMT_DECLARE_CURSOR: print_declare(sql_as_declare_cursor(node), out); break;
    case SQL_STMT_FETCH: print_fetch(sql_as_fetch(node), out); break;
    case SQL_STMT_DISCARD: print_discard(sql_as_discard(node), out); break;
    case SQL_STMT_VACUUM: print_vacuum(sql_as_vacuum(node), out); break;
    case SQL_STMT_NOTIFY: print_notify(sql_as_notify(node), out); break;
    case SQL_STMT_LOCK: print_lock(sql_as_lock(node), out); break;
    case SQL_STMT_UNSUPPORTED: buf_printf(out, "-- %s", sql_as_unsupported(node)->name); break;
    default: print_named(sql_as_named(node), out); break;
    }
}
