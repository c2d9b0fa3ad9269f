/* What people ask of pools: every refusal comes before anything is written, with all its reasons; what is accepted is written into the
 * aggregate, and pools.c carries it on. On threads of their own, since hosts are asked first. */
#include "engine/internal.h"

#include <string.h>

typedef struct Request Request;
struct Request {
    GwEngine *engine;
    gint64 id;
    char *host, *confirmed;
    GwJoinHow how;
    gboolean (*carry_out)(Request *request, GError **error);
    GwDone done;
    gpointer data;
    GwAggregate *aggregate;
    GwHostEntry *entry; /* of host */
    GwPoolAbout about;  /* host */
};

static gpointer request_thread(gpointer data)
{
    Request *request = data;
    g_autoptr(GError) error = NULL;
    gw_guard_set(gw_peers_guard_daemon, request->engine);
    request->carry_out(request, &error);
    gw_guard_set(NULL, NULL);
    gw_pools_tick(request->engine);
    request->done(request->data, error);
    g_clear_pointer(&request->aggregate, gw_aggregate_unref);
    g_clear_pointer(&request->entry, gw_host_entry_unref);
    gw_pool_about_clear(&request->about);
    gw_engine_unref(request->engine);
    g_free(request->host);
    g_free(request->confirmed);
    g_free(request);
    return NULL;
}

static void begin(GwEngine *engine, const Request *like)
{
    Request *request = g_new0(Request, 1);
    *request = *like;
    request->engine = gw_engine_ref(engine);
    request->host = g_strdup(like->host);
    request->confirmed = g_strdup(like->confirmed);
    g_thread_unref(g_thread_new("pool", request_thread, request));
}

static gboolean find_aggregate(Request *request, GError **error)
{
    request->aggregate = gw_engine_aggregate(request->engine, request->id);
    if (!request->aggregate)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %" G_GINT64_FORMAT " could not be found.", request->id);
    return request->aggregate != NULL;
}

static gboolean find_host(Request *request, GError **error)
{
    request->entry = gw_engine_find_host(request->engine, request->host);
    if (!request->entry)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", request->host);
    return request->entry != NULL;
}

#define REFUSE_ADDITION(...) gw_aggregate_refuse(GW_AGGREGATE_ADD_HOST, request->id, error, __VA_ARGS__)

static gboolean refuse_removal(const Request *request, const char *reason, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot remove host from aggregate %" G_GINT64_FORMAT ". Reason: %s", request->id, reason);
    return FALSE;
}

static gint64 migration_of(GwEngine *engine, const char *host)
{
    gint64 id = 0;
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwActive *active = value;
        if (!active->ended && (g_strcmp0(active->row->source, host) == 0 || g_strcmp0(active->row->dest, host) == 0))
            id = active->id;
    }
    g_mutex_unlock(&engine->lock);
    return id;
}

/* ---- writing it down */

static gboolean write_change(Request *request, GwPoolChangeKind kind, const char *confirmed, GError **error)
{
    GwPoolChange change = {kind, FALSE, g_get_real_time() / G_USEC_PER_SEC, request->host, (char *)confirmed};
    gboolean comes = kind == GW_POOL_FOUND || kind == GW_POOL_JOIN || kind == GW_POOL_JOIN_FORCE;
    g_autofree char *text = gw_pool_change_write(&change);
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    GwMetadatum expected = {(char *)GW_POOL_STATE_KEY, (char *)gw_aggregate_get(request->aggregate, GW_POOL_STATE_KEY)};
    gw_metadata_add(metadata, GW_POOL_STATE_KEY, gw_pool_state_names[GW_POOL_CHANGING]);
    gw_metadata_add(metadata, GW_POOL_CHANGE_KEY, text);
    gw_metadata_add(metadata, GW_POOL_REASON_KEY, NULL);
    if (comes)
        gw_metadata_add(metadata, request->host, request->about.uuid);
    GwAggregateEdit edit = {.action = GW_AGGREGATE_SET_METADATA,
                            .metadata = metadata,
                            .host_added = comes ? request->host : NULL,
                            .expected = &expected};
    return gw_aggregate_journal(request->engine, request->id, &edit, error);
}

/* ---- a host comes */

static gboolean check_kind(Request *request, GError **error)
{
    GwNode *node = request->entry->node;
    if (!gw_node_can_pool(node))
        return REFUSE_ADDITION("%s is a %s host, and those form no pools: hypervisor_pool is for XenServer's; remove that key to group hosts "
                               "of other kinds",
                               request->host, gw_node_driver(node)->hypervisor_type);
    return gw_pools_check_free(request->engine, request->host, error);
}

static gboolean check_still(Request *request, GError **error)
{
    gint64 migration = migration_of(request->engine, request->host);
    return !migration || REFUSE_ADDITION("migration %" G_GINT64_FORMAT " from or to %s has not ended", migration, request->host);
}

static gboolean qualify(Request *request, GError **error)
{
    g_autoptr(GPtrArray) findings = gw_findings_new();
    g_autoptr(GwHostEntry) anchor = gw_pools_anchor(request->engine, request->aggregate, request->host);
    g_auto(GwPoolAbout) pool = {0};
    if (!anchor)
        return REFUSE_ADDITION("none of its hosts is there any more");
    if (!gw_node_pool_about(anchor->node, &pool, error))
        return FALSE;
    if (g_strcmp0(pool.pool_uuid, request->about.pool_uuid) == 0)
        return TRUE; /* it is a member already */
    if (!gw_node_pool_qualify(anchor->node, request->entry->node, request->how, findings, error))
        return FALSE;
    for (guint i = 0; i < findings->len; i++)
        if (((const GwFinding *)findings->pdata[i])->severity == GW_FINDING_WARNS)
            gw_info("pool %s: %s (%s)", request->aggregate->name, ((const GwFinding *)findings->pdata[i])->fact,
                    ((const GwFinding *)findings->pdata[i])->why);
    g_autofree char *text = gw_findings_to_text(findings);
    if (g_str_has_suffix(text, "."))
        text[strlen(text) - 1] = '\0'; /* the sentence around it has one */
    return !gw_findings_block(findings) || REFUSE_ADDITION("%s does not qualify for the pool: %s", request->host, text);
}

static gboolean add_first(Request *request, GError **error)
{
    if (!request->about.is_master)
        return REFUSE_ADDITION("%s is not the master of its pool, %s is: add that one first", request->host, request->about.master);
    return write_change(request, GW_POOL_FOUND, NULL, error);
}

static gboolean add_host(Request *request, GError **error)
{
    if (!find_aggregate(request, error) || !find_host(request, error))
        return FALSE;
    if (gw_aggregate_has_host(request->aggregate, request->host)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Aggregate %" G_GINT64_FORMAT " already has host %s.", request->id, request->host);
        return FALSE;
    }
    if (!gw_pool_check_add(request->aggregate, request->host, error) || !check_kind(request, error) || !check_still(request, error) ||
        !gw_node_pool_about(request->entry->node, &request->about, error))
        return FALSE;
    if (!request->aggregate->hosts->len)
        return add_first(request, error);
    return qualify(request, error) &&
           write_change(request, request->how == GW_JOIN_FORCE ? GW_POOL_JOIN_FORCE : GW_POOL_JOIN, NULL, error);
}

void gw_engine_pool_add_host(GwEngine *engine, gint64 id, const char *host, GwJoinHow how, GwDone done, gpointer data)
{
    begin(engine, &(Request){.id = id, .host = (char *)host, .how = how, .carry_out = add_host, .done = done, .data = data});
}

/* ---- a host goes */

/* It is no member, so that nothing is lost. The state stays: what is wrong with the others is still wrong. */
static gboolean drop(Request *request, GError **error)
{
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    GwMetadatum expected = {(char *)GW_POOL_STATE_KEY, (char *)gw_aggregate_get(request->aggregate, GW_POOL_STATE_KEY)};
    gw_metadata_add(metadata, request->host, NULL);
    if (g_strcmp0(gw_aggregate_get(request->aggregate, GW_POOL_MASTER_KEY), request->host) == 0)
        gw_metadata_add(metadata, GW_POOL_MASTER_KEY, NULL);
    GwAggregateEdit edit = {
        .action = GW_AGGREGATE_SET_METADATA, .metadata = metadata, .host_removed = request->host, .expected = &expected};
    return gw_aggregate_journal(request->engine, request->id, &edit, error);
}

static char *list_losses(const GwPoolLosses *losses)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < losses->lines->len; i++)
        g_string_append_printf(text, "%s%s", i ? "; " : "", (char *)losses->lines->pdata[i]);
    return g_string_free(text, FALSE);
}

static gboolean refuse_unconfirmed(Request *request, const GwPoolLosses *losses, const char *code, GError **error)
{
    g_autofree char *list = list_losses(losses);
    g_autofree char *reason = g_strdup_printf(
        "%s would be ejected from the pool: it reboots as a host of its own, and this is destroyed: %s. To agree, ask again with confirm=%s (godwit "
        "aggregate-remove-host --confirm %s %s %s)",
        request->host, *list ? list : "nothing that the pool knows of", code, code, request->aggregate->name, request->host);
    if (request->confirmed) {
        g_autofree char *stale = g_strdup_printf("what was confirmed with %s is not what would be lost now. %s", request->confirmed, reason);
        return refuse_removal(request, stale, error);
    }
    return refuse_removal(request, reason, error);
}

static gboolean eject(Request *request, GwNode *anchor, const char *uuid, GError **error)
{
    g_autoptr(GwPoolLosses) losses = gw_pool_losses_new();
    gint64 migration = migration_of(request->engine, request->host);
    if (!gw_node_pool_losses(anchor, uuid, losses, error))
        return FALSE;
    if (migration)
        gw_findings_add(losses->findings, GW_FINDING_BLOCKS, "migration", request->host,
                        g_strdup_printf("migration %" G_GINT64_FORMAT " from or to %s has not ended", migration, request->host),
                        g_strdup("its instance would be lost"), g_strdup("wait for its end, abort it, or confirm it"));
    if (gw_findings_block(losses->findings)) {
        g_autofree char *text = gw_findings_to_text(losses->findings);
        return refuse_removal(request, text, error);
    }
    g_autofree char *code = gw_pool_losses_code(losses->things);
    if (g_strcmp0(code, request->confirmed) != 0)
        return refuse_unconfirmed(request, losses, code, error);
    return write_change(request, GW_POOL_EJECT, code, error);
}

static gboolean is_member(GwMembership member)
{
    return member == GW_MEMBER_COMING || member == GW_MEMBER_UP || member == GW_MEMBER_READY;
}

static gboolean remove_member(Request *request, GError **error)
{
    g_autoptr(GwHostEntry) anchor = gw_pools_anchor(request->engine, request->aggregate, request->host);
    const char *uuid = gw_aggregate_get(request->aggregate, request->host);
    GwPoolCall call = {.uuid = uuid, .mark = ""};
    GwPoolSight sight = {0};
    g_autofree char *words = NULL;
    g_auto(GwPoolAbout) about = {0};
    if (!anchor || !uuid)
        return drop(request, error);
    if (gw_node_pool_about(request->entry->node, &about, NULL) && about.is_master && about.members > 1 && g_strcmp0(about.uuid, uuid) == 0) {
        g_autofree char *reason =
            g_strdup_printf("Unable to eject %s from the pool; pool not empty. It is the pool's master: take the others out first, or make "
                            "another host the master (xe pool-designate-new-master)",
                            request->host);
        return refuse_removal(request, reason, error);
    }
    if (!gw_node_pool_look(anchor->node, request->entry->node, &call, &sight, &words, error))
        return FALSE;
    return is_member(sight.member) ? eject(request, anchor->node, uuid, error) : drop(request, error);
}

static gboolean remove_host(Request *request, GError **error)
{
    if (!find_aggregate(request, error) || !gw_pool_check_remove(request->aggregate, request->host, error) || !find_host(request, error))
        return FALSE;
    if (request->aggregate->hosts->len > 1)
        return remove_member(request, error);
    return write_change(request, GW_POOL_DISBAND, NULL, error);
}

void gw_engine_pool_remove_host(GwEngine *engine, gint64 id, const char *host, const char *confirmed, GwDone done, gpointer data)
{
    begin(engine, &(Request){.id = id, .host = (char *)host, .confirmed = (char *)confirmed, .carry_out = remove_host, .done = done, .data = data});
}

/* ---- another look at a pool in error */

/* NULL: it is a member in service. */
static char *objection(Request *request, GwHostEntry *anchor, const char *name)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(request->engine, name);
    const char *uuid = gw_aggregate_get(request->aggregate, name);
    GwPoolCall call = {.uuid = uuid ? uuid : "", .mark = ""};
    GwPoolSight sight = {0};
    g_autofree char *words = NULL;
    g_autoptr(GError) failure = NULL;
    if (!entry || !uuid)
        return g_strdup_printf("%s: its UUID is not known; take it out, and add it again", name);
    if (!gw_node_pool_look(anchor->node, entry->node, &call, &sight, &words, &failure))
        return g_strdup_printf("%s: %s", name, failure->message);
    if (sight.member == GW_MEMBER_READY || sight.member == GW_MEMBER_UP)
        return NULL;
    return g_strdup_printf("%s: %s", name, words ? words : "it is not in service");
}

static gboolean look_again(Request *request, GError **error)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    if (!find_aggregate(request, error))
        return FALSE;
    g_autoptr(GwHostEntry) anchor = gw_pools_anchor(request->engine, request->aggregate, NULL);
    for (guint i = 0; anchor && i < request->aggregate->hosts->len; i++) {
        g_autofree char *reason = objection(request, anchor, request->aggregate->hosts->pdata[i]);
        if (reason)
            g_string_append_printf(reasons, "%s%s", reasons->len ? "; " : "", reason);
    }
    if (!anchor || reasons->len)
        return gw_aggregate_refuse(GW_AGGREGATE_SET_METADATA, request->id, error, "the pool is not in order. %s",
                                   anchor ? reasons->str : "None of its hosts is there any more");
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    GwMetadatum expected = {(char *)GW_POOL_STATE_KEY, (char *)gw_aggregate_get(request->aggregate, GW_POOL_STATE_KEY)};
    gw_metadata_add(metadata, GW_POOL_STATE_KEY, gw_pool_state_names[GW_POOL_ACTIVE]);
    gw_metadata_add(metadata, GW_POOL_REASON_KEY, NULL);
    gw_metadata_add(metadata, GW_POOL_MASTER_KEY, anchor->row->name);
    GwAggregateEdit edit = {.action = GW_AGGREGATE_SET_METADATA, .metadata = metadata, .expected = &expected};
    if (!gw_aggregate_journal(request->engine, request->id, &edit, error))
        return FALSE;
    gw_pools_readdress(request->engine, request->aggregate);
    return TRUE;
}

void gw_engine_pool_look(GwEngine *engine, gint64 id, GwDone done, gpointer data)
{
    begin(engine, &(Request){.id = id, .carry_out = look_again, .done = done, .data = data});
}
