#include "tests/engine/fixture.h"

#include "base/log.h"
#include "core/flags.h"
#include "drivers/sim/sim.h"
#include "store/database.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { LEASE_S = 2 }; /* of hosts, where two daemons share them */

static const char *const hosts[] = {"HostA", "HostB", "HostC"};

/* ---- waiting for what an engine thread reports */

typedef struct {
    GMutex lock;
    GCond cond;
    gboolean over;
    GError *error;
} Answer;

static void answered(gpointer data, const GError *error)
{
    Answer *answer = data;
    g_mutex_lock(&answer->lock);
    answer->error = error ? g_error_copy(error) : NULL;
    answer->over = TRUE;
    g_cond_signal(&answer->cond);
    g_mutex_unlock(&answer->lock);
}

static GError *await(Answer *answer)
{
    g_mutex_lock(&answer->lock);
    while (!answer->over)
        g_cond_wait(&answer->cond, &answer->lock);
    g_mutex_unlock(&answer->lock);
    return answer->error;
}

void fixture_add_host(Fixture *f, const char *name)
{
    Answer answer = {0};
    g_autofree char *uri = g_strdup_printf("sim://%s/%s?link_mbps=10000&hypervisor=QEMU", f->world_name, name);
    gw_engine_host_add(f->engine, name, uri, NULL, answered, &answer);
    g_assert_no_error(await(&answer));
}

gboolean fixture_ask(Fixture *f, const char *host)
{
    Answer answer = {0};
    gw_engine_refresh(f->engine, host, answered, &answer);
    g_autoptr(GError) error = await(&answer);
    return !error;
}

void fixture_refresh(Fixture *f)
{
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        for (guint tries = 0; tries < 100 && !fixture_ask(f, hosts[i]); tries++)
            g_usleep(2000);
    }
}

/* ---- life */

static GwEngine *start_engine(Fixture *f, GwStore *store)
{
    static const GwDriver *const drivers[] = {&gw_sim_driver, NULL};
    guint64 flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | f->flags;
    GwEngineSettings settings = {
        .plan = {.live_flags = flags, .block_flags = flags | GW_FLAG_NON_SHARED_DISK, .completion_timeout_s = 800},
        .driver = {.call_timeout_ms = f->call_timeout_ms ? f->call_timeout_ms : 200, .retry_ms = 2000 / HASTE, .instances_path = "/sim/local"},
        .live_migration_retry_count = 3,
        .shutdown_timeout_s = 1,
        .inventory_interval_s = f->look_s ? f->look_s : 1,
        .lease_s = LEASE_S,
        .image_dir = f->folder,
        .haste = HASTE,
    };
    settings.link_bandwidth_mibps = f->link_mibps;
    settings.max_concurrent_live_migrations = f->turns;
    if (f->timeout_s)
        settings.plan.completion_timeout_s = f->timeout_s;
    settings.plan.policy = f->policy ? gw_policy_find(f->policy) : NULL;
    g_autoptr(GError) error = NULL;
    GwEngine *engine = gw_engine_new(store, drivers, &settings, &error);
    g_assert_no_error(error);
    gw_engine_start(engine);
    return engine;
}

void fixture_start(Fixture *f)
{
    f->engine = start_engine(f, f->store);
}

void fixture_stop(Fixture *f)
{
    gw_engine_stop(f->engine);
    gw_engine_free(g_steal_pointer(&f->engine));
}

static char *make_database(void)
{
    static gint number; /* several worlds are made at once */
    const char *folder = g_getenv("GODWIT_POSTGRES");
    g_autofree char *name = g_strdup_printf("engine_%d_%d", (int)getpid(), g_atomic_int_add(&number, 1));
    const char *const argv[] = {"createdb", "-h", folder, "-U", "godwit", name, NULL};
    int status;
    g_autoptr(GError) error = NULL;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return g_strdup_printf("postgresql://godwit@/%s?host=%s", name, folder);
}

/* ---- a store whose disk is full: no transaction is committed; and which counts looks at migrations */

enum { COUNTED = 256 }; /* migrations with a lower id */

typedef struct {
    GwStoreOps ops; /* first; with a commit and a query of its own */
    const GwStoreOps *real;
    gint full; /* atomic */
    gint looks[COUNTED]; /* atomic */
} FullOps;

static GwResult *query_and_count(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error)
{
    FullOps *own = (FullOps *)session->store->ops;
    gint64 id = g_str_has_prefix(sql, "SELECT intents, reason FROM migrations WHERE id = $1") ? params[0].integer : COUNTED;
    if (id < COUNTED)
        g_atomic_int_inc(&own->looks[id]);
    return own->real->query(session, sql, params, count, error);
}

guint fixture_looks(Fixture *f, gint64 id)
{
    guint looks = 0;
    for (guint i = 0; i < f->store_ops->len; i++)
        looks += (guint)g_atomic_int_get(&((FullOps *)f->store_ops->pdata[i])->looks[id]);
    return looks;
}

static gboolean commit_unless_full(GwSession *session, GError **error)
{
    const FullOps *own = (const FullOps *)session->store->ops;
    if (!g_atomic_int_get(&own->full))
        return own->real->commit(session, error);
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "simulated: no space left on device");
    return FALSE;
}

static GwStore *open_store(Fixture *f, const char *place)
{
    g_autoptr(GError) error = NULL;
    GwStore *store = *place == '/' ? gw_store_open_sqlite(place, &error) : gw_store_open_postgres(place, &error);
    g_assert_no_error(error);
    FullOps *own = g_new0(FullOps, 1);
    own->ops = *store->ops;
    own->ops.commit = commit_unless_full;
    own->ops.query = query_and_count;
    own->real = store->ops;
    store->ops = &own->ops;
    g_ptr_array_add(f->store_ops, own);
    return store;
}

void fixture_set_full(Fixture *f, gboolean full)
{
    for (guint i = 0; i < f->store_ops->len; i++)
        g_atomic_int_set(&((FullOps *)f->store_ops->pdata[i])->full, full);
}

/* What the engine is to know is in f already. */
static void open_world(Fixture *f, const char *world_name)
{
    gw_log_set_level(g_getenv("GODWIT_TEST_LOG") ? GW_LOG_INFO : GW_LOG_ERROR);
    g_autoptr(GError) error = NULL;
    f->world_name = g_strdup(world_name);
    f->folder = g_dir_make_tmp("godwit-engine-XXXXXX", &error);
    g_assert_no_error(error);
    f->database = g_getenv("GODWIT_POSTGRES") ? make_database() : g_build_filename(f->folder, "godwit.db", NULL);
    f->store_ops = g_ptr_array_new_with_free_func(g_free);
    f->store = open_store(f, f->database);
    f->world = gw_sim_world_get(world_name);
    gw_sim_world_set_speed(f->world, HASTE);
    fixture_start(f);
    if (gw_store_is_shared(f->store)) {
        f->peer_store = open_store(f, f->database);
        f->peer = start_engine(f, f->peer_store);
    }
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        fixture_add_host(f, hosts[i]);
}

void fixture_open(Fixture *f, const char *world_name, guint64 flags)
{
    fixture_open_with(f, world_name, flags, NULL);
}

void fixture_open_with(Fixture *f, const char *world_name, guint64 flags, const char *policy)
{
    *f = (Fixture){.flags = flags, .policy = policy};
    open_world(f, world_name);
}

void fixture_open_turns(Fixture *f, const char *world_name, guint64 flags, guint turns)
{
    *f = (Fixture){.flags = flags, .turns = turns};
    open_world(f, world_name);
}

static void remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(folder);
}

void fixture_close(Fixture *f)
{
    fixture_stop(f);
    if (f->peer) {
        gw_engine_stop(f->peer);
        gw_engine_free(f->peer);
        gw_store_close(f->peer_store);
    }
    g_auto(GStrv) violations = gw_sim_world_violations(f->world);
    g_assert_cmpstr(violations[0], ==, NULL);
    gw_store_close(f->store);
    g_ptr_array_unref(f->store_ops);
    gw_sim_world_free(f->world_name);
    remove_folder(f->folder);
    g_free(f->database);
    g_free(f->folder);
    g_free(f->world_name);
}

/* ---- instances and moves */

const char *fixture_add(Fixture *f, const char *host, const char *name, guint64 memory_mib, GwSimStorage storage,
                        GwPower power)
{
    GwInstance *instance = gw_sim_instance_new(name, memory_mib);
    gw_sim_instance_add_disk(instance, storage, 10);
    instance->power = power;
    return gw_sim_world_add_instance(f->world, host, instance);
}

gint64 fixture_move(Fixture *f, const char *uuid, const char *dest, GwMoveKind kind)
{
    GwMoveRequest request = {.instance_uuid = uuid, .host = dest, .block = GW_BLOCK_AUTO, .disk_over_commit = TRUE,
                             .request_id = "req-test", .user_id = "admin", .project_id = "admin"};
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    if (kind == GW_MOVE_LIVE)
        gw_engine_live_migrate(f->engine, &request, &id, NULL, NULL, &error);
    else if (kind == GW_MOVE_RESIZE) {
        request.flavor = f->flavor;
        gw_engine_resize(f->engine, &request, &id, NULL, NULL, &error);
    } else if (kind == GW_MOVE_EVACUATE)
        gw_engine_evacuate(f->engine, &request, &id, NULL, NULL, &error);
    else
        gw_engine_cold_migrate(f->engine, &request, &id, NULL, NULL, &error);
    return id;
}

GwMigration *fixture_row(Fixture *f, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_store_migrations(f->store, &query, &rows, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 1);
    return gw_migration_copy(rows->pdata[0]);
}

GwMigration *fixture_wait(Fixture *f, gint64 id, GwMigrationState hoped)
{
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    for (;;) {
        g_autoptr(GwMigration) row = fixture_row(f, id);
        gboolean over = row->state == hoped || (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL) != 0;
        if (over || g_get_monotonic_time() > deadline)
            return g_steal_pointer(&row);
        g_usleep(1000);
    }
}

void fixture_settle(Fixture *f, const char *uuid)
{
    for (guint tries = 0; tries < 20000; tries++) {
        g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
        if (!view || !view->migration_id)
            return;
        g_usleep(1000);
    }
    g_error("%s is still shown on its way", uuid);
}

void fixture_assert_event(Fixture *f, const char *uuid, const char *event, const char *details)
{
    g_autoptr(GError) error = NULL;
    for (guint tries = 0; tries < 20000; tries++) { /* written behind the loop */
        g_autoptr(GPtrArray) actions = NULL, events = NULL;
        gw_engine_actions(f->engine, uuid, NULL, &actions, &error);
        g_assert_no_error(error);
        gw_engine_events(f->engine, ((const GwActionRow *)actions->pdata[0])->id, &events, &error);
        g_assert_no_error(error);
        for (guint i = 0; i < events->len; i++) {
            const GwEventRow *row = events->pdata[i];
            if (g_strcmp0(row->event, event) == 0 && row->details && strstr(row->details, details))
                return;
        }
        g_usleep(2000);
    }
    g_error("%s has no event %s that says '%s'", uuid, event, details);
}

guint fixture_files(Fixture *f, const char *host, const char *path)
{
    g_auto(GStrv) files = gw_sim_world_list(f->world, host, path);
    return g_strv_length(files);
}

void fixture_assert_home(Fixture *f, const char *uuid, const char *host)
{
    fixture_settle(f, uuid); /* shown just after it is recorded */
    g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
    g_assert_cmpint(view->migration_id, ==, 0);
    g_assert_cmpstr(view->host, ==, host);
}

void fixture_assert_runs_on(Fixture *f, const char *uuid, const char *host)
{
    g_assert_cmpstr(gw_sim_world_runs_on(f->world, uuid), ==, host);
    fixture_assert_home(f, uuid, host);
}
