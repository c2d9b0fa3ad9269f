/* The commands that begin, end or hurry a move. */
#include "cli/client.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/server.h"
#include "cli/terminal.h"
#include "cli/text.h"

#include <string.h>

/* Asks for an act on a server. A refusal is told here, with where the server is: then the exit status is returned and
 * *error stays empty. */
static GwExit act(GwCli *cli, const GwServer *server, const GwCall *call, gint64 *ret_id, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_auto(GwAnswer) answer = {0};
    gw_interrupt_catch();
    if (gw_client_call(cli, call, &answer, &why)) {
        *ret_id = answer.migration_id;
        return GW_EXIT_DONE;
    }
    if (g_error_matches(why, GW_ERROR, GW_ERROR_REFUSED) || g_error_matches(why, GW_ERROR, GW_ERROR_CONFLICT)) {
        g_autofree char *place = gw_server_place(cli, server->uuid, server->name);
        return gw_report_error(cli, why, place);
    }
    g_autofree char *word = gw_text_word(server->name);
    if (g_error_matches(why, GW_ERROR, GW_ERROR_ABORTED))
        g_set_error(
            error, GW_ERROR, GW_ERROR_ABORTED,
            "Interrupted. Whether the daemon has begun is not known; see it with: godwit server-migration-list %s", word);
    else
        g_propagate_error(error, g_steal_pointer(&why));
    return GW_EXIT_FAILED;
}

static GwExit act_on_server(GwCli *cli, const GwServer *server, const char *version, json_t *body, gint64 *ret_id,
                            GError **error)
{
    g_autofree char *path = gw_client_path("/v2.1/servers/%s/action", server->uuid);
    return act(cli, server, &(GwCall){.method = "POST", .version = version, .path = path, .body = body}, ret_id, error);
}

/* The newest migration of a server, for answers that did not tell which one they began. */
static gboolean find_newest(GwCli *cli, const GwServer *server, gint64 *ret_id, GError **error)
{
    g_autofree char *path = gw_client_path("/godwit/v1/migrations?instance_uuid=%s&limit=1", server->uuid);
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, "migrations", &list, error))
        return FALSE;
    g_autoptr(GwMove) move = json_array_size(list) ? gw_move_new(json_array_get(list, 0), error) : NULL;
    if (move)
        *ret_id = move->id;
    else if (json_array_size(list) == 0)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "%s has no migration.", server->name);
    return move != NULL;
}

/* After the daemon agreed. */
static GwExit carry_on(GwCli *cli, const GwServer *server, gint64 id, GwWanted wanted, GError **error)
{
    if (!id && !find_newest(cli, server, &id, error))
        return GW_EXIT_FAILED;
    if (cli->patience == GW_FOLLOW)
        return gw_follow(cli, id, wanted, error);
    g_autoptr(GwMove) move = gw_follow_once(cli, id, error);
    if (!move)
        return GW_EXIT_FAILED;
    g_autoptr(json_t) value = json_pack("{s:O}", "migration", move->json);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        printf("Migration %" G_GINT64_FORMAT
               " of %s is %s; see it with: godwit server-migration-show %s %" G_GINT64_FORMAT "\n",
               id, server->name, move->status, server->name, id);
    return GW_EXIT_DONE;
}

/* A refusal because of the host that was named: there is none of that name. */
static GwExit blame_host(GwCli *cli, const char *host, GwExit code)
{
    return code == GW_EXIT_FAILED && host && gw_client_lacks_host(cli, host) ? GW_EXIT_NOT_FOUND : code;
}

/* ---- beginning */

static json_t *block_word(const GwArguments *arguments)
{
    if (gw_arguments_option(arguments, "block-migrate"))
        return json_true();
    if (gw_arguments_option(arguments, "no-block-migrate"))
        return json_false();
    return json_string("auto");
}

static GwExit live_by_nova(GwCli *cli, const GwArguments *arguments, const GwServer *server, gint64 *ret_id, GError **error)
{
    json_t *body = json_pack("{s:{s:s?, s:o}}", "os-migrateLive", "host", gw_arguments_word(arguments, 1), "block_migration", block_word(arguments));
    return act_on_server(cli, server, GW_COMPUTE_LIVE, body, ret_id, error);
}

/* With a policy or options, for which Nova's action has no words. */
static GwExit live_by_own(GwCli *cli, const GwArguments *arguments, const GwServer *server, json_t *options, gint64 *ret_id, GError **error)
{
    json_t *body = json_pack("{s:{s:s, s:s?, s:o, s:s*, s:O*}}", "migration", "server", server->uuid, "host", gw_arguments_word(arguments, 1),
                             "block_migration", block_word(arguments), "policy", gw_arguments_option(arguments, "policy"), "options", options);
    return act(cli, server, &(GwCall){.method = "POST", .path = "/godwit/v1/migrations", .body = body}, ret_id, error);
}

GwExit gw_run_live_migration(GwCli *cli, const GwArguments *arguments, GError **error)
{
    if (gw_arguments_option(arguments, "block-migrate") && gw_arguments_option(arguments, "no-block-migrate")) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "--block-migrate and --no-block-migrate exclude each other.");
        return GW_EXIT_USAGE;
    }
    g_autoptr(json_t) options = NULL;
    if (!gw_arguments_pairs(arguments, "option", &options, error))
        return GW_EXIT_USAGE;

    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    gint64 id = 0;
    gboolean own = options || gw_arguments_option(arguments, "policy");
    GwExit begun = own ? live_by_own(cli, arguments, server, options, &id, error) : live_by_nova(cli, arguments, server, &id, error);
    GwExit code = blame_host(cli, gw_arguments_word(arguments, 1), begun);

    return code == GW_EXIT_DONE ? carry_on(cli, server, id, GW_WANT_MOVED, error) : code;
}

GwExit gw_run_migrate(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *host = gw_arguments_option(arguments, "host");

    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    gint64 id = 0;
    json_t *body = host ? json_pack("{s:{s:s}}", "migrate", "host", host) : json_pack("{s:n}", "migrate");
    GwExit code = blame_host(cli, host, act_on_server(cli, server, GW_COMPUTE, body, &id, error));

    return code == GW_EXIT_DONE ? carry_on(cli, server, id, GW_WANT_MOVED, error) : code;
}

GwExit gw_run_resize(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    g_autofree char *flavor = server ? gw_find_flavor(cli, gw_arguments_word(arguments, 1), error) : NULL;
    if (!flavor)
        return GW_EXIT_FAILED;

    gint64 id = 0;
    GwExit code = act_on_server(cli, server, GW_COMPUTE, json_pack("{s:{s:s}}", "resize", "flavorRef", flavor), &id, error);

    return code == GW_EXIT_DONE ? carry_on(cli, server, id, GW_WANT_MOVED, error) : code;
}

/* ---- a host that is down */

static json_t *evacuation(const char *host)
{
    return json_pack("{s:o}", "evacuate", host ? json_pack("{s:s}", "host", host) : json_object());
}

GwExit gw_run_evacuate(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *host = gw_arguments_word(arguments, 1);

    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    gint64 id = 0;
    GwExit code = blame_host(cli, host, act_on_server(cli, server, GW_COMPUTE, evacuation(host), &id, error));

    return code == GW_EXIT_DONE ? carry_on(cli, server, id, GW_WANT_MOVED, error) : code;
}

/* The worse of two ends. */
static GwExit worse(GwExit a, GwExit b)
{
    return a == GW_EXIT_DONE ? b : a;
}

/* All are asked for first, so that they go on side by side; a refusal keeps none of the others. ids: of gint64. */
static GwExit evacuate_all(GwCli *cli, json_t *servers, const char *target, GArray *ids)
{
    GwExit code = GW_EXIT_DONE;
    for (size_t i = 0; i < json_array_size(servers); i++) {
        GwServer server = {.json = json_array_get(servers, i)};
        server.uuid = gw_json_peek(server.json, "id");
        server.name = gw_json_peek(server.json, "name");
        gint64 id = 0;
        g_autoptr(GError) why = NULL;
        if (server.uuid && server.name)
            gw_server_call_by_name(cli, &server);
        GwExit end = server.uuid && server.name ? act_on_server(cli, &server, GW_COMPUTE, evacuation(target), &id, &why) : GW_EXIT_FAILED;
        if (why)
            end = gw_report_error(cli, why, NULL);
        if (end == GW_EXIT_DONE && id)
            g_array_append_val(ids, id);
        code = worse(code, end);
    }
    return code;
}

static GwExit print_moves(GwCli *cli, const GArray *ids, GError **error)
{
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(GwMove) move = gw_follow_once(cli, g_array_index(ids, gint64, i), error);
        if (!move)
            return GW_EXIT_FAILED;
        json_array_append(list, move->json);
    }
    g_autoptr(json_t) value = json_pack("{s:O}", "migrations", list);
    gw_client_print(value);
    return GW_EXIT_DONE;
}

static GwExit wait_quietly(GwCli *cli, gint64 id, GError **error)
{
    enum { LOOK_MS = 500 };
    for (;;) {
        g_autoptr(GwMove) move = gw_follow_once(cli, id, error);
        if (!move)
            return GW_EXIT_FAILED;
        if (gw_move_ended(move, GW_WANT_MOVED))
            return gw_move_verdict(move, GW_WANT_MOVED);
        gw_interrupt_sleep(LOOK_MS);
    }
}

GwExit gw_run_host_evacuate(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *host = gw_arguments_word(arguments, 0);
    g_autoptr(GString) path = g_string_new("/v2.1/servers/detail");
    gw_client_query(path, "host", host);
    g_autoptr(json_t) body = NULL;
    json_t *servers;
    if (!gw_client_get_all(cli, path->str, "servers", "id", &body, error) || !gw_client_list(body, "servers", &servers, error))
        return GW_EXIT_FAILED;
    if (!json_array_size(servers)) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "No servers are on %s; 'godwit host-list' shows the hosts.", host);
        return GW_EXIT_NOT_FOUND;
    }
    gboolean json = cli->output == GW_OUTPUT_JSON;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    GwExit code = evacuate_all(cli, servers, gw_arguments_option(arguments, "target-host"), ids);
    for (guint i = 0; i < ids->len && cli->patience == GW_FOLLOW && !*error; i++) {
        gint64 id = g_array_index(ids, gint64, i);
        code = worse(code, json ? wait_quietly(cli, id, error) : gw_follow(cli, id, GW_WANT_MOVED, error));
    }
    if (json && !*error)
        code = worse(code, print_moves(cli, ids, error));
    else if (!json && cli->patience != GW_FOLLOW)
        printf("%u of %zu servers of %s are being evacuated; see them with: godwit migration-list --host %s\n", ids->len,
               json_array_size(servers), host, host);
    return code;
}

/* ---- after a cold move */

static GwExit decide(GwCli *cli, const GwArguments *arguments, const char *action, GwWanted wanted, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_autoptr(GError) hint = NULL;
    gint64 id = 0;
    GwExit code = act_on_server(cli, server, GW_COMPUTE, json_pack("{s:n}", action), &id, error);

    if (error && *error && g_str_has_prefix((*error)->message, "Instance has not been resized."))
        g_set_error(&hint, GW_ERROR, (*error)->code,
                    "%s waits for no decision: it is %s. Only a server in VERIFY_RESIZE, after godwit migrate or godwit resize, can be confirmed or "
                    "reverted.", server->name, server->status);
    if (hint) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&hint));
    }
    return code == GW_EXIT_DONE ? carry_on(cli, server, id, wanted, error) : code;
}

GwExit gw_run_resize_confirm(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return decide(cli, arguments, "confirmResize", GW_WANT_CONFIRMED, error);
}

GwExit gw_run_resize_revert(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return decide(cli, arguments, "revertResize", GW_WANT_REVERTED, error);
}

/* ---- while it goes on */

/* A cold one can be cancelled as long as it has not touched the guest. */
static gboolean can_be_steered(const json_t *one, gboolean cancel)
{
    static const char *const early[] = {"accepted", "queued", "preparing", NULL};
    const char *kind = gw_json_peek(one, "kind"), *state = gw_json_peek(one, "state");
    gboolean cold = g_strcmp0(kind, "migration") == 0 || g_strcmp0(kind, "resize") == 0;
    return g_strcmp0(kind, "live-migration") == 0 || (cancel && cold && state && g_strv_contains(early, state));
}

/* The number of the one of them that is under way. */
static gboolean find_migration(GwCli *cli, const GwServer *server, gboolean cancel, gint64 *ret_id, GError **error)
{
    g_autofree char *path = gw_client_path("/godwit/v1/migrations?instance_uuid=%s&unfinished=true", server->uuid);
    g_autoptr(json_t) body = NULL;
    json_t *list, *one;
    size_t i;
    guint found = 0;
    if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, "migrations", &list, error))
        return FALSE;
    json_array_foreach(list, i, one) {
        if (!can_be_steered(one, cancel))
            continue;
        *ret_id = json_integer_value(json_object_get(one, "id"));
        found++;
    }
    if (found != 1)
        g_set_error(error, GW_ERROR, found ? GW_ERROR_CONFLICT : GW_ERROR_NOT_FOUND,
                    found ? "%s has several live migrations under way: name one by its number, which 'godwit server-migration-list %s' shows."
                          : "%s has no live migration under way; 'godwit server-migration-list %s' shows those that have ended.",
                    server->name, server->name);
    return found == 1;
}

/* method and path's end say what is asked of the migration; body is taken. */
static GwExit steer(GwCli *cli, const GwArguments *arguments, const char *method, const char *end, json_t *body,
                    GwWanted wanted, GError **error)
{
    g_autoptr(json_t) taken = body;
    gint64 id, told = 0;
    const char *word = gw_arguments_word(arguments, 1);
    if (word && !gw_arguments_number(word, "MIGRATION", &id, error))
        return GW_EXIT_USAGE;

    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server || (!word && !find_migration(cli, server, wanted == GW_WANT_CANCELLED, &id, error)))
        return GW_EXIT_FAILED;

    g_autoptr(GwMove) move = gw_follow_once(cli, id, error);
    if (!move || !gw_follow_check_owner(move, server->uuid, server->name, error))
        return GW_EXIT_FAILED;
    if (move->final) {
        g_autofree char *sentence = g_strdup_printf("Migration %" G_GINT64_FORMAT " of %s ended before that: %s, from %s to %s. "
                                                    "Nothing was done.", id, move->name, move->status, move->source,
                                                    move->dest ? move->dest : "no host yet");
        g_autofree char *place = gw_server_place(cli, server->uuid, server->name);
        return gw_report(cli, &(GwReport){GW_EXIT_OTHERWISE, sentence, NULL, place});
    }
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, id);
    g_autofree char *start = gw_client_path("/v2.1/servers/%s/migrations/%s", server->uuid, number);
    g_autofree char *path = g_strconcat(start, end, NULL);
    GwExit code = act(cli, server, &(GwCall){.method = method, .path = path, .body = g_steal_pointer(&taken)}, &told, error);

    return code == GW_EXIT_DONE ? carry_on(cli, server, id, wanted, error) : code;
}

GwExit gw_run_abort(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return steer(cli, arguments, "DELETE", "", NULL, GW_WANT_CANCELLED, error);
}

GwExit gw_run_force_complete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return steer(cli, arguments, "POST", "/action", json_pack("{s:n}", "force_complete"), GW_WANT_MOVED, error);
}
