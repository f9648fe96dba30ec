/* Settings and savepoints: what a setting was before it was changed behind one. */
#include <stdlib.h>
#include <string.h>

#include "sql/setting_int.h"

static void undo_free(struct setting_undo **link)
{
    struct setting_undo *u = *link;
    *link = u->before;
    free(u->current);
    free(u->committed);
    free(u);
}

static bool copy_text(const char *text, char **out)
{
    *out = text == NULL ? NULL : strdup(text);
    return text == NULL || *out != NULL;
}

bool setting_keep_undo(struct settings *s, int at)
{
    if (s->level == 0) return true;
    for (const struct setting_undo *u = s->undo; u != NULL && u->level == s->level; u = u->before)
        if (u->at == at) return true;
    const struct setting_value *v = &s->values[at];
    struct setting_undo *u = calloc(1, sizeof *u);
    if (u == NULL) return false;
    bool ok = copy_text(v->current, &u->current) && copy_text(v->committed, &u->committed);
    u->before = s->undo;
    u->level = s->level;
    u->at = at;
    u->changed = v->changed;
    s->undo = u;
    if (!ok) undo_free(&s->undo);
    return ok;
}

/* Was it kept for that level already, further back? */
static bool kept_before(const struct setting_undo *u, uint32_t level)
{
    int at = u->at;
    while ((u = u->before) != NULL && u->level >= level)
        if (u->at == at) return true;
    return false;
}

void settings_level(struct settings *s, uint32_t level)
{
    s->level = level;
    for (struct setting_undo **link = &s->undo; *link != NULL && (*link)->level > level;) {
        if (level == 0 || kept_before(*link, level)) {
            undo_free(link);
            continue;
        }
        (*link)->level = level;
        link = &(*link)->before;
    }
}

void settings_back(struct settings *s, uint32_t level)
{
    s->level = level;
    while (s->undo != NULL && s->undo->level >= level) {
        struct setting_undo *u = s->undo;
        struct setting_value *v = &s->values[u->at];
        free(v->committed);
        v->committed = u->committed;
        u->committed = NULL;
        v->changed = u->changed;
        if (!v->changed) {
            free(v->before);
            v->before = NULL;
        }
        setting_replace(s, u->at, u->current);
        u->current = NULL;
        undo_free(&s->undo);
    }
}
