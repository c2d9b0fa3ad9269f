/* Server groups: the store has them; what was last read is kept for those who only look. */
#include "engine/internal.h"

gboolean gw_engine_load_groups(GwEngine *engine, GError **error)
{
    GPtrArray *all = NULL;
    if (!gw_store_groups(engine->store, &all, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    GPtrArray *old = engine->groups;
    engine->groups = all;
    gw_engine_serial_next(engine);
    g_mutex_unlock(&engine->lock);
    g_ptr_array_unref(old);
    return TRUE;
}

GPtrArray *gw_engine_groups(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    GPtrArray *all = g_ptr_array_ref(engine->groups); /* never changed once made, only replaced */
    g_mutex_unlock(&engine->lock);
    return all;
}

GwGroup *gw_engine_group(GwEngine *engine, const char *uuid)
{
    g_autoptr(GPtrArray) all = gw_engine_groups(engine);
    const GwGroup *found = gw_groups_find(all, uuid);
    return found ? gw_group_ref((GwGroup *)found) : NULL;
}

/* ---- changes: one at a time, so that what is read after the last is what is kept */

gboolean gw_engine_group_add(GwEngine *engine, const GwGroup *group, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_group_add(engine->store, group, error) && gw_engine_load_groups(engine, error);
}

gboolean gw_engine_group_remove(GwEngine *engine, const char *uuid, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_group_remove(engine->store, uuid, error) && gw_engine_load_groups(engine, error);
}

gboolean gw_engine_group_join(GwEngine *engine, const char *uuid, const char *member_uuid, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_group_join(engine->store, uuid, member_uuid, error) && gw_engine_load_groups(engine, error);
}

gboolean gw_engine_group_leave(GwEngine *engine, const char *member_uuid, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_group_leave(engine->store, member_uuid, error) && gw_engine_load_groups(engine, error);
}
