/* Server groups. Each is one JSON text; there are few of them, and they change seldom. */
#include "store/groups.h"

#include "base/error.h"
#include "store/fields.h"
#include "store/leases.h"

#include <string.h>

#define GROUP(type, member) GW_FIELD(GwGroup, type, member)

static const GwField fields[] = {
    GROUP(TEXT, name),
    GW_FIELD_WORDS(GwGroup, policy, "policy", gw_group_policy_names),
    GROUP(UINT, max_per_host),
    GROUP(TEXT, user_id),
    GROUP(TEXT, project_id),
    GROUP(STRINGS, members),
    GROUP(INT64, created_us),
};

/* ---- reading */

static GwGroup *read_group(GwResult *result, GError **error)
{
    g_autoptr(GwGroup) group = gw_group_new();
    const char *value = gw_result_text(result, 2);
    group->id = gw_result_integer(result, 0);
    g_strlcpy(group->uuid, gw_result_text(result, 1), sizeof group->uuid);
    if (gw_fields_from_text(fields, G_N_ELEMENTS(fields), value ? value : "", group, error))
        return g_steal_pointer(&group);
    gw_error_prefix(error, "stored server group %s", group->uuid);
    return NULL;
}

static GPtrArray *read_all(GwSession *session, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT id, uuid, value FROM server_groups ORDER BY id", NULL, 0, error);
    g_autoptr(GPtrArray) groups = gw_groups_new();
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return NULL;
        GwGroup *group = more ? read_group(result, error) : NULL;
        if (more && !group)
            return NULL;
        if (group)
            g_ptr_array_add(groups, group);
    }
    return result ? g_steal_pointer(&groups) : NULL;
}

gboolean gw_store_groups(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    GPtrArray *groups = session ? read_all(session, error) : NULL;
    if (!groups)
        return FALSE;
    *ret_rows = groups;
    return TRUE;
}

/* ---- changing */

/* Writing every row first makes changes wait for each other where a database would let them run side by side (aggregates.c). */
static GwSession *begin(GwStore *store, GPtrArray **ret_all, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (session)
        session->changed = GW_CHANGED_HOSTS;
    if (session && gw_session_run(session, "UPDATE server_groups SET id = id", NULL, 0, error) && (*ret_all = read_all(session, error)))
        return g_steal_pointer(&session);
    return NULL;
}

static gboolean not_found(const char *uuid, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance group %s could not be found.", uuid);
    return FALSE;
}

static gboolean write_members(GwSession *session, const GwGroup *group, GError **error)
{
    g_autofree char *value = gw_fields_to_text(fields, G_N_ELEMENTS(fields), group);
    return gw_session_run(session, "UPDATE server_groups SET value = $1 WHERE id = $2",
                          GW_PARAMS(gw_param_text(value), gw_param_integer(group->id)), error);
}

gboolean gw_store_group_add(GwStore *store, const GwGroup *group, GError **error)
{
    g_autofree char *value = gw_fields_to_text(fields, G_N_ELEMENTS(fields), group);
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GwSession) session = begin(store, &all, error);
    return session &&
           gw_session_run(session, "INSERT INTO server_groups (uuid, value) VALUES ($1, $2)",
                          GW_PARAMS(gw_param_text(group->uuid), gw_param_text(value)), error) &&
           gw_session_commit(session, error);
}

gboolean gw_store_group_remove(GwStore *store, const char *uuid, GError **error)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GwSession) session = begin(store, &all, error);
    if (!session)
        return FALSE;
    if (!gw_groups_find(all, uuid))
        return not_found(uuid, error);
    return gw_session_run(session, "DELETE FROM server_groups WHERE uuid = $1", GW_PARAMS(gw_param_text(uuid)), error) &&
           gw_session_commit(session, error);
}

gboolean gw_store_group_join(GwStore *store, const char *uuid, const char *member_uuid, GError **error)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GwSession) session = begin(store, &all, error);
    const GwGroup *group = session ? gw_groups_find(all, uuid) : NULL;
    const GwGroup *there = session ? gw_groups_of(all, member_uuid) : NULL;
    if (!session)
        return FALSE;
    if (!group)
        return not_found(uuid, error);
    if (there && there != group) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Instance %s is in the group %s (%s) already: take it out of that first", member_uuid,
                    there->name, there->uuid);
        return FALSE;
    }
    if (there)
        return TRUE;
    g_ptr_array_add(group->members, g_strdup(member_uuid));
    return write_members(session, group, error) && gw_session_commit(session, error);
}

gboolean gw_store_group_leave(GwStore *store, const char *member_uuid, GError **error)
{
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GwSession) session = begin(store, &all, error);
    const GwGroup *group = session ? gw_groups_of(all, member_uuid) : NULL;
    guint index;
    if (!group)
        return session != NULL;
    g_ptr_array_find_with_equal_func(group->members, member_uuid, g_str_equal, &index);
    g_ptr_array_remove_index(group->members, index);
    return write_members(session, group, error) && gw_session_commit(session, error);
}
