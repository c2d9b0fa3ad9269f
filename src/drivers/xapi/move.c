/* What a move needs on both sides: the plan's definition, where disks go, the maps of Storage XenMotion. */
#include "drivers/xapi/internal.h"

#include <string.h>

char *gw_xapi_move_write(const GwXapiMove *move)
{
    g_autoptr(json_t) text = json_pack("{s:s, s:s, s:s, s:s}", "source_host", move->source_host, "dest_host", move->dest_host,
                                       "source_pool", move->source_pool, "dest_pool", move->dest_pool);
    return json_dumps(text, JSON_COMPACT);
}

gboolean gw_xapi_move_read(const GwPlan *plan, GwXapiMove *ret_move, GError **error)
{
    const char *text = plan->definition ? plan->definition : "";
    g_autoptr(json_t) move = gw_json_parse(text, strlen(text), error);
    const char *words[4] = {0};
    static const char *const names[] = {"source_host", "dest_host", "source_pool", "dest_pool"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (!move || !gw_json_string(move, names[i], GW_JSON_REQUIRED, &words[i], error)) {
            gw_error_prefix(error, "the plan of %s", plan->name);
            return FALSE;
        }
    *ret_move = (GwXapiMove){g_strdup(words[0]), g_strdup(words[1]), g_strdup(words[2]), g_strdup(words[3])};
    return TRUE;
}

void gw_xapi_move_clear(GwXapiMove *move)
{
    g_free(move->source_host);
    g_free(move->dest_host);
    g_free(move->source_pool);
    g_free(move->dest_pool);
}

gboolean gw_xapi_path_split(const char *path, char **ret_sr, char **ret_vdi)
{
    const char *slash = path ? strchr(path, '/') : NULL;
    g_autofree char *sr = slash ? g_strndup(path, (gsize)(slash - path)) : NULL;
    if (!sr || !gw_uuid_is_valid(sr))
        return FALSE;
    if (ret_vdi)
        *ret_vdi = g_strdup(slash + 1);
    *ret_sr = g_steal_pointer(&sr);
    return TRUE;
}

/* ---- Storage XenMotion */

static const char *management_network(const json_t *tables, const char *host)
{
    const char *ref;
    json_t *pif;
    json_object_foreach(gw_xapi_table(tables, "PIF"), ref, pif)
        if (gw_xapi_bool(pif, "management") && strcmp(gw_xapi_text(pif, "host"), host) == 0)
            return gw_xapi_text(pif, "network");
    return NULL;
}

gboolean gw_xapi_receive(GwHost *dest, const json_t *dest_tables, const char *dest_ref, json_t **ret_token, GError **error)
{
    const char *network = management_network(dest_tables, dest_ref);
    if (!network) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "host %s has no management interface to receive through", dest->name);
        return FALSE;
    }
    json_t *token = gw_xapi_call(dest->pool, "host.migrate_receive", json_pack("[s,s,{}]", dest_ref, network), 0, error);
    if (token && !json_is_object(token)) {
        json_decref(token);
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "host %s does not say how it receives", dest->name);
        return FALSE;
    }
    *ret_token = token;
    return token != NULL;
}

/* The token holds a session of its own, which would live for a day. */
void gw_xapi_receive_end(GwHost *dest, const json_t *token)
{
    const char *session = gw_xapi_text(token, "session_id");
    if (*session)
        gw_xapi_logout(dest->pool, session);
}

json_t *gw_xapi_vif_map(const json_t *tables, const json_t *vm, const json_t *dest_tables, const char *dest_ref, GPtrArray *missing)
{
    json_t *map = json_object();
    gboolean inside = tables == dest_tables || gw_xapi_record(tables, "host", dest_ref);
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VIFs"), i, ref) {
        const json_t *vif = gw_xapi_record(tables, "VIF", json_string_value(ref));
        const char *network = gw_xapi_text(vif, "network");
        const char *name = gw_xapi_text(gw_xapi_record(tables, "network", network), "name_label");
        g_autofree char *there = inside ? g_strdup(network) : gw_xapi_find(dest_tables, "network", "name_label", name);
        if (!there || !gw_xapi_network_reaches(dest_tables, there, dest_ref)) {
            if (missing)
                g_ptr_array_add(missing, g_strdup_printf("network %s", name));
        } else if (!inside) {
            json_object_set_new(map, json_string_value(ref), json_string(there));
        }
    }
    return map;
}
