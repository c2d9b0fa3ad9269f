/* Several daemons on one database. Each host is leased to one of them, which carries the migrations that leave it; one more lease is that
 * of the drains. Who has what is decided by the database's transactions and its clock (store/leases.c, core/lease.c); this file keeps the
 * daemon's leases alive and says what may be done under them. Reading is free: every daemon asks every host by itself.
 *
 * What is done under a lease holds against its token three ways: nothing is begun in the last part of a lease (gw_peers_lead, before every
 * step and every call to a host); every write checks the token in its own transaction (gw_peers_fence); and a lease that was late, if only
 * for a moment, is as good as lost: everything under it begins anew, as after a crash. */
#include "engine/internal.h"

#include "core/lease.h"

#include <unistd.h>

enum { LEASE_DEFAULT_S = 10, REFRESH_MS = 1000 };

struct GwPeers {
    GwEngine *engine;      /* borrowed: it stops the threads before it goes */
    GwLeaseTimes times;
    gint64 daemon_id;      /* [engine's lock] 0: not joined */
    gint64 good_until_us;  /* [engine's lock] monotonic: acts under the leases may be begun until then */
    gint64 drains_token;   /* [engine's lock] 0: not ours */
    guint surplus;         /* [keeper] leases too many at the last look, none of which was spare */
    gboolean rested;       /* [keeper] nothing was begun on some busy host since */
    GThread *keeper, *follower;
    GMutex lock;           /* of what follows; inside no other, and nothing is called under it */
    GCond woken;
    gboolean stop;
    unsigned changed;      /* GW_CHANGED_*: for the follower */
};

GwPeers *gw_peers_new(GwEngine *engine)
{
    if (!gw_store_is_shared(engine->store))
        return NULL;
    GwPeers *peers = g_new0(GwPeers, 1);
    peers->engine = engine;
    peers->times = gw_lease_times(engine->settings.lease_s ? engine->settings.lease_s : LEASE_DEFAULT_S);
    g_mutex_init(&peers->lock);
    g_cond_init(&peers->woken);
    return peers;
}

/* ---- what the leases permit */

static gboolean is_good(const GwPeers *peers)
{
    return g_get_monotonic_time() < peers->good_until_us;
}

gint64 gw_peers_token_of(GwEngine *engine, const char *host)
{
    const GwHostEntry *entry = host ? g_hash_table_lookup(engine->hosts, host) : NULL;
    return entry && !entry->releasing ? entry->token : 0;
}

gboolean gw_peers_lead(GwActive *active)
{
    const GwPeers *peers = active->engine->peers;
    return !peers || (active->token && !active->ended && is_good(peers) &&
                      gw_peers_token_of(active->engine, active->row->source) == active->token);
}

gboolean gw_peers_lead_host(GwEngine *engine, GwHostEntry *entry)
{
    g_mutex_lock(&engine->lock);
    gboolean leads = !engine->peers || (entry->token && is_good(engine->peers));
    g_mutex_unlock(&engine->lock);
    return leads;
}

gint64 gw_peers_drains_token(GwEngine *engine)
{
    return engine->peers ? engine->peers->drains_token : 0;
}

gboolean gw_peers_lead_drains(GwEngine *engine, gint64 token)
{
    const GwPeers *peers = engine->peers;
    return !peers || (token && token == peers->drains_token && is_good(peers));
}

gboolean gw_peers_fence(GwEngine *engine, const char *host, gint64 token, GwFence *ret)
{
    if (!engine->peers)
        return FALSE;
    g_mutex_lock(&engine->lock);
    const GwHostEntry *entry = host ? g_hash_table_lookup(engine->hosts, host) : NULL;
    gint64 id = host ? (entry ? entry->row->id : -1) : GW_LEASE_DRAINS;
    *ret = (GwFence){engine->peers->daemon_id, {id, token}};
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

gboolean gw_peers_guard(gpointer data, GError **error)
{
    GwActive *active = data;
    g_mutex_lock(&active->engine->lock);
    gboolean leads = gw_peers_lead(active);
    g_mutex_unlock(&active->engine->lock);
    if (!leads)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "the lease of host %s is not this daemon's any more", active->row->source);
    return leads;
}

gboolean gw_peers_guard_daemon(gpointer data, GError **error)
{
    GwEngine *engine = data;
    g_mutex_lock(&engine->lock);
    gboolean good = !engine->peers || is_good(engine->peers);
    g_mutex_unlock(&engine->lock);
    if (!good)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "this daemon was cut off from its database for too long: others may act in its place");
    return good;
}

static gint64 daemon_id(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    gint64 id = engine->peers->daemon_id;
    g_mutex_unlock(&engine->lock);
    return id;
}

gboolean gw_peers_claim(GwEngine *engine, const char *uuid, GError **error)
{
    return !engine->peers ||
           (gw_peers_guard_daemon(engine, error) && gw_store_operation_claim(engine->store, daemon_id(engine), uuid, error));
}

void gw_peers_release(GwEngine *engine, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    if (engine->peers && !gw_store_operation_release(engine->store, daemon_id(engine), uuid, &error))
        gw_warning("instance %s: no other daemon may move it until this one ends: %s", uuid, error->message);
}

/* ---- giving back
 *
 * A lease is given back once nothing is done under it: nothing is begun there (GwHostEntry.releasing) from before it is offered until the
 * database has said whether it went. Hosts that no migration is leaving are always offered. Of the others only as many as there is no other
 * way to come down to this daemon's share, so that a newcomer has hosts to lead also where copies last for hours, and only at a moment when
 * nothing is in a step there: its copies go on by themselves, as they do when a daemon dies, and are found by whoever leads next. */

/* [locked] What would be cut short by another's taking over: a step, a copy that no hypervisor shows yet, or one of several calls. */
static gboolean is_at_work(const GwActive *active)
{
    gboolean carried = active->row->kind == GW_MOVE_LIVE && active->source_sight.job == GW_JOB_OUTGOING;
    return active->stepping || (active->before && active->before->stepping) || (active->call == GW_CALL_ACTIVE && !carried);
}

typedef enum { HOST_AT_WORK = 1, HOST_BUSY } HostUse; /* by name, of those that migrations leave */

/* [locked] */
static GHashTable *look_at_uses(GwEngine *engine)
{
    GHashTable *uses = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwActive *active = value;
        HostUse use = (HostUse)GPOINTER_TO_INT(g_hash_table_lookup(uses, active->row->source));
        use = use == HOST_AT_WORK || is_at_work(active) ? HOST_AT_WORK : HOST_BUSY;
        g_hash_table_insert(uses, active->row->source, GINT_TO_POINTER((int)use));
    }
    return uses;
}

static HostUse use_of(GHashTable *uses, const GwHostEntry *entry)
{
    return (HostUse)GPOINTER_TO_INT(g_hash_table_lookup(uses, entry->row->name));
}

/* [locked] Of the hosts that migrations leave, so many. One that is at work is at rest at one of the next looks. */
static void offer_busy(GwEngine *engine, GHashTable *uses, GArray *spare)
{
    GwPeers *peers = engine->peers;
    GHashTableIter iter;
    gpointer value;
    guint left = peers->surplus;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (left && g_hash_table_iter_next(&iter, NULL, &value)) {
        GwHostEntry *entry = value;
        if (!entry->token || use_of(uses, entry) != HOST_BUSY)
            continue;
        left--;
        entry->releasing = peers->rested = TRUE;
        g_array_append_val(spare, entry->row->id);
    }
}

static GArray *mark_spare(GwEngine *engine)
{
    GArray *spare = g_array_new(FALSE, FALSE, sizeof(gint64));
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_autoptr(GHashTable) uses = look_at_uses(engine);
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwHostEntry *entry = value;
        if (!entry->token || use_of(uses, entry))
            continue;
        entry->releasing = TRUE;
        g_array_append_val(spare, entry->row->id);
    }
    offer_busy(engine, uses, spare);
    g_mutex_unlock(&engine->lock);
    return spare;
}

/* What was brought to rest goes on where its lease has stayed: what was to wake it meanwhile has been passed over. */
static void end_rest(GwEngine *engine)
{
    g_autoptr(GPtrArray) wake = g_ptr_array_new_with_free_func((GDestroyNotify)gw_active_unref);
    gboolean rested = engine->peers->rested;
    engine->peers->rested = FALSE;
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (rested && g_hash_table_iter_next(&iter, NULL, &value))
        if (((GwActive *)value)->token)
            g_ptr_array_add(wake, gw_active_ref(value));
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < wake->len; i++)
        gw_active_wake(wake->pdata[i]);
}

/* ---- keeping the leases */

/* leases NULL: none. Notes what is held now; *ret_drains: the drains' lease has come, or gone. Returns the hosts that have come.
 * [locked] */
static GPtrArray *set_tokens(GwEngine *engine, const GArray *leases, gboolean *ret_drains)
{
    GPtrArray *come = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_entry_unref);
    GwPeers *peers = engine->peers;
    g_autoptr(GHashTable) tokens = g_hash_table_new(g_int64_hash, g_int64_equal);
    GHashTableIter iter;
    gpointer value;
    for (guint i = 0; leases && i < leases->len; i++) {
        GwLease *lease = &g_array_index(leases, GwLease, i);
        g_hash_table_insert(tokens, &lease->host_id, lease);
    }
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwHostEntry *entry = value;
        const GwLease *lease = g_hash_table_lookup(tokens, &entry->row->id);
        gint64 token = lease ? lease->token : 0;
        if (token && token != entry->token)
            g_ptr_array_add(come, gw_host_entry_ref(entry));
        entry->token = token;
        entry->releasing = FALSE;
    }
    const gint64 none = GW_LEASE_DRAINS;
    const GwLease *drains = g_hash_table_lookup(tokens, &none);
    gint64 token = drains ? drains->token : 0;
    *ret_drains = token != peers->drains_token;
    peers->drains_token = token;
    return come;
}

/* Everything under the leases is dropped, and is taken up anew once there are leases again. */
static void lose_all(GwEngine *engine)
{
    gboolean drains;
    g_mutex_lock(&engine->lock);
    g_ptr_array_unref(set_tokens(engine, NULL, &drains)); /* nothing comes */
    g_mutex_unlock(&engine->lock);
    gw_followers_assign(engine);
    gw_drains_drop(engine);
}

static void take_leases(GwEngine *engine, const GArray *leases, gint64 asked_us)
{
    GwPeers *peers = engine->peers;
    gboolean drains;
    g_mutex_lock(&engine->lock);
    gboolean late = peers->good_until_us && !is_good(peers);
    g_mutex_unlock(&engine->lock);
    if (late) { /* what was woken meanwhile has been put off, and what was acting has been told to stop */
        gw_info("the leases were renewed late: everything under them begins anew");
        lose_all(engine);
    }
    g_mutex_lock(&engine->lock);
    g_autoptr(GPtrArray) come = set_tokens(engine, leases, &drains);
    peers->good_until_us = gw_lease_good_until_us(&peers->times, asked_us);
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < come->len; i++)
        gw_inventory_ask(engine, come->pdata[i], NULL); /* what its leader keeps of it, is kept at once */
    gw_followers_assign(engine);
    if (drains) {
        gw_drains_drop(engine);
        gw_peers_changed(engine, GW_CHANGED_DRAINS | GW_CHANGED_SERVERS);
    }
}

static gboolean join(GwEngine *engine, GError **error)
{
    GwPeers *peers = engine->peers;
    g_autofree char *name = engine->settings.daemon_name ? g_strdup(engine->settings.daemon_name)
                                                         : g_strdup_printf("%s:%d", g_get_host_name(), (int)getpid());
    gint64 id;
    if (!gw_store_daemon_join(engine->store, name, peers->times.lease_ms, &id, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    peers->daemon_id = id;
    g_mutex_unlock(&engine->lock);
    gw_info("daemon %" G_GINT64_FORMAT " (%s): shares its database, with leases of %u s", id, name, peers->times.lease_ms / 1000);
    return TRUE;
}

static void keep(GwEngine *engine)
{
    GwPeers *peers = engine->peers;
    g_autoptr(GError) error = NULL;
    GwKept kept;
    gint64 asked_us = g_get_monotonic_time();
    if (!peers->daemon_id && !join(engine, &error)) {
        gw_warning("this daemon leads no host: %s", error->message);
        return;
    }
    g_autoptr(GArray) spare = mark_spare(engine);
    if (gw_store_leases_keep(engine->store, peers->daemon_id, peers->times.lease_ms, spare, &kept, &error)) {
        g_autoptr(GArray) leases = kept.leases;
        peers->surplus = kept.surplus;
        take_leases(engine, leases, asked_us);
        end_rest(engine);
        return;
    }
    gw_warning("the leases were not renewed, and are tried again: %s", error->message);
    if (g_error_matches(error, GW_ERROR, GW_ERROR_STALE)) {
        lose_all(engine);
        g_mutex_lock(&engine->lock);
        peers->daemon_id = 0;
        g_mutex_unlock(&engine->lock);
    }
}

/* TRUE: stop. */
static gboolean pause_keeper(GwPeers *peers)
{
    gint64 until = g_get_monotonic_time() + (gint64)peers->times.renew_ms * 1000;
    g_mutex_lock(&peers->lock);
    while (!peers->stop && g_cond_wait_until(&peers->woken, &peers->lock, until))
        ;
    gboolean stop = peers->stop;
    g_mutex_unlock(&peers->lock);
    return stop;
}

static gpointer keeper_thread(gpointer data)
{
    GwEngine *engine = data;
    while (!pause_keeper(engine->peers))
        keep(engine);
    return NULL;
}

/* ---- following the others */

void gw_peers_changed(gpointer data, unsigned changed)
{
    GwPeers *peers = ((GwEngine *)data)->peers;
    g_mutex_lock(&peers->lock);
    peers->changed |= changed;
    g_cond_broadcast(&peers->woken);
    g_mutex_unlock(&peers->lock);
}

/* What has changed; migrations are looked at every second anyhow. FALSE: stop. */
static gboolean await_change(GwPeers *peers, unsigned *ret_changed)
{
    gint64 until = g_get_monotonic_time() + REFRESH_MS * 1000;
    g_mutex_lock(&peers->lock);
    while (!peers->stop && !peers->changed && g_cond_wait_until(&peers->woken, &peers->lock, until))
        ;
    *ret_changed = peers->changed ? peers->changed : GW_CHANGED_MIGRATIONS;
    peers->changed = 0;
    gboolean stop = peers->stop;
    g_mutex_unlock(&peers->lock);
    return !stop;
}

static gpointer follower_thread(gpointer data)
{
    GwEngine *engine = data;
    unsigned changed;
    while (await_change(engine->peers, &changed))
        gw_followers_refresh(engine, changed);
    return NULL;
}

/* ---- life */

void gw_peers_start(GwEngine *engine)
{
    GwPeers *peers = engine->peers;
    if (!peers)
        return;
    keep(engine); /* so that whoever asks the first question is not told that this daemon is cut off */
    peers->keeper = g_thread_new("leases", keeper_thread, engine);
    peers->follower = g_thread_new("followers", follower_thread, engine);
    gw_store_watch(engine->store, gw_peers_changed, engine);
}

static void leave(GwEngine *engine)
{
    g_autoptr(GError) error = NULL;
    if (engine->peers->daemon_id && !gw_store_daemon_leave(engine->store, engine->peers->daemon_id, &error))
        gw_warning("the leases were not given back and run out by themselves: %s", error->message);
}

void gw_peers_stop(GwEngine *engine)
{
    GwPeers *peers = engine->peers;
    if (!peers)
        return;
    gw_store_watch(engine->store, NULL, NULL);
    g_mutex_lock(&peers->lock);
    peers->stop = TRUE;
    g_cond_broadcast(&peers->woken);
    g_mutex_unlock(&peers->lock);
    if (peers->keeper) {
        g_thread_join(g_steal_pointer(&peers->keeper));
        g_thread_join(g_steal_pointer(&peers->follower));
        lose_all(engine); /* copies under way may outlive the engine's threads: they begin nothing more */
        leave(engine);
    }
}

void gw_peers_free(GwPeers *peers)
{
    if (!peers)
        return;
    g_mutex_clear(&peers->lock);
    g_cond_clear(&peers->woken);
    g_free(peers);
}

gboolean gw_engine_daemons(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    if (engine->peers)
        return gw_store_daemons(engine->store, ret_rows, error);
    *ret_rows = g_ptr_array_new();
    return TRUE;
}
