/* Settings of a session: names, values, what SET and RESET do to them, and what the rest of sql/
 * reads of them.
 *
 * A value is changed within a transaction (every statement has one): its end keeps it or takes it
 * back, and takes back what SET LOCAL did in any case. RESET goes to the value the session started
 * with. */
#ifndef OSTRAKA_SQL_SETTING_H
#define OSTRAKA_SQL_SETTING_H

#include "base/arena.h"
#include "sql/datetime_zone.h"
#include "sql/datum.h"

#define SETTING_COUNT           36
#define SETTING_VALUE_BYTES_MAX 1024

struct setting_value {
    char *start;              /* what RESET goes to; NULL: the setting's own default */
    char *current;            /* NULL: as start */
    char *committed, *before; /* while changed: what the transaction's commit and rollback leave */
    bool changed;
    bool unreported; /* the client has to be told */
};

/* What a setting was before it was changed behind a savepoint. */
struct setting_undo {
    struct setting_undo *before;
    uint32_t level; /* of the newest savepoint then */
    int at;
    char *current, *committed;
    bool changed;
};

struct settings {
    struct setting_value values[SETTING_COUNT];
    const struct sql_zones *zones; /* borrowed; NULL: UTC and offsets only */
    bool any_changed, any_unreported;
    uint32_t level;            /* how many savepoints there are */
    struct setting_undo *undo; /* newest change first */
    /* What the values say. */
    struct sql_zone zone;
    enum sql_date_order date_order;
    int32_t extra_float_digits;
    uint64_t statement_timeout_ns, lock_timeout_ns; /* 0: none */
    uint64_t idle_timeout_ns, idle_in_transaction_timeout_ns; /* between messages; 0: none */
    uint64_t no_quorum_timeout_ns;                  /* 0: as the node says, 5 s */
    uint64_t read_staleness_ns;                     /* of queries that write and lock nothing; 0: they read the present */
    uint64_t log_slow_ns;                           /* statements that take so long are logged; UINT64_MAX: none */
    char idempotency_key[129];                      /* "": none */
    char idempotency_anchor[513];                   /* "": none */
    uint64_t idempotency_ttl_ns;
    uint64_t write_bytes_max;
    bool read_only_default, deferrable_default;
    int notice_level; /* NOTICE and WARNING are sent when at least this */
};
enum { SETTING_LEVEL_NOTICE = 1, SETTING_LEVEL_WARNING = 2, SETTING_LEVEL_ERROR = 3 };

enum setting_scope {
    SETTING_START, /* from the start-up packet: RESET goes back to it */
    SETTING_SESSION,
    SETTING_LOCAL,
};

void settings_init(struct settings *s, const struct sql_zones *zones);
void settings_deinit(struct settings *s);
/* value NULL: the value that RESET goes to. False with *error set: 42704 no such setting, 22023 not
 * a value of it, 55P02 it cannot be changed, 0A000 PostgreSQL would take the value, Ostraka does
 * not yet. */
MUST_USE bool settings_set(struct settings *s, struct arena *arena, const char *name,
                           const char *value, enum setting_scope scope, struct sql_error *error);
/* False: out of memory (some may be reset). */
MUST_USE bool settings_reset_all(struct settings *s);
/* NULL: there is none of that name. *name_out: as it is spelled. */
const char *settings_get(const struct settings *s, const char *name, const char **name_out);
/* The settings by name, and those of the transaction among them, with a word about each; NULL past the end. */
const char *settings_sorted(uint32_t index, const char **about_out);
/* What PostgreSQL takes as a Boolean. */
bool settings_boolean(const char *value, bool *out);
/* What is to be told of a setting: its value, what RESET goes to, what it is when nobody says; fixed: it cannot be
 * changed. False: there is none of that name. */
struct setting_view {
    const char *value, *start, *boot;
    bool fixed;
};
bool settings_view(const struct settings *s, const char *name, struct setting_view *out);
/* More than one value may be given. */
bool settings_is_list(const char *name);
/* A value that is a list: names are quoted where they need it. */
bool settings_quotes(const char *name);
/* There are so many savepoints now. Those that are gone were released: what came after them belongs to the one before. */
void settings_level(struct settings *s, uint32_t level);
/* Back to what was so when there came to be so many savepoints. */
void settings_back(struct settings *s, uint32_t level);
/* The transaction's end. */
void settings_end(struct settings *s, bool committed);
/* The settings that clients are told of, in order; NULL past the end. */
const char *settings_reported(const struct settings *s, uint32_t index, const char **value_out);
/* The next one that changed since the client was told; NULL: none. */
const char *settings_unreported(struct settings *s, const char **value_out);

#endif
