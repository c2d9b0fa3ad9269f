/* From the rows of a drain to the plan of what is left of it, and back. Every plan is made of what is, so that the first and any
 * later one, after a failure or a restart, are the same thing. */
#include "engine/drain.h"

#include "core/placing.h"

#include <string.h>

void gw_drain_ban_tried(GwSnapshot *s, const GwDrainMove *move, guint instance)
{
    g_auto(GStrv) lines = g_strsplit(move->tried ? move->tried : "", "\n", -1);
    for (char **line = lines; *line; line++) {
        char *tab = strchr(*line, '\t');
        guint host;
        if (!tab)
            continue;
        *tab = '\0';
        if (gw_snapshot_find_host(s, *line, &host))
            gw_cluster_ban(s->cluster, instance, host, gw_snapshot_keep(s, tab + 1));
    }
}

static void apply_history(GwSnapshot *s, GHashTable *moves)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwDrainMove *move = value;
        guint instance;
        if (!gw_snapshot_find_instance(s, move->instance_uuid, &instance))
            continue;
        gw_drain_ban_tried(s, move, instance);
        GwClusterInstance *i = gw_cluster_instance(s->cluster, instance);
        if (move->state == GW_STEP_GIVEN_UP)
            i->stuck = gw_snapshot_keep(s, move->reason ? move->reason : "it was given up");
        else if (move->state == GW_STEP_MOVED && !gw_cluster_host(s->cluster, i->host)->leaving && !i->stuck)
            i->stuck = "it has been moved already"; /* not twice */
    }
}

static void mark_leaving(GwSnapshot *s, const GwDrain *drain)
{
    g_auto(GStrv) names = g_strsplit(drain->hosts ? drain->hosts : "", " ", -1);
    guint host;
    for (char **name = names; *name; name++)
        if (gw_snapshot_find_host(s, *name, &host))
            gw_cluster_host(s->cluster, host)->leaving = TRUE;
}

/* ---- moves that were given */

static gint by_start(gconstpointer a, gconstpointer b)
{
    const GwDrainMove *x = *(GwDrainMove *const *)a, *y = *(GwDrainMove *const *)b;
    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    return strcmp(x->instance_uuid, y->instance_uuid);
}

static GPtrArray *open_moves(GHashTable *moves)
{
    GPtrArray *open = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (((GwDrainMove *)value)->state == GW_STEP_PLANNED || ((GwDrainMove *)value)->state == GW_STEP_STAYS)
            g_ptr_array_add(open, value);
    g_ptr_array_sort(open, by_start);
    return open;
}

/* Whether all of its group will be on one host: such a group does not hold its members on the way there. */
static gboolean whole_group_goes(const GwCluster *cluster, const guint *where, guint instance)
{
    int group = gw_cluster_instance(cluster, instance)->group;
    if (group < 0 || g_array_index(cluster->groups, GwClusterGroup, group).policy != GW_GROUP_AFFINITY)
        return FALSE;
    for (guint i = 0; i < cluster->instances->len; i++)
        if (gw_cluster_instance(cluster, i)->group == group && where[i] != where[instance])
            return FALSE;
    return TRUE;
}

static void free_whole_groups(GwCluster *cluster, const guint *where, const GArray *order)
{
    g_autoptr(GArray) free = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint n = 0; n < order->len; n++)
        if (whole_group_goes(cluster, where, g_array_index(order, guint, n)))
            g_array_append_val(free, g_array_index(order, guint, n));
    for (guint n = 0; n < free->len; n++)
        gw_cluster_instance(cluster, g_array_index(free, guint, n))->group = GW_CLUSTER_NONE;
}

static void keep_given(GwSnapshot *s, GHashTable *moves, const GwPace *pace, GwDrainPlan *plan)
{
    g_autoptr(GPtrArray) open = open_moves(moves);
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree guint *where = g_new0(guint, s->cluster->instances->len + 1);
    for (guint i = 0; i < s->cluster->instances->len; i++)
        where[i] = gw_cluster_instance(s->cluster, i)->host;
    for (guint n = 0; n < open->len; n++) {
        const GwDrainMove *move = open->pdata[n];
        guint instance, dest;
        if (!gw_snapshot_find_instance(s, move->instance_uuid, &instance) || !gw_snapshot_find_host(s, move->dest, &dest))
            continue;
        const GwClusterInstance *i = gw_cluster_instance(s->cluster, instance);
        if (i->stuck || strcmp(gw_snapshot_host_name(s, i->host), move->source) != 0)
            continue;
        where[instance] = dest;
        g_array_append_val(order, instance);
    }
    free_whole_groups(s->cluster, where, order);
    gw_placing_write(s->cluster, where, order, plan->moves);
    plan->table = gw_schedule_make(s->cluster, plan->moves, pace, GW_DESTINATIONS_GIVEN);
}

GwDrainPlan *gw_drain_plan_of(GwEngine *engine, GwSnapshot *s, const GwDrain *drain, GHashTable *moves)
{
    GwPace pace = gw_snapshot_pace(engine, drain->per_host);
    if (drain->kind == GW_DRAIN_EMPTY)
        mark_leaving(s, drain);
    apply_history(s, moves);
    if (drain->kind == GW_DRAIN_EMPTY) {
        GwDrainWish wish = {pace, GW_ROOM_MAKE, drain->include_stopped ? GW_STOPPED_MOVE : GW_STOPPED_STAY};
        return gw_drain_plan(s->cluster, &wish);
    }
    GwDrainPlan *plan = g_new0(GwDrainPlan, 1);
    plan->moves = g_array_new(FALSE, TRUE, sizeof(GwPlannedMove));
    plan->stays = g_array_new(FALSE, TRUE, sizeof(GwStay));
    keep_given(s, moves, &pace, plan);
    return plan;
}

/* ---- back into rows */

static GwDrainMove *row_of(const GwSnapshot *s, GHashTable *moves, guint instance)
{
    const GwInstanceView *view = gw_snapshot_view(s, instance);
    GwDrainMove *row = g_hash_table_lookup(moves, view->instance->uuid);
    if (row)
        return row;
    row = gw_drain_move_new();
    g_strlcpy(row->instance_uuid, view->instance->uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup(view->instance->name);
    row->source = g_strdup(view->host);
    g_hash_table_insert(moves, row->instance_uuid, row);
    return row;
}

void gw_drain_set_text(char **field, const char *text)
{
    if (g_strcmp0(*field, text) == 0)
        return;
    g_free(*field);
    *field = g_strdup(text);
}

static void note(GPtrArray *changed, GwDrainMove *row)
{
    if (changed && !g_ptr_array_find(changed, row, NULL))
        g_ptr_array_add(changed, row);
}

/* What is predicted is kept from the first plan, so that it can be compared with what came. */
static void write_move(const GwSnapshot *s, GHashTable *moves, const GwPlannedMove *move, gint64 since_ms, GPtrArray *changed)
{
    GwDrainMove *row = row_of(s, moves, move->instance);
    const char *dest = gw_snapshot_host_name(s, move->dest);
    gboolean same = row->state == GW_STEP_PLANNED && row->predicted_ms && g_strcmp0(row->dest, dest) == 0;
    if (same)
        return;
    gw_drain_set_text(&row->dest, dest);
    gw_drain_set_text(&row->reason, row->attempts ? row->reason : NULL);
    row->state = GW_STEP_PLANNED;
    row->kind = gw_cluster_instance(s->cluster, move->instance)->stopped ? GW_MOVE_COLD : GW_MOVE_LIVE;
    row->bytes = move->cost.bytes;
    row->start_ms = since_ms + (gint64)move->start_ms;
    row->predicted_ms = (gint64)(move->end_ms - move->start_ms);
    row->pause_ms = (gint64)move->cost.pause_ms;
    note(changed, row);
}

static void write_stay(const GwSnapshot *s, GHashTable *moves, const GwDrainPlan *plan, const GwStay *stay, GPtrArray *changed)
{
    GwDrainMove *row = row_of(s, moves, stay->instance);
    g_autofree char *why = gw_drain_explain(s->cluster, plan, stay);
    if (row->state == GW_STEP_MOVING || row->state == GW_STEP_GIVEN_UP || (row->state == GW_STEP_STAYS && g_strcmp0(row->reason, why) == 0))
        return;
    row->state = GW_STEP_STAYS;
    row->kind = gw_cluster_instance(s->cluster, stay->instance)->stopped ? GW_MOVE_COLD : GW_MOVE_LIVE;
    gw_drain_set_text(&row->dest, NULL);
    gw_drain_set_text(&row->reason, why);
    note(changed, row);
}

/* An open move whose instance is no longer where it was: someone else's doing, or it is deleted. After a move that failed or is in
 * error it is not taken for either. */
static void write_gone(const GwSnapshot *s, GwDrainMove *row, GPtrArray *changed)
{
    guint instance;
    if (row->state != GW_STEP_PLANNED && row->state != GW_STEP_STAYS && row->state != GW_STEP_GIVEN_UP)
        return;
    gboolean somewhere = gw_snapshot_find_instance(s, row->instance_uuid, &instance);
    const char *host = somewhere ? gw_snapshot_view(s, instance)->host : NULL;
    if ((host && strcmp(host, row->source) == 0) || (row->state == GW_STEP_GIVEN_UP && (row->migration_id || !somewhere)))
        return;
    g_autofree char *reason = somewhere ? g_strdup_printf("it is on %s now: someone else moved it", host)
                            : row->attempts ? g_strdup_printf("no host shows it any more, after a move that failed: %s", row->reason)
                                            : g_strdup("no host shows it any more: it was deleted, or it ended");
    row->state = somewhere || !row->attempts ? GW_STEP_GONE : GW_STEP_GIVEN_UP;
    gw_drain_set_text(&row->reason, reason);
    note(changed, row);
}

void gw_drain_write_plan(const GwSnapshot *s, const GwDrainPlan *plan, GHashTable *moves, gint64 since_ms, GPtrArray *changed)
{
    GHashTableIter iter;
    gpointer value;
    for (guint n = 0; n < plan->moves->len; n++)
        write_move(s, moves, &g_array_index(plan->moves, GwPlannedMove, n), since_ms, changed);
    for (guint n = 0; n < plan->stays->len; n++)
        write_stay(s, moves, plan, &g_array_index(plan->stays, GwStay, n), changed);
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        write_gone(s, value, changed);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *gw_drain_staying(const GwSnapshot *s, const GwDrainPlan *plan, GHashTable *moves)
{
    g_autoptr(GHashTable) left_alone = g_hash_table_new(g_str_hash, g_str_equal); /* as the wish said */
    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    for (guint n = 0; n < plan->stays->len; n++) {
        const GwStay *stay = &g_array_index(plan->stays, GwStay, n);
        if (stay->cause == GW_STAY_STOPPED)
            g_hash_table_add(left_alone, gw_snapshot_view(s, stay->instance)->instance->uuid);
    }
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwDrainMove *move = value;
        gboolean stays = move->state == GW_STEP_STAYS && !g_hash_table_contains(left_alone, move->instance_uuid);
        if (stays || move->state == GW_STEP_GIVEN_UP)
            g_ptr_array_add(names, move->instance_name);
    }
    g_ptr_array_sort(names, by_text);
    return names;
}
