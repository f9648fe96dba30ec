/* Running a program: all the places it may be at are kept in a list, and the text is read once. */
#include "base/utf8.h"
#include "sql/text_regex_int.h"

#define SLOTS (2 * TEXT_REGEX_GROUPS_MAX)
#define STEPS_PER_THREAD 8 /* and character, as sql_eval_effort counts */

/* Where one way through the program stands. */
struct thread {
    uint32_t pc;
    size_t slots[SLOTS];
};
/* In order of preference; a place of the program occurs once. */
struct threads {
    struct thread *list;
    uint32_t *mark; /* mark[pc] == generation: pc is in the list or has been passed through */
    uint32_t count, generation;
};
/* A branch still to be followed or, with restore, a slot to be put back first. */
struct pending {
    uint32_t pc, slot;
    size_t value;
    bool restore;
};

struct regex_machine {
    const struct text_regex *r;
    struct bytes text;
    struct threads now, next;
    struct pending *stack;
    bool found;
    struct text_regex_match best;
};

/* --- Characters ------------------------------------------------------------------------------ */

static bool in_ranges(const struct text_regex *r, const struct regex_instruction *i, uint32_t code)
{
    for (int32_t k = 0; k < i->y; k++) {
        const struct regex_range *range = &r->ranges[i->x + k];
        if (code >= range->low && code <= range->high) return true;
    }
    return false;
}

static bool accepts(const struct text_regex *r, const struct regex_instruction *i, uint32_t code)
{
    switch (i->op) {
    case REGEX_ANY: return true;
    case REGEX_CHAR:
        return (uint32_t)i->x == code ||
               (r->ignore_case && regex_fold((uint32_t)i->x) == regex_fold(code));
    case REGEX_CLASS: {
        bool in = in_ranges(r, i, code);
        if (!in && r->ignore_case) {
            uint32_t lower = regex_fold(code);
            bool ascii = lower >= 'a' && lower <= 'z';
            in = in_ranges(r, i, lower) || (ascii && in_ranges(r, i, lower - 32));
        }
        return in != i->negated;
    }
    default: return false;
    }
}

static bool word_before(struct bytes text, size_t at)
{
    if (at == 0) return false;
    size_t start = at - 1;
    while (start > 0 && (text.data[start] & 0xC0) == 0x80)
        start--;
    uint32_t code = text.data[start];
    utf8_decode(bytes_make(text.data + start, at - start), &code);
    return regex_is_word(code);
}

static bool word_after(struct bytes text, size_t at)
{
    if (at == text.size) return false;
    uint32_t code = text.data[at];
    utf8_decode(bytes_make(text.data + at, text.size - at), &code);
    return regex_is_word(code);
}

/* Whether a condition on the place between two characters holds. */
static bool holds(enum regex_op op, struct bytes text, size_t at)
{
    bool before, after;
    switch (op) {
    case REGEX_START: return at == 0;
    case REGEX_END: return at == text.size;
    default: break;
    }
    before = word_before(text, at);
    after = word_after(text, at);
    switch (op) {
    case REGEX_WORD_START: return !before && after;
    case REGEX_WORD_END: return before && !after;
    case REGEX_WORD_EDGE: return before != after;
    case REGEX_NOT_WORD_EDGE: return before == after;
    default: UNREACHABLE();
    }
}

/* --- Threads --------------------------------------------------------------------------------- */

/* Follows everything that reads no character, and lists the places that do. `slots` is changed and
 * put back. The stack cannot overflow: each pc is followed once, and pushes at most one entry. */
static void add_thread(struct regex_machine *m, struct threads *to, uint32_t pc, size_t at, size_t *slots)
{
    uint32_t depth = 0;
    m->stack[depth++] = (struct pending){.pc = pc};
    while (depth > 0) {
        struct pending p = m->stack[--depth];
        if (p.restore) {
            slots[p.slot] = p.value;
            continue;
        }
        for (pc = p.pc; to->mark[pc] != to->generation;) {
            ASSERT(pc < m->r->size);
            to->mark[pc] = to->generation;
            const struct regex_instruction *i = &m->r->program[pc];
            if (i->op == REGEX_JUMP) {
                pc = (uint32_t)((int32_t)pc + i->x);
            } else if (i->op == REGEX_SPLIT) {
                m->stack[depth++] = (struct pending){.pc = (uint32_t)((int32_t)pc + i->y)};
                pc = (uint32_t)((int32_t)pc + i->x);
            } else if (i->op == REGEX_SAVE) {
                m->stack[depth++] =
                    (struct pending){.restore = true, .slot = (uint32_t)i->x, .value = slots[i->x]};
                slots[i->x] = at;
                pc++;
            } else if (i->op >= REGEX_START && i->op <= REGEX_NOT_WORD_EDGE) {
                if (!holds(i->op, m->text, at)) break;
                pc++;
            } else {
                struct thread *t = &to->list[to->count++];
                t->pc = pc;
                memcpy(t->slots, slots, sizeof t->slots);
                break;
            }
        }
    }
}

/* A match is better when it begins earlier or, unless the shortest is wanted, ends later. */
static void take_match(struct regex_machine *m, const struct thread *t)
{
    bool better =
        !m->found || t->slots[0] < m->best.start[0] ||
        (!m->r->shortest && t->slots[0] == m->best.start[0] && t->slots[1] > m->best.end[0]);
    if (!better) return;
    m->found = true;
    for (uint32_t g = 0; g < TEXT_REGEX_GROUPS_MAX; g++) {
        m->best.start[g] = t->slots[2 * g];
        m->best.end[g] = t->slots[2 * g + 1];
    }
}

/* One character (or, at the end, none) for all threads. */
static void step(struct regex_machine *m, uint32_t code, bool at_end, size_t after)
{
    m->next.count = 0;
    m->next.generation++;
    for (uint32_t k = 0; k < m->now.count; k++) {
        struct thread *t = &m->now.list[k];
        if (m->found && t->slots[0] + m->r->shortest > m->best.start[0]) continue;
        const struct regex_instruction *i = &m->r->program[t->pc];
        if (i->op == REGEX_MATCH) {
            take_match(m, t);
        } else if (!at_end && accepts(m->r, i, code)) {
            add_thread(m, &m->next, t->pc + 1, after, t->slots);
        }
    }
    struct threads swap = m->now;
    m->now = m->next;
    m->next = swap;
}

static bool make_threads(struct sql_eval *e, struct threads *t, uint32_t size)
{
    t->list = sql_eval_alloc(e, size * sizeof *t->list);
    t->mark = sql_eval_alloc(e, size * sizeof *t->mark);
    return t->list != NULL && t->mark != NULL;
}

/* One for all searches of a regular expression: a text may have as many matches as characters. NULL: no memory. */
static struct regex_machine *machine_of(struct sql_eval *e, struct text_regex *r)
{
    if (r->machine != NULL) return r->machine;
    struct regex_machine *m = sql_eval_alloc(e, sizeof *m);
    if (m == NULL) return NULL;
    *m = (struct regex_machine){.r = r};
    if (!make_threads(e, &m->now, r->size) || !make_threads(e, &m->next, r->size)) return NULL;
    m->stack = sql_eval_alloc(e, (r->size + 1) * sizeof *m->stack);
    if (m->stack == NULL) return NULL;
    r->machine = m;
    return m;
}

static void forget_threads(struct threads *t, uint32_t size)
{
    t->count = 0;
    t->generation = 1;
    memset(t->mark, 0, size * sizeof *t->mark);
}

enum status text_regex_search(struct sql_eval *e, struct text_regex *r, struct bytes text,
                              size_t from, bool *found_out, struct text_regex_match *match_out)
{
    ASSERT(from <= text.size);
    struct regex_machine *m = machine_of(e, r);
    if (m == NULL) return STATUS_NO_MEMORY;
    m->text = text;
    m->found = false;
    forget_threads(&m->now, r->size);
    forget_threads(&m->next, r->size);
    for (size_t at = from;;) {
        if (!m->found) { /* a match may begin here, but those begun before are preferred */
            size_t slots[SLOTS];
            memset(slots, 0xFF, sizeof slots);
            add_thread(m, &m->now, 0, at, slots);
        }
        if (m->now.count == 0 && m->found) break;
        enum status status = sql_eval_effort(e, (m->now.count + 1) * STEPS_PER_THREAD);
        if (status != STATUS_OK) return status;
        bool at_end = at == text.size;
        uint32_t code = at_end ? 0 : text.data[at];
        size_t size = at_end ? 0 : utf8_decode(bytes_make(text.data + at, text.size - at), &code);
        size_t after = at + (size == 0 ? 1 : size);
        step(m, code, at_end, after);
        if (at_end) break;
        at = after;
    }
    *found_out = m->found;
    if (m->found) *match_out = m->best;
    return STATUS_OK;
}
