/* Pools that aggregates make, carried on: whoever leads the drains looks again and again at those that change. Each look reads the journal,
 * which is the aggregate's metadata, and asks the pool and the host; core/pool.c decides; what is to be done is written before it is. No call
 * to a host is waited for, so that a crash at any moment is a look that comes later. */
#include "engine/internal.h"
#include "engine/secrets.h"

#include <string.h>

enum { LOOK_MS = 900, DEFAULT_LIMIT_S = 600, GRACE_S = 60, SETTLE_S = 15 };

/* What a pool looked like, and since when. */
typedef struct {
    gboolean busy;
    unsigned picture;
    gint64 since_us, due_us; /* monotonic */
} GwPoolLook;

/* One look. */
typedef struct {
    GwEngine *engine;
    GwAggregate *aggregate;
    GwPoolChange change;
    GwHostEntry *host, *anchor; /* NULL: not there any more, or none */
    const char *uuid;           /* of the host; borrowed from the aggregate */
    char *mark, *words;         /* words: what was found, or what went wrong; or NULL */
    GwPoolSight sight;
} Look;

static void look_clear(Look *look)
{
    gw_pool_change_clear(&look->change);
    g_clear_pointer(&look->aggregate, gw_aggregate_unref);
    g_clear_pointer(&look->host, gw_host_entry_unref);
    g_clear_pointer(&look->anchor, gw_host_entry_unref);
    g_free(look->mark);
    g_free(look->words);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

GwPoolTimes gw_pools_times(const GwEngine *engine)
{
    gint64 limit_s = engine->settings.pool_timeout_s ? engine->settings.pool_timeout_s : DEFAULT_LIMIT_S;
    return (GwPoolTimes){limit_s, MIN(GRACE_S, limit_s / 2)};
}

static gint64 settle_us(const GwEngine *engine)
{
    return MIN(SETTLE_S, gw_pools_times(engine).limit_s / 4) * G_USEC_PER_SEC;
}

GwHostEntry *gw_pools_anchor(GwEngine *engine, const GwAggregate *aggregate, const char *but)
{
    const char *first = gw_aggregate_get(aggregate, GW_POOL_MASTER_KEY);
    GwHostEntry *entry = first && g_strcmp0(first, but) != 0 ? gw_engine_find_host(engine, first) : NULL;
    for (guint i = 0; i < aggregate->hosts->len && !entry; i++)
        if (g_strcmp0(aggregate->hosts->pdata[i], but) != 0)
            entry = gw_engine_find_host(engine, aggregate->hosts->pdata[i]);
    return entry;
}

gboolean gw_pools_check_free(GwEngine *engine, const char *host, GError **error)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(engine);
    for (guint i = 0; i < all->len; i++) {
        const GwAggregate *aggregate = all->pdata[i];
        if (!gw_pool_is(aggregate) || !gw_aggregate_has_host(aggregate, host))
            continue;
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "host %s is a member of the pool of aggregate %s: take it out first with `godwit aggregate-remove-host %s %s`", host,
                    aggregate->name, aggregate->name, host);
        return FALSE;
    }
    return TRUE;
}

/* ---- addresses */

static GPtrArray *members_of(GwEngine *engine, const GwAggregate *aggregate)
{
    GPtrArray *members = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_entry_unref);
    for (guint i = 0; i < aggregate->hosts->len; i++) {
        GwHostEntry *entry = gw_engine_find_host(engine, aggregate->hosts->pdata[i]);
        if (entry && gw_node_can_pool(entry->node))
            g_ptr_array_add(members, entry);
        else if (entry)
            gw_host_entry_unref(entry);
    }
    return members;
}

static gboolean readdress(GwEngine *engine, const GwAggregate *aggregate, const char *name, GError **error)
{
    g_autoptr(GPtrArray) members = members_of(engine, aggregate);
    g_autoptr(GwHostEntry) anchor = gw_pools_anchor(engine, aggregate, NULL);
    g_autofree GwNode **nodes = g_new0(GwNode *, members->len + 1);
    g_autofree char *uri = NULL;
    const char *uuid = gw_aggregate_get(aggregate, name);
    for (guint i = 0; i < members->len; i++)
        nodes[i] = ((GwHostEntry *)members->pdata[i])->node;
    if (!anchor || !uuid)
        return TRUE; /* nothing is known that could be better */
    return gw_node_pool_address(anchor->node, nodes, members->len, uuid, &uri, error) && gw_host_readdress(engine, name, uri, error);
}

void gw_pools_readdress(GwEngine *engine, const GwAggregate *aggregate)
{
    for (guint i = 0; i < aggregate->hosts->len; i++) {
        g_autoptr(GError) error = NULL;
        if (!readdress(engine, aggregate, aggregate->hosts->pdata[i], &error))
            gw_info("pool %s: %s keeps its address for now: %s", aggregate->name, (char *)aggregate->hosts->pdata[i], error->message);
    }
}

/* ---- the journal */

static gboolean journal(Look *look, GPtrArray *metadata, const char *host_removed)
{
    GwFence fence;
    GwMetadatum expected = {(char *)GW_POOL_CHANGE_KEY, (char *)gw_aggregate_get(look->aggregate, GW_POOL_CHANGE_KEY)};
    g_mutex_lock(&look->engine->lock);
    gint64 token = gw_peers_drains_token(look->engine);
    g_mutex_unlock(&look->engine->lock);
    gboolean fenced = gw_peers_fence(look->engine, NULL, token, &fence);
    GwAggregateEdit edit = {.action = GW_AGGREGATE_SET_METADATA,
                            .metadata = metadata,
                            .host_removed = host_removed,
                            .expected = &expected,
                            .fence = fenced ? &fence : NULL};
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_aggregate_journal(look->engine, look->aggregate->id, &edit, &error);
    if (!ok)
        gw_warning("pool %s: not recorded, looked at again: %s", look->aggregate->name, error->message);
    return ok;
}

/* The change has ended. */
static GPtrArray *end_with(GwPoolState state, const char *reason)
{
    GPtrArray *metadata = gw_metadata_new();
    gw_metadata_add(metadata, GW_POOL_STATE_KEY, gw_pool_state_names[state]);
    gw_metadata_add(metadata, GW_POOL_CHANGE_KEY, NULL);
    gw_metadata_add(metadata, GW_POOL_REASON_KEY, reason);
    return metadata;
}

static const char *deed(const Look *look)
{
    static const char *const deeds[GW_POOL_CHANGE_COUNT] = {"found the pool", "join the pool", "join the pool", "leave the pool",
                                                            "leave the aggregate"};
    return deeds[look->change.kind];
}

static gboolean comes(const Look *look)
{
    return look->change.kind == GW_POOL_FOUND || look->change.kind == GW_POOL_JOIN || look->change.kind == GW_POOL_JOIN_FORCE;
}

/* ---- ends */

static void undo(Look *look)
{
    g_autofree char *reason = g_strdup_printf("%s did not %s: %s", look->change.host, deed(look),
                                              look->words ? look->words : "it did not come to that in time");
    g_autoptr(GPtrArray) metadata = end_with(GW_POOL_ERROR, reason);
    if (comes(look))
        gw_metadata_add(metadata, look->change.host, NULL);
    if (journal(look, metadata, comes(look) ? look->change.host : NULL))
        gw_warning("pool %s: %s", look->aggregate->name, reason);
}

static void give_up(Look *look)
{
    g_autofree char *reason = g_strdup_printf("nobody knows whether %s did %s: %s", look->change.host, deed(look),
                                              look->words ? look->words : "nothing was heard of it");
    g_autoptr(GPtrArray) metadata = end_with(GW_POOL_ERROR, reason);
    if (journal(look, metadata, NULL))
        gw_warning("pool %s: %s", look->aggregate->name, reason);
}

static void finish_coming(Look *look)
{
    g_autoptr(GError) error = NULL;
    gboolean founds = look->change.kind == GW_POOL_FOUND;
    if (!founds && !readdress(look->engine, look->aggregate, look->change.host, &error)) {
        gw_info("pool %s: %s", look->aggregate->name, error->message); /* at the next look */
        return;
    }
    g_autofree char *reason = look->sight.member == GW_MEMBER_UP ? g_strdup_printf("%s: %s", look->change.host, look->words) : NULL;
    g_autoptr(GPtrArray) metadata = end_with(GW_POOL_ACTIVE, reason);
    if (founds)
        gw_metadata_add(metadata, GW_POOL_MASTER_KEY, look->change.host);
    if (!journal(look, metadata, NULL))
        return;
    gw_info("pool %s: %s %s", look->aggregate->name, look->change.host, founds ? "is its first host" : "has joined it");
    if (!founds)
        gw_pools_readdress(look->engine, look->aggregate);
}

static void finish_leaving(Look *look)
{
    gboolean last = look->change.kind == GW_POOL_DISBAND;
    g_autoptr(GPtrArray) metadata = end_with(last ? GW_POOL_CREATED : GW_POOL_ACTIVE, NULL);
    gw_metadata_add(metadata, look->change.host, NULL);
    gw_metadata_add(metadata, GW_POOL_MASTER_KEY, last ? NULL : look->anchor->row->name);
    if (!journal(look, metadata, look->change.host))
        return;
    gw_info("pool %s: %s has left it", look->aggregate->name, look->change.host);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(look->engine, look->change.host); /* with the address of its own, perhaps */
    if (entry)
        gw_inventory_ask(look->engine, entry, NULL);
}

/* ---- calls */

static gboolean write_called(Look *look)
{
    if (look->change.called)
        return TRUE;
    look->change.called = TRUE;
    g_autofree char *text = gw_pool_change_write(&look->change);
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    gw_metadata_add(metadata, GW_POOL_CHANGE_KEY, text);
    if (!journal(look, metadata, NULL))
        return FALSE;
    g_autoptr(GwAggregate) fresh = gw_engine_aggregate(look->engine, look->aggregate->id);
    if (!fresh || g_strcmp0(gw_aggregate_get(fresh, GW_POOL_CHANGE_KEY), text) != 0)
        return FALSE;
    gw_aggregate_unref(look->aggregate);
    look->aggregate = g_steal_pointer(&fresh);
    look->uuid = gw_aggregate_get(look->aggregate, look->change.host);
    return TRUE;
}

static GwPoolCall call_of(const Look *look)
{
    return (GwPoolCall){look->uuid, look->mark, look->change.kind == GW_POOL_JOIN_FORCE ? GW_JOIN_FORCE : GW_JOIN_PLAIN};
}

/* Nothing is lost but what was agreed to: the pool may have changed since. */
static gboolean check_confirmed(const Look *look, GError **error)
{
    g_autoptr(GwPoolLosses) losses = gw_pool_losses_new();
    if (!gw_node_pool_losses(look->anchor->node, look->uuid, losses, error))
        return FALSE;
    g_autofree char *code = gw_pool_losses_code(losses->things);
    if (gw_findings_block(losses->findings)) {
        g_autofree char *text = gw_findings_to_text(losses->findings);
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s", text);
        return FALSE;
    }
    if (g_strcmp0(code, look->change.confirmed) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "what it would lose has changed since that was confirmed");
    return FALSE;
}

/* From here on it is reached by itself: it will be alone, with the pool's password. */
static gboolean part(const Look *look, GError **error)
{
    g_autofree char *uri = NULL;
    if (!gw_node_pool_own_address(look->anchor->node, look->host->node, look->uuid, &uri, error) ||
        !gw_secrets_copy(look->engine, look->host->row->uri, uri, error))
        return FALSE;
    gboolean ok = gw_host_readdress(look->engine, look->change.host, uri, error);
    if (!ok)
        gw_secrets_drop(look->engine, uri);
    return ok;
}

static gboolean call_host(Look *look, GError **error)
{
    GwPoolCall call = call_of(look);
    switch (look->change.kind) {
    case GW_POOL_FOUND:
        return gw_node_pool_set_name(look->host->node, look->aggregate->name, error);
    case GW_POOL_DISBAND:
        return gw_node_pool_set_name(look->host->node, "", error);
    case GW_POOL_JOIN:
    case GW_POOL_JOIN_FORCE:
        return gw_node_pool_join(look->anchor->node, look->host->node, &call, error);
    case GW_POOL_EJECT:
        return check_confirmed(look, error) && part(look, error) && gw_node_pool_eject(look->anchor->node, &call, error);
    case GW_POOL_CHANGE_COUNT:
        break;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_INTERNAL, "a change that is none");
    return FALSE;
}

/* Not known to have had no effect, or not even begun: it is looked at again. */
static gboolean is_open(const GError *error)
{
    return g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(error, GW_ERROR, GW_ERROR_LOST) ||
           g_error_matches(error, GW_ERROR, GW_ERROR_STORE);
}

static void act(Look *look, GwPoolAct what);

static void call_and_see(Look *look)
{
    g_autoptr(GError) error = NULL;
    gboolean sets_name = look->change.kind == GW_POOL_FOUND || look->change.kind == GW_POOL_DISBAND;
    if (!write_called(look))
        return;
    gw_info("pool %s: %s is asked to %s", look->aggregate->name, look->change.host, deed(look));
    if (!call_host(look, &error)) {
        gw_info("pool %s: %s: %s", look->aggregate->name, look->change.host, error->message);
        look->sight.refused = !is_open(error);
        g_free(look->words);
        look->words = g_strdup(error->message);
    } else if (sets_name) {
        look->sight.task = GW_POOL_TASK_DONE;
    }
    GwPoolTimes times = gw_pools_times(look->engine);
    GwPoolAct next = gw_pool_next(&look->change, &look->sight, &times);
    if (look->sight.refused || (sets_name && look->sight.task == GW_POOL_TASK_DONE))
        act(look, next);
}

static void act(Look *look, GwPoolAct what)
{
    switch (what) {
    case GW_POOL_WAIT:
    case GW_POOL_ACT_COUNT:
        return;
    case GW_POOL_CALL:
        call_and_see(look);
        return;
    case GW_POOL_FINISH:
        if (comes(look))
            finish_coming(look);
        else
            finish_leaving(look);
        return;
    case GW_POOL_UNDO:
        undo(look);
        return;
    case GW_POOL_GIVE_UP:
        give_up(look);
        return;
    }
}

/* ---- looking */

static gboolean lasts(Look *look)
{
    unsigned picture = 1 + (unsigned)look->sight.member * GW_POOL_TASK_COUNT * 2 + (unsigned)look->sight.task * 2 + (look->change.called != 0);
    gint64 now_us = g_get_monotonic_time();
    gboolean so = FALSE;
    g_mutex_lock(&look->engine->lock);
    GwPoolLook *known = g_hash_table_lookup(look->engine->pool_looks, &look->aggregate->id);
    if (known && known->picture != picture) {
        known->picture = picture;
        known->since_us = now_us;
    } else if (known) {
        so = now_us - known->since_us >= settle_us(look->engine);
    }
    g_mutex_unlock(&look->engine->lock);
    return so;
}

static void see(Look *look)
{
    g_autoptr(GError) error = NULL;
    GwPoolCall call = call_of(look);
    gboolean sets_name = look->change.kind == GW_POOL_FOUND || look->change.kind == GW_POOL_DISBAND;
    if (!sets_name && !gw_node_pool_look(look->anchor->node, look->host->node, &call, &look->sight, &look->words, &error)) {
        look->sight = (GwPoolSight){.member = GW_MEMBER_UNKNOWN};
        g_free(look->words);
        look->words = g_strdup(error->message);
    }
    look->sight.waited_s = MAX(g_get_real_time() / G_USEC_PER_SEC - look->change.since_s, 0);
    look->sight.lasts = lasts(look);
}

/* FALSE: there is nothing to carry on, or it cannot be. */
static gboolean begin(Look *look, GwEngine *engine, gint64 id)
{
    look->engine = engine;
    look->aggregate = gw_engine_aggregate(engine, id);
    if (!look->aggregate || !gw_pool_is(look->aggregate) || gw_pool_state(look->aggregate) != GW_POOL_CHANGING)
        return FALSE;
    if (!gw_pool_change_read(gw_aggregate_get(look->aggregate, GW_POOL_CHANGE_KEY), &look->change)) {
        g_autoptr(GPtrArray) metadata = end_with(GW_POOL_ERROR, "what was to change is not written in a way that is understood");
        journal(look, metadata, NULL);
        return FALSE;
    }
    gboolean alone = look->change.kind == GW_POOL_FOUND || look->change.kind == GW_POOL_DISBAND;
    look->host = gw_engine_find_host(engine, look->change.host);
    look->anchor = gw_pools_anchor(engine, look->aggregate, alone ? NULL : look->change.host);
    look->uuid = gw_aggregate_get(look->aggregate, look->change.host);
    look->mark = g_strdup_printf("%s %" G_GINT64_FORMAT, look->uuid ? look->uuid : "", look->change.since_s);
    if (look->host && look->anchor && look->uuid)
        return TRUE;
    look->words = g_strdup("a host of the aggregate is not there any more");
    give_up(look);
    return FALSE;
}

/* [locked] */
static gboolean leads(GwEngine *engine)
{
    return !engine->stopping && gw_peers_lead_drains(engine, gw_peers_drains_token(engine));
}

static gboolean may_act(gpointer data, GError **error)
{
    GwEngine *engine = data;
    g_mutex_lock(&engine->lock);
    gboolean may = leads(engine);
    g_mutex_unlock(&engine->lock);
    if (!may)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "another daemon carries the pools on, or this one stops");
    return may;
}

void gw_pools_work(gpointer item, gpointer data)
{
    GwEngine *engine = data;
    gint64 id = GPOINTER_TO_SIZE(item);
    g_auto(Look) look = {0};
    gw_guard_set(may_act, engine);
    if (may_act(engine, NULL) && begin(&look, engine, id)) {
        GwPoolTimes times = gw_pools_times(engine);
        see(&look);
        act(&look, gw_pool_next(&look.change, &look.sight, &times));
    }
    gw_guard_set(NULL, NULL);
    g_mutex_lock(&engine->lock);
    GwPoolLook *known = g_hash_table_lookup(engine->pool_looks, &id);
    known->busy = FALSE;
    known->due_us = g_get_monotonic_time() + LOOK_MS * 1000;
    g_mutex_unlock(&engine->lock);
}

/* [locked] */
static void push(GwEngine *engine, gint64 id)
{
    GwPoolLook *known = g_hash_table_lookup(engine->pool_looks, &id);
    if (!known) {
        known = g_new0(GwPoolLook, 1);
        g_hash_table_insert(engine->pool_looks, g_memdup2(&id, sizeof id), known);
    }
    if (known->busy || g_get_monotonic_time() < known->due_us)
        return;
    known->busy = TRUE;
    g_thread_pool_push(engine->pool_steps, GSIZE_TO_POINTER((gsize)id), NULL);
}

void gw_pools_tick(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    for (guint i = 0; leads(engine) && i < engine->aggregates->len; i++) {
        const GwAggregate *aggregate = engine->aggregates->pdata[i];
        if (gw_pool_is(aggregate) && gw_pool_state(aggregate) == GW_POOL_CHANGING)
            push(engine, aggregate->id);
    }
    g_mutex_unlock(&engine->lock);
}
