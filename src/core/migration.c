#include "core/migration.h"

#include "core/sight.h"

#include <string.h>

static const struct {
    const char *name;
    const char *status;
    unsigned traits;
} states[] = {
#define X(ENUM, name, status, traits) [GW_MIGRATION_##ENUM] = {name, status, traits},
    GW_MIGRATION_STATES(X)
#undef X
};

_Static_assert(G_N_ELEMENTS(states) == GW_MIGRATION_STATE_COUNT, "one row per state");

const char *gw_migration_state_name(GwMigrationState state)
{
    return states[state].name;
}

/* Cold moves have Nova's other words for the steps that both kinds share: "pre-migrating" before the guest is touched,
 * "migrating" while it is undone, and "error" where a live one says "failed"; evacuations are "accepted", "pre-migrating" and "done"
 * (nova/compute/manager.py). */
const char *gw_migration_state_status(GwMigrationState state, GwMoveKind kind)
{
    if (kind != GW_MOVE_EVACUATE && state == GW_MIGRATION_EVACUATED)
        return kind == GW_MOVE_LIVE ? "completed" : "confirmed"; /* only its old host is not cleared yet */
    if (gw_move_kind_is_cold(kind)) {
        if (state == GW_MIGRATION_COMPLETED)
            return "confirmed";
        if (states[state].traits & GW_TRAIT_EARLY)
            return "pre-migrating";
        if (state == GW_MIGRATION_UNDOING)
            return "migrating";
        if (state == GW_MIGRATION_FAILED)
            return "error";
    }
    if (kind == GW_MOVE_EVACUATE && state != GW_MIGRATION_ACCEPTED && !(states[state].traits & GW_TRAIT_FINAL))
        return "pre-migrating";
    return states[state].status;
}

static gint by_letters(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **gw_migration_statuses(void)
{
    GPtrArray *words = g_ptr_array_new();
    for (guint state = 0; state < GW_MIGRATION_STATE_COUNT; state++) {
        for (guint kind = 0; kind < GW_MOVE_KINDS; kind++) {
            const char *word = gw_migration_state_status((GwMigrationState)state, (GwMoveKind)kind);
            if (!g_ptr_array_find_with_equal_func(words, word, g_str_equal, NULL))
                g_ptr_array_add(words, g_strdup(word));
        }
    }
    g_ptr_array_sort(words, by_letters);
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

unsigned gw_migration_state_traits(GwMigrationState state)
{
    return states[state].traits;
}

gboolean gw_migration_state_from_name(const char *name, GwMigrationState *ret_state)
{
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_strcmp0(states[i].name, name) == 0) {
            *ret_state = (GwMigrationState)i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *gw_move_kind_name(GwMoveKind kind)
{
    switch (kind) {
    case GW_MOVE_LIVE:
        return "live-migration";
    case GW_MOVE_COLD:
        return "migration";
    case GW_MOVE_EVACUATE:
        return "evacuation";
    case GW_MOVE_RESIZE:
        return "resize";
    case GW_MOVE_KINDS:
        break;
    }
    return "migration";
}

const char *gw_seen_name(GwSeen seen)
{
    static const char *const names[] = {
        [GW_SEEN_UNKNOWN] = "not answering",
        [GW_SEEN_ABSENT] = "absent",
        [GW_SEEN_STOPPED] = "shut off",
        [GW_SEEN_RUNNING] = "running",
        [GW_SEEN_PAUSED] = "paused",
        [GW_SEEN_PAUSED_MIGRATING] = "paused by a migration",
        [GW_SEEN_POSTCOPY] = "in post-copy",
        [GW_SEEN_POSTCOPY_FAILED] = "in a broken post-copy",
    };
    _Static_assert(G_N_ELEMENTS(names) == GW_SEEN_COUNT, "one name per sight");
    return names[seen];
}

const char *gw_taken_name(GwTaken taken)
{
    static const char *const names[] = {
        [GW_TAKEN_NONE] = "",         [GW_TAKEN_WAIT] = "wait",          [GW_TAKEN_SLOW_DOWN] = "slow-down",
        [GW_TAKEN_AGAIN] = "copy-again", [GW_TAKEN_POSTCOPY] = "post-copy", [GW_TAKEN_PAUSE] = "pause",
        [GW_TAKEN_ABORT] = "abort",
    };
    _Static_assert(G_N_ELEMENTS(names) == GW_TAKEN_COUNT, "one name per rung");
    return names[taken];
}

const char *gw_compression_name(GwCompression compression)
{
    static const char *const names[] = {
        [GW_COMPRESSION_NONE] = "none", [GW_COMPRESSION_AUTO] = "auto", [GW_COMPRESSION_XBZRLE] = "xbzrle",
        [GW_COMPRESSION_ZLIB] = "zlib", [GW_COMPRESSION_ZSTD] = "zstd",
    };
    _Static_assert(G_N_ELEMENTS(names) == GW_COMPRESSION_COUNT, "one name per method");
    return names[compression];
}

static void plan_disk_free(gpointer data)
{
    GwPlanDisk *disk = data;
    g_free(disk->target);
    g_free(disk->path);
    g_free(disk->dest_path);
    g_free(disk->format);
    g_free(disk->pool);
    g_free(disk->place);
    g_strfreev(disk->backing);
    g_free(disk);
}

GwPlan *gw_plan_new(void)
{
    GwPlan *plan = g_new0(GwPlan, 1);
    plan->disks = g_ptr_array_new_with_free_func(plan_disk_free);
    return plan;
}

GwPlanDisk *gw_plan_add_disk(GwPlan *plan)
{
    GwPlanDisk *disk = g_new0(GwPlanDisk, 1);
    g_ptr_array_add(plan->disks, disk);
    return disk;
}

static void copy_disk(GwPlan *to, const GwPlanDisk *from)
{
    GwPlanDisk *disk = gw_plan_add_disk(to);
    *disk = *from;
    disk->target = g_strdup(from->target);
    disk->path = g_strdup(from->path);
    disk->dest_path = g_strdup(from->dest_path);
    disk->format = g_strdup(from->format);
    disk->pool = g_strdup(from->pool);
    disk->place = g_strdup(from->place);
    disk->backing = g_strdupv(from->backing);
}

GwPlan *gw_plan_copy(const GwPlan *plan)
{
    if (!plan)
        return NULL;
    GwPlan *copy = g_new0(GwPlan, 1);
    *copy = *plan;
    copy->name = g_strdup(plan->name);
    copy->calls = g_strdup(plan->calls);
    copy->destination_uri = g_strdup(plan->destination_uri);
    copy->policy = g_strdup(plan->policy);
    copy->new_disk = g_strdup(plan->new_disk);
    copy->migrate_uri = g_strdup(plan->migrate_uri);
    copy->listen = g_strdup(plan->listen);
    copy->definition = g_strdup(plan->definition);
    copy->disks = g_ptr_array_new_with_free_func(plan_disk_free);
    for (guint i = 0; i < plan->disks->len; i++)
        copy_disk(copy, plan->disks->pdata[i]);
    return copy;
}

void gw_plan_free(GwPlan *plan)
{
    if (!plan)
        return;
    g_free(plan->name);
    g_free(plan->calls);
    g_free(plan->destination_uri);
    g_free(plan->policy);
    g_free(plan->new_disk);
    g_free(plan->migrate_uri);
    g_free(plan->listen);
    g_free(plan->definition);
    g_ptr_array_unref(plan->disks);
    g_free(plan);
}

gboolean gw_plan_copies_disks(const GwPlan *plan)
{
    for (guint i = 0; i < plan->disks->len; i++)
        if (((const GwPlanDisk *)plan->disks->pdata[i])->fate == GW_FATE_COPY)
            return TRUE;
    return FALSE;
}

guint64 gw_plan_copied_bytes(const GwPlan *plan)
{
    guint64 sum = 0;
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        sum += disk->fate == GW_FATE_COPY ? disk->allocation_bytes : 0;
    }
    return sum;
}

gboolean gw_migration_goes_again(const GwMigration *migration)
{
    gboolean leads_there = migration->state != GW_MIGRATION_UNDOING || migration->end == GW_MIGRATION_PREPARING;
    return (migration->intents & GW_INTENT_AGAIN) && migration->plan && migration->plan->second_try && leads_there;
}

const char *gw_migration_silent_host(const GwMigration *migration)
{
    switch (migration->waits_for) {
    case GW_WAITS_FOR_SOURCE:
        return migration->source;
    case GW_WAITS_FOR_DEST:
        return migration->dest;
    case GW_WAITS_FOR_NOBODY:
    case GW_WAITS_FOR_COUNT:
        break;
    }
    return NULL;
}

gboolean gw_migration_take_rung(GwMigration *migration, GwTaken rung, const char *reason)
{
    gboolean other = rung > migration->rung;
    if (!other && rung != migration->rung)
        return FALSE;
    migration->rung = rung;
    if (g_strcmp0(migration->rung_reason, reason) != 0) {
        g_free(migration->rung_reason);
        migration->rung_reason = g_strdup(reason);
    }
    return other;
}

GwMigration *gw_migration_new(void)
{
    return g_new0(GwMigration, 1);
}

const char *gw_migration_failure(const GwMigration *migration)
{
    gboolean failed = migration->state == GW_MIGRATION_FAILED || migration->state == GW_MIGRATION_CANCELLED ||
                      migration->state == GW_MIGRATION_ERROR;
    return failed ? migration->reason : NULL;
}

GwMigration *gw_migration_copy(const GwMigration *migration)
{
    GwMigration *copy = g_new0(GwMigration, 1);
    *copy = *migration;
    copy->instance_name = g_strdup(migration->instance_name);
    copy->source = g_strdup(migration->source);
    copy->dest = g_strdup(migration->dest);
    copy->options = g_strdup(migration->options);
    copy->plan = gw_plan_copy(migration->plan);
    copy->flavor = migration->flavor ? gw_flavor_copy(migration->flavor) : NULL;
    copy->forecast = migration->forecast ? g_memdup2(migration->forecast, sizeof *migration->forecast) : NULL;
    copy->rung_reason = g_strdup(migration->rung_reason);
    copy->reason = g_strdup(migration->reason);
    copy->request_id = g_strdup(migration->request_id);
    copy->user_id = g_strdup(migration->user_id);
    copy->project_id = g_strdup(migration->project_id);
    return copy;
}

guint64 gw_migration_downtime_ms(const GwMigration *migration)
{
    gboolean otherwise = (states[migration->state].traits & GW_TRAIT_FINAL) && migration->state != GW_MIGRATION_COMPLETED;
    return otherwise ? 0 : migration->progress.downtime_ms;
}

void gw_migration_free(GwMigration *migration)
{
    if (!migration)
        return;
    g_free(migration->instance_name);
    g_free(migration->source);
    g_free(migration->dest);
    g_free(migration->options);
    gw_plan_free(migration->plan);
    gw_flavor_free(migration->flavor);
    g_free(migration->forecast);
    g_free(migration->rung_reason);
    g_free(migration->reason);
    g_free(migration->request_id);
    g_free(migration->user_id);
    g_free(migration->project_id);
    g_free(migration);
}
