/* `godwit doctor` and `godwit cpu-baseline`: whether hosts are ready to exchange servers. */
#include "cli/client.h"
#include "cli/findings.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

enum { LOOK_MS = 150, MOST_COLUMNS = 12 /* of the matrix of pairs */ };

/* Some checks are not for hosts of its kind. */
static gboolean is_meaningless(const json_t *host)
{
    const char *key;
    json_t *state;
    json_object_foreach(json_object_get(host, "checks"), key, state)
        if (g_strcmp0(json_string_value(state), "none") == 0)
            return TRUE;
    return FALSE;
}

/* ---- asking */

static json_t *wish(const GwArguments *arguments, gboolean probe)
{
    json_t *hosts = json_array();
    const char *word;
    for (guint i = 0; (word = gw_arguments_word(arguments, i)) != NULL; i++)
        json_array_append_new(hosts, json_string(word));
    return json_pack("{s:{s:o, s:b}}", "checkup", "hosts", hosts, "probe", probe);
}

static void draw_progress(const GwCli *cli, const json_t *checkup)
{
    if (cli->output == GW_OUTPUT_JSON || !cli->err.live)
        return;
    g_autofree char *line =
        g_strdup_printf("examining: %d of %d", (int)json_integer_value(json_object_get(checkup, "steps_done")),
                        (int)json_integer_value(json_object_get(checkup, "steps")));
    gw_terminal_draw(&cli->err, line);
}

/* Until it has ended. The whole answer, owned; its "checkup" is an object. */
static json_t *examine(GwCli *cli, json_t *body, GError **error)
{
    g_auto(GwAnswer) answer = {0};
    json_t *checkup = NULL;
    gint64 id = 0;
    GwCall call = {.method = "POST", .path = "/godwit/v1/checkups", .body = body};
    if (!gw_client_call(cli, &call, &answer, error) ||
        !gw_json_object(answer.body, "checkup", GW_JSON_REQUIRED, &checkup, error) ||
        !gw_json_int(checkup, "id", GW_JSON_REQUIRED, 1, G_MAXINT64, &id, error))
        return NULL;
    g_autofree char *path = g_strdup_printf("/godwit/v1/checkups/%" G_GINT64_FORMAT, id);
    g_autoptr(json_t) now = json_incref(answer.body);
    while (g_strcmp0(gw_json_peek(checkup, "status"), "done") != 0) {
        draw_progress(cli, checkup);
        g_usleep(LOOK_MS * 1000);
        g_clear_pointer(&now, json_decref);
        if (!gw_client_get(cli, path, &now, error) || !gw_json_object(now, "checkup", GW_JSON_REQUIRED, &checkup, error))
            return NULL;
    }
    if (cli->output == GW_OUTPUT_PEOPLE && cli->err.live)
        gw_terminal_erase(&cli->err);
    return g_steal_pointer(&now);
}

/* ---- hosts × checks */

static const char *short_state(const char *state)
{
    if (g_strcmp0(state, "blocks") == 0)
        return "BLOCKS";
    if (g_strcmp0(state, "none") == 0)
        return "-";
    return g_strcmp0(state, "unknown") == 0 ? "?" : state;
}

static size_t count_meaningless(const json_t *hosts)
{
    size_t index, count = 0;
    json_t *host;
    json_array_foreach(hosts, index, host)
        count += is_meaningless(host);
    return count;
}

static void print_hosts(const json_t *hosts)
{
    const json_t *first = json_object_get(json_array_get(hosts, 0), "checks");
    g_autoptr(GPtrArray) headings = g_ptr_array_new();
    const char *key;
    json_t *state, *host;
    size_t index;
    g_ptr_array_add(headings, (gpointer) "Host");
    json_object_foreach((json_t *)first, key, state)
        g_ptr_array_add(headings, (gpointer)key);
    g_ptr_array_add(headings, NULL);
    g_autoptr(GwTable) table = gw_table_new((const char *const *)headings->pdata);
    json_array_foreach(hosts, index, host)
    {
        gw_table_add(table, gw_json_peek(host, "host"));
        for (guint i = 1; i + 1 < headings->len; i++)
            gw_table_add(table, short_state(gw_json_peek(json_object_get(host, "checks"), headings->pdata[i])));
    }
    gw_table_print(table, stdout);
    if (count_meaningless(hosts))
        puts("-: means nothing for a host of that kind.");
}

/* ---- the matrix of pairs */

static const json_t *find_pair(const json_t *pairs, const char *source, const char *dest)
{
    size_t index;
    json_t *pair;
    json_array_foreach(pairs, index, pair)
    {
        if (g_strcmp0(gw_json_peek(pair, "source"), source) == 0 && g_strcmp0(gw_json_peek(pair, "dest"), dest) == 0)
            return pair;
    }
    return NULL;
}

static gboolean has_state(const json_t *pair, const char *wanted)
{
    const char *key;
    json_t *state;
    json_object_foreach(json_object_get(pair, "checks"), key, state)
        if (g_strcmp0(json_string_value(state), wanted) == 0)
            return TRUE;
    return FALSE;
}

/* A direction in a word: what is against it, or what it was seen to carry, or the time that a probe took. */
static char *pair_text(const json_t *pair)
{
    const json_t *probe = json_object_get(pair, "probe");
    if (!pair)
        return g_strdup("ok");
    if (has_state(pair, "blocks"))
        return g_strdup("BLOCKS");
    const char *word = has_state(pair, "warning") ? "warning" : "ok";
    if (g_strcmp0(gw_json_peek(probe, "step"), "done") != 0)
        return g_strdup(word);
    guint64 carries = (guint64)json_integer_value(json_object_get(probe, "link_bps"));
    g_autofree char *rate = gw_text_bytes(carries);
    if (carries)
        return g_strdup_printf("%s, %s%s/s", word, json_is_true(json_object_get(probe, "link_at_least")) ? "over " : "", rate);
    g_autofree char *took = gw_text_duration((guint64)json_integer_value(json_object_get(probe, "took_ms")));
    return g_strdup_printf("%s, %s", word, took);
}

static gboolean answered(const json_t *host)
{
    return gw_json_peek(host, "failure") == NULL;
}

static void print_matrix(const json_t *hosts, const json_t *pairs)
{
    g_autoptr(GPtrArray) headings = g_ptr_array_new();
    size_t i, k;
    json_t *row, *column;
    g_ptr_array_add(headings, (gpointer) "From \\ to");
    json_array_foreach(hosts, i, row)
        g_ptr_array_add(headings, (gpointer)gw_json_peek(row, "host"));
    g_ptr_array_add(headings, NULL);
    g_autoptr(GwTable) table = gw_table_new((const char *const *)headings->pdata);
    json_array_foreach(hosts, i, row)
    {
        const char *source = gw_json_peek(row, "host");
        gw_table_add(table, source);
        json_array_foreach(hosts, k, column)
        {
            const char *dest = gw_json_peek(column, "host");
            if (i == k)
                gw_table_add(table, "");
            else if (!answered(row) || !answered(column))
                gw_table_add(table, "?");
            else
                gw_table_take(table, pair_text(find_pair(pairs, source, dest)));
        }
    }
    gw_table_print(table, stdout);
}

/* ---- findings */

static void print_findings(const GwCli *cli, const json_t *checkup)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(checkup, "hosts"), index, one)
    {
        g_autofree char *name = gw_text_clean(gw_json_peek(one, "host"));
        if (json_array_size(json_object_get(one, "findings")))
            printf("\n%s:\n", name);
        gw_findings_print(cli, json_object_get(one, "findings"));
    }
    json_array_foreach(json_object_get(checkup, "pairs"), index, one)
    {
        g_autofree char *source = gw_text_clean(gw_json_peek(one, "source"));
        g_autofree char *dest = gw_text_clean(gw_json_peek(one, "dest"));
        if (json_array_size(json_object_get(one, "findings")))
            printf("\nfrom %s to %s:\n", source, dest);
        gw_findings_print(cli, json_object_get(one, "findings"));
    }
}

/* Each piece of advice once: the same finding comes with many pairs. */
static void print_commands(const json_t *list, GHashTable *told)
{
    size_t index, k;
    json_t *one, *finding;
    json_array_foreach(list, index, one)
    {
        json_array_foreach(json_object_get(one, "findings"), k, finding)
        {
            const char *commands = gw_json_peek(finding, "commands");
            if (!commands || !g_hash_table_add(told, (gpointer)commands))
                continue;
            g_autofree char *fact = gw_text_clean(gw_json_peek(finding, "fact"));
            g_autofree char *code = gw_text_clean(gw_json_peek(finding, "code"));
            g_auto(GStrv) lines = g_strsplit(commands, "\n", -1);
            printf("\n# %s: %s\n", code, fact);
            for (guint i = 0; lines[i]; i++) {
                g_autofree char *clean = gw_text_clean(lines[i]);
                puts(clean);
            }
        }
    }
}

static void print_fix_plan(const json_t *checkup)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    puts("# What would mend what was found. Godwit runs none of it; read each line before you do.");
    print_commands(json_object_get(checkup, "hosts"), told);
    print_commands(json_object_get(checkup, "pairs"), told);
    if (!g_hash_table_size(told))
        puts("# Nothing: no finding needs a command.");
}

static gboolean has_commands(const json_t *list)
{
    size_t index, k;
    json_t *one, *finding;
    json_array_foreach(list, index, one)
    {
        json_array_foreach(json_object_get(one, "findings"), k, finding)
            if (gw_json_peek(finding, "commands"))
                return TRUE;
    }
    return FALSE;
}

/* What was not tried. */
static void print_ways(const json_t *checkup)
{
    gboolean probed = json_is_true(json_object_get(checkup, "probe"));
    const json_t *hosts = json_object_get(checkup, "hosts");
    size_t meaningless = count_meaningless(hosts);
    if (probed && json_array_size(hosts) == 1)
        puts("No way was tried: it has two ends. Name another host beside this one, or none for all.");
    else if (probed && meaningless)
        puts("Ways to and from hosts of XenServer were not tried: --probe does nothing there; `godwit plan SERVER HOST` asks them about one server.");
    else if (meaningless == json_array_size(hosts))
        puts("Ways between the hosts were not tried: `godwit plan SERVER HOST` asks them about one server.");
    else if (!probed)
        puts("Ways between the hosts were not tried: `godwit doctor --probe` moves a tiny guest along each.");
}

/* Each reason once, with the first way that has it. */
static void print_unmeasured(const json_t *pairs)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index;
    json_t *pair;
    json_array_foreach(pairs, index, pair)
    {
        const char *problem = gw_json_peek(json_object_get(pair, "probe"), "link_problem");
        if (!problem || !g_hash_table_add(told, (gpointer)problem))
            continue;
        g_autofree char *why = gw_text_clean(problem), *source = gw_text_clean(gw_json_peek(pair, "source"));
        g_autofree char *dest = gw_text_clean(gw_json_peek(pair, "dest"));
        printf("What the way from %s to %s carries could not be measured: %s.\n", source, dest, why);
    }
}

static void print_verdict(const json_t *checkup)
{
    const char *verdict = gw_json_peek(checkup, "verdict");
    gboolean mends = has_commands(json_object_get(checkup, "hosts")) || has_commands(json_object_get(checkup, "pairs"));
    if (g_strcmp0(verdict, "blocks") == 0)
        puts(mends ? "\nSomething prevents moves. `godwit doctor --fix-plan` prints the commands that would mend it." : "\nSomething prevents moves.");
    else if (g_strcmp0(verdict, "warning") == 0)
        puts("\nNothing prevents moves, but see the warnings.");
    else
        puts("\nNothing was found.");
    print_ways(checkup);
    print_unmeasured(json_object_get(checkup, "pairs"));
}

static void print_people(const GwCli *cli, const json_t *checkup)
{
    const json_t *hosts = json_object_get(checkup, "hosts"), *pairs = json_object_get(checkup, "pairs");
    size_t count = json_array_size(hosts);
    if (!count) {
        puts(gw_text_no_hosts);
        return;
    }
    print_hosts(hosts);
    if (count > 1 && count <= MOST_COLUMNS)
        print_matrix(hosts, pairs);
    else if (count > 1)
        printf("%d hosts are too many for a matrix; directions with findings are listed below.\n", (int)count);
    print_findings(cli, checkup);
    print_verdict(checkup);
}

static json_t *read_last(GwCli *cli, const GwArguments *arguments, GError **error)
{
    json_t *answer = NULL, *checkup = NULL;
    if (gw_arguments_word(arguments, 0) || gw_arguments_option(arguments, "probe")) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "--last shows what was found on all hosts, without probes: give neither HOST nor --probe");
        return NULL;
    }
    if (!gw_client_get(cli, "/godwit/v1/checkups/latest", &answer, error))
        return NULL;
    if (gw_json_object(answer, "checkup", GW_JSON_REQUIRED, &checkup, error))
        return answer;
    json_decref(answer);
    return NULL;
}

static void print_last(const GwCli *cli, const json_t *checkup)
{
    const json_t *hosts = json_object_get(checkup, "hosts");
    g_autofree char *ended = gw_text_time(gw_json_peek(checkup, "ended_at"));
    if (json_array_size(hosts))
        print_hosts(hosts);
    print_findings(cli, checkup);
    printf("\nFound by the daemon itself at %s UTC; `godwit doctor` asks now, and compares the hosts with each other.\n", ended);
}

GwExit gw_run_doctor(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gboolean probe = gw_arguments_option(arguments, "probe") != NULL;
    gboolean last = gw_arguments_option(arguments, "last") != NULL;

    g_autoptr(json_t) answer = last ? read_last(cli, arguments, error) : examine(cli, wish(arguments, probe), error);
    if (!answer)
        return GW_EXIT_FAILED;

    const json_t *checkup = json_object_get(answer, "checkup");
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer);
    else if (gw_arguments_option(arguments, "fix-plan"))
        print_fix_plan(checkup);
    else if (last)
        print_last(cli, checkup);
    else
        print_people(cli, checkup);
    return g_strcmp0(gw_json_peek(checkup, "verdict"), "blocks") == 0 ? GW_EXIT_OTHERWISE : GW_EXIT_DONE;
}

GwExit gw_run_cpu_baseline(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) answer = examine(cli, wish(arguments, FALSE), error);
    if (!answer)
        return GW_EXIT_FAILED;

    const json_t *checkup = json_object_get(answer, "checkup");
    const char *cpu = gw_json_peek(checkup, "cpu_baseline");
    if (!cpu) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
                    "There is no CPU model that all of them can give, or not every host tells; see: godwit doctor");
        return GW_EXIT_FAILED;
    }
    g_autoptr(json_t) value = json_pack("{s:s}", "cpu_baseline", cpu);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        puts(cpu);
    return GW_EXIT_DONE;
}
