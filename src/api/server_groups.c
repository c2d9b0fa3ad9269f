/* os-server-groups (nova/api/openstack/compute/server_groups.py), and who is in one: Nova decides that when a server is made, and Godwit's
 * administrators have servers that nobody made here. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define GROUP ((const GwGroup *)row)

FIELD(id)
{
    return json_string(GROUP->uuid);
}

FIELD(name)
{
    return gw_json_text(GROUP->name);
}

FIELD(policies)
{
    return json_pack("[s]", gw_group_policy_name(GROUP->policy));
}

FIELD(policy)
{
    return json_string(gw_group_policy_name(GROUP->policy));
}

FIELD(rules)
{
    json_t *out = json_object();
    if (GROUP->policy == GW_GROUP_ANTI_AFFINITY && GROUP->max_per_host)
        json_object_set_new(out, "max_server_per_host", json_integer(GROUP->max_per_host));
    return out;
}

FIELD(metadata)
{
    return json_object();
}

/* Those that there are: a deleted server is no member, as in Nova. */
FIELD(members)
{
    json_t *list = json_array();
    for (guint i = 0; i < GROUP->members->len; i++) {
        g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, GROUP->members->pdata[i]);
        if (view)
            json_array_append_new(list, json_string(GROUP->members->pdata[i]));
    }
    return list;
}

FIELD(user)
{
    return gw_json_text(GROUP->user_id ? GROUP->user_id : "admin");
}

FIELD(project)
{
    return gw_json_text(GROUP->project_id ? GROUP->project_id : "admin");
}

static const GwField fields[] = {
    {"id", id},
    {"name", name},
    {"policies", policies, 0, 63},
    {"policy", policy, 64},
    {"rules", rules, 64},
    {"members", members},
    {"metadata", metadata, 0, 63},
    {"project_id", project, 13},
    {"user_id", user, 13},
};

/* ---- reading */

static void reply(GwRequest *request, const GwGroup *group)
{
    gw_reply_named(request, 200, "server_group", GW_VIEW(request, fields, group));
}

/* Nova pages by offset here. */
void gw_server_groups_list(GwRequest *request)
{
    static const GwQueryRule rules[] = {{"all_projects", GW_QUERY_TEXT}, {"limit", GW_QUERY_NUMBER}, {"offset", GW_QUERY_NUMBER}};
    if (!GW_QUERY_CHECK(request, rules, 75))
        return;
    const char *text = gw_query_text(request, "offset");
    guint64 offset = text ? g_ascii_strtoull(text, NULL, 10) : 0;
    guint limit = gw_query_limit(request);
    limit = limit ? limit : request->shared->max_limit; /* 0 is no limit of one's own (nova/api/openstack/common.py, limited) */
    g_autoptr(GPtrArray) all = gw_engine_groups(request->engine);
    g_autoptr(GPtrArray) page = gw_groups_new();
    for (guint64 i = offset; i < all->len && page->len < limit; i++)
        g_ptr_array_add(page, gw_group_ref(all->pdata[i]));
    gw_reply_named(request, 200, "server_groups", GW_VIEW_LIST(request, fields, page));
}

static GwGroup *find(GwRequest *request)
{
    GwGroup *group = gw_engine_group(request->engine, request->args[0]);
    if (!group)
        gw_reply_fault(request, 404, "Instance group %s could not be found.", request->args[0]);
    return group;
}

void gw_server_groups_show(GwRequest *request)
{
    g_autoptr(GwGroup) group = find(request);
    if (group)
        reply(request, group);
}

/* ---- making and removing */

static gboolean read_policy(GwRequest *request, const char *text, GwGroupPolicy *ret)
{
    gboolean known = gw_group_policy_from_name(text, ret) && (gw_group_policy_is_hard(*ret) || request->minor >= 15);
    if (!known)
        gw_reply_fault(request, 400, "Invalid input for field/attribute %s. Value: %s. It must be affinity or anti-affinity%s",
                       request->minor < 64 ? "policies" : "policy", text ? text : "None",
                       request->minor < 15 ? " (the soft ones came with 2.15)" : ", soft-affinity or soft-anti-affinity");
    return known;
}

static gboolean read_policies(GwRequest *request, json_t *body, GwGroup *group)
{
    json_t *list = json_object_get(body, "policies");
    if (json_array_size(list) == 1)
        return read_policy(request, json_string_value(json_array_get(list, 0)), &group->policy);
    gw_reply_fault(request, 400, "Invalid input for field/attribute policies. It must be a list of one policy");
    return FALSE;
}

/* A whole number from 1 on, or its text. */
static gboolean read_rules(GwRequest *request, json_t *body, GwGroup *group)
{
    static const GwBodyRule known[] = {{"max_server_per_host", GW_BODY_ANY, GW_BODY_OPTIONAL}};
    json_t *rules = json_object_get(body, "rules");
    json_t *most = json_object_get(rules, "max_server_per_host");
    guint64 number = json_is_integer(most) ? (guint64)json_integer_value(most) : 0;
    if (!rules)
        return TRUE;
    if (!GW_BODY_CHECK(request, "rules", rules, known))
        return FALSE;
    if (most && ((json_is_string(most) && !g_ascii_string_to_unsigned(json_string_value(most), 10, 1, G_MAXINT32, &number, NULL)) ||
                 number < 1 || number > G_MAXINT32)) {
        gw_reply_fault(request, 400, "Invalid input for field/attribute max_server_per_host. It must be a whole number from 1 on");
        return FALSE;
    }
    if (most && group->policy != GW_GROUP_ANTI_AFFINITY) {
        gw_reply_fault(request, 400, "Only anti-affinity policy supports rules.");
        return FALSE;
    }
    group->max_per_host = (guint)number;
    return TRUE;
}

void gw_server_groups_create(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"server_group", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"name", GW_BODY_NAME, GW_BODY_REQUIRED},
                                       {"policies", GW_BODY_LIST, GW_BODY_REQUIRED, 0, 63},
                                       {"policy", GW_BODY_TEXT, GW_BODY_REQUIRED, 64},
                                       {"rules", GW_BODY_OBJECT, GW_BODY_OPTIONAL, 64}};
    json_t *body = json_object_get(request->json, "server_group");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "server_group", body, inner))
        return;
    g_autoptr(GwGroup) group = gw_group_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(group->uuid, uuid, sizeof group->uuid);
    group->name = g_strdup(gw_body_text(body, "name"));
    group->user_id = g_strdup(gw_request_user(request));
    group->project_id = g_strdup(gw_request_project(request));
    group->created_us = g_get_real_time();
    if (request->minor < 64 ? !read_policies(request, body, group)
                            : !read_policy(request, gw_body_text(body, "policy"), &group->policy) || !read_rules(request, body, group))
        return;
    if (gw_engine_group_add(request->engine, group, &error))
        reply(request, group);
    else
        gw_reply_error(request, error);
}

void gw_server_groups_delete(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_group_remove(request->engine, request->args[0], &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}

/* ---- members */

void gw_own_group_members_add(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"member", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"server", GW_BODY_TEXT, GW_BODY_REQUIRED}};
    json_t *body = json_object_get(request->json, "member");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "member", body, inner))
        return;
    g_autoptr(GError) error = NULL;
    const char *uuid = gw_body_text(body, "server");
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, uuid);
    if (!view)
        gw_reply_fault(request, 404, "Instance %s could not be found.", uuid);
    else if (gw_engine_group_join(request->engine, request->args[0], uuid, &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}

void gw_own_group_members_remove(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwGroup) group = find(request);
    if (!group)
        return;
    if (!gw_group_has(group, request->args[1]))
        gw_reply_fault(request, 404, "Instance %s is not in the group %s.", request->args[1], group->name);
    else if (gw_engine_group_leave(request->engine, request->args[1], &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}
