/* The program that a pattern is compiled to, for sql/text_regex*.c. */
#ifndef OSTRAKA_SQL_TEXT_REGEX_INT_H
#define OSTRAKA_SQL_TEXT_REGEX_INT_H

#include "base/assert.h"
#include "sql/text_regex.h"

#define REGEX_INSTRUCTIONS_MAX 20000
#define REGEX_RANGES_MAX       4096
#define REGEX_DEPTH_MAX        100
#define REGEX_REPEAT_MAX       255

enum regex_op {
    REGEX_CHAR = 1, /* code `x` */
    REGEX_ANY,
    REGEX_CLASS, /* ranges x to x + y - 1, or what is not in them */
    REGEX_SPLIT, /* go on at both x and y, relative; x first */
    REGEX_JUMP,  /* x, relative */
    REGEX_SAVE,  /* the position is slot x */
    REGEX_START, /* of the text */
    REGEX_END,
    REGEX_WORD_START,
    REGEX_WORD_END,
    REGEX_WORD_EDGE,
    REGEX_NOT_WORD_EDGE,
    REGEX_MATCH,
};

/* Jumps are relative, so that a fragment of a program can be moved and repeated by copying it. */
struct regex_instruction {
    enum regex_op op;
    bool negated;
    int32_t x, y;
};
struct regex_range {
    uint32_t low, high;
};
struct regex_machine;
struct text_regex {
    struct regex_machine *machine; /* memory of all searches; NULL before the first */
    struct regex_instruction *program;
    struct regex_range *ranges;
    uint32_t size, capacity, range_count, range_capacity, group_count;
    bool ignore_case, shortest;
};

/* Classes of characters, ASCII and Unicode alike. */
bool regex_is_word(uint32_t code);
uint32_t regex_fold(uint32_t code);

#endif
