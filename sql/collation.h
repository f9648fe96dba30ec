/* Collation "C": texts are ordered by their bytes, which for UTF-8 is the order of code points. It
 * is the only one, the same on every node for ever: no index depends on a library's version. */
#ifndef OSTRAKA_SQL_COLLATION_H
#define OSTRAKA_SQL_COLLATION_H

#include "base/bytes.h"

/* A char(n) without the blanks that pad it. */
static inline struct bytes sql_collation_trim_padding(struct bytes text)
{
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static inline int sql_collation_compare(struct bytes a, struct bytes b)
{
    return bytes_compare(a, b);
}

/* The order of char(n): trailing blanks do not count. */
static inline int sql_collation_compare_padded(struct bytes a, struct bytes b)
{
    return bytes_compare(sql_collation_trim_padding(a), sql_collation_trim_padding(b));
}

#endif
