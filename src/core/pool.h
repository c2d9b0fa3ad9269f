/* Pools of hosts that aggregates make (docs/xenserver.md): what an aggregate's metadata says of its pool and of the change under way, and what
 * comes next for a change, from what is seen. The metadata is the journal: a daemon that was killed in the midst reads it, looks, and goes on.
 * Keys and states are Nova's (nova/virt/xenapi/pool_states.py), but for the two that begin with pool_. Pure. */
#ifndef GW_CORE_POOL_H
#define GW_CORE_POOL_H

#include "core/aggregate.h"

#define GW_POOL_KEY "hypervisor_pool" /* present, whatever its value: the aggregate is a pool */
#define GW_POOL_STATE_KEY "operational_state"
#define GW_POOL_MASTER_KEY "master_compute" /* the host by which the pool is reached; each host's own name is a key too, its value the UUID */
#define GW_POOL_CHANGE_KEY "pool_change"
#define GW_POOL_REASON_KEY "pool_reason" /* why it is in error, or what is to be known of an active one */

typedef enum { GW_POOL_CREATED, GW_POOL_CHANGING, GW_POOL_ACTIVE, GW_POOL_ERROR, GW_POOL_STATE_COUNT } GwPoolState;
extern const char *const gw_pool_state_names[GW_POOL_STATE_COUNT];

gboolean gw_pool_is(const GwAggregate *aggregate);
GwPoolState gw_pool_state(const GwAggregate *aggregate); /* ERROR for a word that is none */

/* ---- the change under way */
typedef enum {
    GW_POOL_FOUND,      /* the first host: its pool becomes the aggregate's */
    GW_POOL_JOIN,
    GW_POOL_JOIN_FORCE, /* passing by the hypervisor's demand for equal hosts */
    GW_POOL_EJECT,
    GW_POOL_DISBAND,    /* the last host leaves the aggregate; its pool of one loses the name */
    GW_POOL_CHANGE_COUNT
} GwPoolChangeKind;

typedef struct {
    GwPoolChangeKind kind;
    gboolean called;  /* the hypervisor may have been asked */
    gint64 since_s;   /* of the epoch: when that was written */
    char *host;
    char *confirmed;  /* eject: what the administrator agreed to lose, as gw_pool_losses_code() has it; or NULL */
} GwPoolChange;

char *gw_pool_change_write(const GwPoolChange *change); /* owned by the caller */
gboolean gw_pool_change_read(const char *text /* or NULL */, GwPoolChange *ret_change); /* FALSE: it says nothing that is understood */
void gw_pool_change_clear(GwPoolChange *change);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwPoolChange, gw_pool_change_clear)
const char *gw_pool_change_verb(GwPoolChangeKind kind); /* "join", as it is written */

/* A short code of everything that is lost (of char *): whoever confirms names it, so that nothing else is lost. Owned by the caller. */
char *gw_pool_losses_code(const GPtrArray *losses);

/* ---- what comes next */
typedef enum {
    GW_MEMBER_UNKNOWN,   /* the pool does not answer */
    GW_MEMBER_ABSENT,    /* the pool does not know the host, which says nothing else */
    GW_MEMBER_OUTSIDE,   /* the host says that it is alone */
    GW_MEMBER_ELSEWHERE, /* it is in another pool */
    GW_MEMBER_COMING,    /* the pool knows it, but it is not in service */
    GW_MEMBER_UP,        /* in service, but for some of its storage */
    GW_MEMBER_READY,
    GW_MEMBER_COUNT
} GwMembership;

typedef enum { GW_POOL_TASK_NONE, GW_POOL_TASK_RUNNING, GW_POOL_TASK_DONE, GW_POOL_TASK_FAILED, GW_POOL_TASK_COUNT } GwPoolTask;

typedef struct {
    GwMembership member;
    GwPoolTask task;    /* of the call, as the hypervisor has it */
    gboolean refused;   /* the call just made failed, and is known to have had no effect */
    gboolean lasts;     /* all this has been so for a while: it is no moment between two phases */
    gint64 waited_s;    /* since the change was written */
} GwPoolSight;

typedef struct {
    gint64 limit_s; /* for which a change is waited for */
    gint64 grace_s; /* for which an active member's storage is waited for */
} GwPoolTimes;

typedef enum {
    GW_POOL_WAIT,
    GW_POOL_CALL,    /* write that it is called, and call */
    GW_POOL_FINISH,  /* the change is done */
    GW_POOL_UNDO,    /* it is known not to be: the error is told, and the aggregate has the hosts that it had */
    GW_POOL_GIVE_UP, /* nobody knows: the error is told, and the host stays in the aggregate */
    GW_POOL_ACT_COUNT
} GwPoolAct;

GwPoolAct gw_pool_next(const GwPoolChange *change, const GwPoolSight *sight, const GwPoolTimes *times);

/* ---- what may be asked for; errors in Nova's words */
gboolean gw_pool_check_add(const GwAggregate *aggregate, const char *host, GError **error);    /* CONFLICT */
gboolean gw_pool_check_remove(const GwAggregate *aggregate, const char *host, GError **error); /* CONFLICT, NOT_FOUND */
/* Changes by people. What else follows from them (the first state, keys that go with the pool) is added to changes. INVALID. */
gboolean gw_pool_check_metadata(const GwAggregate *aggregate, GPtrArray *changes, GError **error);
/* They ask for nothing but another look at a pool that has hosts (operational_state=active). */
gboolean gw_pool_asks_look(const GwAggregate *aggregate, const GPtrArray *changes);

#endif
