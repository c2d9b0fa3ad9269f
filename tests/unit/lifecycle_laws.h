/* The laws of the life-cycle: what holds of every situation and its decision. */
#ifndef LIFECYCLE_LAWS_H
#define LIFECYCLE_LAWS_H

#include "core/lifecycle.h"

typedef struct {
    GwSituation s;
    GwDecision d;
} Case;

typedef struct {
    const char *name;
    gboolean (*law)(const Case *c); /* FALSE: broken */
} NamedLaw;

enum { MOST_LAWS = 64 };
extern const NamedLaw laws[];
extern const guint law_count;

gboolean law_is_possible(GwMoveKind kind, GwMigrationState state); /* some states belong to one kind of move */
gboolean law_is_final(GwMigrationState state);

/* ---- lifecycle_waits.c */
gboolean law_what_waits_begins_in_its_turn(const Case *c);
gboolean law_a_turn_is_used(const Case *c);
gboolean law_waiting_ends_with_a_cause(const Case *c);

#endif
