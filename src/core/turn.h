/* Moves that wait for their turn: who may go, when one is given up, and what people are told of it. The places are those of a source host
 * (max_concurrent_live_migrations); who asked first goes first, but nobody waits behind one whose host is silent: that one keeps its
 * place in the line, and goes as soon as its host answers and a turn is free. */
#ifndef GW_CORE_TURN_H
#define GW_CORE_TURN_H

#include <glib.h>

enum {
    GW_TURN_SILENT_MS = 600000, /* a host may be silent for so long before what waits for it ends: as long as a drain waits for one */
    GW_TURN_VAIN = 15,          /* turns that a move may be unable to use before it ends: with the pauses between them about ten minutes */
};

guint gw_turn_free(guint limit /* 0: none */, guint busy);

/* How long a move is passed over whose checks could not be made when its turn came, for the so manieth time, from 1. */
guint gw_turn_pause_ms(guint vain);

/* What a move in the line waits for. Strings borrowed. */
typedef struct {
    const char *source;
    guint limit;
    guint ahead;        /* so many are before it */
    const char *silent; /* the host that does not answer, or NULL */
    gint64 silent_ms;   /* for so long; negative: it has not been asked yet */
    const char *vain;   /* why its last turn was of no use, or NULL */
} GwTurnView;

/* A sentence, owned by the caller. It stays the same for as long as nothing worth telling has changed. */
char *gw_turn_words(const GwTurnView *view);

#endif
