/* From a pattern to a program: recursive descent, each rule appending its fragment. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "sql/text_ascii.h"
#include "sql/text_regex_int.h"

struct compiler {
    struct sql_eval *e;
    struct text_regex *r;
    const uint8_t *at, *end;
    uint32_t depth;
    bool quantified; /* a quantifier has been seen: the first decides longest or shortest */
};

bool regex_is_word(uint32_t code)
{
    if (code < 128) return ascii_is_letter((int)code) || ascii_is_digit((int)code) || code == '_';
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

uint32_t regex_fold(uint32_t code)
{
    return code < 128 ? (uint32_t)ascii_lower((int)code)
                      : (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
}

static enum status fail(struct compiler *c, const char *why)
{
    return sql_eval_fail(c->e, SQLSTATE_INVALID_REGULAR_EXPRESSION,
                         "invalid regular expression: %s", why);
}

static enum status refuse(struct compiler *c, const char *what)
{
    return sql_eval_fail(c->e, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "%s in regular expressions are not supported", what);
}

/* --- The program ----------------------------------------------------------------------------- */

/* Room for `count` more instructions. */
static enum status make_room(struct compiler *c, uint32_t count)
{
    struct text_regex *r = c->r;
    if (r->size + count <= r->capacity) return STATUS_OK;
    if (r->size + count > REGEX_INSTRUCTIONS_MAX)
        return fail(c, "regular expression is too complex");
    uint32_t capacity = (r->size + count) * 2;
    struct regex_instruction *program = sql_eval_alloc(c->e, capacity * sizeof *program);
    if (program == NULL) return STATUS_NO_MEMORY;
    if (r->size > 0) memcpy(program, r->program, r->size * sizeof *program);
    r->program = program;
    r->capacity = capacity;
    return STATUS_OK;
}

static enum status emit(struct compiler *c, enum regex_op op, int32_t x, int32_t y)
{
    enum status status = make_room(c, 1);
    if (status != STATUS_OK) return status;
    c->r->program[c->r->size++] = (struct regex_instruction){.op = op, .x = x, .y = y};
    return STATUS_OK;
}

/* Puts an instruction in front of the fragment that starts at `start`. */
static enum status insert(struct compiler *c, uint32_t start, enum regex_op op, int32_t x,
                          int32_t y)
{
    enum status status = make_room(c, 1);
    if (status != STATUS_OK) return status;
    struct regex_instruction *p = c->r->program;
    memmove(p + start + 1, p + start, (c->r->size - start) * sizeof *p);
    p[start] = (struct regex_instruction){.op = op, .x = x, .y = y};
    c->r->size++;
    return STATUS_OK;
}

static enum status add_range(struct compiler *c, uint32_t low, uint32_t high)
{
    struct text_regex *r = c->r;
    if (low > high) return fail(c, "invalid character range");
    if (r->range_count == r->range_capacity) {
        uint32_t capacity = r->range_capacity == 0 ? 16 : r->range_capacity * 2;
        if (capacity > REGEX_RANGES_MAX) return fail(c, "regular expression is too complex");
        struct regex_range *ranges = sql_eval_alloc(c->e, capacity * sizeof *ranges);
        if (ranges == NULL) return STATUS_NO_MEMORY;
        if (r->range_count > 0) memcpy(ranges, r->ranges, r->range_count * sizeof *ranges);
        r->ranges = ranges;
        r->range_capacity = capacity;
    }
    r->ranges[r->range_count++] = (struct regex_range){low, high};
    return STATUS_OK;
}

/* --- Characters ------------------------------------------------------------------------------ */

static bool more(const struct compiler *c)
{
    return c->at < c->end;
}
static bool looking_at(const struct compiler *c, const char *text)
{
    return bytes_has_prefix(bytes_make(c->at, (size_t)(c->end - c->at)), bytes_of_string(text));
}

static bool skip(struct compiler *c, const char *text)
{
    if (!looking_at(c, text)) return false;
    c->at += strlen(text);
    return true;
}

static uint32_t take_character(struct compiler *c)
{
    ASSERT(more(c));
    uint32_t code = *c->at;
    size_t size = utf8_decode(bytes_make(c->at, (size_t)(c->end - c->at)), &code);
    c->at += size == 0 ? 1 : size;
    return code;
}

/* \d and the like as ranges; word characters beyond ASCII as the ranges that hold letters. */
static enum status add_shorthand(struct compiler *c, uint32_t letter)
{
    enum status status = STATUS_OK;
    switch (ascii_lower((int)letter)) {
    case 'd': return add_range(c, '0', '9');
    case 's':
        status = add_range(c, '\t', '\r');
        if (status == STATUS_OK) status = add_range(c, ' ', ' ');
        return status;
    case 'w':
        status = add_range(c, '0', '9');
        if (status == STATUS_OK) status = add_range(c, 'A', 'Z');
        if (status == STATUS_OK) status = add_range(c, '_', '_');
        if (status == STATUS_OK) status = add_range(c, 'a', 'z');
        if (status == STATUS_OK) status = add_range(c, 0xC0, 0x2FFF);
        if (status == STATUS_OK) status = add_range(c, 0x3040, 0xFDFF);
        return status;
    default: UNREACHABLE();
    }
}

static enum status add_named_class(struct compiler *c, struct bytes name)
{
    static const struct {
        const char *name, *ranges; /* pairs of low and high */
    } classes[] = {
        {"alnum", "09AZaz"},
        {"alpha", "AZaz"},
        {"ascii", "\1\177"},
        {"blank", "  \t\t"},
        {"cntrl", "\1\37\177\177"},
        {"digit", "09"},
        {"graph", "!~"},
        {"lower", "az"},
        {"print", " ~"},
        {"punct", "!/:@[`{~"},
        {"space", "\t\r  "},
        {"upper", "AZ"},
        {"xdigit", "09AFaf"},
        {"word", "09AZ__az"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (!bytes_equal(name, bytes_of_string(classes[i].name))) continue;
        for (const char *p = classes[i].ranges; *p != 0; p += 2) {
            enum status status = add_range(c, (uint8_t)p[0], (uint8_t)p[1]);
            if (status != STATUS_OK) return status;
        }
        /* Letters of other scripts. */
        if (i < 2 || strcmp(classes[i].name, "word") == 0) {
            enum status status = add_range(c, 0xC0, 0x2FFF);
            return status == STATUS_OK ? add_range(c, 0x3040, 0xFDFF) : status;
        }
        return STATUS_OK;
    }
    return fail(c, "invalid character class");
}

/* Hexadecimal digits, `count` of them. */
static enum status take_code(struct compiler *c, uint32_t count, uint32_t *code_out)
{
    uint32_t code = 0;
    for (uint32_t i = 0; i < count; i++) {
        int digit = more(c) ? ascii_lower(*c->at) : 0;
        if (!ascii_is_digit(digit) && (digit < 'a' || digit > 'f'))
            return fail(c, "invalid escape \\ sequence");
        code = code << 4 | (uint32_t)(ascii_is_digit(digit) ? digit - '0' : digit - 'a' + 10);
        c->at++;
    }
    if (code > 0x10FFFF) return fail(c, "invalid escape \\ sequence");
    *code_out = code;
    return STATUS_OK;
}

/* What follows a backslash when it is one character; *known_out is false when it is something else
 * (and nothing was taken). */
static enum status take_escape(struct compiler *c, bool *known_out, uint32_t *code_out)
{
    static const char letters[] = "nrtfvae", codes[] = "\n\r\t\f\v\a\33";
    *known_out = true;
    if (!more(c)) return fail(c, "invalid escape \\ sequence");
    const char *found = *c->at == 0 ? NULL : strchr(letters, *c->at);
    if (found != NULL) {
        c->at++;
        *code_out = (uint8_t)codes[found - letters];
        return STATUS_OK;
    }
    uint8_t letter = *c->at;
    if (letter == 'x' || letter == 'u' || letter == 'U') {
        c->at++;
        return take_code(c, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, code_out);
    }
    *known_out = !ascii_is_letter(letter) && !ascii_is_digit(letter);
    if (*known_out) *code_out = take_character(c);
    return STATUS_OK;
}

/* --- Bracket expressions --------------------------------------------------------------------- */

/* One end of a range, or a class (then *code_out is UINT32_MAX and its ranges have been added). */
static enum status take_bracket_item(struct compiler *c, uint32_t *code_out)
{
    *code_out = UINT32_MAX;
    if (skip(c, "[:")) {
        const uint8_t *start = c->at;
        while (more(c) && ascii_is_letter(*c->at))
            c->at++;
        struct bytes name = bytes_make(start, (size_t)(c->at - start));
        if (!skip(c, ":]")) return fail(c, "invalid character class");
        return add_named_class(c, name);
    }
    if (looking_at(c, "[.") || looking_at(c, "[=")) return refuse(c, "collating elements");
    if (!skip(c, "\\")) {
        *code_out = take_character(c);
        return STATUS_OK;
    }
    bool known;
    enum status status = take_escape(c, &known, code_out);
    if (status != STATUS_OK || known) return status;
    uint8_t letter = *c->at++;
    if (letter != 'd' && letter != 'w' && letter != 's')
        return fail(c, "invalid escape \\ sequence");
    *code_out = UINT32_MAX;
    return add_shorthand(c, letter);
}

static enum status parse_bracket(struct compiler *c)
{
    uint32_t first = c->r->range_count;
    bool negated = skip(c, "^");
    for (bool empty = true; empty || !looking_at(c, "]"); empty = false) {
        if (!more(c)) return fail(c, "brackets [] not balanced");
        uint32_t low, high;
        enum status status = take_bracket_item(c, &low);
        if (status != STATUS_OK) return status;
        if (low == UINT32_MAX) continue;
        high = low;
        bool range = looking_at(c, "-") && c->at + 1 < c->end && c->at[1] != ']';
        if (range) {
            c->at++;
            status = take_bracket_item(c, &high);
            if (status != STATUS_OK) return status;
            if (high == UINT32_MAX) return fail(c, "invalid character range");
        }
        status = add_range(c, low, high);
        if (status != STATUS_OK) return status;
    }
    c->at++;
    enum status status = emit(c, REGEX_CLASS, (int32_t)first, (int32_t)(c->r->range_count - first));
    if (status == STATUS_OK) c->r->program[c->r->size - 1].negated = negated;
    return status;
}

/* --- Atoms ----------------------------------------------------------------------------------- */

static enum status parse_alternatives(struct compiler *c);

static enum status parse_group(struct compiler *c)
{
    bool captures = !skip(c, "?:");
    if (captures && looking_at(c, "?")) return refuse(c, "look-around constraints");
    if (++c->depth > REGEX_DEPTH_MAX) return fail(c, "regular expression is too complex");
    uint32_t group = captures ? ++c->r->group_count : 0;
    bool saved = captures && group < TEXT_REGEX_GROUPS_MAX;
    enum status status = saved ? emit(c, REGEX_SAVE, (int32_t)(2 * group), 0) : STATUS_OK;
    if (status == STATUS_OK) status = parse_alternatives(c);
    if (status != STATUS_OK) return status;
    if (!skip(c, ")")) return fail(c, "parentheses () not balanced");
    c->depth--;
    return saved ? emit(c, REGEX_SAVE, (int32_t)(2 * group + 1), 0) : STATUS_OK;
}

static enum status parse_backslash(struct compiler *c)
{
    bool known;
    uint32_t code;
    enum status status = take_escape(c, &known, &code);
    if (status != STATUS_OK) return status;
    if (known) return emit(c, REGEX_CHAR, (int32_t)code, 0);
    uint8_t letter = *c->at++;
    switch (letter) {
    case 'A': return emit(c, REGEX_START, 0, 0);
    case 'Z': return emit(c, REGEX_END, 0, 0);
    case 'm': return emit(c, REGEX_WORD_START, 0, 0);
    case 'M': return emit(c, REGEX_WORD_END, 0, 0);
    case 'y': return emit(c, REGEX_WORD_EDGE, 0, 0);
    case 'Y': return emit(c, REGEX_NOT_WORD_EDGE, 0, 0);
    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W': {
        uint32_t first = c->r->range_count;
        status = add_shorthand(c, letter);
        if (status == STATUS_OK)
            status = emit(c, REGEX_CLASS, (int32_t)first, (int32_t)(c->r->range_count - first));
        if (status == STATUS_OK)
            c->r->program[c->r->size - 1].negated = letter == ascii_upper(letter);
        return status;
    }
    default:
        if (ascii_is_digit(letter)) return refuse(c, "back-references");
        return fail(c, "invalid escape \\ sequence");
    }
}

/* *repeatable_out: a quantifier may follow. */
static enum status parse_atom(struct compiler *c, bool *repeatable_out)
{
    *repeatable_out = true;
    uint8_t next = *c->at;
    switch (next) {
    case '(': c->at++; return parse_group(c);
    case '[': c->at++; return parse_bracket(c);
    case '.': c->at++; return emit(c, REGEX_ANY, 0, 0);
    case '\\': c->at++; return parse_backslash(c);
    case '^':
    case '$':
        c->at++;
        *repeatable_out = false;
        return emit(c, next == '^' ? REGEX_START : REGEX_END, 0, 0);
    case '*':
    case '+':
    case '?': return fail(c, "quantifier operand invalid");
    case '{':
        /* A brace is a quantifier only in front of a digit. */
        if (c->at + 1 < c->end && ascii_is_digit(c->at[1]))
            return fail(c, "quantifier operand invalid");
        break;
    default: break;
    }
    return emit(c, REGEX_CHAR, (int32_t)take_character(c), 0);
}

/* --- Quantifiers ----------------------------------------------------------------------------- */

struct repeat {
    uint32_t min, max; /* max UINT32_MAX: without bound */
    bool lazy;
};

static bool take_number(struct compiler *c, uint32_t *out)
{
    uint32_t value = 0;
    const uint8_t *start = c->at;
    while (more(c) && ascii_is_digit(*c->at)) {
        value = value * 10 + (uint32_t)(*c->at++ - '0');
        if (value > REGEX_REPEAT_MAX) return false;
    }
    *out = value;
    return c->at > start;
}

static enum status take_quantifier(struct compiler *c, struct repeat *q, bool *found_out)
{
    *found_out = true;
    if (skip(c, "*")) {
        *q = (struct repeat){0, UINT32_MAX, false};
    } else if (skip(c, "+")) {
        *q = (struct repeat){1, UINT32_MAX, false};
    } else if (skip(c, "?")) {
        *q = (struct repeat){0, 1, false};
    } else if (looking_at(c, "{") && c->at + 1 < c->end && ascii_is_digit(c->at[1])) {
        c->at++;
        if (!take_number(c, &q->min)) return fail(c, "invalid repetition count(s)");
        q->max = q->min;
        q->lazy = false;
        if (skip(c, ",")) {
            q->max = UINT32_MAX;
            if (more(c) && ascii_is_digit(*c->at) && !take_number(c, &q->max))
                return fail(c, "invalid repetition count(s)");
        }
        if (!more(c)) return fail(c, "braces {} not balanced");
        if (!skip(c, "}") || q->max < q->min) return fail(c, "invalid repetition count(s)");
    } else {
        *found_out = false;
        return STATUS_OK;
    }
    q->lazy = skip(c, "?");
    if (!c->quantified) c->r->shortest = q->lazy;
    c->quantified = true;
    return STATUS_OK;
}

/* The branch that enters the fragment comes first, unless lazy. */
static enum status insert_split(struct compiler *c, uint32_t start, int32_t leave, bool lazy)
{
    return insert(c, start, REGEX_SPLIT, lazy ? leave : 1, lazy ? 1 : leave);
}

static enum status copy_fragment(struct compiler *c, uint32_t start, uint32_t size)
{
    enum status status = make_room(c, size);
    if (status != STATUS_OK) return status;
    struct regex_instruction *p = c->r->program;
    memcpy(p + c->r->size, p + start, size * sizeof *p);
    c->r->size += size;
    return STATUS_OK;
}

/* x* of the fragment from `start` to the end of the program. */
static enum status loop(struct compiler *c, uint32_t start, bool lazy)
{
    int32_t size = (int32_t)(c->r->size - start);
    enum status status = insert_split(c, start, size + 2, lazy);
    return status == STATUS_OK ? emit(c, REGEX_JUMP, -(size + 1), 0) : status;
}

/* The fragment that starts at `start`, repeated: min copies, then a loop or max - min optional
 * ones. */
static enum status apply_repeat(struct compiler *c, uint32_t start, struct repeat q)
{
    uint32_t size = c->r->size - start;
    if (size == 0) return STATUS_OK;
    if (q.max == 0) {
        c->r->size = start;
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    bool bounded = q.max != UINT32_MAX;
    uint32_t copies = bounded ? q.max : q.min + 1;
    for (uint32_t i = 1; i < copies && status == STATUS_OK; i++)
        status = copy_fragment(c, start, size);
    if (status != STATUS_OK) return status;
    if (!bounded) return loop(c, start + q.min * size, q.lazy);
    /* From the last optional copy to the first, each skips all behind it. */
    for (uint32_t i = copies; i > q.min && status == STATUS_OK; i--) {
        uint32_t from = start + (i - 1) * size;
        status = insert_split(c, from, (int32_t)(c->r->size - from) + 1, q.lazy);
    }
    return status;
}

/* --- Branches -------------------------------------------------------------------------------- */

static enum status parse_branch(struct compiler *c)
{
    while (more(c) && *c->at != '|' && *c->at != ')') {
        uint32_t start = c->r->size;
        bool repeatable, quantified = true;
        struct repeat q = {0, 0, false};
        enum status status = parse_atom(c, &repeatable);
        if (status == STATUS_OK) status = take_quantifier(c, &q, &quantified);
        if (status != STATUS_OK) return status;
        if (!quantified) continue;
        if (!repeatable) return fail(c, "quantifier operand invalid");
        status = apply_repeat(c, start, q);
        if (status != STATUS_OK) return status;
        if (more(c) && (*c->at == '*' || *c->at == '+' || *c->at == '?'))
            return fail(c, "quantifier operand invalid");
    }
    return STATUS_OK;
}

static enum status parse_alternatives(struct compiler *c)
{
    uint32_t start = c->r->size;
    enum status status = parse_branch(c);
    /* The branches lie one behind the other; each but the last is: split, branch, jump to the end.
     * Until the end is known, y of a jump says where the one before it is. */
    uint32_t jump = 0;
    while (status == STATUS_OK && skip(c, "|")) {
        status = insert(c, start, REGEX_SPLIT, 1, (int32_t)(c->r->size - start) + 2);
        if (status != STATUS_OK) return status;
        status = emit(c, REGEX_JUMP, 0, (int32_t)jump);
        jump = c->r->size - 1;
        start = c->r->size;
        if (status == STATUS_OK) status = parse_branch(c);
    }
    while (jump != 0) { /* 0 is the program's first instruction, and no jump */
        struct regex_instruction *i = &c->r->program[jump];
        i->x = (int32_t)(c->r->size - jump);
        jump = (uint32_t)i->y;
        i->y = 0;
    }
    return status;
}

enum status text_regex_compile(struct sql_eval *e, struct bytes pattern,
                               struct text_regex_options options, struct text_regex **out)
{
    ASSERT(out != NULL);
    struct text_regex *r = ARENA_NEW(e->arena, struct text_regex);
    if (r == NULL) return sql_eval_no_memory(e);
    struct compiler c = {.e = e, .r = r, .at = pattern.data, .end = pattern.data + pattern.size};
    if (pattern.size == 0) c.at = c.end = (const uint8_t *)"";
    r->ignore_case = options.ignore_case;
    if (skip(&c, "(?i)")) r->ignore_case = true;
    enum status status = emit(&c, REGEX_SAVE, 0, 0);
    if (status == STATUS_OK) status = parse_alternatives(&c);
    if (status == STATUS_OK && more(&c)) status = fail(&c, "parentheses () not balanced");
    if (status == STATUS_OK) status = emit(&c, REGEX_SAVE, 1, 0);
    if (status == STATUS_OK) status = emit(&c, REGEX_MATCH, 0, 0);
    if (status == STATUS_OK) *out = r;
    return status;
}

uint32_t text_regex_group_count(const struct text_regex *r)
{
    return r->group_count;
}
