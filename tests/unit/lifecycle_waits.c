/* The laws of waiting for a turn. */
#include "lifecycle_case.h"

static gboolean is_ended_early(const Case *c)
{
    return goes(c, GW_MIGRATION_FAILED) || goes(c, GW_MIGRATION_CANCELLED);
}

/* What is known to be in its way for good. An evacuation's source is down, and shows nothing. */
static gboolean waits_in_vain(const Case *c)
{
    gboolean source = !is_evacuation(c) && (has(c, GW_WHEN_FENCED) || c->s.source == GW_SEEN_ABSENT);
    return source || has(c, GW_WHEN_ABORT) || has(c, GW_WHEN_DEST_FENCED) || c->s.call == GW_CALL_FAILED;
}

static gboolean hears_both(const Case *c)
{
    return (is_evacuation(c) || c->s.source != GW_SEEN_UNKNOWN) && c->s.dest != GW_SEEN_UNKNOWN;
}

/* Nothing is asked of a host before its turn, nor of one that is silent, and nothing begins before the checks of that turn are made. */
gboolean law_what_waits_begins_in_its_turn(const Case *c)
{
    if (c->s.state != GW_MIGRATION_QUEUED)
        return c->d.act != GW_ACT_ENTER;
    if (c->d.act == GW_ACT_ENTER)
        return has(c, GW_WHEN_TURN) && hears_both(c) && !waits_in_vain(c) && c->s.call != GW_CALL_DONE;
    return goes(c, GW_MIGRATION_PREPARING) ? c->s.call == GW_CALL_DONE : c->d.act == GW_ACT_WAIT || is_ended_early(c);
}

gboolean law_a_turn_is_used(const Case *c)
{
    if (c->s.state != GW_MIGRATION_QUEUED || waits_in_vain(c))
        return TRUE;
    if (c->s.call == GW_CALL_DONE)
        return goes(c, GW_MIGRATION_PREPARING);
    return !has(c, GW_WHEN_TURN) || !hears_both(c) || c->d.act == GW_ACT_ENTER;
}

/* What waits ends at once when it waits in vain, when its host has been silent for too long, and for no other reason. */
gboolean law_waiting_ends_with_a_cause(const Case *c)
{
    if (c->s.state != GW_MIGRATION_QUEUED)
        return TRUE;
    gboolean silent = !hears_both(c) && has(c, GW_WHEN_OVERDUE) && c->s.call != GW_CALL_DONE;
    return is_ended_early(c) == (waits_in_vain(c) || silent);
}
