/* Server groups: instances that are to live together on one host, or apart. Values, immutable once published, shared by reference count. */
#ifndef GW_CORE_GROUP_H
#define GW_CORE_GROUP_H

#include "core/instance.h"

/* X(ENUM, Nova's name). The soft ones are wishes: placement prefers, and nothing is refused. */
#define GW_GROUP_POLICIES(X)                                                                                           \
    X(AFFINITY, "affinity")                                                                                            \
    X(ANTI_AFFINITY, "anti-affinity")                                                                                  \
    X(SOFT_AFFINITY, "soft-affinity")                                                                                  \
    X(SOFT_ANTI_AFFINITY, "soft-anti-affinity")

typedef enum {
#define X(ENUM, name) GW_GROUP_##ENUM,
    GW_GROUP_POLICIES(X)
#undef X
        GW_GROUP_POLICY_COUNT
} GwGroupPolicy;

const char *gw_group_policy_name(GwGroupPolicy policy);
extern const char *const gw_group_policy_names[GW_GROUP_POLICY_COUNT];
gboolean gw_group_policy_from_name(const char *name, GwGroupPolicy *ret_policy);
static inline gboolean gw_group_policy_is_hard(GwGroupPolicy policy)
{
    return policy == GW_GROUP_AFFINITY || policy == GW_GROUP_ANTI_AFFINITY;
}

typedef struct {
    gatomicrefcount refs;
    gint64 id; /* ascending, from 1 */
    char uuid[GW_UUID_SIZE];
    char *name;
    GwGroupPolicy policy;
    guint max_per_host; /* anti-affinity: how many of them one host may have; 0 counts as 1 */
    char *user_id, *project_id;
    GPtrArray *members; /* of char *: UUIDs of instances, in the order in which they came; some may be gone; never NULL */
    gint64 created_us;
} GwGroup;

GwGroup *gw_group_new(void); /* one reference */
GwGroup *gw_group_ref(GwGroup *group);
void gw_group_unref(GwGroup *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwGroup, gw_group_unref)
GPtrArray *gw_groups_new(void); /* of GwGroup *, which it owns references of */

gboolean gw_group_has(const GwGroup *group, const char *uuid);
const GwGroup *gw_groups_find(const GPtrArray *groups, const char *uuid);      /* by its own; NULL: there is none */
const GwGroup *gw_groups_of(const GPtrArray *groups, const char *member_uuid); /* an instance is in one at most */

#endif
