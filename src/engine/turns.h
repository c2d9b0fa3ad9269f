/* Moves that wait for their turn: a line for each source host, and what moves it on. */
#ifndef GW_ENGINE_TURNS_H
#define GW_ENGINE_TURNS_H

#include "engine/internal.h"

/* ---- all with the lock held */
GHashTable *gw_turns_new(void);
void gw_turns_follow(GwActive *active); /* after each change of its row's state, and when it is entered; of one that is in no table nothing */
void gw_turns_leave(GwActive *active);  /* before it is taken out of the tables */
/* After each change of whether the host answers, is forced down, or is there at all. */
void gw_turns_host_changed(GwEngine *engine, const char *host);
void gw_turns_wake(GwEngine *engine, const char *uuid); /* something was found out about an instance, which may wait */
gboolean gw_turns_is_next(const GwActive *active, const GwMigration *row /* as it is now */); /* a place is free, its hosts answer, and nobody is before it who could take that place */
gint64 gw_turns_silent_ms(const GwEngine *engine, const GwHostEntry *entry); /* 0: it answers; negative: it has not been asked yet */
/* What it waits for, for people; owned by the caller; NULL: it does not wait for its turn. */
char *gw_turns_words(GwActive *active);
GwWaitsFor gw_turns_waits_for(const GwActive *active); /* likewise, the silent host alone */

gint64 gw_turns_patience_ms(const GwEngine *engine); /* with a silent host; needs no lock */

#endif
