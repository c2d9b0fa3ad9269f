/* Leftovers of migrations, and migrations that need an operator's decision. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

static void too_slow(GwRequest *request)
{
    gw_reply_fault(request, 504, "The hosts have not answered within %u seconds; ask again.", request->shared->wait_s);
}

static void failed(GwRequest *request, gint64 number, const GError *error)
{
    gw_reply_error(request, error);
}

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *list = json_array();
    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(texts->pdata[i]));
    return list;
}

static json_t *orphan_json(const GwOrphan *orphan)
{
    json_t *left = texts_json(orphan->left);
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:b,s:b}", "host", orphan->host, "home", orphan->home, "instance_uuid", orphan->uuid,
                     "instance_name", orphan->name, "migration_id", orphan->migration_id ? json_integer(orphan->migration_id) : json_null(),
                     "left", left, "obstacle", gw_json_text(orphan->obstacle), "removable", !orphan->obstacle, "removed", orphan->removed);
}

static json_t *not_asked_json(const GPtrArray *hosts)
{
    json_t *list = json_array();
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *host = hosts->pdata[i];
        json_array_append_new(list, json_pack("{s:s,s:o}", "host", host->row->name, "reason",
                                              gw_json_text(host->down_reason ? host->down_reason : "it does not answer")));
    }
    return list;
}

static void told(gpointer data, const GwOrphans *found, const GError *error)
{
    if (!found) {
        gw_deferred_finish(data, 0, error);
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < found->orphans->len; i++)
        json_array_append_new(list, orphan_json(found->orphans->pdata[i]));
    gw_deferred_answer(data, 200, json_pack("{s:o,s:o,s:o}", "orphans", list, "unsearched", texts_json(found->unsearched), "not_asked",
                                            not_asked_json(found->not_asked)));
}

void gw_own_orphans_list(GwRequest *request)
{
    gw_engine_orphans(request->engine, GW_ORPHANS_LIST, told, gw_request_defer(request, failed, too_slow));
}

void gw_own_orphans_remove(GwRequest *request)
{
    gw_engine_orphans(request->engine, GW_ORPHANS_REMOVE, told, gw_request_defer(request, failed, too_slow));
}

static void resolved(gpointer data, const GwResolution *r, const GError *error)
{
    if (!r) {
        gw_deferred_finish(data, 0, error);
        return;
    }
    json_t *source = json_pack("{s:s,s:s}", "host", r->row->source, "seen", gw_seen_name(r->source));
    json_t *dest = json_pack("{s:s,s:s}", "host", r->row->dest, "seen", gw_seen_name(r->dest));
    gw_deferred_answer(data, 200, json_pack("{s:{s:o,s:o,s:o,s:b}}", "resolution", "source", source, "dest", dest, "reason",
                                            gw_json_text(r->row->reason), "resolved", r->resolved));
}

/* keep null: the facts alone. */
void gw_own_migrations_resolve(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"resolve", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"keep", GW_BODY_HOST}};
    json_t *body = json_object_get(request->json, "resolve");
    gint64 id = g_ascii_strtoll(request->args[0], NULL, 10);
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "resolve", body, inner))
        return;
    gw_engine_resolve(request->engine, id, gw_body_text(body, "keep"), resolved, gw_request_defer(request, failed, too_slow));
}
