/* Every moment that a migration can come to, in a small world of two hosts (lifecycle_world.h): whatever happens in
 * whatever order, no two copies run, none is lost, final states keep their promises; and once the storm is over, every
 * migration comes to an end. Once with one daemon that may die, and once with two between which the lease changes hands. */
#include "lifecycle_world.h"

/* Nodes by number, in the order in which they were reached, and an open table from node to number. */
typedef struct {
    const WorldSetting *setting;
    GArray *nodes; /* of guint64 */
    GArray *parents; /* of guint32: how it was reached */
    guint32 *table; /* number + 1; 0: free */
    guint32 mask;
    guint32 current;
    guint64 steps;
    guint32 states, second_states; /* bits: those reached, and in a second try */
    gboolean may_break, broken; /* the search is expected to find something; it has */
} Search;

static guint32 slot_of(const Search *search, guint64 key)
{
    guint32 slot = (guint32)((key * 0x9E3779B97F4A7C15ull) >> 32) & search->mask;
    while (search->table[slot] && g_array_index(search->nodes, guint64, search->table[slot] - 1) != key)
        slot = (slot + 1) & search->mask;
    return slot;
}

static void grow(Search *search)
{
    search->mask = search->mask * 2 + 1;
    g_free(search->table);
    search->table = g_new0(guint32, (gsize)search->mask + 1);
    for (guint32 i = 0; i < search->nodes->len; i++)
        search->table[slot_of(search, g_array_index(search->nodes, guint64, i))] = i + 1;
}

static Search *search_new(const WorldSetting *setting)
{
    Search *search = g_new0(Search, 1);
    search->setting = setting;
    search->nodes = g_array_new(FALSE, FALSE, sizeof(guint64));
    search->parents = g_array_new(FALSE, FALSE, sizeof(guint32));
    search->mask = (1u << 16) - 1;
    search->table = g_new0(guint32, (gsize)search->mask + 1);
    return search;
}

static void search_free(Search *search)
{
    g_array_unref(search->nodes);
    g_array_unref(search->parents);
    g_free(search->table);
    g_free(search);
}

static WorldNode node_at(const Search *search, guint32 number)
{
    return (WorldNode){.key = g_array_index(search->nodes, guint64, number)};
}

/* The way there, and what is wrong. */
static void fail_at(const Search *search, guint32 number, const char *what)
{
    g_autoptr(GPtrArray) way = g_ptr_array_new_with_free_func(g_free);
    for (guint32 i = number;; i = g_array_index(search->parents, guint32, i)) {
        g_ptr_array_add(way, world_describe(node_at(search, i)));
        if (i == g_array_index(search->parents, guint32, i))
            break;
    }
    for (guint i = way->len; i > 0; i--)
        g_test_message("%s", (const char *)way->pdata[i - 1]);
    g_error("%s: %s", search->setting->name, what);
}

static void check_safe(Search *search, guint32 number)
{
    static const char *const laws[] = {
        [BROKEN_TWO_RUN] = "two copies run",
        [BROKEN_OLD_RUNS] = "an old copy was let run",
        [BROKEN_LOST_GUEST] = "the only live copy was killed",
        [BROKEN_LOST_SOURCE] = "the source was removed without a whole instance on the destination",
        [BROKEN_LOST_DEST] = "the destination was removed without a whole instance on the source",
        [BROKEN_END] = "a final state promises what is not so",
        [BROKEN_STALE_DISK] = "a copy was begun over what another had left",
    };
    WorldNode node = node_at(search, number);
    if (node.broken && search->may_break)
        search->broken = TRUE;
    else if (node.broken)
        fail_at(search, number, laws[node.broken]);
}

static void reach(void *data, WorldNode next, WorldStep step)
{
    Search *search = data;
    search->steps++;
    guint32 slot = slot_of(search, next.key);
    if (search->table[slot])
        return;
    g_array_append_val(search->nodes, next.key);
    g_array_append_val(search->parents, search->current);
    search->table[slot] = search->nodes->len;
    search->states |= 1u << next.state;
    search->second_states |= next.second ? 1u << next.state : 0;
    check_safe(search, search->nodes->len - 1);
    if (search->nodes->len > search->mask / 2)
        grow(search);
}

static void search_all(Search *search)
{
    reach(search, world_start(search->setting), STEP_DAEMON);
    for (search->current = 0; search->current < search->nodes->len && !search->broken; search->current++)
        world_steps(search->setting, node_at(search, search->current), WEATHER_STORM, reach, search);
}

/* ---- every migration ends: in calm weather no way goes on for ever, and every way's last node is an end.
 * A look that leads back to where it began is no step; a node is left when something fair leads on, or when the
 * daemon's next act leads on whatever its outcome. */

enum { UNSEEN, OPEN, ENDS };

typedef struct {
    WorldNode node;
    guint32 *next;
    guint count, at;
} Visit;

typedef struct {
    Search *search;
    GArray *found; /* of guint32: where the present node leads */
    guint32 self;
    gboolean fair; /* something fair leads on */
    gboolean daemon_stays, daemon_leads;
} Onward;

static void look_onward(void *data, WorldNode next, WorldStep step);

/* The daemon's look and act are one step in calm weather, so that one that changes nothing leads back. */
static void look_through(void *data, WorldNode next, WorldStep step)
{
    Onward *onward = data;
    if (step == STEP_DAEMON && next.phase != PHASE_REST)
        world_daemon(onward->search->setting, next, WEATHER_CALM, look_through, onward);
    else
        look_onward(data, next, step);
}

static void look_onward(void *data, WorldNode next, WorldStep step)
{
    Onward *onward = data;
    guint32 number = onward->search->table[slot_of(onward->search, next.key)] - 1;
    g_assert_cmpuint(number, <, onward->search->nodes->len); /* calm is a part of the storm */
    if (step == STEP_DAEMON && number == onward->self)
        onward->daemon_stays = TRUE;
    if (number == onward->self)
        return;
    onward->daemon_leads |= step == STEP_DAEMON;
    onward->fair |= step == STEP_FAIR;
    g_array_append_val(onward->found, number);
}

static Visit open_visit(Search *search, guint32 number)
{
    Onward onward = {search, g_array_new(FALSE, FALSE, sizeof(guint32)), number, FALSE, FALSE, FALSE};
    WorldNode node = node_at(search, number);
    if (!world_is_over(node)) {
        world_steps(search->setting, node, WEATHER_CALM, look_through, &onward);
        if (!onward.fair && (!onward.daemon_leads || onward.daemon_stays))
            fail_at(search, number, "it stays here for ever");
    }
    Visit visit = {.node = node, .count = onward.found->len};
    visit.next = (guint32 *)(gpointer)g_array_free(onward.found, FALSE);
    return visit;
}

static void check_ends(Search *search)
{
    g_autofree guint8 *colours = g_new0(guint8, search->nodes->len);
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(Visit));
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 root = 0; root < search->nodes->len; root++) {
        guint32 number = root;
        if (colours[root] != UNSEEN)
            continue;
        for (;;) {
            if (colours[number] == UNSEEN) {
                Visit visit = open_visit(search, number);
                colours[number] = OPEN;
                g_array_append_val(stack, visit);
                g_array_append_val(numbers, number);
            }
            Visit *top = &g_array_index(stack, Visit, stack->len - 1);
            if (top->at < top->count) {
                number = top->next[top->at++];
                if (colours[number] == OPEN)
                    fail_at(search, number, "it comes back here for ever");
                continue;
            }
            g_free(top->next);
            colours[g_array_index(numbers, guint32, numbers->len - 1)] = ENDS;
            g_array_set_size(stack, stack->len - 1);
            g_array_set_size(numbers, numbers->len - 1);
            if (!stack->len)
                break;
            number = g_array_index(numbers, guint32, numbers->len - 1);
        }
    }
}

static const WorldSetting settings[] = {
    {"live, shared disks", GW_MOVE_LIVE, TRUE, FALSE, TRUE, FALSE},
    {"live, copied disks", GW_MOVE_LIVE, TRUE, TRUE, TRUE, FALSE},
    {"live, copied disks, post-copy", GW_MOVE_LIVE, TRUE, TRUE, TRUE, TRUE},
    {"live, shared disks, post-copy, transient", GW_MOVE_LIVE, TRUE, FALSE, FALSE, TRUE},
    {"live, copied disks, transient", GW_MOVE_LIVE, TRUE, TRUE, FALSE, FALSE},
    {"live, copied disks, paused guest", GW_MOVE_LIVE, FALSE, TRUE, TRUE, FALSE},
    {"cold, shared disks", GW_MOVE_COLD, TRUE, FALSE, TRUE, FALSE},
    {"cold, copied disks", GW_MOVE_COLD, TRUE, TRUE, TRUE, FALSE},
    {"cold, shared disks, stopped guest", GW_MOVE_COLD, FALSE, FALSE, TRUE, FALSE},
    {"cold, copied disks, stopped guest", GW_MOVE_COLD, FALSE, TRUE, TRUE, FALSE},
};

/* A search that does not come to a state proves nothing of it. */
static void check_reached(const Search *search)
{
    guint32 both = 1u << GW_MIGRATION_ACCEPTED | 1u << GW_MIGRATION_QUEUED | 1u << GW_MIGRATION_PREPARING |
                   1u << GW_MIGRATION_UNDOING | 1u << GW_MIGRATION_CANCELLED | 1u << GW_MIGRATION_FAILED |
                   1u << GW_MIGRATION_ERROR;
    guint32 live = 1u << GW_MIGRATION_RUNNING | 1u << GW_MIGRATION_SETTLING | 1u << GW_MIGRATION_COMPLETED |
                   (search->setting->postcopy ? 1u << GW_MIGRATION_POSTCOPY : 0);
    guint32 all = (1u << GW_MIGRATION_STATE_COUNT) - 1;
    guint32 cold = all & ~(1u << GW_MIGRATION_RUNNING | 1u << GW_MIGRATION_SETTLING | 1u << GW_MIGRATION_COMPLETED |
                           1u << GW_MIGRATION_POSTCOPY | 1u << GW_MIGRATION_EVACUATED);
    gboolean moves_live = search->setting->kind == GW_MOVE_LIVE;
    g_assert_cmphex(search->states, ==, moves_live ? both | live : cold);
    guint32 second = (both | live) & ~(1u << GW_MIGRATION_ACCEPTED | 1u << GW_MIGRATION_QUEUED);
    gboolean may_try_again = moves_live && search->setting->copies && search->setting->ran;
    g_assert_cmphex(search->second_states, ==, may_try_again ? second : 0);
}

static void explore(gconstpointer data)
{
    Search *search = search_new(data);
    search_all(search);
    check_reached(search);
    check_ends(search);
    g_test_message("%s: %u moments, %" G_GUINT64_FORMAT " steps", search->setting->name, search->nodes->len,
                   search->steps);
    search_free(search);
}

/* Two daemons: the lease of the source changes hands at any moment of any of these moves, also while an act is on its way. */
static void explore_takeover(gconstpointer data)
{
    WorldSetting setting = *(const WorldSetting *)data;
    setting.lease = LEASE_WITH_MARGIN;
    explore(&setting);
}

/* The search can fail: were the other daemon not to wait for what is on its way, it would find a law broken. */
static void margin_is_needed(void)
{
    WorldSetting setting = settings[1];
    setting.lease = LEASE_WITHOUT;
    Search *search = search_new(&setting);
    search->may_break = TRUE;
    search_all(search);
    g_test_message("%u moments until a law is broken", search->nodes->len);
    g_assert_true(search->broken);
    search_free(search);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lifecycle/takeover/margin-is-needed", margin_is_needed);
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autofree char *path = g_strdup_printf("/lifecycle/takeover/%s", settings[i].name);
        g_test_add_data_func(path, &settings[i], explore_takeover);
    }
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autofree char *path = g_strdup_printf("/lifecycle/world/%s", settings[i].name);
        g_test_add_data_func(path, &settings[i], explore);
    }
    return g_test_run();
}
