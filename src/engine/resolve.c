/* An operator decides what Godwit could not: of a migration that ended in ERROR, on which host its instance is. */
#include "engine/evacuation.h"
#include "engine/internal.h"

#include <string.h>

typedef struct {
    GwEngine *engine; /* reference */
    gint64 id;
    char *keep; /* or NULL */
    GwResolved done;
    gpointer data;
} Decision;

static gboolean refuse(GError **error, GwErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean refuse(GError **error, GwErrorCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, GW_ERROR, (gint)code, text);
    return FALSE;
}

static gboolean read_row(Decision *decision, GwResolution *resolution, GError **error)
{
    GwMigrationQuery query = {.id = decision->id};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(decision->engine->store, &query, &rows, error))
        return FALSE;
    if (!rows->len) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no migration %" G_GINT64_FORMAT ".", decision->id);
        return FALSE;
    }
    resolution->row = gw_migration_copy(rows->pdata[0]);
    if (resolution->row->state != GW_MIGRATION_ERROR || !resolution->row->plan || !resolution->row->dest) {
        g_autofree char *way = gw_evacuation_way_out(decision->engine, decision->id);
        return refuse(error, GW_ERROR_CONFLICT, "Migration %" G_GINT64_FORMAT " is %s: there is nothing to decide. %s", decision->id,
                      gw_migration_state_name(resolution->row->state), way ? way : "Only one that ended in error needs an operator");
    }
    return TRUE;
}

/* Nothing newer may be under way, nor have gone over the same ground. */
static gboolean check_newest(Decision *decision, const GwMigration *row, GError **error)
{
    GwMigrationQuery query = {.instance_uuid = row->instance_uuid, .limit = 1, .without_plans = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(decision->engine->store, &query, &rows, error))
        return FALSE;
    if (!rows->len || ((const GwMigration *)rows->pdata[0])->id == decision->id)
        return TRUE;
    const GwMigration *newest = rows->pdata[0];
    return refuse(error, GW_ERROR_CONFLICT, "%s has moved since: migration %" G_GINT64_FORMAT " is newer, and is %s", row->instance_name,
                  newest->id, gw_migration_state_name(newest->state));
}

static GwHostEntry *look(Decision *decision, const char *host, const char *uuid, GwSeen *ret_seen)
{
    GwSight sight = {0};
    GwHostEntry *entry = gw_engine_find_host(decision->engine, host);
    *ret_seen = entry && gw_node_sight(entry->node, uuid, &sight, NULL) ? sight.seen : GW_SEEN_UNKNOWN;
    return entry;
}

static gboolean carry_out(Decision *decision, GwResolution *r, GwHostEntry *source, GwHostEntry *dest, GError **error)
{
    const GwMigration *row = r->row;
    gboolean keep_dest = strcmp(decision->keep, row->dest) == 0;
    GwSeen kept = keep_dest ? r->dest : r->source, other = keep_dest ? r->source : r->dest;
    const char *other_host = keep_dest ? row->source : row->dest;
    if (!keep_dest && strcmp(decision->keep, row->source) != 0)
        return refuse(error, GW_ERROR_INVALID, "%s is not one of its hosts: keep %s or %s", decision->keep, row->source, row->dest);
    if (kept == GW_SEEN_UNKNOWN || kept == GW_SEEN_ABSENT)
        return refuse(error, GW_ERROR_CONFLICT, "%s is %s on %s: it cannot be kept there", row->instance_name, gw_seen_name(kept), decision->keep);
    GwNode *from = keep_dest ? source->node : dest->node;
    if (other != GW_SEEN_STOPPED && other != GW_SEEN_ABSENT) {
        g_autofree char *stop = gw_node_command(from, row->instance_uuid, GW_BY_HAND_STOP);
        return refuse(error, GW_ERROR_CONFLICT, "%s is %s on %s: if that is the copy to be given up, stop it there first: %s",
                      row->instance_name, gw_seen_name(other), other_host, stop);
    }
    if (!gw_peers_claim(decision->engine, row->instance_uuid, error)) /* no other daemon may move it meanwhile */
        return FALSE;
    gboolean ok = (!keep_dest || gw_node_settle(dest->node, row->plan, error)) &&
                  gw_node_forget(from, row->plan, keep_dest ? GW_SIDE_SOURCE : GW_SIDE_DEST, error);
    gw_peers_release(decision->engine, row->instance_uuid);
    if (!ok)
        return FALSE;
    gw_inventory_update(decision->engine, source, row->instance_uuid);
    gw_inventory_update(decision->engine, dest, row->instance_uuid);
    gw_info("migration %" G_GINT64_FORMAT " of %s: an operator keeps it on %s; what was left of it on %s is removed", row->id,
            row->instance_name, decision->keep, other_host);
    gw_store_event_end(decision->engine->store, row->instance_uuid, row->request_id, "godwit_resolve", other_host, "Success", decision->keep, NULL);
    r->resolved = TRUE;
    return TRUE;
}

static gboolean decide(Decision *decision, GwResolution *resolution, GError **error)
{
    if (!read_row(decision, resolution, error) || !check_newest(decision, resolution->row, error))
        return FALSE;
    const GwMigration *row = resolution->row;
    g_autoptr(GwHostEntry) source = look(decision, row->source, row->instance_uuid, &resolution->source);
    g_autoptr(GwHostEntry) dest = look(decision, row->dest, row->instance_uuid, &resolution->dest);
    if (!decision->keep)
        return TRUE;
    if (!source || !dest)
        return refuse(error, GW_ERROR_CONFLICT, "Host %s is not known any more", source ? row->dest : row->source);
    return carry_out(decision, resolution, source, dest, error);
}

static gpointer resolve_thread(gpointer data)
{
    Decision *decision = data;
    GwResolution resolution = {0};
    g_autoptr(GError) error = NULL;
    gboolean ok = decide(decision, &resolution, &error);
    decision->done(decision->data, ok ? &resolution : NULL, error);
    gw_migration_free(resolution.row);
    gw_engine_unref(decision->engine);
    g_free(decision->keep);
    g_free(decision);
    return NULL;
}

void gw_engine_resolve(GwEngine *engine, gint64 id, const char *keep, GwResolved done, gpointer data)
{
    Decision *decision = g_new0(Decision, 1);
    *decision = (Decision){gw_engine_ref(engine), id, g_strdup(keep), done, data};
    g_thread_unref(g_thread_new("resolve", resolve_thread, decision));
}
