/* What one host says of one instance at one moment: the input of every decision. */
#ifndef GW_CORE_SIGHT_H
#define GW_CORE_SIGHT_H

#include "core/migration.h"

/* The order is that of the bit masks of core/lifecycle.c. */
typedef enum {
    GW_SEEN_UNKNOWN,        /* the host did not answer */
    GW_SEEN_ABSENT,         /* neither running nor defined there */
    GW_SEEN_STOPPED,        /* defined, not running */
    GW_SEEN_RUNNING,        /* its CPUs run (also: crashed guests count as STOPPED) */
    GW_SEEN_PAUSED,         /* there and paused, but not by a migration */
    GW_SEEN_PAUSED_MIGRATING, /* paused by a migration: the source in switchover, or a destination that receives */
    GW_SEEN_POSTCOPY,       /* in post-copy: source paused for it, or destination running on it */
    GW_SEEN_POSTCOPY_FAILED,
    GW_SEEN_COUNT
} GwSeen;

typedef enum { GW_JOB_NONE, GW_JOB_OUTGOING, GW_JOB_INCOMING } GwJob;

/* What its own storage did to a guest that is PAUSED, where the hypervisor knows: it stands still so that no write is lost. */
typedef enum { GW_HALT_NONE, GW_HALT_NO_ROOM, GW_HALT_IO_ERROR } GwHalt;

typedef struct {
    GwSeen seen;
    GwJob job;           /* a migration job that the hypervisor is running now */
    GwProgress progress; /* of that job, or of the last completed one where the hypervisor keeps it */
    GwHalt halt;
    char halted_disk[16]; /* its target, "vda"; "" where nobody says which */
} GwSight;

const char *gw_seen_name(GwSeen seen);

/* Why the instance stands still on that host, as a sentence for people; NULL: its storage does not halt it. Owned by the caller. */
char *gw_sight_halt_fact(const GwSight *sight, const char *instance, const char *host);
/* Likewise, with the remedy. */
char *gw_sight_halt_words(const GwSight *sight, const char *instance, const char *host);

#endif
