/* The commands that start, stop, reboot and pause a server. They wait until it is done, and tell how it then is. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/text.h"

#include <string.h>

enum { POLL_MS = 200 };

/* Whether something is still being done to it. */
static gboolean is_busy(const GwServer *server)
{
    return gw_json_peek(server->json, "OS-EXT-STS:task_state") != NULL;
}

/* Its newest action failed: why. NULL: it did not. */
static char *failure_of(GwCli *cli, const GwServer *server)
{
    g_autofree char *list_path = gw_client_path("/v2.1/servers/%s/os-instance-actions", server->uuid);
    g_autoptr(json_t) list = NULL, one = NULL;
    if (!gw_client_get(cli, list_path, &list, NULL))
        return NULL;
    const json_t *action = json_array_get(json_object_get(list, "instanceActions"), 0);
    const char *request = action ? gw_json_peek(action, "request_id") : NULL;
    if (!request || !gw_json_peek(action, "message"))
        return NULL;
    g_autofree char *path = gw_client_path("/v2.1/servers/%s/os-instance-actions/%s", server->uuid, request);
    if (!gw_client_get(cli, path, &one, NULL))
        return NULL;
    const json_t *events = json_object_get(json_object_get(one, "instanceAction"), "events");
    const char *details = gw_json_peek(json_array_get(events, 0), "details");
    return g_strdup(details ? details : "it failed; godwitd's log says why");
}

static GwExit tell(GwCli *cli, const GwServer *server, const char *done, GError **error)
{
    g_autofree char *why = failure_of(cli, server);
    if (why) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s was not %s: %s", server->name, done, why);
        return GW_EXIT_FAILED;
    }
    g_autofree char *line = g_strdup_printf("%s was %s: it is %s on %s.", server->name, done, gw_server_power(server->json),
                                            server->host ? server->host : "an unknown host");
    g_autofree char *clean = gw_text_clean(line);
    g_autoptr(json_t) value = json_pack("{s:O}", "server", server->json);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        puts(clean);
    return GW_EXIT_DONE;
}

/* body is taken. done: "stopped". */
static GwExit operate(GwCli *cli, const GwArguments *arguments, json_t *body, const char *done, GError **error)
{
    g_autoptr(json_t) taken = body;
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/v2.1/servers/%s/action", server->uuid);
    if (!gw_client_call(cli, &(GwCall){.method = "POST", .path = path, .body = g_steal_pointer(&taken)}, &answer, error))
        return GW_EXIT_FAILED;

    gw_interrupt_catch();
    g_autoptr(GwServer) now = gw_server_find(cli, server->uuid, error);
    while (cli->patience == GW_FOLLOW && now && is_busy(now) && !g_atomic_int_get(gw_interrupt_flag())) {
        gw_interrupt_sleep(POLL_MS);
        g_clear_pointer(&now, gw_server_free);
        now = gw_server_find(cli, server->uuid, error);
    }
    if (!now)
        return GW_EXIT_FAILED;
    if (!is_busy(now))
        return tell(cli, now, done, error);
    if (cli->output == GW_OUTPUT_PEOPLE)
        printf("It goes on; see it with: godwit show %s\n", server->name);
    return cli->patience == GW_FOLLOW ? GW_EXIT_DETACHED : GW_EXIT_DONE;
}

GwExit gw_run_start(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "os-start"), "started", error);
}

GwExit gw_run_stop(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "os-stop"), "stopped", error);
}

GwExit gw_run_reboot(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *type = gw_arguments_option(arguments, "hard") ? "HARD" : "SOFT";
    return operate(cli, arguments, json_pack("{s:{s:s}}", "reboot", "type", type), "rebooted", error);
}

GwExit gw_run_pause(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "pause"), "paused", error);
}

GwExit gw_run_unpause(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "unpause"), "let run on", error);
}

GwExit gw_run_suspend(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "suspend"), "suspended", error);
}

GwExit gw_run_resume(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return operate(cli, arguments, json_pack("{s:n}", "resume"), "resumed", error);
}

/* ---- marks: done at once */

/* body is taken. sentence: with the server's name in it. */
static GwExit mark(GwCli *cli, const GwArguments *arguments, json_t *body, const char *sentence, GError **error)
{
    g_autoptr(json_t) taken = body;
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    g_auto(GwAnswer) answer = {0};
    if (!server)
        return GW_EXIT_FAILED;
    g_autofree char *path = gw_client_path("/v2.1/servers/%s/action", server->uuid);
    if (!gw_client_call(cli, &(GwCall){.method = "POST", .path = path, .body = g_steal_pointer(&taken)}, &answer, error))
        return GW_EXIT_FAILED;
    g_autofree char *clean = gw_text_clean(server->name);
    if (cli->output == GW_OUTPUT_PEOPLE)
        printf("%s %s.\n", clean, sentence);
    return GW_EXIT_DONE;
}

GwExit gw_run_lock(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *reason = gw_arguments_option(arguments, "reason");
    json_t *body = reason ? json_pack("{s:{s:s}}", "lock", "locked_reason", reason) : json_pack("{s:n}", "lock");
    return mark(cli, arguments, body, "is locked", error);
}

GwExit gw_run_unlock(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return mark(cli, arguments, json_pack("{s:n}", "unlock"), "is not locked any more", error);
}

GwExit gw_run_reset_state(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gboolean active = gw_arguments_option(arguments, "active") != NULL;
    return mark(cli, arguments, json_pack("{s:{s:s}}", "os-resetState", "state", active ? "active" : "error"),
                active ? "is shown again as its host says" : "is shown as in error", error);
}
