/* The commands about rolling drains: hosts emptied and taken into use again, a few at a time. `godwit drain --rolling`
 * comes here. */
#include "cli/client.h"
#include "cli/drains.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static gint64 number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static gboolean is_word(const json_t *object, const char *field, const char *word)
{
    return g_strcmp0(gw_json_peek(object, field), word) == 0;
}

static json_t *hosts_of(const json_t *rolling)
{
    return json_object_get(rolling, "hosts");
}

/* ---- tables */

static char *id_text(const json_t *object, const char *field)
{
    return number(object, field) ? g_strdup_printf("%" G_GINT64_FORMAT, number(object, field)) : NULL;
}

static void print_hosts(const json_t *rolling)
{
    static const char *const headings[] = {"Host",  "Turn",   "Servers",     "Stay", "Takes",
                                           "Drain", "Return", "Since (UTC)", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    size_t index;
    json_t *host;
    json_array_foreach(hosts_of(rolling), index, host)
    {
        gw_table_add(table, gw_json_peek(host, "host"));
        gw_table_add(table, gw_json_peek(host, "turn"));
        gw_table_add_int(table, number(host, "moves") + number(host, "stays"));
        gw_table_add_int(table, number(host, "stays"));
        gw_table_take(table, gw_text_duration((guint64)number(host, "predicted_ms")));
        gw_table_take(table, id_text(host, "drain_id"));
        gw_table_take(table, id_text(host, "return_id"));
        gw_table_take(table, gw_text_time(gw_json_peek(host, "since")));
    }
    gw_table_print(table, stdout);
    fflush(stdout);
    json_array_foreach(hosts_of(rolling), index, host)
    {
        g_autofree char *line = g_strdup_printf("%s: %s", gw_json_peek(host, "host"), gw_json_peek(host, "reason"));
        g_autofree char *clean = gw_text_clean(line);
        if (gw_json_peek(host, "reason"))
            puts(clean);
    }
}

static guint count_done(const json_t *rolling)
{
    guint done = 0;
    for (size_t n = 0; n < json_array_size(hosts_of(rolling)); n++)
        done += is_word(json_array_get(hosts_of(rolling), n), "turn", "done");
    return done;
}

/* "2 of 6 hosts done; HostC emptying; HostD held: it is empty: ..." */
static char *state_line(const json_t *rolling)
{
    static const char *const idle[] = {"waiting", "done", NULL};
    GString *line = g_string_new(NULL);
    size_t index;
    json_t *host;
    g_string_printf(line, "rolling drain %" G_GINT64_FORMAT ": %u of %u hosts done", number(rolling, "id"),
                    count_done(rolling), (guint)json_array_size(hosts_of(rolling)));
    json_array_foreach(hosts_of(rolling), index, host)
    {
        const char *turn = gw_json_peek(host, "turn"), *reason = gw_json_peek(host, "reason");
        if (turn && !g_strv_contains(idle, turn))
            g_string_append_printf(line, "; %s %s%s%s", gw_json_peek(host, "host"), turn, reason ? ": " : "",
                                   reason ? reason : "");
    }
    return g_string_free(line, FALSE);
}

static char *end_sentence(const json_t *rolling)
{
    guint done = count_done(rolling), all = (guint)json_array_size(hosts_of(rolling));
    const char *reason = gw_json_peek(rolling, "reason");
    if (is_word(rolling, "state", "completed"))
        return g_strdup_printf("Every host has had its turn: %u of %u.", done, all);
    return g_strdup_printf("The rolling drain is %s: %u of %u hosts had their turn%s%s", gw_json_peek(rolling, "state"),
                           done, all, reason ? "; " : ".", reason ? reason : "");
}

/* ---- following */

static GwExit tell_end(GwCli *cli, const json_t *rolling)
{
    gboolean completed = is_word(rolling, "state", "completed"), cancelled = is_word(rolling, "state", "cancelled");
    g_autofree char *sentence = end_sentence(rolling), *clean = gw_text_clean(sentence);
    g_autoptr(json_t) value = json_pack("{s:O}", "rolling", rolling);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else if (!completed)
        print_hosts(rolling);
    if (cli->output != GW_OUTPUT_JSON)
        puts(clean);
    return completed ? GW_EXIT_DONE : cancelled ? GW_EXIT_OTHERWISE : GW_EXIT_FAILED;
}

/* The line says all that changes. */
static const GwCourse course = {
    "rolling drain", "/godwit/v1/rollings/", "rolling", "rolling-show", state_line, NULL, state_line, tell_end, print_hosts,
    end_sentence};

/* ---- the commands */

GwExit gw_rolling_begin(GwCli *cli, json_t *wish, GError **error)
{
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/godwit/v1/rollings", .body = json_pack("{s:O}", "rolling", wish)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    const json_t *rolling = json_object_get(answer.body, "rolling");
    gboolean begun = number(rolling, "id") > 0;
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, number(rolling, "id"));
    if (cli->output == GW_OUTPUT_JSON && (!begun || cli->patience != GW_FOLLOW)) {
        gw_client_print(answer.body);
        return GW_EXIT_DONE;
    }
    if (cli->output == GW_OUTPUT_PEOPLE)
        print_hosts(rolling);
    if (begun && cli->patience == GW_FOLLOW)
        return gw_course_follow(cli, &course, id, error);
    if (begun)
        printf("It is under way as rolling drain %s; see it with: godwit rolling-show %s\n", id, id);
    else
        puts("Each host was planned as if it alone were emptied. Nothing was done.");
    return GW_EXIT_DONE;
}

GwExit gw_run_rolling_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID",       "State",         "Hosts",  "Done", "At once",
                                           "Asked by", "Created (UTC)", "Reason", NULL};
    g_autoptr(json_t) body = NULL;
    json_t *rollings;
    if (!gw_client_get(cli, "/godwit/v1/rollings", &body, error) || !gw_client_list(body, "rollings", &rollings, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t n = 0; n < json_array_size(rollings); n++) {
        const json_t *rolling = json_array_get(rollings, n);
        gw_table_add_int(table, number(rolling, "id"));
        gw_table_add(table, gw_json_peek(rolling, "state"));
        gw_table_add_int(table, (gint64)json_array_size(hosts_of(rolling)));
        gw_table_add_int(table, count_done(rolling));
        gw_table_add_int(table, number(rolling, "at_once"));
        gw_table_add(table, gw_json_peek(rolling, "user_id"));
        gw_table_take(table, gw_text_time(gw_json_peek(rolling, "created_at")));
        gw_table_add(table, gw_json_peek(rolling, "reason"));
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No rolling drains yet. See what one would take with: godwit drain --rolling 1 --aggregate AGGREGATE "
             "--dry-run");
    return GW_EXIT_DONE;
}

GwExit gw_run_rolling_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return gw_course_show(cli, &course, arguments, error);
}

GwExit gw_run_rolling_cancel(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *id = gw_arguments_word(arguments, 0);
    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/godwit/v1/rollings/%s", id);
    if (!gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error))
        return GW_EXIT_FAILED;

    g_autoptr(json_t) nothing = json_object();
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(nothing);
    else
        printf("No further host's turn comes in rolling drain %s; those that are being seen to go on: godwit "
               "rolling-show %s\n",
               id, id);
    return GW_EXIT_DONE;
}
