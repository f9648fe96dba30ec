/* Where what a script reads and writes lies: everything in one range, or in several, so that its transactions are of
 * several ranges; and which clock the cluster goes by. What a script comes to should depend on neither. */
#ifndef OSTRAKA_TESTS_ISOLATION_LAYOUT_H
#define OSTRAKA_TESTS_ISOLATION_LAYOUT_H

#include <stdbool.h>

enum layout_kind {
    LAYOUT_ONE = 0, /* one range */
    LAYOUT_APART,   /* the tables in another one than the catalog */
    LAYOUT_TABLES,  /* each table in a range of its own */
    LAYOUT_ROWS,    /* each row too: ranges begin at the rows that there are before an order */
};
struct layout {
    enum layout_kind kind;
    bool interval; /* the interval clock, not the oracle */
};

/* By OSTRAKA_LAYOUT (apart, tables, rows) and OSTRAKA_CLOCK (interval); neither is set: one range, and the oracle. */
struct layout layout_of_environment(void);
/* "rows" and the like; "" for one range. Static. */
const char *layout_name(enum layout_kind kind);

#endif
