/* Which of several functions or operators of one name is meant. */
#include "sql/function_int.h"

/* --- Narrowing ------------------------------------------------------------------------------- */

static bool takes_exactly(const struct candidate *c, uint32_t i, uint32_t type)
{
    return candidate_type(c, i) == type;
}

static bool takes(const struct candidate *c, const uint32_t *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (sql_cast_find(types[i], candidate_type(c, i), SQL_CAST_IMPLICIT) == SQL_CAST_NONE)
            return false;
    return true;
}

static void keep_castable(struct candidates *c, const uint32_t *types, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->count; i++)
        if (takes(&c->list[i], types, count)) c->list[kept++] = c->list[i];
    c->count = kept;
}

static const struct sql_type_info *info_of(uint32_t type)
{
    const struct sql_type_info *info = sql_type_find(type);
    ASSERT(info != NULL);
    return info;
}

/* How many arguments need no cast or, with `preferred`, one to the preferred type of their
 * category. */
static uint32_t score(const struct candidate *c, const uint32_t *types, uint32_t count,
                      bool preferred)
{
    uint32_t score = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] == SQL_TYPE_UNKNOWN) continue;
        const struct sql_type_info *wanted = info_of(candidate_type(c, i));
        bool same_category = wanted->category == info_of(types[i])->category;
        score += takes_exactly(c, i, types[i]) || (preferred && same_category && wanted->preferred);
    }
    return score;
}

static void keep_best(struct candidates *c, const uint32_t *types, uint32_t count, bool preferred)
{
    uint32_t best = 0, kept = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t s = score(&c->list[i], types, count, preferred);
        if (s > best) best = s;
    }
    for (uint32_t i = 0; i < c->count; i++)
        if (score(&c->list[i], types, count, preferred) == best) c->list[kept++] = c->list[i];
    c->count = kept;
}

/* The category that a quoted literal at place i is taken for: strings when any candidate takes one
 * there, else what all agree on. 0 when they do not. */
static int literal_category(const struct candidates *c, uint32_t i, bool *preferred_out)
{
    int category = 0;
    bool conflict = false;
    *preferred_out = false;
    for (uint32_t j = 0; j < c->count; j++) {
        const struct sql_type_info *info = info_of(candidate_type(&c->list[j], i));
        if (category == 0 || (info->category != (enum sql_category)category &&
                              info->category == SQL_CATEGORY_STRING)) {
            category = (int)info->category;
            *preferred_out = info->preferred;
        } else if (info->category == (enum sql_category)category) {
            *preferred_out = *preferred_out || info->preferred;
        } else {
            conflict = true;
        }
    }
    return conflict && category != SQL_CATEGORY_STRING ? 0 : category;
}

/* Drops candidates of other categories than the literals', and of types that are not preferred
 * where one is; keeps all when none would be left. */
static void keep_literal_categories(struct candidates *c, const uint32_t *types, uint32_t count)
{
    int categories[SQL_ARGUMENTS_MAX];
    bool preferred[SQL_ARGUMENTS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] != SQL_TYPE_UNKNOWN) continue;
        categories[i] = literal_category(c, i, &preferred[i]);
        if (categories[i] == 0) return;
    }
    struct candidates kept = {.count = 0};
    for (uint32_t j = 0; j < c->count; j++) {
        bool keep = true;
        for (uint32_t i = 0; i < count; i++) {
            if (types[i] != SQL_TYPE_UNKNOWN) continue;
            const struct sql_type_info *info = info_of(candidate_type(&c->list[j], i));
            keep = keep && info->category == (enum sql_category)categories[i] &&
                   (!preferred[i] || info->preferred);
        }
        if (keep) kept.list[kept.count++] = c->list[j];
    }
    if (kept.count > 0) *c = kept;
}

/* Last resort: when all the known types are one, the literals are of that type too. */
static void keep_as_known(struct candidates *c, const uint32_t *types, uint32_t count)
{
    uint32_t known = SQL_TYPE_UNKNOWN, supposed[SQL_ARGUMENTS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] == SQL_TYPE_UNKNOWN) continue;
        if (known != SQL_TYPE_UNKNOWN && types[i] != known) return;
        known = types[i];
    }
    if (known == SQL_TYPE_UNKNOWN) return;
    for (uint32_t i = 0; i < count; i++)
        supposed[i] = known;
    struct candidates kept = *c;
    keep_castable(&kept, supposed, count);
    if (kept.count == 1) *c = kept;
}

uint32_t candidates_select(struct candidates *c, const uint32_t *types, uint32_t count)
{
    ASSERT(count <= SQL_ARGUMENTS_MAX);
    bool literals = false;
    for (uint32_t i = 0; i < count; i++)
        literals = literals || types[i] == SQL_TYPE_UNKNOWN;
    if (c->count > 0) keep_castable(c, types, count);
    if (c->count > 1) keep_best(c, types, count, false);
    if (c->count > 1) keep_best(c, types, count, true);
    if (c->count > 1 && literals) keep_literal_categories(c, types, count);
    if (c->count > 1 && literals) keep_as_known(c, types, count);
    return c->count;
}

const char *describe_types(struct arena *arena, const uint32_t *types, uint32_t count)
{
    const char *text = "";
    for (uint32_t i = 0; i < count && text != NULL; i++) {
        const struct sql_type_info *info = sql_type_find(types[i]);
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
                            info == NULL ? "???" : info->sql_name);
    }
    return text == NULL ? "..." : text;
}

/* --- Functions ------------------------------------------------------------------------------- */

static bool takes_count(const struct sql_function *f, uint32_t count)
{
    return f->arg_count == count || (f->variadic && count > f->arg_count);
}

/* A call of a type's name with one argument is a cast, when there is one. */
static bool is_cast(struct bytes name, const uint32_t *types, uint32_t count, uint32_t *target_out)
{
    const struct sql_type_info *info = sql_type_find_name(name, true);
    if (info == NULL || count != 1 || info->storage == SQL_STORAGE_NONE) return false;
    if (sql_cast_find(types[0], info->oid, SQL_CAST_EXPLICIT) == SQL_CAST_NONE) return false;
    *target_out = info->oid;
    return true;
}

static enum status fail_function(struct arena *arena, struct bytes name, const uint32_t *types,
                                 uint32_t count, bool ambiguous, struct sql_error *error_out)
{
    const char *list = describe_types(arena, types, count);
    if (ambiguous) {
        sql_error_set(error_out, arena, SQLSTATE_AMBIGUOUS_FUNCTION, 0,
                      "function %.*s(%s) is not unique", SQL_SHOWN(name), list);
        sql_error_hint(error_out, arena,
                       "Could not choose a best candidate function. "
                       "You might need to add explicit type casts.");
    } else {
        sql_error_set(error_out, arena, SQLSTATE_UNDEFINED_FUNCTION, 0,
                      "function %.*s(%s) does not exist", SQL_SHOWN(name), list);
        sql_error_hint(error_out, arena,
                       "No function matches the given name and argument types. "
                       "You might need to add explicit type casts.");
    }
    return STATUS_NOT_FOUND;
}

/* Gathers what has the name and takes so many arguments; true when one takes exactly these types.
 */
static bool gather(struct bytes name, const uint32_t *types, uint32_t count, struct candidates *c)
{
    const struct sql_function *f;
    for (size_t i = 0; (f = sql_function_at(i)) != NULL; i++) {
        if (!bytes_equal(name, bytes_of_string(f->name)) || !takes_count(f, count)) continue;
        ASSERT(c->count < CANDIDATES_MAX);
        struct candidate candidate = {f->args, f->arg_count, f};
        bool exact = true;
        for (uint32_t j = 0; j < count; j++)
            exact = exact && takes_exactly(&candidate, j, types[j]);
        if (exact) c->count = 0;
        c->list[c->count++] = candidate;
        if (exact) return true;
    }
    return false;
}

enum status sql_function_resolve(struct arena *arena, struct bytes name, const uint32_t *types,
                                 uint32_t count, uint32_t *arg_types_out,
                                 struct sql_function_match *out, struct sql_error *error_out)
{
    ASSERT(out != NULL);
    ASSERT(error_out != NULL);
    if (count > SQL_ARGUMENTS_MAX) {
        sql_error_set(error_out, arena, SQLSTATE_TOO_MANY_ARGUMENTS, 0,
                      "cannot pass more than %d arguments to a function", SQL_ARGUMENTS_MAX);
        return STATUS_NOT_FOUND;
    }
    struct candidates c = {.count = 0};
    uint32_t target;
    if (!gather(name, types, count, &c)) {
        if (is_cast(name, types, count, &target)) {
            *out = (struct sql_function_match){.result = target};
            arg_types_out[0] = types[0];
            return STATUS_OK;
        }
        candidates_select(&c, types, count);
    }
    if (c.count != 1) return fail_function(arena, name, types, count, c.count > 1, error_out);
    const struct sql_function *f = c.list[0].item;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t type = candidate_type(&c.list[0], i);
        arg_types_out[i] = type == SQL_TYPE_ANY ? types[i] : type;
    }
    *out = (struct sql_function_match){.function = f, .result = f->result};
    if (f->result == SQL_TYPE_ANY) out->result = arg_types_out[0]; /* min, max */
    return STATUS_OK;
}

/* --- One type for several branches ----------------------------------------------------------- */

enum status sql_type_common(struct arena *arena, const char *construct, const uint32_t *types,
                            uint32_t count, uint32_t *out, struct sql_error *error_out)
{
    ASSERT(count > 0);
    ASSERT(out != NULL);
    uint32_t common = types[0];
    for (uint32_t i = 1; i < count; i++) {
        uint32_t type = types[i];
        if (type == SQL_TYPE_UNKNOWN || type == common) continue;
        if (common == SQL_TYPE_UNKNOWN) {
            common = type;
            continue;
        }
        const struct sql_type_info *a = info_of(common), *b = info_of(type);
        if (a->category != b->category) {
            sql_error_set(error_out, arena, SQLSTATE_DATATYPE_MISMATCH, 0,
                          "%s types %s and %s cannot be matched", construct, a->sql_name,
                          b->sql_name);
            return STATUS_INVALID;
        }
        if (!a->preferred && sql_cast_find(common, type, SQL_CAST_IMPLICIT) != SQL_CAST_NONE &&
            sql_cast_find(type, common, SQL_CAST_IMPLICIT) == SQL_CAST_NONE)
            common = type;
    }
    *out = common == SQL_TYPE_UNKNOWN ? SQL_TYPE_TEXT : common;
    return STATUS_OK;
}
