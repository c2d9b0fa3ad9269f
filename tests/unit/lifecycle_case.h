/* What the laws say of one situation and its decision. */
#ifndef LIFECYCLE_CASE_H
#define LIFECYCLE_CASE_H

#include "lifecycle_laws.h"

static inline gboolean is_gone(GwSeen seen)
{
    return seen == GW_SEEN_ABSENT || seen == GW_SEEN_STOPPED;
}

static inline gboolean is_halted(GwSeen seen)
{
    return seen == GW_SEEN_PAUSED || seen == GW_SEEN_PAUSED_MIGRATING;
}

static inline gboolean is_alive(GwSeen seen)
{
    return seen == GW_SEEN_RUNNING || seen == GW_SEEN_PAUSED;
}

static inline gboolean is_half(GwSeen seen)
{
    return seen == GW_SEEN_POSTCOPY || seen == GW_SEEN_POSTCOPY_FAILED;
}

static inline gboolean has(const Case *c, unsigned when)
{
    return (c->s.when & when) == when;
}

/* The state is left for `next`. */
static inline gboolean goes(const Case *c, GwMigrationState next)
{
    return c->d.act == GW_ACT_ADVANCE && c->d.next == next;
}

static inline gboolean is_evacuation(const Case *c)
{
    return c->s.kind == GW_MOVE_EVACUATE;
}

/* Silent, and an administrator vouches that nothing runs there. */
static inline gboolean source_is_lost(const Case *c)
{
    return c->s.source == GW_SEEN_UNKNOWN && has(c, GW_WHEN_FENCED);
}

static inline gboolean dest_is_lost(const Case *c)
{
    return c->s.dest == GW_SEEN_UNKNOWN && has(c, GW_WHEN_DEST_FENCED);
}

/* More is not to be waited for: each answers or is lost. Of an evacuation the source is silent: that is what it is for. */
static inline gboolean both_answer(const Case *c)
{
    if (is_evacuation(c))
        return c->s.dest != GW_SEEN_UNKNOWN;
    return (c->s.source != GW_SEEN_UNKNOWN || source_is_lost(c)) && (c->s.dest != GW_SEEN_UNKNOWN || dest_is_lost(c));
}

/* Between two looks at nothing: the guest is as it was, or rests, or all is over. */
static inline gboolean is_untouched(GwMigrationState state)
{
    return (gw_migration_state_traits(state) & (GW_TRAIT_EARLY | GW_TRAIT_RESTING | GW_TRAIT_FINAL)) != 0;
}

#endif
