/* Watching every migration under way: on a terminal a line each, drawn again and again, below the sentences of those that ended meanwhile;
 * elsewhere a line at each change of state. */
#include "cli/bar.h"
#include "cli/client.h"
#include "cli/follow.h"
#include "cli/server.h"
#include "cli/text.h"

#include <string.h>

enum { POLL_MS = 500, AWAY_MS = 1000 };

typedef struct {
    GwCli *cli;
    GHashTable *known; /* id (gint64 *, owned) → the state shown last (owned) */
    guint drawn;       /* lines that stand on the terminal */
    gboolean told_idle;
    gboolean met;  /* the daemon has answered once */
    gboolean away; /* it does not now, which has been said */
} Watch;

static void erase(Watch *watch)
{
    if (watch->drawn)
        printf("\033[%uA\r\033[J", watch->drawn);
    watch->drawn = 0;
}

static void G_GNUC_PRINTF(2, 3) draw(Watch *watch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = gw_text_fit(text, gw_terminal_columns(&watch->cli->out) - 1);
    printf("%s\n", line);
    watch->drawn++;
}

/* A line that stays. */
static void say(const char *text)
{
    g_autofree char *clean = gw_text_clean(text);
    printf("%s\n", clean);
}

static void say_end(Watch *watch, const GwMove *move)
{
    g_autoptr(GwServer) server = gw_server_find(watch->cli, move->instance_uuid, NULL);
    gboolean runs = server && strcmp(gw_server_power(server->json), "running") == 0;
    g_autofree char *sentence = gw_move_sentence(move, GW_WANT_MOVED, runs);
    gboolean why = move->reason && *move->reason;
    g_autofree char *text = why ? g_strdup_printf("%s: %s", sentence, move->reason) : g_strdup(sentence);
    say(text);
}

static void say_state(const GwMove *move)
{
    g_autofree char *doing = gw_move_doing(move);
    g_autofree char *line = g_strdup_printf("%s %s -> %s: %s", move->name, move->source, move->dest ? move->dest : "?", doing);
    say(line);
}

/* Those that were under way and are no more have ended. One of which the daemon says nothing now is asked about again. */
static void tell_ends(Watch *watch, GHashTable *present)
{
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, watch->known);
    while (g_hash_table_iter_next(&iter, &id, NULL)) {
        if (g_hash_table_contains(present, id))
            continue;
        g_autoptr(GError) problem = NULL;
        g_autoptr(GwMove) move = gw_follow_once(watch->cli, *(gint64 *)id, &problem);
        if (move)
            say_end(watch, move);
        else if (gw_follow_may_pass(problem))
            continue;
        g_hash_table_iter_remove(&iter);
    }
}

static void note(Watch *watch, const GwMove *move)
{
    const char *before = g_hash_table_lookup(watch->known, &move->id);
    if (g_strcmp0(before, move->state) == 0)
        return;
    g_hash_table_replace(watch->known, g_memdup2(&move->id, sizeof move->id), g_strdup(move->state));
    if (!watch->cli->out.live)
        say_state(move);
}

static void draw_all(Watch *watch, const GPtrArray *moves)
{
    if (!watch->cli->out.live) {
        if (!moves->len && !watch->told_idle)
            puts("Nothing is on its way.");
        watch->told_idle = moves->len == 0;
        return;
    }
    draw(watch, "%s (Ctrl-C ends watching, nothing else)",
         moves->len ? "On their way:" : "Nothing is on its way.");
    for (guint i = 0; i < moves->len; i++) {
        GwBarLook look = {gw_terminal_columns(&watch->cli->out), watch->cli->out.colour, 0};
        g_autofree char *line = gw_bar_line(moves->pdata[i], &look);
        printf("%s\n", line);
        watch->drawn++;
    }
}

static gboolean read_moves(GwCli *cli, GPtrArray *moves, json_t **ret_body, GError **error)
{
    json_t *list;
    if (!gw_client_get(cli, "/godwit/v1/migrations?unfinished=true", ret_body, error) ||
        !gw_client_list(*ret_body, "migrations", &list, error))
        return FALSE;
    for (size_t i = json_array_size(list); i > 0; i--) { /* oldest first */
        GwMove *move = gw_move_new(json_array_get(list, i - 1), error);
        if (!move)
            return FALSE;
        g_ptr_array_add(moves, move);
    }
    return TRUE;
}

static void welcome(Watch *watch)
{
    if (watch->away)
        say("The daemon answers again.");
    watch->met = TRUE;
    watch->away = FALSE;
}

static gboolean look(Watch *watch, GError **error)
{
    g_autoptr(json_t) body = NULL;
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_move_free);
    g_autoptr(GHashTable) present = g_hash_table_new(g_int64_hash, g_int64_equal);
    if (!read_moves(watch->cli, moves, &body, error))
        return FALSE;
    for (guint i = 0; i < moves->len; i++)
        g_hash_table_add(present, &((GwMove *)moves->pdata[i])->id);
    erase(watch);
    welcome(watch);
    tell_ends(watch, present);
    for (guint i = 0; i < moves->len; i++)
        note(watch, moves->pdata[i]);
    draw_all(watch, moves);
    fflush(stdout);
    return TRUE;
}

/* TRUE: look again later. A daemon that never answered is likelier to be sought in the wrong place. */
static gboolean bear(Watch *watch, const GError *problem)
{
    if (g_error_matches(problem, GW_ERROR, GW_ERROR_ABORTED))
        return TRUE;
    erase(watch);
    if (watch->met && gw_follow_may_pass(problem) && !watch->away) {
        g_autofree char *text = g_strdup_printf("%s Trying again until it answers.", problem->message);
        say(text);
        watch->away = TRUE;
    }
    fflush(stdout);
    return watch->met && gw_follow_may_pass(problem);
}

static GwExit print_once(GwCli *cli, GError **error)
{
    g_autoptr(json_t) body = NULL;
    if (!gw_client_get(cli, "/godwit/v1/migrations?unfinished=true", &body, error))
        return GW_EXIT_FAILED;
    gw_client_print(body);
    return GW_EXIT_DONE;
}

GwExit gw_run_watch(GwCli *cli, const GwArguments *arguments, GError **error)
{
    if (cli->output == GW_OUTPUT_JSON)
        return print_once(cli, error);

    g_autoptr(GHashTable) known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    Watch watch = {.cli = cli, .known = known};
    gw_interrupt_catch();
    while (!g_atomic_int_get(gw_interrupt_flag())) {
        g_autoptr(GError) why = NULL;
        if (!look(&watch, &why) && !bear(&watch, why)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return GW_EXIT_FAILED;
        }
        gw_interrupt_sleep(watch.away ? AWAY_MS : POLL_MS);
    }
    return GW_EXIT_DONE;
}
