#include "cli/follow.h"

#include "cli/bar.h"
#include "cli/client.h"
#include "cli/report.h"
#include "cli/server.h"
#include "cli/text.h"

#include <string.h>

enum { POLL_MS = 150, CALL_TIMEOUT_MS = 5000 };

typedef struct {
    GwCli *cli;
    gint64 id;
    GwWanted wanted;
    char *name; /* of the instance; NULL until the daemon first answered */
    char *state, *reason; /* shown last */
    gboolean drawn; /* a line stands on the terminal */
    gint64 began_us, silent_since_us; /* the latter 0 while the daemon answers */
} Follower;

static void follower_clear(Follower *follower)
{
    g_free(follower->name);
    g_free(follower->state);
    g_free(follower->reason);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Follower, follower_clear)

GwMove *gw_follow_once(GwCli *cli, gint64 id, GError **error)
{
    g_autofree char *path = g_strdup_printf("/godwit/v1/migrations/%" G_GINT64_FORMAT, id);
    GwCall call = {.method = "GET", .path = path, .timeout_ms = MIN(cli->timeout_s * 1000, CALL_TIMEOUT_MS)};
    g_auto(GwAnswer) answer = {0};
    return gw_client_call(cli, &call, &answer, error) ? gw_move_new(json_object_get(answer.body, "migration"), error)
                                                      : NULL;
}

gboolean gw_follow_check_owner(const GwMove *move, const char *uuid, const char *name, GError **error)
{
    if (g_ascii_strcasecmp(move->instance_uuid, uuid) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND,
                "Migration %" G_GINT64_FORMAT
                " is one of %s, not of %s; 'godwit server-migration-list %s' shows its own.",
                move->id, move->name, name, name);
    return FALSE;
}

/* ---- showing */

static void erase(Follower *follower)
{
    if (follower->drawn)
        gw_terminal_erase(&follower->cli->err);
    follower->drawn = FALSE;
}

/* A line of its own, above the bar. */
static void G_GNUC_PRINTF(2, 3) note(Follower *follower, const char *format, ...)
{
    if (follower->cli->output == GW_OUTPUT_JSON)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *clean = gw_text_clean(text);
    erase(follower);
    fprintf(follower->cli->err.stream, "%s\n", clean);
    fflush(follower->cli->err.stream);
}

static guint64 waited_ms(const Follower *follower)
{
    return (guint64)(g_get_monotonic_time() - follower->began_us) / 1000;
}

static void show_state(Follower *follower, const GwMove *move)
{
    gboolean changed = g_strcmp0(follower->state, move->state) != 0, first = !follower->state;
    if (!changed)
        return;
    g_free(follower->state);
    follower->state = g_strdup(move->state);
    if (follower->cli->err.live)
        return; /* the bar says it */
    g_autofree char *time = gw_text_duration(waited_ms(follower));
    g_autofree char *way = move->dest ? g_strdup_printf("%s -> %s", move->source, move->dest)
                                      : g_strdup_printf("from %s", move->source);
    g_autofree char *number = first ? g_strdup_printf(", migration %" G_GINT64_FORMAT, move->id) : g_strdup("");
    note(follower, "%s %s: %s (%s, %s%s)", move->name, way, gw_move_phase(move), move->state, time, number);
}

/* What it waits for, once each. */
static void show_reason(Follower *follower, const GwMove *move)
{
    if (g_strcmp0(follower->reason, move->reason) == 0)
        return;
    g_free(follower->reason);
    follower->reason = g_strdup(move->reason);
    if (move->reason && *move->reason)
        note(follower, "%s: %s", move->name, move->reason);
}

static void show(Follower *follower, const GwMove *move)
{
    GwCli *cli = follower->cli;
    if (gw_move_ended(move, GW_WANT_MOVED))
        return; /* it rests still: the loop has not yet seen what was asked */
    show_state(follower, move);
    show_reason(follower, move);
    if (cli->output == GW_OUTPUT_JSON || !cli->err.live)
        return;
    GwBarLook look = {gw_terminal_columns(&cli->err), cli->err.colour, waited_ms(follower)};
    g_autofree char *line = gw_bar_line(move, &look);
    gw_terminal_draw(&cli->err, line);
    follower->drawn = TRUE;
}

/* ---- ends */

/* A move that ended well may have a reason all the same: what the guest lacks since. */
static void say_done(const char *sentence, const char *reason)
{
    g_autofree char *first = gw_text_clean(sentence);
    g_autofree char *second = gw_text_clean(reason ? reason : "");
    printf("%s\n%s%s", first, second, *second ? "\n" : "");
}

static GwExit end(Follower *follower, const GwMove *move)
{
    GwCli *cli = follower->cli;
    GwExit code = gw_move_verdict(move, follower->wanted);
    erase(follower);
    g_autoptr(GwServer) server = gw_server_find(cli, move->instance_uuid, NULL);
    gboolean runs = server && strcmp(gw_server_power(server->json), "running") == 0;
    g_autofree char *sentence = gw_move_sentence(move, follower->wanted, runs);
    if (cli->output == GW_OUTPUT_JSON) {
        g_autoptr(json_t) value = json_pack("{s:O}", "migration", move->json);
        gw_client_print(value);
    }
    if (code == GW_EXIT_DONE) {
        if (cli->output == GW_OUTPUT_PEOPLE)
            say_done(sentence, move->reason);
        return code;
    }
    g_autofree char *place = gw_server_place(cli, move->instance_uuid, move->name);
    return gw_report(cli, &(GwReport){code, sentence, move->reason, place});
}

/* The command that takes up following again. */
static char *way_back(const Follower *follower)
{
    const char *name = follower->name ? follower->name : "SERVER";
    g_autofree char *word = gw_text_word(name);
    return g_strdup_printf("godwit server-migration-show --follow %s %" G_GINT64_FORMAT, word, follower->id);
}

static GwExit detach(Follower *follower)
{
    erase(follower);
    g_autofree char *back = way_back(follower);
    g_autofree char *sentence = g_strdup_printf("Detached. The migration goes on; see it with: %s", back);
    if (follower->cli->output == GW_OUTPUT_JSON)
        return gw_report(follower->cli, &(GwReport){GW_EXIT_DETACHED, sentence, NULL, NULL});
    note(follower, "%s", sentence);
    return GW_EXIT_DETACHED;
}

/* ---- a daemon that is gone for a while */

gboolean gw_follow_may_pass(const GError *problem)
{
    return g_error_matches(problem, GW_ERROR, GW_ERROR_UNREACHABLE) ||
           g_error_matches(problem, GW_ERROR, GW_ERROR_LOST) || g_error_matches(problem, GW_ERROR, GW_ERROR_FAILED);
}

/* TRUE: try again. FALSE: *error says why no longer. */
static gboolean bear(Follower *follower, const GError *problem, GError **error)
{
    gint64 now_us = g_get_monotonic_time();
    guint patience_s = follower->cli->timeout_s;
    if (!follower->silent_since_us && gw_follow_may_pass(problem)) {
        follower->silent_since_us = now_us;
        note(follower, "%s", problem->message);
        note(follower, "The migration does not need it for that long; trying again for %u s.", patience_s);
    }
    if (gw_follow_may_pass(problem) && now_us - follower->silent_since_us < (gint64)patience_s * G_USEC_PER_SEC)
        return TRUE;
    erase(follower);
    g_propagate_error(error, g_error_copy(problem));
    if (!gw_follow_may_pass(problem))
        return FALSE;
    g_autofree char *back = way_back(follower);
    gw_error_prefix(error, "No answer for %u s; the migration may go on all the same, see it later with '%s'",
                    patience_s, back);
    return FALSE;
}

static void welcome_back(Follower *follower)
{
    if (follower->silent_since_us)
        note(follower, "The daemon answers again.");
    follower->silent_since_us = 0;
}

static void learn(Follower *follower, const GwMove *move)
{
    welcome_back(follower);
    if (!follower->name)
        follower->name = g_strdup(move->name);
}

GwExit gw_follow(GwCli *cli, gint64 id, GwWanted wanted, GError **error)
{
    g_auto(Follower) follower = {.cli = cli, .id = id, .wanted = wanted, .began_us = g_get_monotonic_time()};
    gw_interrupt_catch();
    while (!g_atomic_int_get(gw_interrupt_flag())) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(GwMove) move = gw_follow_once(cli, id, &problem);
        if (move) {
            learn(&follower, move);
            if (gw_move_ended(move, wanted))
                return end(&follower, move);
            show(&follower, move);
        } else if (!g_error_matches(problem, GW_ERROR, GW_ERROR_ABORTED) && !bear(&follower, problem, error)) {
            return GW_EXIT_FAILED;
        }
        gw_interrupt_sleep(POLL_MS);
    }
    return detach(&follower);
}
