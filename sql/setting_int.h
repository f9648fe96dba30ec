/* Private to setting.c and setting_undo.c. */
#ifndef OSTRAKA_SQL_SETTING_INT_H
#define OSTRAKA_SQL_SETTING_INT_H

#include "sql/setting.h"

/* Takes the value (NULL: that of the start), which was valid once, and lets it take effect. */
void setting_replace(struct settings *s, int at, char *value);
/* Before a change: once per savepoint and setting, so that what is kept is bounded. False: no memory. */
bool setting_keep_undo(struct settings *s, int at);

#endif
