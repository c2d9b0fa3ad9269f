/* Carrying a drain out: settle what has ended, plan what is left, begin what the plan says is next, again and again until nothing is
 * left that could move. Each round begins from the rows and from what is seen, so a restarted daemon goes on by the same loop; a
 * move that was begun just before a crash is found again by its instance. */
#include "engine/drain.h"

#include <string.h>

enum {
    MOST_ATTEMPTS = 3,     /* of moving one instance */
    SILENT_LIMIT_S = 600,  /* a host may be silent for so long before the drain ends without it */
    SOON_MS = 50,
    LAG_LIMIT_US = 10 * G_USEC_PER_SEC,
};

static void note(GwDrainRun *run, GwDrainMove *move)
{
    if (!g_ptr_array_find(run->changed, move, NULL))
        g_ptr_array_add(run->changed, move);
}

static gboolean save(GwDrainRun *run)
{
    g_autoptr(GError) error = NULL;
    GwFence fence;
    gboolean fenced = gw_peers_fence(run->engine, NULL, run->token, &fence);
    if (!gw_store_drain_journal(run->engine->store, run->row, run->changed, fenced ? &fence : NULL, &error)) {
        gw_warning("drain %" G_GINT64_FORMAT ": not recorded, tried again: %s", run->id, error->message);
        return FALSE;
    }
    g_ptr_array_set_size(run->changed, 0);
    return TRUE;
}

static void set_reason(GwDrainRun *run, const char *reason)
{
    gw_drain_set_text(&run->row->reason, reason);
}

/* ---- what has ended */

static void give_up(GwDrainRun *run, GwDrainMove *move, const char *reason)
{
    move->state = GW_STEP_GIVEN_UP;
    gw_drain_set_text(&move->reason, reason);
    note(run, move);
}

/* The same instance is not sent there again; after a few tries it is not sent anywhere. */
static void failed(GwDrainRun *run, GwDrainMove *move, const char *why)
{
    g_autofree char *flat = g_strdelimit(g_strdup(why ? why : "for an unknown reason"), "\n\t", ' ');
    g_autofree char *tried = g_strdup_printf("%s%s%s\tthe move there failed: %s", move->tried ? move->tried : "", move->tried ? "\n" : "",
                                             move->dest, flat);
    gw_info("drain %" G_GINT64_FORMAT ": %s to %s failed: %s", run->id, move->instance_name, move->dest, flat);
    gw_drain_set_text(&move->tried, tried);
    gw_drain_set_text(&move->reason, flat);
    move->attempts++;
    move->migration_id = 0;
    move->state = GW_STEP_PLANNED;
    move->predicted_ms = 0; /* to be planned anew */
    note(run, move);
    if (move->attempts >= MOST_ATTEMPTS || run->row->kind != GW_DRAIN_EMPTY)
        give_up(run, move, flat);
}

static void refresh_host(GwEngine *engine, const char *name)
{
    g_autoptr(GwHostEntry) entry = name ? gw_engine_find_host(engine, name) : NULL;
    if (entry)
        gw_inventory_ask(engine, entry, NULL);
}

static void confirm(GwDrainRun *run, const GwMigration *row)
{
    g_autoptr(GError) error = NULL;
    GwMoveRequest request = {.instance_uuid = row->instance_uuid, .request_id = run->row->request_id,
                             .user_id = run->row->user_id, .project_id = run->row->project_id};
    if (!(row->intents & GW_INTENT_CONFIRM) && !gw_engine_confirm(run->engine, &request, &error))
        gw_warning("drain %" G_GINT64_FORMAT ": %s: %s", run->id, row->instance_name, error->message);
}

/* What is shown of an instance may lag behind its migration's end, for a moment. */
static gboolean still_seen_at(GwEngine *engine, const GwMigration *row, const char *host)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, row->instance_uuid);
    return view && strcmp(view->host, host) == 0 && g_get_real_time() - row->ended_us < LAG_LIMIT_US;
}

static char *look_command(GwEngine *engine, const GwMigration *row, const char *host)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    return entry ? gw_node_command(entry->node, row->instance_uuid, GW_BY_HAND_LOOK) : g_strdup_printf("look on %s", host);
}

static void give_up_in_error(GwDrainRun *run, GwDrainMove *move, const GwMigration *row)
{
    g_autofree char *source = look_command(run->engine, row, row->source), *dest = look_command(run->engine, row, row->dest);
    g_autofree char *text =
        g_strdup_printf("its migration ended in error%s%s. See where it runs (%s; %s; godwit server-migration-show %s %" G_GINT64_FORMAT
                        ") before anything else is done with it",
                        row->reason ? ": " : "", row->reason ? row->reason : "", source, dest, move->instance_name, row->id);
    give_up(run, move, text);
}

static void settle_row(GwDrainRun *run, GwDrainMove *move, const GwMigration *row)
{
    unsigned traits = gw_migration_state_traits(row->state);
    if (traits & GW_TRAIT_RESTING) {
        confirm(run, row); /* nobody else will, and the host is to be empty */
        return;
    }
    if (!(traits & GW_TRAIT_FINAL))
        return;
    if (row->state == GW_MIGRATION_COMPLETED && still_seen_at(run->engine, row, row->source))
        return; /* it is planned again otherwise */
    refresh_host(run->engine, row->source); /* what they have free now */
    refresh_host(run->engine, row->dest);
    if (row->state == GW_MIGRATION_COMPLETED || row->state == GW_MIGRATION_CONFIRMED) {
        move->state = GW_STEP_MOVED;
        gw_drain_set_text(&move->dest, row->dest);
        gw_drain_set_text(&move->reason, NULL);
        note(run, move);
    } else if (row->state == GW_MIGRATION_CANCELLED || row->state == GW_MIGRATION_REVERTED) {
        give_up(run, move, "its migration was cancelled by request");
        move->migration_id = 0;
    } else if (row->state == GW_MIGRATION_ERROR) {
        give_up_in_error(run, move, row);
    } else {
        failed(run, move, row->reason);
    }
}

static void settle(GwDrainRun *run, guint *ret_moving)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, run->moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainMove *move = value;
        GwMigrationQuery query = {.id = move->migration_id, .limit = 1};
        g_autoptr(GPtrArray) rows = NULL;
        if (move->state != GW_STEP_MOVING)
            continue;
        if (gw_store_migrations(run->engine->store, &query, &rows, NULL) && rows->len)
            settle_row(run, move, rows->pdata[0]);
        *ret_moving += move->state == GW_STEP_MOVING;
    }
}

/* A migration of an instance that is to go, which this drain has not noted: begun just before a crash, or by another. */
static void adopt(GwDrainRun *run, const GwSnapshot *s, guint *ret_moving)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, run->moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainMove *move = value;
        guint instance;
        if ((move->state != GW_STEP_PLANNED && move->state != GW_STEP_STAYS) ||
            !gw_snapshot_find_instance(s, move->instance_uuid, &instance))
            continue;
        const GwInstanceView *view = gw_snapshot_view(s, instance);
        if (!view->migration_id || view->migration_state == GW_MIGRATION_FINISHED)
            continue;
        move->state = GW_STEP_MOVING;
        move->migration_id = view->migration_id;
        (*ret_moving)++;
        note(run, move);
    }
}

/* ---- what is begun */

static gboolean goes_there(const GwDrainRun *run, const char *uuid, const char *dest)
{
    const GwDrainMove *move = g_hash_table_lookup(run->moves, uuid);
    g_autoptr(GwInstanceView) view = gw_engine_instance(run->engine, uuid);
    if (!view || strcmp(view->host, dest) == 0)
        return TRUE; /* it is gone, or there */
    return move && strcmp(move->dest ? move->dest : "", dest) == 0 && (move->state == GW_STEP_PLANNED || move->state == GW_STEP_MOVING);
}

/* A group that stays together is brought home as a whole, member by member. */
static gboolean group_goes_along(const GwDrainRun *run, const GwDrainMove *move)
{
    if (run->row->kind != GW_DRAIN_RETURN)
        return FALSE;
    g_autoptr(GPtrArray) groups = gw_engine_groups(run->engine);
    const GwGroup *group = gw_groups_of(groups, move->instance_uuid);
    if (!group || group->policy != GW_GROUP_AFFINITY)
        return FALSE;
    for (guint i = 0; i < group->members->len; i++)
        if (!goes_there(run, group->members->pdata[i], move->dest))
            return FALSE;
    return TRUE;
}

static gboolean begin(GwDrainRun *run, GwDrainMove *move)
{
    g_autoptr(GError) error = NULL;
    GwFence fence;
    gboolean fenced = gw_peers_fence(run->engine, NULL, run->token, &fence);
    GwMoveRequest request = {.instance_uuid = move->instance_uuid,
                             .fence = fenced ? &fence : NULL,
                             .host = move->dest,
                             .block = GW_BLOCK_AUTO,
                             .group_goes = group_goes_along(run, move),
                             .request_id = run->row->request_id,
                             .user_id = run->row->user_id,
                             .project_id = run->row->project_id};
    gboolean ok = move->kind == GW_MOVE_COLD ? gw_engine_cold_migrate(run->engine, &request, &move->migration_id, NULL, NULL, &error)
                                             : gw_engine_live_migrate(run->engine, &request, &move->migration_id, NULL, NULL, &error);
    if (!ok && (g_error_matches(error, GW_ERROR, GW_ERROR_CONFLICT) || g_error_matches(error, GW_ERROR, GW_ERROR_STALE)))
        return FALSE; /* something is under way with it; the next round sees what */
    if (!ok) {
        failed(run, move, error->message);
        return FALSE;
    }
    gw_info("drain %" G_GINT64_FORMAT ": %s goes from %s to %s", run->id, move->instance_name, move->source, move->dest);
    move->state = GW_STEP_MOVING;
    note(run, move);
    return TRUE;
}

/* Milliseconds until the deadline, none below 0; G_MAXINT64: there is none. */
static gint64 time_left_ms(const GwDrainRun *run)
{
    gint64 deadline_us = run->row->deadline_us;
    return deadline_us ? MAX(0, (deadline_us - g_get_real_time()) / 1000) : G_MAXINT64;
}

/* Nothing of the plan ends in time any more. */
static gboolean is_late(const GwDrainRun *run, const GwDrainPlan *plan)
{
    gint64 left_ms = time_left_ms(run);
    gboolean late = plan->moves->len > 0;
    for (guint n = 0; n < plan->moves->len; n++) {
        const GwPlannedMove *planned = &g_array_index(plan->moves, GwPlannedMove, n);
        late &= (gint64)(planned->end_ms - planned->start_ms) > left_ms;
    }
    return late;
}

/* When the plan begins what it does not begin now. */
static gint64 next_start_ms(const GwDrainPlan *plan)
{
    gint64 next_ms = 0;
    for (guint n = 0; n < plan->moves->len; n++) {
        gint64 start_ms = (gint64)g_array_index(plan->moves, GwPlannedMove, n).start_ms;
        if (start_ms > SOON_MS && (!next_ms || start_ms < next_ms))
            next_ms = start_ms;
    }
    return next_ms;
}

static guint begin_due(GwDrainRun *run, const GwSnapshot *s, const GwDrainPlan *plan)
{
    guint begun = 0;
    gint64 left_ms = time_left_ms(run);
    for (guint n = 0; n < plan->moves->len; n++) {
        const GwPlannedMove *planned = &g_array_index(plan->moves, GwPlannedMove, n);
        if ((gint64)planned->end_ms > left_ms)
            continue; /* it would end too late */
        GwDrainMove *move = g_hash_table_lookup(run->moves, gw_snapshot_view(s, planned->instance)->instance->uuid);
        if (planned->end_ms && planned->start_ms <= SOON_MS && move && move->state == GW_STEP_PLANNED)
            begun += begin(run, move) ? 1 : 0;
    }
    return begun;
}

/* ---- its end */

static void leave(GwDrainRun *run)
{
    g_mutex_lock(&run->engine->lock);
    run->ended = TRUE;
    if (g_hash_table_lookup(run->engine->drains, &run->id) == run)
        g_hash_table_remove(run->engine->drains, &run->id);
    g_mutex_unlock(&run->engine->lock);
}

static void end(GwDrainRun *run, GwDrainState state, const char *reason)
{
    run->row->state = state;
    run->row->ended_us = g_get_real_time();
    set_reason(run, reason);
    if (!save(run)) {
        run->row->state = GW_DRAIN_RUNNING; /* the next round comes here again */
        return;
    }
    gw_info("drain %" G_GINT64_FORMAT " of %s ended: %s%s%s", run->id, run->row->hosts, gw_drain_state_name(state), reason ? ": " : "",
            reason ? reason : "");
    gw_drain_mark_hosts(run->engine, run->row);
    leave(run);
}

/* Given moves that the plan leaves out now, with nothing under way that could change that. */
static void leave_given(GwDrainRun *run, GwSnapshot *s)
{
    g_autoptr(GwOccupancy) now = gw_occupancy_new(s->cluster);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, run->moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainMove *move = value;
        guint instance, dest;
        if (move->state != GW_STEP_PLANNED || !gw_snapshot_find_instance(s, move->instance_uuid, &instance) ||
            !gw_snapshot_find_host(s, move->dest, &dest))
            continue;
        const char *stuck = gw_cluster_instance(s->cluster, instance)->stuck;
        g_autofree char *why = stuck ? g_strdup(stuck)
                                     : gw_rules_explain(now, instance, dest, gw_rules_objection(now, instance, dest));
        g_autofree char *sentence = stuck ? g_strdup(stuck) : g_strdup_printf("%s: %s", move->dest, why);
        move->state = GW_STEP_STAYS;
        gw_drain_set_text(&move->reason, sentence);
        note(run, move);
    }
}

static void finish(GwDrainRun *run, GwSnapshot *s, const GwDrainPlan *plan)
{
    if (run->row->kind != GW_DRAIN_EMPTY)
        leave_given(run, s);
    g_autoptr(GPtrArray) staying = gw_drain_staying(s, plan, run->moves);
    g_ptr_array_add(staying, NULL);
    guint count = staying->len - 1;
    g_autofree char *names = g_strjoinv(", ", (char **)staying->pdata);
    g_autofree char *reason = count ? g_strdup_printf("%u server%s could not be moved: %s", count, count > 1 ? "s" : "", names) : NULL;
    end(run, count ? GW_DRAIN_INCOMPLETE : GW_DRAIN_COMPLETED, reason);
}

static void end_late(GwDrainRun *run, guint left)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, run->moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainMove *move = value;
        if (move->state != GW_STEP_PLANNED)
            continue;
        move->state = GW_STEP_STAYS;
        gw_drain_set_text(&move->reason, "it would have ended after the deadline");
        note(run, move);
    }
    g_autofree char *reason = g_strdup_printf("the deadline came first: %u instance%s not moved", left, left > 1 ? "s were" : " was");
    end(run, GW_DRAIN_INCOMPLETE, reason);
}

/* ---- one round */

/* Also after a crash between the two writes of its beginning, and when somebody enables one meanwhile. */
static void close_hosts(GwDrainRun *run)
{
    g_autoptr(GError) error = NULL;
    if (!gw_drain_close_hosts(run->engine, run->row, &error))
        gw_warning("drain %" G_GINT64_FORMAT ": a host of %s could not be disabled: %s", run->id, run->row->hosts, error->message);
}

/* A source that is silent, or forced down meanwhile, is waited for, for a while: nothing can be said of its instances. */
static char *silent_host(const GwDrainRun *run, const GwSnapshot *s)
{
    g_auto(GStrv) names = g_strsplit(run->row->hosts ? run->row->hosts : "", " ", -1);
    for (char **name = names; run->row->kind == GW_DRAIN_EMPTY && *name; name++) {
        guint host;
        if (!gw_snapshot_find_host(s, *name, &host))
            continue;
        const GwHostView *view = s->hosts->pdata[host];
        if (view->row->forced_down)
            return g_strdup_printf("%s is forced down: evacuate its servers (godwit host-evacuate %s)", *name, *name);
        if (!view->up)
            return g_strdup_printf("%s does not answer", *name);
    }
    return NULL;
}

static gboolean waits_for_host(GwDrainRun *run, const char *silent)
{
    if (!silent)
        run->silent_since_us = 0;
    else if (!run->silent_since_us)
        run->silent_since_us = g_get_monotonic_time();
    return silent && g_get_monotonic_time() - run->silent_since_us < (gint64)SILENT_LIMIT_S * G_USEC_PER_SEC;
}

/* Moves that were to make room, and are not needed any more. */
static void drop_unneeded(GwDrainRun *run, const GwSnapshot *s, const GwDrainPlan *plan)
{
    g_autoptr(GHashTable) planned = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer value;
    for (guint n = 0; n < plan->moves->len; n++)
        g_hash_table_add(planned, gw_snapshot_view(s, g_array_index(plan->moves, GwPlannedMove, n).instance)->instance->uuid);
    g_hash_table_iter_init(&iter, run->moves);
    while (run->row->kind == GW_DRAIN_EMPTY && g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainMove *move = value;
        if (move->state != GW_STEP_PLANNED || g_hash_table_contains(planned, move->instance_uuid))
            continue;
        move->state = GW_STEP_GONE;
        gw_drain_set_text(&move->reason, "it need not move any more");
        note(run, move);
    }
}

/* Something is still on its way to a host that is being emptied. */
static gboolean something_arrives(const GwSnapshot *s)
{
    gboolean arrives = FALSE;
    for (guint t = 0; t < s->cluster->transits->len; t++)
        arrives |= gw_cluster_host(s->cluster, g_array_index(s->cluster->transits, GwClusterTransit, t).dest)->leaving;
    return arrives;
}

/* Nothing moves, and the end is not reached. */
static const char *idle_reason(const GwSnapshot *s, const GwDrainPlan *plan)
{
    if (plan->moves->len)
        return "the next move waits for room, or for moves that are under way elsewhere";
    return something_arrives(s) ? "a server is still on its way to a host that is being emptied" : NULL;
}

/* What the guests write that are still to go: a few at a time, once each. Moves do not wait for it; later plans know it. */
static void survey(GwDrainRun *run)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, run->moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwDrainMove *move = value;
        if (move->state != GW_STEP_PLANNED || move->kind != GW_MOVE_LIVE || g_hash_table_contains(run->surveyed, move->instance_uuid))
            continue;
        if (!gw_forecast_survey(run->engine, move->source, move->instance_uuid))
            return;
        g_hash_table_add(run->surveyed, g_strdup(move->instance_uuid));
    }
}

static void plan_and_begin(GwDrainRun *run, guint moving)
{
    survey(run);
    g_autofree char *waited_for = g_strdup(run->row->reason);

    g_autoptr(GwSnapshot) s = gw_snapshot_new(run->engine);
    adopt(run, s, &moving);
    g_autofree char *silent = silent_host(run, s);
    gboolean waits = waits_for_host(run, silent);
    g_autoptr(GwDrainPlan) plan = gw_drain_plan_of(run->engine, s, run->row, run->moves);
    gw_drain_write_plan(s, plan, run->moves, (g_get_real_time() - run->row->created_us) / 1000, run->changed);
    drop_unneeded(run, s, plan);
    if (run->changed->len && !save(run)) /* before anything is begun */
        return;
    guint begun = begin_due(run, s, plan);
    run->next_ms = next_start_ms(plan);
    gboolean idle = !begun && !moving;
    set_reason(run, silent ? silent : idle ? idle_reason(s, plan) : NULL);
    if (run->changed->len || g_strcmp0(waited_for, run->row->reason) != 0)
        save(run);
    if (idle && is_late(run, plan))
        end_late(run, plan->moves->len);
    else if (idle && !plan->moves->len && !waits && !something_arrives(s))
        finish(run, s, plan);
}

void gw_drain_round(GwDrainRun *run)
{
    if (!gw_inventory_has_looked(run->engine))
        return; /* what is known is what a former process knew */
    guint moving = 0;
    GwDrainQuery query = {.id = run->id};
    g_autoptr(GPtrArray) rows = NULL;
    if (gw_store_drains(run->engine->store, &query, &rows, NULL) && rows->len) {
        run->row->cancelling = ((GwDrain *)rows->pdata[0])->cancelling;
        if (((GwDrain *)rows->pdata[0])->state != GW_DRAIN_RUNNING) { /* it was on a list that was a moment old */
            leave(run);
            return;
        }
    }
    close_hosts(run);
    settle(run, &moving);
    if (!run->row->cancelling)
        plan_and_begin(run, moving);
    else if (!moving)
        end(run, GW_DRAIN_CANCELLED, "cancelled by request; what had moved stays where it is");
    else if (run->changed->len)
        save(run);
}
