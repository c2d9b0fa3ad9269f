/* Where instances are, or would be, and what forbids one to be on a host: the rules of every placement. Pure. */
#ifndef GW_CORE_RULES_H
#define GW_CORE_RULES_H

#include "core/cluster.h"

/* In the order in which they are looked for. What comes from MEMORY on is a matter of room: another instance's going would help. */
typedef enum {
    GW_OBJECTION_NONE,
    GW_OBJECTION_THERE,    /* it is on that host */
    GW_OBJECTION_LEAVING,  /* that host is being emptied */
    GW_OBJECTION_CLOSED,
    GW_OBJECTION_KIND,
    GW_OBJECTION_CPU,
    GW_OBJECTION_ZONE,
    GW_OBJECTION_TENANT,   /* it is kept for other projects */
    GW_OBJECTION_PINNED,   /* the instance may be on some hosts only */
    GW_OBJECTION_STORAGE,  /* a disk does not get there, or a network is not there */
    GW_OBJECTION_BANNED,
    GW_OBJECTION_AFFINITY, /* its group lives elsewhere */
    GW_OBJECTION_APART,    /* one of its group, which stays apart, is there */
    GW_OBJECTION_MEMORY,
    GW_OBJECTION_VCPUS,
    GW_OBJECTION_INSTANCES,
    GW_OBJECTION_DISK_ROOM,
    GW_OBJECTION_COUNT
} GwObjection;

/* Who is where at one moment of a plan. A host counts what is on it and what is on its way to it. */
typedef struct {
    const GwCluster *cluster;
    guint *where;        /* by instance: its host, once it has arrived */
    guint64 *memory_mib; /* by host, as are those below */
    guint64 *vcpus;
    double *load;
    guint *count;
    guint64 *copied;     /* by storage: what copies come to fill of what is free now */
    GHashTable *members; /* group × host → how many */
    GHashTable *totals;  /* group → how many hosts have one, apart from those that are leaving, disabled or down */
} GwOccupancy;

/* As the cluster is, moves under way counted on both sides. */
GwOccupancy *gw_occupancy_new(const GwCluster *cluster);
void gw_occupancy_free(GwOccupancy *occupancy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwOccupancy, gw_occupancy_free)
void gw_occupancy_enter(GwOccupancy *occupancy, guint instance, guint host);
void gw_occupancy_leave(GwOccupancy *occupancy, guint instance, guint host);
/* Both, and where it is now. */
void gw_occupancy_move(GwOccupancy *occupancy, guint instance, guint host);

/* What forbids the instance to go to that host now. */
GwObjection gw_rules_objection(const GwOccupancy *occupancy, guint instance, guint host);
gboolean gw_objection_is_room(GwObjection objection);
/* The sentence: what was found, and what would let it. Owned by the caller. */
char *gw_rules_explain(const GwOccupancy *occupancy, guint instance, guint host, GwObjection objection);

#endif
