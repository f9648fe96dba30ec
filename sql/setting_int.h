/* Private to the setting*.c files: setting.c the settings and how they change, setting_text.c and setting_number.c their
 * values, setting_undo.c savepoints. */
#ifndef OSTRAKA_SQL_SETTING_INT_H
#define OSTRAKA_SQL_SETTING_INT_H

#include "sql/setting.h"

/* Turns a text into the value as it is kept, in arena, and applies it; NULL with the error set (or, where there was no
 * memory, not). */
typedef const char *setting_check(struct settings *s, struct arena *arena, const char *name, const char *value,
                                  struct sql_error *error);

/* ---- setting.c ---- */

/* Takes the value (NULL: that of the start), which was valid once, and lets it take effect. */
void setting_replace(struct settings *s, int at, char *value);

/* ---- setting_undo.c ---- */

/* Before a change: once per savepoint and setting, so that what is kept is bounded. False: no memory. */
bool setting_keep_undo(struct settings *s, int at);

/* ---- setting_text.c ---- */

/* NULL, with the error 22023. */
const char *setting_invalid(struct arena *arena, const char *name, const char *value, struct sql_error *error);
setting_check setting_check_text, setting_check_boolean, setting_check_on, setting_check_level, setting_check_isolation,
    setting_check_commit, setting_check_first, setting_check_role, setting_check_set_role, setting_check_encoding,
    setting_check_date_style, setting_check_zone, setting_check_path, setting_check_key, setting_check_anchor;

/* ---- setting_number.c ---- */

setting_check setting_check_digits, setting_check_timeout, setting_check_log_duration, setting_check_ttl,
    setting_check_write_bytes;

#endif
