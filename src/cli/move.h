/* A migration as the daemon tells it, and what its states mean to people. Values only: nothing here asks anyone. */
#ifndef GW_CLI_MOVE_H
#define GW_CLI_MOVE_H

#include "base/json.h"
#include "cli/command.h"

typedef struct {
    guint64 elapsed_ms, downtime_ms;
    guint64 memory_total, memory_processed, memory_remaining;
    guint64 disk_total, disk_processed, disk_remaining;
    guint64 memory_bps, dirty_bps, iteration, throttle_percent;
} GwMoveFigures;

typedef struct {
    json_t *json; /* the daemon's object; owned */
    gint64 id;
    /* borrowed from json; dest, reason and the times may be NULL */
    const char *state, *status, *kind, *instance_uuid, *name, *source, *dest, *reason;
    const char *created_at, *started_at, *ended_at, *updated_at;
    gboolean final; /* it never changes again */
    gboolean disks_copied; /* so that a revert loses what has been written since */
    guint64 total_ms;  /* 0: not yet known */
    guint64 waited_ms; /* the part of it until its turn came */
    GwMoveFigures figures;
} GwMove;

/* FAILED when the object is not one. Takes a reference to json. */
GwMove *gw_move_new(json_t *json, GError **error);
void gw_move_free(GwMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMove, gw_move_free)

gboolean gw_move_is_cold(const GwMove *move);
const char *gw_move_kind(const GwMove *move); /* "live", "cold" (a resize too), "evacuation"; else the daemon's word */
const char *gw_move_phase(const GwMove *move); /* what is being done: "copying", "shutting the guest down" */
/* Likewise, and of one that waits for its turn what for, and how many are before it: "waits for its turn on HostA, third in line". Owned by
 * the caller. */
char *gw_move_doing(const GwMove *move);
gboolean gw_move_copies(const GwMove *move); /* whether figures of a copy are worth showing now */
guint64 gw_move_total(const GwMove *move); /* bytes of memory and disks that have to travel */
guint64 gw_move_moved(const GwMove *move); /* of those; what was dirtied again is not counted */
guint gw_move_percent(const GwMove *move); /* 0 to 100 */

/* What the user asked for and is waiting for. */
typedef enum { GW_WANT_MOVED, GW_WANT_CONFIRMED, GW_WANT_REVERTED, GW_WANT_CANCELLED } GwWanted;

/* Whether the wait is over: the migration is final, or rests until the user confirms or reverts it. */
gboolean gw_move_ended(const GwMove *move, GwWanted wanted);
GwExit gw_move_verdict(const GwMove *move, GwWanted wanted);
/* One sentence with the measured figures. ran: whether the guest runs now (of a cold move). Owned by the caller. */
char *gw_move_sentence(const GwMove *move, GwWanted wanted, gboolean ran);

#endif
