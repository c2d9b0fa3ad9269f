/* The commands about hosts as a whole: empty them, take them into use again, spread the load. */
#include "cli/drains.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static gint64 number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

static gboolean is_state(const json_t *object, const char *state)
{
    return g_strcmp0(gw_json_peek(object, "state"), state) == 0;
}

static char *hosts_text(const json_t *drain)
{
    return gw_json_join(json_object_get(drain, "hosts"));
}

/* ---- tables */

static char *duration(gint64 ms)
{
    return ms > 0 ? gw_text_duration((guint64)ms) : NULL;
}

static char *start_text(const json_t *move)
{
    return g_strdup_printf("+%.1f s", (double)number(move, "start_ms") / 1000);
}

static void add_move(GwTable *table, const json_t *move)
{
    gboolean cold = g_strcmp0(gw_json_peek(move, "kind"), "migration") == 0;
    gboolean goes = json_is_string(json_object_get(move, "dest"));
    gw_table_add(table, gw_json_peek(move, "instance_name"));
    gw_table_add(table, gw_json_peek(move, "source"));
    gw_table_add(table, gw_json_peek(move, "dest"));
    gw_table_add(table, cold ? "cold" : "live");
    gw_table_add(table, gw_json_peek(move, "state"));
    gw_table_take(table, goes ? start_text(move) : NULL);
    gw_table_take(table, duration(number(move, "predicted_ms")));
    gw_table_take(table, duration(number(move, "pause_ms")));
    gw_table_take(table, goes ? gw_text_bytes((guint64)number(move, "bytes")) : NULL);
}

static void print_table(const json_t *drain)
{
    static const char *const headings[] = {"Server", "From", "To", "Kind", "State", "Starts", "Takes", "Pause", "Copies", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    size_t index;
    json_t *move;
    json_array_foreach(json_object_get(drain, "moves"), index, move)
        add_move(table, move);
    if (gw_table_rows(table))
        gw_table_print(table, stdout);
}

static void print_reasons(const json_t *drain)
{
    size_t index;
    json_t *move;
    json_array_foreach(json_object_get(drain, "moves"), index, move)
    {
        const char *reason = gw_json_peek(move, "reason");
        if (!reason || is_state(move, "moved"))
            continue;
        g_autofree char *name = gw_text_clean(gw_json_peek(move, "instance_name"));
        g_auto(GStrv) parts = g_strsplit(reason, " | ", -1);
        printf("%s %s:\n", name, is_state(move, "planned") ? "was tried before" : gw_json_peek(move, "state"));
        for (char **part = parts; *part; part++) {
            g_autofree char *clean = gw_text_clean(*part);
            printf("  %s\n", clean);
        }
    }
}

static void print_moves(const json_t *drain)
{
    print_table(drain);
    print_reasons(drain);
}

static guint count_of(const json_t *drain, const char *state)
{
    return (guint)number(json_object_get(drain, "counts"), state);
}

static void print_prediction(const json_t *drain)
{
    guint planned = count_of(drain, "planned"), stay = count_of(drain, "stays");
    g_autofree char *takes = gw_text_duration((guint64)number(drain, "predicted_ms"));
    g_autofree char *bound = gw_text_duration((guint64)number(drain, "bound_ms"));
    if (planned)
        printf("%u move%s, predicted to end after %s; the links allow no less than %s.\n", planned, planned == 1 ? "" : "s", takes, bound);
    if (is_state(drain, "planned") && gw_json_peek(drain, "reason"))
        printf("It would be refused: %s.\n", gw_json_peek(drain, "reason"));
    if (stay)
        printf("%u server%s cannot move: see above why, and what would let %s.\n", stay, stay == 1 ? "" : "s", stay == 1 ? "it" : "them");
    if (!planned && !stay)
        puts("Nothing has to move.");
}

/* ---- its course and its end */

static char *state_line(const json_t *drain)
{
    guint moved = count_of(drain, "moved"), moving = count_of(drain, "moving");
    guint all = moved + moving + count_of(drain, "planned");
    g_autofree char *time = gw_text_duration((guint64)number(drain, "elapsed_ms"));
    g_autofree char *predicted = gw_text_duration((guint64)number(drain, "predicted_ms"));
    g_autofree char *hosts = hosts_text(drain);
    const char *reason = gw_json_peek(drain, "reason");
    return g_strdup_printf("%s %" G_GINT64_FORMAT " of %s: %u of %u moved, %u moving, %u stay; %s of about %s%s%s", gw_json_peek(drain, "kind"),
                           number(drain, "id"), hosts, moved, all, moving, count_of(drain, "stays") + count_of(drain, "given up"), time,
                           predicted, reason ? ": " : "", reason ? reason : "");
}

/* The same on a terminal, which it must not wrap: what matters least is left out. */
static char *short_line(const json_t *drain, guint columns)
{
    g_autofree char *line = state_line(drain);
    guint moved = count_of(drain, "moved"), moving = count_of(drain, "moving");
    if (g_utf8_strlen(line, -1) < (glong)columns)
        return g_steal_pointer(&line);
    g_free(line);
    line = g_strdup_printf("%u of %u moved, %u moving, %u stay", moved, moved + moving + count_of(drain, "planned"), moving,
                           count_of(drain, "stays") + count_of(drain, "given up"));
    return g_steal_pointer(&line);
}

static char *end_sentence(const json_t *drain)
{
    g_autofree char *time = gw_text_duration((guint64)number(drain, "elapsed_ms"));
    g_autofree char *predicted = gw_text_duration((guint64)number(drain, "predicted_ms"));
    g_autofree char *hosts = hosts_text(drain);
    guint moved = count_of(drain, "moved"), stay = count_of(drain, "stays") + count_of(drain, "given up");
    gboolean emptied = g_strcmp0(gw_json_peek(drain, "kind"), "drain") == 0;
    if (emptied && !stay && is_state(drain, "completed"))
        return g_strdup_printf("%s %s empty: %u server%s moved in %s (predicted %s).", hosts, strchr(hosts, ',') ? "are" : "is", moved,
                               moved == 1 ? "" : "s", time, predicted);
    stay += count_of(drain, "planned") + count_of(drain, "moving"); /* of a drain that was cancelled */
    return g_strdup_printf("The %s of %s is %s: %u server%s moved in %s (predicted %s), %u stay.", gw_json_peek(drain, "kind"), hosts,
                           gw_json_peek(drain, "state"), moved, moved == 1 ? "" : "s", time, predicted, stay);
}

/* Whatever became of it, its hosts take nothing new until somebody says so. */
static void tell_closed(const json_t *drain)
{
    size_t index;
    json_t *host;
    if (g_strcmp0(gw_json_peek(drain, "kind"), "drain") != 0 || is_state(drain, "running"))
        return;
    json_array_foreach(json_object_get(drain, "hosts"), index, host)
    {
        g_autofree char *clean = gw_text_clean(json_string_value(host));
        printf("%s stays disabled. Let it take servers again with: godwit undrain %s\n", clean, clean);
    }
}

static GwExit tell_end(GwCli *cli, const json_t *drain)
{
    GwExit code = is_state(drain, "completed") ? GW_EXIT_DONE : is_state(drain, "cancelled") ? GW_EXIT_OTHERWISE : GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON) {
        g_autoptr(json_t) value = json_pack("{s:O}", "drain", drain);
        gw_client_print(value);
        return code;
    }
    g_autofree char *sentence = end_sentence(drain);
    g_autofree char *clean = gw_text_clean(sentence);
    print_reasons(drain); /* the table was shown when it began */
    puts(clean);
    tell_closed(drain);
    return code;
}

/* What is told anew where lines stay. */
static char *key_of(const json_t *drain)
{
    return g_strdup_printf("%u %u", count_of(drain, "moved"), count_of(drain, "moving"));
}

static const GwCourse course = {
    "drain", "/godwit/v1/drains/", "drain", "drain-show", state_line, short_line, key_of, tell_end, print_moves, end_sentence};

/* Of a plan that was only asked for: whether it would do something of what was asked. */
static GwExit dry_end(const json_t *drain)
{
    gboolean nothing = !count_of(drain, "planned") && count_of(drain, "stays");
    return nothing || gw_json_peek(drain, "reason") ? GW_EXIT_OTHERWISE : GW_EXIT_DONE;
}

/* After the daemon agreed: the plan, and then the course of it. */
static GwExit carry_on(GwCli *cli, const json_t *drain, const json_t *whole, GError **error)
{
    gboolean begun = json_is_integer(json_object_get(drain, "id"));
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, number(drain, "id"));
    if (cli->output == GW_OUTPUT_JSON && (!begun || cli->patience != GW_FOLLOW)) {
        gw_client_print(whole);
        return begun ? GW_EXIT_DONE : dry_end(drain);
    }
    if (cli->output == GW_OUTPUT_PEOPLE) {
        print_moves(drain);
        print_prediction(drain);
        fflush(stdout); /* before the progress, also in a file */
    }
    if (!begun)
        return dry_end(drain);
    if (cli->patience == GW_FOLLOW)
        return gw_course_follow(cli, &course, id, error);
    printf("It is under way as drain %s; see it with: godwit drain-show %s\n", id, id);
    return GW_EXIT_DONE;
}

/* ---- beginning */

static gboolean take_parallel(const GwArguments *arguments, json_t *body, GError **error)
{
    const char *text = gw_arguments_option(arguments, "parallel");
    gint64 parallel = 0;
    if (text && strcmp(text, "auto") != 0 && !gw_arguments_number(text, "--parallel", &parallel, error))
        return FALSE;
    if (parallel)
        json_object_set_new(body, "parallel", json_integer(parallel));
    return TRUE;
}

static void take_flag(const GwArguments *arguments, const char *option, json_t *body, const char *field)
{
    if (gw_arguments_option(arguments, option))
        json_object_set_new(body, field, json_true());
}

static void take_text(const GwArguments *arguments, const char *option, json_t *body)
{
    if (gw_arguments_option(arguments, option))
        json_object_set_new(body, option, json_string(gw_arguments_option(arguments, option)));
}

static gboolean take_hosts(const GwArguments *arguments, json_t *body, GError **error)
{
    json_t *hosts = json_array();
    for (guint n = 0; n < arguments->words->len; n++)
        json_array_append_new(hosts, json_string(arguments->words->pdata[n]));
    if (arguments->words->len)
        json_object_set(body, "hosts", hosts);
    json_decref(hosts);
    if (!arguments->words->len && !gw_arguments_option(arguments, "aggregate"))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "drain: HOST is missing: name the hosts that are to be emptied.");
    return arguments->words->len || gw_arguments_option(arguments, "aggregate");
}

/* TRUE: what belongs to rolling drains alone was given with --rolling, or not at all. */
static gboolean take_rolling(const GwArguments *arguments, json_t *body, GError **error)
{
    const char *text = gw_arguments_option(arguments, "rolling");
    gint64 at_once = 0;
    if (text && !gw_arguments_number(text, "--rolling", &at_once, error))
        return FALSE;
    gboolean others = gw_arguments_option(arguments, "aggregate") || gw_arguments_option(arguments, "hook");
    if (!text && others)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "drain: --aggregate and --hook are for rolling drains: say with --rolling COUNT how many hosts at once.");
    if (text && gw_arguments_option(arguments, "deadline"))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "drain: a rolling drain has no deadline: it waits for people and hooks.");
    if (text)
        json_object_set_new(body, "at_once", json_integer(at_once));
    take_text(arguments, "aggregate", body);
    take_text(arguments, "hook", body);
    return text ? !gw_arguments_option(arguments, "deadline") : !others;
}

GwExit gw_run_drain(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) body = json_object();
    if (!take_hosts(arguments, body, error) || !take_rolling(arguments, body, error))
        return GW_EXIT_USAGE;
    take_flag(arguments, "dry-run", body, "dry_run");
    take_flag(arguments, "include-stopped", body, "include_stopped");
    take_flag(arguments, "return", body, "return");
    if (!take_parallel(arguments, body, error) || !gw_take_deadline(arguments, body, error))
        return GW_EXIT_USAGE;
    if (gw_arguments_option(arguments, "rolling"))
        return gw_rolling_begin(cli, body, error);

    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/godwit/v1/drains", .body = json_pack("{s:O}", "drain", body)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    return carry_on(cli, json_object_get(answer.body, "drain"), answer.body, error);
}

static void tell_undrained(const char *host, const json_t *undrain, gboolean wants_return)
{
    const char *reason = gw_json_peek(undrain, "disabled_reason");
    g_autofree char *clean = reason ? gw_text_clean(reason) : NULL;
    if (g_strcmp0(gw_json_peek(undrain, "status"), "disabled") == 0)
        printf("%s is disabled again, as it was before it was drained%s%s%s. Let it take servers%s with: godwit undrain %s%s\n", host,
               clean ? " (" : "", clean ? clean : "", clean ? ")" : "", wants_return ? ", and bring its own home," : "",
               wants_return ? "--return " : "", host);
    else
        printf("%s takes servers again.\n", host);
    gboolean enabled = g_strcmp0(gw_json_peek(undrain, "status"), "disabled") != 0;
    if (wants_return && enabled && !json_is_object(json_object_get(undrain, "drain")))
        puts("No server comes home: none that a drain moved away since the last undrain is still where it was put.");
}

GwExit gw_run_undrain(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *host = gw_arguments_word(arguments, 0);
    g_autoptr(json_t) body = json_object();
    take_flag(arguments, "return", body, "return");
    if (!take_parallel(arguments, body, error))
        return GW_EXIT_USAGE;

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/godwit/v1/hosts/%s/undrain", host);
    GwCall call = {.method = "POST", .path = path, .body = json_pack("{s:O}", "undrain", body)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    const json_t *undrain = json_object_get(answer.body, "undrain"), *drain = json_object_get(undrain, "drain");
    if (cli->output == GW_OUTPUT_PEOPLE)
        tell_undrained(host, undrain, gw_arguments_option(arguments, "return") != NULL);
    if (json_is_object(drain))
        return carry_on(cli, drain, answer.body, error);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    return GW_EXIT_DONE;
}

GwExit gw_run_balance(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *most = gw_arguments_option(arguments, "max-moves"), *objective = gw_arguments_option(arguments, "objective");
    const char *aggregate = gw_arguments_option(arguments, "aggregate");
    gint64 count;
    g_autoptr(json_t) body = json_object();
    take_flag(arguments, "dry-run", body, "dry_run");
    if (!take_parallel(arguments, body, error) || (most && !gw_arguments_number(most, "--max-moves", &count, error)))
        return GW_EXIT_USAGE;
    if (most)
        json_object_set_new(body, "max_moves", json_integer(count));
    if (objective)
        json_object_set_new(body, "objective", json_string(objective));
    if (aggregate)
        json_object_set_new(body, "aggregate", json_string(aggregate));

    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/godwit/v1/balance", .body = json_pack("{s:O}", "balance", body)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    const json_t *balance = json_object_get(answer.body, "balance");
    g_autofree char *bytes = gw_text_bytes((guint64)number(balance, "bytes"));
    if (cli->output == GW_OUTPUT_PEOPLE)
        printf("Unevenness %.3f, then %.3f; hosts in use %d, then %d; %s to copy.\n",
               json_number_value(json_object_get(balance, "score_before")), json_number_value(json_object_get(balance, "score_after")),
               (int)number(balance, "hosts_before"), (int)number(balance, "hosts_after"), bytes);
    return carry_on(cli, json_object_get(balance, "drain"), answer.body, error);
}

/* ---- looking, and stopping */

GwExit gw_run_drain_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Kind", "Hosts", "State", "Asked by", "Created (UTC)", "Took", "Predicted", "Reason", NULL};

    g_autoptr(json_t) body = NULL;
    json_t *drains;
    if (!gw_client_get(cli, "/godwit/v1/drains", &body, error) || !gw_client_list(body, "drains", &drains, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t n = 0; n < json_array_size(drains); n++) {
        const json_t *drain = json_array_get(drains, n);
        gw_table_add_int(table, number(drain, "id"));
        gw_table_add(table, gw_json_peek(drain, "kind"));
        gw_table_take(table, hosts_text(drain));
        gw_table_add(table, gw_json_peek(drain, "state"));
        gw_table_add(table, gw_json_peek(drain, "user_id"));
        gw_table_take(table, gw_text_time(gw_json_peek(drain, "created_at")));
        gw_table_take(table, duration(number(drain, "elapsed_ms")));
        gw_table_take(table, duration(number(drain, "predicted_ms")));
        gw_table_add(table, gw_json_peek(drain, "reason"));
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No drains yet. See what emptying a host would take with: godwit drain HOST --dry-run");
    return GW_EXIT_DONE;
}

GwExit gw_run_drain_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return gw_course_show(cli, &course, arguments, error);
}

GwExit gw_run_drain_cancel(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *id = gw_arguments_word(arguments, 0);

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/godwit/v1/drains/%s", id);
    if (!gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error))
        return GW_EXIT_FAILED;

    g_autoptr(json_t) nothing = json_object();
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(nothing);
    else
        printf("Drain %s begins nothing more; what is moving ends. Its hosts stay disabled until: godwit undrain HOST\n", id);
    return GW_EXIT_DONE;
}
