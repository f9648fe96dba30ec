/* Regular expressions: the part of PostgreSQL's "advanced" syntax that people and psql use, matched
 * in time proportional to text times pattern, whatever the pattern (Thompson 1968; Pike's capture
 * lists). No back-references and no look-around: those are 0A000.
 *
 *   . [abc] [^a-z[:digit:]] ( ) (?: ) |  * + ? {m} {m,} {m,n} and their lazy forms *? +? ?? {m,n}?
 *   ^ $ \A \Z  \d \w \s \D \W \S  \m \M \y \Y  \n \t \r \f \v \a \e \xhh \uhhhh \Uhhhhhhhh
 *   (?i) at the very front; any other character after \ that is not a letter or digit is itself
 *
 * As in PostgreSQL . matches a line break and ^ $ only the ends of the text. The earliest match is
 * found and of those the longest, or the shortest when the first quantifier is lazy. */
#ifndef OSTRAKA_SQL_TEXT_REGEX_H
#define OSTRAKA_SQL_TEXT_REGEX_H

#include "sql/datum.h"

#define TEXT_REGEX_GROUPS_MAX 10 /* \0, the whole match, to \9 */

struct text_regex;
struct text_regex_options {
    bool ignore_case;
};
/* Byte positions; SIZE_MAX where a group took no part. */
struct text_regex_match {
    size_t start[TEXT_REGEX_GROUPS_MAX], end[TEXT_REGEX_GROUPS_MAX];
};

/* Compiles into the arena. 2201B, 0A000. */
MUST_USE enum status text_regex_compile(struct sql_eval *e, struct bytes pattern,
                                        struct text_regex_options options, struct text_regex **out);
/* The first match at or after byte `from`. *match_out is written when *found_out is true. */
MUST_USE enum status text_regex_search(struct sql_eval *e, struct text_regex *regex,
                                       struct bytes text, size_t from, bool *found_out,
                                       struct text_regex_match *match_out);
/* How many groups the pattern has, without the whole match. */
uint32_t text_regex_group_count(const struct text_regex *regex);

#endif
