/* Where statements end in a text that arrives in pieces: behind a semicolon outside of quotes, dollar quotes and
 * comments. Pure; each byte is looked at once, however many pieces there are. */
#ifndef OSTRAKA_CLI_SQL_SCAN_H
#define OSTRAKA_CLI_SQL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define SQL_SCAN_TAG_MAX 64 /* of $tag$; a longer one is no quote */

enum sql_scan_state {
    SQL_SCAN_PLAIN,
    SQL_SCAN_QUOTE,        /* '...' */
    SQL_SCAN_ESCAPE_QUOTE, /* E'...': a backslash takes the next byte */
    SQL_SCAN_NAME,         /* "..." */
    SQL_SCAN_DOLLAR,       /* $tag$...$tag$ */
    SQL_SCAN_LINE_COMMENT,
    SQL_SCAN_COMMENT,      /* nests */
};

struct sql_scan {
    enum sql_scan_state state;
    size_t at;    /* bytes of the text that were looked at */
    int depth;    /* of comments */
    char tag[SQL_SCAN_TAG_MAX]; /* "$tag$" */
    size_t tag_size;
};

/* Zero is where a scan begins. text[0, size) grows between calls; what was there stays. Returns the size of the first
 * statement with its semicolon (begin anew, behind it, with a zeroed scan), or 0: more is needed. */
size_t sql_scan_end(struct sql_scan *scan, const char *text, size_t size);
/* Nothing but blanks, semicolons and comments. */
bool sql_scan_is_blank(const char *text, size_t size);

#endif
