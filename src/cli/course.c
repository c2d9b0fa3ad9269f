/* Following what takes long: asked for again and again, through a daemon that is silent for a while. */
#include "cli/drains.h"
#include "cli/report.h"
#include "cli/text.h"

enum { POLL_MS = 300 };

gboolean gw_course_get(GwCli *cli, const GwCourse *course, const char *id, json_t **ret_body, json_t **ret,
                       GError **error)
{
    g_autofree char *escaped = g_uri_escape_string(id, NULL, FALSE), *path = g_strconcat(course->path, escaped, NULL);
    if (!gw_client_get(cli, path, ret_body, error))
        return FALSE;
    *ret = json_object_get(*ret_body, course->member);
    if (json_is_object(*ret))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The daemon's answer has no %s.", course->what);
    return FALSE;
}

static gboolean is_running(const json_t *value)
{
    return g_strcmp0(gw_json_peek(value, "state"), "running") == 0;
}

static void erase(GwCli *cli)
{
    if (cli->err.live)
        gw_terminal_erase(&cli->err);
}

/* A terminal must not wrap it. */
static char *line_of(const GwCli *cli, const GwCourse *course, const json_t *value)
{
    guint columns = cli->err.live ? gw_terminal_columns(&cli->err) : G_MAXUINT16;
    char *line = course->short_line ? course->short_line(value, columns) : course->line(value);
    if (columns < 2 || g_utf8_strlen(line, -1) < (glong)columns)
        return line;
    char *cut = g_utf8_substring(line, 0, (glong)columns - 1);
    g_free(line);
    return cut;
}

static void show_progress(GwCli *cli, const GwCourse *course, const json_t *value, char **shown)
{
    g_autofree char *line = line_of(cli, course, value), *clean = gw_text_clean(line), *key = course->key(value);
    if (cli->output == GW_OUTPUT_JSON)
        return;
    if (cli->err.live)
        gw_terminal_draw(&cli->err, clean);
    else if (g_strcmp0(key, *shown) != 0)
        fprintf(cli->err.stream, "%s\n", clean);
    g_free(*shown);
    *shown = g_steal_pointer(&key);
}

/* A daemon that is silent for a while is asked again: what is followed needs it, but goes on when it is back. */
static gboolean may_pass(const GwCli *cli, const GError *problem, gint64 heard_us)
{
    gboolean silent =
        g_error_matches(problem, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(problem, GW_ERROR, GW_ERROR_LOST);
    return g_error_matches(problem, GW_ERROR, GW_ERROR_ABORTED) ||
           (silent && g_get_monotonic_time() - heard_us < (gint64)cli->timeout_s * G_USEC_PER_SEC);
}

static GwExit detach(GwCli *cli, const GwCourse *course, const char *id)
{
    erase(cli);
    g_autofree char *sentence =
        g_strdup_printf("Detached. The %s goes on; see it with: godwit %s --follow %s", course->what, course->show, id);
    return gw_report(cli, &(GwReport){GW_EXIT_DETACHED, sentence, NULL, NULL});
}

GwExit gw_course_follow(GwCli *cli, const GwCourse *course, const char *id, GError **error)
{
    g_autofree char *shown = NULL;
    gint64 heard_us = g_get_monotonic_time();
    gw_interrupt_catch();
    for (; !g_atomic_int_get(gw_interrupt_flag()); gw_interrupt_sleep(POLL_MS)) {
        g_autoptr(json_t) body = NULL;
        g_autoptr(GError) problem = NULL;
        json_t *value;
        if (gw_course_get(cli, course, id, &body, &value, &problem)) {
            heard_us = g_get_monotonic_time();
            if (is_running(value)) {
                show_progress(cli, course, value, &shown);
                continue;
            }
            erase(cli);
            return course->tell_end(cli, value);
        }
        if (may_pass(cli, problem, heard_us))
            continue;
        g_propagate_error(error, g_steal_pointer(&problem));
        return GW_EXIT_FAILED;
    }
    return detach(cli, course, id);
}

GwExit gw_course_show(GwCli *cli, const GwCourse *course, const GwArguments *arguments, GError **error)
{
    const char *id = gw_arguments_word(arguments, 0);
    if (gw_arguments_option(arguments, "follow"))
        return gw_course_follow(cli, course, id, error);

    g_autoptr(json_t) body = NULL;
    json_t *value;
    if (!gw_course_get(cli, course, id, &body, &value, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    course->print(value);
    g_autofree char *line = is_running(value) ? course->line(value) : course->end(value);
    g_autofree char *clean = gw_text_clean(line);
    puts(clean);
    return GW_EXIT_DONE;
}
