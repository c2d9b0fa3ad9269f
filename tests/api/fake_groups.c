/* The server groups of the engine of memory. What the real engine and store do with them is tested with godwitd (test_groups.py). */
#include "engine/engine.h"

#include "base/error.h"

static GMutex lock;
static GPtrArray *all;

static GPtrArray *groups(void)
{
    if (!all)
        all = gw_groups_new();
    return all;
}

GPtrArray *gw_engine_groups(GwEngine *engine)
{
    GPtrArray *copy = gw_groups_new();
    g_mutex_lock(&lock);
    for (guint i = 0; i < groups()->len; i++)
        g_ptr_array_add(copy, gw_group_ref(groups()->pdata[i]));
    g_mutex_unlock(&lock);
    return copy;
}

GwGroup *gw_engine_group(GwEngine *engine, const char *uuid)
{
    g_autoptr(GPtrArray) copy = gw_engine_groups(engine);
    const GwGroup *found = gw_groups_find(copy, uuid);
    return found ? gw_group_ref((GwGroup *)found) : NULL;
}

gboolean gw_engine_group_add(GwEngine *engine, const GwGroup *group, GError **error)
{
    g_mutex_lock(&lock);
    g_ptr_array_add(groups(), gw_group_ref((GwGroup *)group));
    g_mutex_unlock(&lock);
    return TRUE;
}

gboolean gw_engine_group_remove(GwEngine *engine, const char *uuid, GError **error)
{
    g_mutex_lock(&lock);
    gboolean found = g_ptr_array_remove(groups(), (gpointer)gw_groups_find(groups(), uuid));
    g_mutex_unlock(&lock);
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance group %s could not be found.", uuid);
    return found;
}

gboolean gw_engine_group_join(GwEngine *engine, const char *uuid, const char *member_uuid, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance group %s could not be found.", uuid);
    return FALSE;
}

gboolean gw_engine_group_leave(GwEngine *engine, const char *member_uuid, GError **error)
{
    return TRUE;
}
