/* The lines of moves that wait for their turn: one for each source host, in the order in which they were asked for, which is that of their
 * ids, so that a restart and another daemon find the same one. Nobody looks at those that wait: whatever could let one go calls serve(),
 * which wakes the first that may, and it takes its turn itself (queued.c). That is
 *   - a move that leaves the table, or the states in which it has a place, or joins or leaves the line (gw_turns_follow, gw_turns_leave);
 *   - a host that answers again, falls silent, is forced down, comes or goes (gw_turns_host_changed): also one that falls silent, since a
 *     move that was woken may find that it cannot go, and the next one was not woken;
 *   - a turn that was of no use (gw_turns_follow), whose move has a timer for its next.
 * The limit does not change while a daemon runs. The places of a host are freed by moves that leave it, and those are carried by the daemon
 * that has its lease; whoever gets the lease looks at all of them. So there is no wake-up that only a clock could bring, and no look in
 * between: a wake-up that comes while the move is in a step is kept (GwActive.again). */
#include "engine/turns.h"

#include "core/turn.h"
#include "engine/transits.h"

typedef struct {
    GSequence *waiting; /* of GwActive *, by id; borrowed */
    guint busy;         /* moves that have their turn */
} Line;

static void line_free(gpointer data)
{
    Line *line = data;
    g_sequence_free(line->waiting);
    g_free(line);
}

GHashTable *gw_turns_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, line_free);
}

static Line *line_of(GwEngine *engine, const char *host)
{
    Line *line = g_hash_table_lookup(engine->lines, host);
    if (line)
        return line;
    line = g_new0(Line, 1);
    line->waiting = g_sequence_new(NULL);
    g_hash_table_insert(engine->lines, g_strdup(host), line);
    return line;
}

static gint by_id(gconstpointer a, gconstpointer b, gpointer data)
{
    gint64 x = ((const GwActive *)a)->id, y = ((const GwActive *)b)->id;
    return (x > y) - (x < y);
}

/* ---- who can go */

typedef enum { CAN_NOT, CAN_GO, CAN_BE /* a host of its has not been asked since the daemon began: nobody overtakes it */ } Can;

static Can can_use(const GwHostEntry *entry)
{
    if (!entry || entry->row->forced_down)
        return CAN_NOT;
    return entry->last_full_us <= 0 ? CAN_BE : entry->up ? CAN_GO : CAN_NOT;
}

/* A destination that was left open is chosen anew, among all. */
static Can can_reach(GwEngine *engine, const GwMigration *row)
{
    if (row->dest && !(row->intents & GW_INTENT_ANYWHERE))
        return can_use(g_hash_table_lookup(engine->hosts, row->dest));
    return gw_inventory_has_looked_locked(engine) ? CAN_GO : CAN_BE;
}

/* The source of an evacuation is down: that is what it is for. */
static Can can_go(const GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    if (active->not_before_us > g_get_monotonic_time())
        return CAN_NOT;
    Can source = row->kind == GW_MOVE_EVACUATE ? CAN_GO : can_use(g_hash_table_lookup(engine->hosts, row->source));
    return source == CAN_GO ? can_reach(engine, row) : source;
}

static guint free_of(const GwEngine *engine, const Line *line)
{
    return gw_turn_free(engine->settings.max_concurrent_live_migrations, line->busy);
}

static void serve(GwEngine *engine, Line *line)
{
    guint left = free_of(engine, line);
    for (GSequenceIter *at = g_sequence_get_begin_iter(line->waiting); left && !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at)) {
        GwActive *active = g_sequence_get(at);
        Can can = can_go(active, active->row);
        if (can == CAN_BE)
            return;
        if (can == CAN_NOT)
            continue;
        gw_active_push(active);
        left--;
    }
}

static gboolean is_before(GSequenceIter *at, const GwActive *active)
{
    return !g_sequence_iter_is_end(at) && ((const GwActive *)g_sequence_get(at))->id < active->id;
}

gboolean gw_turns_is_next(const GwActive *active, const GwMigration *row)
{
    const GwEngine *engine = active->engine;
    const Line *line = g_hash_table_lookup(engine->lines, active->row->source);
    guint left = line ? free_of(engine, line) : 1;
    if (active->has_turn)
        return TRUE;
    if (!left || can_go(active, row) != CAN_GO)
        return FALSE;
    for (GSequenceIter *at = line ? g_sequence_get_begin_iter(line->waiting) : NULL; at && is_before(at, active); at = g_sequence_iter_next(at)) {
        const GwActive *other = g_sequence_get(at);
        Can can = can_go(other, other->row);
        left -= can == CAN_GO ? 1 : 0;
        if (!left || can == CAN_BE)
            return FALSE;
    }
    return TRUE;
}

/* ---- what is in the lines */

/* What is undone for a second try keeps its turn. */
static gboolean has_place(const GwMigration *row)
{
    gboolean again = row->state == GW_MIGRATION_UNDOING && row->end == GW_MIGRATION_PREPARING;
    return row->state == GW_MIGRATION_PREPARING || row->state == GW_MIGRATION_RUNNING || row->state == GW_MIGRATION_POSTCOPY || again;
}

static void set(GwActive *active, gboolean waits, gboolean holds)
{
    if (waits == (active->place != NULL) && holds == active->holds)
        return;
    Line *line = line_of(active->engine, active->row->source);
    if (active->place && !waits)
        g_sequence_remove(g_steal_pointer(&active->place));
    else if (waits && !active->place)
        active->place = g_sequence_insert_sorted(line->waiting, active, by_id, NULL);
    line->busy += (guint)holds - (guint)active->holds;
    active->holds = holds;
    if (!line->busy && g_sequence_is_empty(line->waiting))
        g_hash_table_remove(active->engine->lines, active->row->source);
    else
        serve(active->engine, line);
}

void gw_turns_follow(GwActive *active)
{
    gboolean entered = active->entered[GW_END_SOURCE] != NULL;
    gboolean queued = active->row->state == GW_MIGRATION_QUEUED;
    active->has_turn = active->has_turn && (queued || active->row->state == GW_MIGRATION_ACCEPTED);
    set(active, entered && queued && !active->has_turn, entered && (active->has_turn || has_place(active->row)));
}

void gw_turns_leave(GwActive *active)
{
    active->has_turn = FALSE;
    set(active, FALSE, FALSE);
}

/* ---- what becomes of hosts */

static gboolean is_lost(GwEngine *engine, const char *host)
{
    const GwHostEntry *entry = g_hash_table_lookup(engine->hosts, host);
    return !entry || entry->row->forced_down || gw_turns_silent_ms(engine, entry) >= gw_turns_patience_ms(engine);
}

static gboolean needs(const GwMigration *row, const char *host)
{
    return g_strcmp0(row->source, host) == 0 ? row->kind != GW_MOVE_EVACUATE : !(row->intents & GW_INTENT_ANYWHERE);
}

/* What may go anywhere waits until every host has been asked once; and a host more could take it, so that it is not left waiting until its
 * pause is over. */
static void recall(GwEngine *engine, gboolean usable)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->lines);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Line *line = value;
        gboolean any = FALSE;
        for (GSequenceIter *at = g_sequence_get_begin_iter(line->waiting); !g_sequence_iter_is_end(at); at = g_sequence_iter_next(at)) {
            GwActive *active = g_sequence_get(at);
            gboolean anywhere = (active->row->intents & GW_INTENT_ANYWHERE) != 0;
            active->not_before_us = anywhere && usable ? 0 : active->not_before_us;
            any |= anywhere;
        }
        if (any)
            serve(engine, line);
    }
}

void gw_turns_host_changed(GwEngine *engine, const char *host)
{
    gboolean usable = can_use(g_hash_table_lookup(engine->hosts, host)) == CAN_GO;
    const GPtrArray *moves = gw_transits_of(engine, host);
    g_autoptr(GHashTable) lines = g_hash_table_new(NULL, NULL);
    gboolean lost = is_lost(engine, host);
    for (guint i = 0; moves && i < moves->len; i++) {
        GwActive *active = moves->pdata[i];
        if (!active->place)
            continue;
        if (usable)
            active->not_before_us = 0;
        if (lost && needs(active->row, host))
            gw_active_push(active); /* it ends */
        g_hash_table_add(lines, g_hash_table_lookup(engine->lines, active->row->source));
    }
    GHashTableIter iter;
    gpointer line;
    g_hash_table_iter_init(&iter, lines);
    while (g_hash_table_iter_next(&iter, &line, NULL))
        serve(engine, line);
    recall(engine, usable);
}

void gw_turns_wake(GwEngine *engine, const char *uuid)
{
    GwActive *active = gw_active_of(engine, uuid);
    if (active && active->place)
        gw_active_push(active);
}

gint64 gw_turns_patience_ms(const GwEngine *engine)
{
    return MAX(1, GW_TURN_SILENT_MS / (gint64)MAX(1, engine->settings.haste));
}

gint64 gw_turns_silent_ms(const GwEngine *engine, const GwHostEntry *entry)
{
    if (entry->last_full_us <= 0)
        return -1;
    return entry->up ? 0 : (g_get_monotonic_time() - entry->silent_us) / 1000;
}

/* ---- what people are told */

GwWaitsFor gw_turns_waits_for(const GwActive *active)
{
    GwEngine *engine = active->engine;
    const GwMigration *row = active->row;
    const GwHostEntry *source = g_hash_table_lookup(engine->hosts, row->source);
    const GwHostEntry *dest = row->dest ? g_hash_table_lookup(engine->hosts, row->dest) : NULL;
    if (!active->place)
        return GW_WAITS_FOR_NOBODY;
    if (source && row->kind != GW_MOVE_EVACUATE && can_use(source) != CAN_GO)
        return GW_WAITS_FOR_SOURCE;
    return dest && !(row->intents & GW_INTENT_ANYWHERE) && can_use(dest) != CAN_GO ? GW_WAITS_FOR_DEST : GW_WAITS_FOR_NOBODY;
}

/* The host that it waits for, or NULL. */
static const GwHostEntry *silent_host(const GwActive *active)
{
    GwWaitsFor whom = gw_turns_waits_for(active);
    const char *host = whom == GW_WAITS_FOR_SOURCE ? active->row->source : whom == GW_WAITS_FOR_DEST ? active->row->dest : NULL;
    return host ? g_hash_table_lookup(active->engine->hosts, host) : NULL;
}

char *gw_turns_words(GwActive *active)
{
    GwEngine *engine = active->engine;
    const GwMigration *row = active->row;
    if (row->state == GW_MIGRATION_QUEUED && active->has_turn)
        return g_strdup("its turn has come, and it is checked once more");
    if (!active->place)
        return NULL;
    const GwHostEntry *silent = silent_host(active);
    gint64 haste = MAX(1, engine->settings.haste);
    GwTurnView view = {.source = row->source,
                       .limit = engine->settings.max_concurrent_live_migrations,
                       .ahead = (guint)g_sequence_iter_get_position(active->place),
                       .silent = silent ? silent->row->name : NULL,
                       .silent_ms = silent ? gw_turns_silent_ms(engine, silent) * haste : 0,
                       .vain = active->vain_reason};
    return gw_turn_words(&view);
}
