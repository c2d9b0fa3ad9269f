#include "core/group.h"

#include <string.h>

const char *const gw_group_policy_names[] = {
#define X(ENUM, name) name,
    GW_GROUP_POLICIES(X)
#undef X
};

const char *gw_group_policy_name(GwGroupPolicy policy)
{
    return gw_group_policy_names[policy];
}

gboolean gw_group_policy_from_name(const char *name, GwGroupPolicy *ret_policy)
{
    for (guint i = 0; i < GW_GROUP_POLICY_COUNT; i++)
        if (g_strcmp0(gw_group_policy_names[i], name) == 0) {
            *ret_policy = (GwGroupPolicy)i;
            return TRUE;
        }
    return FALSE;
}

GwGroup *gw_group_new(void)
{
    GwGroup *group = g_new0(GwGroup, 1);
    g_atomic_ref_count_init(&group->refs);
    group->members = g_ptr_array_new_with_free_func(g_free);
    return group;
}

GwGroup *gw_group_ref(GwGroup *group)
{
    g_atomic_ref_count_inc(&group->refs);
    return group;
}

void gw_group_unref(GwGroup *group)
{
    if (!g_atomic_ref_count_dec(&group->refs))
        return;
    g_free(group->name);
    g_free(group->user_id);
    g_free(group->project_id);
    g_ptr_array_unref(group->members);
    g_free(group);
}

GPtrArray *gw_groups_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)gw_group_unref);
}

gboolean gw_group_has(const GwGroup *group, const char *uuid)
{
    return g_ptr_array_find_with_equal_func(group->members, uuid, g_str_equal, NULL);
}

const GwGroup *gw_groups_find(const GPtrArray *groups, const char *uuid)
{
    for (guint i = 0; i < groups->len; i++)
        if (g_strcmp0(((const GwGroup *)groups->pdata[i])->uuid, uuid) == 0)
            return groups->pdata[i];
    return NULL;
}

const GwGroup *gw_groups_of(const GPtrArray *groups, const char *member_uuid)
{
    for (guint i = 0; i < groups->len; i++)
        if (gw_group_has(groups->pdata[i], member_uuid))
            return groups->pdata[i];
    return NULL;
}
