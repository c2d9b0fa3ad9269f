/* The commands about host aggregates and availability zones. */
#include "cli/client.h"
#include "cli/terminal.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

enum { POLL_MS = 300 }; /* while a host joins or leaves a pool */

static char *number_text(const json_t *object, const char *field)
{
    return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(object, field)));
}

static char *hosts_text(const json_t *aggregate)
{
    return gw_json_join(json_object_get(aggregate, "hosts"));
}

static const char *metadatum(const json_t *aggregate, const char *key)
{
    return json_string_value(json_object_get(json_object_get(aggregate, "metadata"), key));
}

static gboolean has_host(const json_t *aggregate, const char *name)
{
    size_t index;
    json_t *host;
    json_array_foreach(json_object_get(aggregate, "hosts"), index, host)
        if (g_strcmp0(json_string_value(host), name) == 0)
            return TRUE;
    return FALSE;
}

/* The zone has its own column, why a pool is in error its own line, and the UUIDs of a pool's hosts are for programs. */
static gboolean is_told_elsewhere(const json_t *aggregate, const char *key)
{
    return strcmp(key, "availability_zone") == 0 || strcmp(key, "pool_reason") == 0 ||
           (metadatum(aggregate, "hypervisor_pool") && has_host(aggregate, key));
}

static char *metadata_text(const json_t *aggregate)
{
    GString *text = g_string_new(NULL);
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(aggregate, "metadata"), key, value)
        if (!is_told_elsewhere(aggregate, key))
            g_string_append_printf(text, "%s%s=%s", text->len ? ", " : "", key, json_string_value(value));
    return g_string_free(text, FALSE);
}

static void print_aggregates(const json_t *const *aggregates, size_t count)
{
    static const char *const headings[] = {"ID", "Name", "Availability Zone", "Hosts", "Metadata", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < count; i++) {
        gw_table_take(table, number_text(aggregates[i], "id"));
        gw_table_add(table, gw_json_peek(aggregates[i], "name"));
        gw_table_add(table, gw_json_peek(aggregates[i], "availability_zone"));
        gw_table_take(table, hosts_text(aggregates[i]));
        gw_table_take(table, metadata_text(aggregates[i]));
    }
    gw_table_print(table, stdout);
}

static gboolean get_aggregates(GwCli *cli, json_t **ret_body, json_t **ret_list, GError **error)
{
    return gw_client_get(cli, "/v2.1/os-aggregates", ret_body, error) &&
           gw_client_list(*ret_body, "aggregates", ret_list, error);
}

/* By id or name, as nova does; a reference. */
static json_t *find_aggregate(GwCli *cli, const char *which, GError **error)
{
    g_autoptr(json_t) body = NULL;
    json_t *list, *found = NULL;
    if (!get_aggregates(cli, &body, &list, error))
        return NULL;
    for (size_t i = json_array_size(list); i > 0; i--) {
        json_t *aggregate = json_array_get(list, i - 1);
        g_autofree char *id = number_text(aggregate, "id");
        if (strcmp(id, which) == 0)
            return json_incref(aggregate);
        if (g_strcmp0(gw_json_peek(aggregate, "name"), which) == 0)
            found = aggregate;
    }
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no aggregate '%s'; 'godwit aggregate-list' shows all.",
                    which);
    return found ? json_incref(found) : NULL;
}

static gboolean is_pool_in(const json_t *aggregate, const char *state)
{
    return metadatum(aggregate, "hypervisor_pool") && g_strcmp0(metadatum(aggregate, "operational_state"), state) == 0;
}

static void print_reason(const json_t *aggregate)
{
    const char *reason = metadatum(aggregate, "pool_reason");
    g_autofree char *clean = reason ? gw_text_clean(reason) : NULL, *name = gw_text_clean(gw_json_peek(aggregate, "name"));
    if (clean)
        printf("%s%s.\n", is_pool_in(aggregate, "error") ? "The pool is in error: " : "Of its pool: ", clean);
    if (is_pool_in(aggregate, "error"))
        printf("Once that is mended: godwit aggregate-set-metadata %s operational_state=%s\n", name,
               json_array_size(json_object_get(aggregate, "hosts")) ? "active" : "created");
}

/* sentence: taken; NULL: the table speaks for itself. */
static void print_answer(GwCli *cli, const json_t *body, char *sentence)
{
    g_autofree char *clean = sentence ? gw_text_clean(sentence) : NULL;
    const json_t *aggregate = json_object_get(body, "aggregate");
    g_free(sentence);
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return;
    }
    if (clean)
        puts(clean);
    print_aggregates(&aggregate, 1);
    print_reason(aggregate);
}

GwExit gw_run_aggregate_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!get_aggregates(cli, &body, &list, error))
        return GW_EXIT_FAILED;

    g_autofree const json_t **rows = g_new0(const json_t *, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++)
        rows[i] = json_array_get(list, i);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(body);
    else if (json_array_size(list) == 0)
        puts("No aggregates yet. Make one with 'godwit aggregate-create NAME [ZONE]'.");
    else
        print_aggregates(rows, json_array_size(list));
    return GW_EXIT_DONE;
}

GwExit gw_run_aggregate_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) aggregate = find_aggregate(cli, gw_arguments_word(arguments, 0), error);
    if (!aggregate)
        return GW_EXIT_FAILED;

    g_autoptr(json_t) body = json_pack("{s:O}", "aggregate", aggregate);
    print_answer(cli, body, NULL);
    return GW_EXIT_DONE;
}

GwExit gw_run_aggregate_create(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_word(arguments, 0), *zone = gw_arguments_word(arguments, 1);

    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST",
                   .path = "/v2.1/os-aggregates",
                   .body = json_pack("{s:{s:s, s:s?}}", "aggregate", "name", name, "availability_zone", zone)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;

    print_answer(cli, answer.body, NULL);
    return GW_EXIT_DONE;
}

/* ---- changes of one */

static char *path_of(const json_t *aggregate, const char *tail)
{
    g_autofree char *id = number_text(aggregate, "id");
    return g_strconcat("/v2.1/os-aggregates/", id, tail, NULL);
}

GwExit gw_run_aggregate_update(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_option(arguments, "name"), *zone = gw_arguments_option(arguments, "availability-zone");
    if (!name && !zone) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "aggregate-update: say what is to change, with --name or --availability-zone.");
        return GW_EXIT_USAGE;
    }

    g_autoptr(json_t) aggregate = find_aggregate(cli, gw_arguments_word(arguments, 0), error);
    if (!aggregate)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = path_of(aggregate, "");
    GwCall call = {.method = "PUT",
                   .path = path,
                   .body = json_pack("{s:{s:s*, s:s*}}", "aggregate", "name", name, "availability_zone", zone)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;

    print_answer(cli, answer.body, NULL);
    return GW_EXIT_DONE;
}

GwExit gw_run_aggregate_delete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) aggregate = find_aggregate(cli, gw_arguments_word(arguments, 0), error);
    if (!aggregate)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = path_of(aggregate, "");
    if (!gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error)) {
        if (error && *error && strstr((*error)->message, "Host aggregate is not empty"))
            gw_error_prefix(error, "Remove its hosts first (godwit aggregate-remove-host %s HOST)", gw_arguments_word(arguments, 0));
        return GW_EXIT_FAILED;
    }

    g_autoptr(json_t) nothing = json_object();
    g_autofree char *name = gw_text_clean(gw_json_peek(aggregate, "name"));
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(nothing);
    else
        printf("Aggregate %s is deleted.\n", name);
    return GW_EXIT_DONE;
}

/* value: taken. */
static gboolean act(GwCli *cli, const json_t *aggregate, const char *action, json_t *value, GwAnswer *answer, GError **error)
{
    g_autofree char *path = path_of(aggregate, "/action");
    GwCall call = {.method = "POST", .path = path, .body = json_pack("{s:o}", action, value)};
    return gw_client_call(cli, &call, answer, error);
}

/* What the daemon does goes on when this ends early. *body: the aggregate, replaced by what it has become. */
static gboolean wait_for_pool(GwCli *cli, json_t **body, GError **error)
{
    g_autofree char *path = path_of(json_object_get(*body, "aggregate"), "");
    while (is_pool_in(json_object_get(*body, "aggregate"), "changing") && !g_atomic_int_get(gw_interrupt_flag())) {
        gw_interrupt_sleep(POLL_MS);
        json_t *fresh = NULL;
        if (!gw_client_get(cli, path, &fresh, error))
            return FALSE;
        json_decref(*body);
        *body = fresh;
    }
    return TRUE;
}

static gboolean check_pool(const json_t *aggregate, GError **error)
{
    if (is_pool_in(aggregate, "error")) {
        const char *reason = metadatum(aggregate, "pool_reason");
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "aggregate %s is in error: %s. 'godwit aggregate-details %s' tells how to go on.",
                    gw_json_peek(aggregate, "name"), reason ? reason : "its reason is not known", gw_json_peek(aggregate, "name"));
        return FALSE;
    }
    if (is_pool_in(aggregate, "changing"))
        g_set_error(error, GW_ERROR, GW_ERROR_ABORTED, "not waited for; the daemon goes on: 'godwit aggregate-details %s' tells how far it is.",
                    gw_json_peek(aggregate, "name"));
    return !is_pool_in(aggregate, "changing");
}

/* What comes after an ejection, which is over for the pool before it is for the host. */
static const char ejected[] =
    " It reboots as a pool of its own, and is shown as down until then. It is reachable again once it has rebooted: at its own address, with the "
    "pool's password, without the instances and disks that were named.";

/* value: taken. afterwards: what is said when the hypervisor's own pool has changed, too; or NULL. */
static GwExit change_host(GwCli *cli, const GwArguments *arguments, const char *action, json_t *value, const char *sentence,
                          const char *afterwards, GError **error)
{
    g_autoptr(json_t) wish = value;
    const char *host = gw_arguments_word(arguments, 1);
    json_object_set_new(wish, "host", json_string(host));

    g_autoptr(json_t) aggregate = find_aggregate(cli, gw_arguments_word(arguments, 0), error);
    if (!aggregate)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    gw_interrupt_catch();
    if (!act(cli, aggregate, action, json_incref(wish), &answer, error))
        return GW_EXIT_FAILED;
    gboolean changes = is_pool_in(json_object_get(answer.body, "aggregate"), "changing");
    if (!wait_for_pool(cli, &answer.body, error) || !check_pool(json_object_get(answer.body, "aggregate"), error))
        return GW_EXIT_FAILED;

    /* the last one is not ejected: its pool only loses the name */
    changes = changes && json_array_size(json_object_get(json_object_get(answer.body, "aggregate"), "hosts"));
    print_answer(cli, answer.body,
                 g_strconcat(host, sentence, gw_json_peek(aggregate, "name"), ".", changes ? afterwards : NULL, NULL));
    return GW_EXIT_DONE;
}

GwExit gw_run_aggregate_add_host(GwCli *cli, const GwArguments *arguments, GError **error)
{
    json_t *value = gw_arguments_option(arguments, "force") ? json_pack("{s:b}", "force", TRUE) : json_object();
    return change_host(cli, arguments, "add_host", value, " is now in aggregate ", NULL, error);
}

GwExit gw_run_aggregate_remove_host(GwCli *cli, const GwArguments *arguments, GError **error)
{
    json_t *value = json_pack("{s:s*}", "confirm", gw_arguments_option(arguments, "confirm"));
    return change_host(cli, arguments, "remove_host", value, " is no longer in aggregate ", ejected, error);
}

/* "key=value" sets a key, "key" alone removes it. NULL: a word has no key. */
static json_t *read_metadata(const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) metadata = json_object();
    for (guint i = 1; i < arguments->words->len; i++) {
        const char *word = gw_arguments_word(arguments, i), *equals = strchr(word, '=');
        g_autofree char *key = equals ? g_strndup(word, (gsize)(equals - word)) : g_strdup(word);
        if (!*key) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s' has no key: write KEY=VALUE, or KEY alone to remove it.",
                        word);
            return NULL;
        }
        json_object_set_new(metadata, key, equals ? json_string(equals + 1) : json_null());
    }
    return g_steal_pointer(&metadata);
}

GwExit gw_run_aggregate_set_metadata(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) metadata = read_metadata(arguments, error);
    if (!metadata)
        return GW_EXIT_USAGE;

    g_autoptr(json_t) aggregate = find_aggregate(cli, gw_arguments_word(arguments, 0), error);
    if (!aggregate)
        return GW_EXIT_FAILED;

    g_auto(GwAnswer) answer = {0};
    if (!act(cli, aggregate, "set_metadata", json_pack("{s:O}", "metadata", metadata), &answer, error))
        return GW_EXIT_FAILED;

    print_answer(cli, answer.body, NULL);
    return GW_EXIT_DONE;
}

/* ---- zones */

static char *zone_hosts(const json_t *zone)
{
    GString *text = g_string_new(NULL);
    const char *host;
    json_t *services;
    json_object_foreach(json_object_get(zone, "hosts"), host, services) {
        const json_t *service = json_object_get(services, "nova-compute");
        gboolean up = json_is_true(json_object_get(service, "available"));
        g_string_append_printf(text, "%s%s%s", text->len ? ", " : "", host, up ? "" : " (down)");
    }
    return g_string_free(text, FALSE);
}

GwExit gw_run_zone_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"Name", "Status", "Hosts", NULL};

    g_autoptr(json_t) body = NULL;
    json_t *zones;
    if (!gw_client_get(cli, "/v2.1/os-availability-zone/detail", &body, error) ||
        !gw_client_list(body, "availabilityZoneInfo", &zones, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        const json_t *state = json_object_get(zone, "zoneState");
        gw_table_add(table, gw_json_peek(zone, "zoneName"));
        gw_table_add(table, json_is_true(json_object_get(state, "available")) ? "available" : "not available");
        gw_table_take(table, zone_hosts(zone));
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No zones: there are no hosts yet. Add one with 'godwit host-add'.");
    return GW_EXIT_DONE;
}
