/* The commands that make a server and delete one. They wait until that has ended. */
#include "cli/report.h"
#include "cli/client.h"
#include "cli/server.h"
#include "cli/text.h"

#include <string.h>

enum { POLL_MS = 200 };

/* ---- what is named: by id or by name */

static json_t *find_in(json_t *list, const char *which)
{
    size_t index;
    json_t *row, *found = NULL;
    json_array_foreach(list, index, row)
    {
        gboolean by_id = g_strcmp0(gw_json_peek(row, "id"), which) == 0;
        if (by_id || (!found && g_strcmp0(gw_json_peek(row, "name"), which) == 0))
            found = row;
        if (by_id)
            break;
    }
    return found;
}

/* Its id, owned by the caller. */
static char *find_id(GwCli *cli, const char *path, const char *key, const char *what, const char *which, GError **error)
{
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, key, &list, error))
        return NULL;
    json_t *found = find_in(list, which);
    if (found && gw_json_peek(found, "id"))
        return g_strdup(gw_json_peek(found, "id"));
    g_autoptr(GString) names = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = gw_json_peek(json_array_get(list, i), "name");
        g_string_append_printf(names, "%s%s", i ? ", " : "", name ? name : "?");
    }
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no %s '%s'; there are: %s.", what, which, names->len ? names->str : "none");
    return NULL;
}

char *gw_find_flavor(GwCli *cli, const char *which, GError **error)
{
    return find_id(cli, "/v2.1/flavors?is_public=None", "flavors", "flavor", which, error);
}

/* ---- boot */

static json_t *networks_of(const GwArguments *arguments)
{
    const char *nic = gw_arguments_option(arguments, "nic");
    gboolean is_word = !nic || strcmp(nic, "auto") == 0 || strcmp(nic, "none") == 0;
    return is_word ? json_string(nic ? nic : "auto") : json_pack("[{s:s}]", "uuid", nic);
}

/* group: its UUID, or NULL. */
static json_t *body_of(const GwArguments *arguments, const char *image, const char *flavor, const char *group)
{
    json_t *server = json_pack("{s:s,s:s,s:s,s:o}", "name", gw_arguments_word(arguments, 0), "imageRef", image, "flavorRef", flavor, "networks",
                               networks_of(arguments));
    const char *host = gw_arguments_option(arguments, "host");
    const char *zone = gw_arguments_option(arguments, "availability-zone");
    if (host)
        json_object_set_new(server, "host", json_string(host));
    if (zone)
        json_object_set_new(server, "availability_zone", json_string(zone));
    json_t *body = json_pack("{s:o}", "server", server);
    if (group)
        json_object_set_new(body, "os:scheduler_hints", json_pack("{s:s}", "group", group));
    return body;
}

static gboolean is_busy(const GwServer *server)
{
    return gw_json_peek(server->json, "OS-EXT-STS:task_state") != NULL;
}

static GwExit tell_made(GwCli *cli, const GwServer *server)
{
    if (g_strcmp0(server->status, "ERROR") == 0) {
        const char *why = gw_json_peek(json_object_get(server->json, "fault"), "message");
        g_autoptr(GError) failure = g_error_new(GW_ERROR, GW_ERROR_FAILED, "%s was not made: %s", server->name,
                                                why ? why : "godwitd's log says why");
        g_autofree char *now = g_strdup_printf("%s is listed as ERROR; remove it with: godwit delete %s", server->name, server->uuid);
        return gw_report_error(cli, failure, now);
    }
    g_autofree char *line = g_strdup_printf("%s was made: it is %s on %s.", server->name, gw_server_power(server->json),
                                            server->host ? server->host : "an unknown host");
    g_autofree char *clean = gw_text_clean(line);
    g_autoptr(json_t) value = json_pack("{s:O}", "server", server->json);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        puts(clean);
    return GW_EXIT_DONE;
}

static GwExit follow_making(GwCli *cli, const char *uuid, GError **error)
{
    gw_interrupt_catch();
    g_autoptr(GwServer) now = gw_server_find(cli, uuid, error);
    while (cli->patience == GW_FOLLOW && now && is_busy(now) && !g_atomic_int_get(gw_interrupt_flag())) {
        gw_interrupt_sleep(POLL_MS);
        g_clear_pointer(&now, gw_server_free);
        now = gw_server_find(cli, uuid, error);
    }
    if (!now)
        return GW_EXIT_FAILED;
    if (!is_busy(now))
        return tell_made(cli, now);
    if (cli->output == GW_OUTPUT_PEOPLE)
        printf("It goes on; see it with: godwit show %s\n", uuid);
    return cli->patience == GW_FOLLOW ? GW_EXIT_DETACHED : GW_EXIT_DONE;
}

/* NULL: INVALID, with what to type. */
static const char *require(const GwArguments *arguments, const char *name, GError **error)
{
    const char *value = gw_arguments_option(arguments, name);
    if (!value)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Say from which image and with which flavor: godwit boot --image IMAGE --flavor FLAVOR %s",
                    gw_arguments_word(arguments, 0));
    return value;
}

GwExit gw_run_boot(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *image_name = require(arguments, "image", error);
    const char *flavor_name = image_name ? require(arguments, "flavor", error) : NULL;
    if (!flavor_name)
        return GW_EXIT_USAGE;
    g_autofree char *image = find_id(cli, "/image/v2/images", "images", "image", image_name, error);
    g_autofree char *flavor = image ? gw_find_flavor(cli, flavor_name, error) : NULL;
    const char *group_name = gw_arguments_option(arguments, "group");
    g_autofree char *group = flavor && group_name ? gw_find_group(cli, group_name, error) : NULL;
    if (!flavor || (group_name && !group))
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/v2.1/servers", .body = body_of(arguments, image, flavor, group)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    const char *uuid = gw_json_peek(json_object_get(answer.body, "server"), "id");
    if (!uuid) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The daemon's answer makes no sense: a server without an id.");
        return GW_EXIT_FAILED;
    }
    return follow_making(cli, uuid, error);
}

/* ---- delete */

/* TRUE: it is gone. FALSE without an error: someone does not want to wait. */
static gboolean wait_gone(GwCli *cli, const char *uuid, GError **error)
{
    gw_interrupt_catch();
    do {
        g_autoptr(GError) why = NULL;
        g_autoptr(GwServer) now = gw_server_find(cli, uuid, &why);
        if (!now && g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND))
            return TRUE;
        if (!now) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (cli->patience == GW_FOLLOW)
            gw_interrupt_sleep(POLL_MS);
    } while (cli->patience == GW_FOLLOW && !g_atomic_int_get(gw_interrupt_flag()));
    return FALSE;
}

GwExit gw_run_delete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/v2.1/servers/%s", server->uuid);
    if (!gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error))
        return GW_EXIT_FAILED;

    g_autoptr(GError) why = NULL;
    gboolean gone = wait_gone(cli, server->uuid, &why);
    if (why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return GW_EXIT_FAILED;
    }
    g_autofree char *name = gw_text_clean(server->name);
    g_autoptr(json_t) value = json_pack("{s:s,s:b}", "deleted", server->uuid, "gone", gone);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else if (gone)
        printf("%s is deleted.\n", name);
    else
        printf("%s is being deleted.\n", name);
    return gone || cli->patience == GW_FOLLOW_NOT ? GW_EXIT_DONE : GW_EXIT_DETACHED;
}
