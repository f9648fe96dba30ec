/* Private: plans as trees of text. */
#ifndef OSTRAKA_SQL_EXPLAIN_INT_H
#define OSTRAKA_SQL_EXPLAIN_INT_H

#include "sql/select_int.h"

struct explain_property {
    const char *name, *value;
    bool number;                 /* no quotes in JSON */
    struct explain_property *next;
};

/* A step of a plan. */
struct explain_node {
    const char *type;            /* "Hash Join" */
    const char *title;           /* what the text says: "Hash Left Join", "Seq Scan on t x" */
    const char *relation;        /* to the node above: "InitPlan", "SubPlan"; NULL: an input */
    const char *subplan;         /* "SubPlan 1" */
    struct explain_property *properties, **properties_end;
    struct explain_node *children, **children_end, *next;
    const uint64_t *rows, *loops; /* that were counted; NULL: nothing was */
};

/* What is being described. */
struct explain {
    struct exec *x;
    bool failed;                 /* out of memory */
    uint32_t subplan_count;
    struct explain_node *at;     /* queries of expressions become children of it */
};

struct explain_node *explain_node(struct explain *e, struct explain_node *above, const char *type);
__attribute__((format(printf, 4, 5)))
void explain_add(struct explain *e, struct explain_node *n, const char *name, const char *format, ...);
/* A condition or a value over the row of the query; nothing when it is NULL. */
void explain_condition(struct explain *e, struct explain_node *n, const char *name, const struct select *s,
                       const struct expr *condition);
/* The text of an expression, in the arena. */
const char *explain_text(struct explain *e, const struct select *s, const struct expr *expr);
/* A query, and the source of one, below a node (NULL: it is the top). */
struct explain_node *explain_query(struct explain *e, struct explain_node *above, const struct select *s);
void explain_source(struct explain *e, struct explain_node *above, const struct source *o);
/* A table, by which conditions and keys it is read. */
void explain_table(struct explain *e, struct explain_node *above, const struct select *s,
                   const struct sql_table *table, const char *alias, uint32_t base, const struct expr *filter,
                   const struct source *counted);
void source_explain_function(struct explain *e, struct explain_node *above, const struct source *o);
/* The query of an expression: where it stands, "(SubPlan 1)" or the like, and below the node at hand how it is run. */
const char *explain_subquery(struct explain *e, const struct select *s, const struct expr *expr);

#endif
