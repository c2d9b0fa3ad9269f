/* Promises about servers: their power, what is counted of them, and making and taking them away. */
#include "tests/contract/promises.h"

#include <glib/gstdio.h>

/* ---- power, events */

static void power_acts_are_idempotent(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_STOPPED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_pause(move.from, move.uuid, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_PAUSED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_resume(move.from, move.uuid, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

/* Its memory is kept, and comes back: it goes on where it was. */
static void suspended_and_woken(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_suspend(move.from, move.uuid, &error));
    g_autoptr(GwInstance) asleep = contract_describe(move.from, move.uuid);
    g_assert_cmpint(asleep->power, ==, GW_POWER_SUSPENDED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_wake(move.from, move.uuid, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GError) refused = NULL;
    g_assert_false(gw_node_wake(move.from, move.uuid, &refused)); /* nothing is kept any more */
    ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

/* As many as it has; or it is said that nothing is counted. */
static void counts_what_it_has(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance = contract_describe(move.from, move.uuid);
    g_autoptr(GwDiagnostics) found = gw_node_diagnostics(move.from, move.uuid, &error);
    if (!found) {
        g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
        return;
    }
    g_assert_cmpint(found->power, ==, GW_POWER_RUNNING);
    g_assert_cmpuint(found->cpus->len, ==, instance->vcpus);
    g_assert_cmpuint(found->disks->len, ==, instance->disks->len);
    g_assert_cmpint(found->memory_kib, ==, (gint64)instance->memory_mib << 10);
    for (guint i = 0; i < found->disks->len; i++)
        g_assert_cmpstr(((const GwDiskCounters *)found->disks->pdata[i])->target, ==, ((const GwDisk *)instance->disks->pdata[i])->target);
}

/* ---- making servers and taking them away */

static GwServer *new_server(void)
{
    static const char bytes[] = "an image of a few bytes";
    g_autofree char *uuid = g_uuid_string_random();
    GwServer *server = gw_server_new();
    g_strlcpy(server->uuid, uuid, sizeof server->uuid);
    server->name = g_strdup("contract");
    server->domain_name = gw_server_domain_name("contract", uuid);
    server->image_format = g_strdup("raw");
    server->image_bytes = sizeof bytes;
    server->disk_bytes = 1 << 20;
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("contract-XXXXXX.raw", &server->image_path, &error);
    g_assert_no_error(error);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(server->image_path, bytes, sizeof bytes, NULL));
    GwFlavor *flavor = gw_server_add_flavor(server);
    flavor->vcpus = 1;
    flavor->memory_mib = 32;
    return server;
}

static void create_makes_it_stopped(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    ACT(gw_node_create(stage->a, server, &error));
    contract_wait_seen(stage->a, server->uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) instance = contract_describe(stage->a, server->uuid);
    g_assert_true(instance->persistent && instance->vcpus == 1 && instance->memory_mib == 32 && instance->disks->len == 1);
    REFUSES(gw_node_create(stage->a, server, &error), GW_ERROR_CONFLICT); /* and leaves it as it is */
    ACT(gw_node_start(stage->a, server->uuid, GW_START_RUNNING, &error));
    contract_wait_seen(stage->a, server->uuid, GW_SEEN_RUNNING);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_remove(stage->a, server, &error));
    contract_wait_seen(stage->a, server->uuid, GW_SEEN_ABSENT);
    ACT(gw_node_create(stage->a, server, &error)); /* nothing was in its way */
    ACT(gw_node_remove(stage->a, server, &error));
    g_remove(server->image_path);
}

static void remove_of_unknown_succeeds(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    ACT(gw_node_remove(stage->a, server, &error));
    g_remove(server->image_path);
}

static void create_fails_without_image(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    g_remove(server->image_path);
    g_autoptr(GError) why = NULL;
    if (gw_node_create(stage->a, server, &why)) /* a simulator looks at no image */
        g_assert_cmpstr(gw_node_driver(stage->a)->name, ==, "sim");
    else
        g_assert_error(why, GW_ERROR, GW_ERROR_FAILED);
    ACT(gw_node_remove(stage->a, server, &error));
    g_assert_cmpint(contract_sight(stage->a, server->uuid).seen, ==, GW_SEEN_ABSENT);
}

static void not_offering_is_said(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    g_remove(server->image_path);
    if (gw_node_can_create(stage->a))
        return;
    REFUSES(gw_node_create(stage->a, server, &error), GW_ERROR_UNSUPPORTED);
    REFUSES(gw_node_remove(stage->a, server, &error), GW_ERROR_UNSUPPORTED);
}

typedef struct {
    GMutex lock;
    GHashTable *told; /* set of "host uuid" */
} Ear;

static void hear(void *data, const char *host_name, const char *uuid)
{
    Ear *ear = data;
    g_mutex_lock(&ear->lock);
    g_hash_table_add(ear->told, g_strdup_printf("%s %s", host_name, uuid ? uuid : "*"));
    g_mutex_unlock(&ear->lock);
}

static gboolean heard(Ear *ear, GwNode *node, const char *uuid)
{
    g_autofree char *key = g_strdup_printf("%s %s", gw_node_name(node), uuid);
    g_mutex_lock(&ear->lock);
    gboolean heard = g_hash_table_contains(ear->told, key);
    g_mutex_unlock(&ear->lock);
    return heard;
}

static void events_tell_of_a_move(ContractStage *stage)
{
    static Ear ear; /* outlives the nodes that tell it */
    if (!ear.told)
        ear.told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ContractMove move = contract_move_of(stage, stage->shared);
    ACT(gw_node_watch(move.from, hear, &ear, &error));
    ACT(gw_node_watch(move.to, hear, &ear, &error));
    contract_live_move(stage, stage->shared);
    for (guint ms = 0; ms < PATIENCE_MS; ms += LOOK_MS) {
        if (heard(&ear, move.from, move.uuid) && heard(&ear, move.to, move.uuid))
            return;
        g_usleep(LOOK_MS * 1000);
    }
    g_test_fail_printf("no event told of the move");
}

const Promise contract_servers[] = {
    {"power/idempotent", power_acts_are_idempotent, SHARED},
    {"suspend/goes-on-where-it-was", suspended_and_woken, SHARED},
    {"diagnostics/counts-what-it-has", counts_what_it_has, SHARED},
    {"create/makes-it-stopped", create_makes_it_stopped, 0, CONTRACT_ADOPTS_ONLY},
    {"create/fails-without-image", create_fails_without_image, 0, CONTRACT_ADOPTS_ONLY},
    {"create/not-offering-is-said", not_offering_is_said, 0},
    {"remove/unknown-succeeds", remove_of_unknown_succeeds, 0, CONTRACT_ADOPTS_ONLY},
    {"events/tell-of-a-move", events_tell_of_a_move, SHARED},
    {NULL},
};
