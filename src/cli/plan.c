/* `godwit plan`: the dry run of one move. */
#include "cli/client.h"
#include "cli/findings.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static gboolean is_true(const json_t *object, const char *field)
{
    return json_is_true(json_object_get(object, field));
}

/* Bytes of memory and disks that would travel. */
static guint64 travels(const json_t *plan)
{
    guint64 bytes = (guint64)json_integer_value(json_object_get(plan, "memory_mib")) << 20;
    size_t index;
    json_t *disk;
    json_array_foreach(json_object_get(plan, "disks"), index, disk)
    {
        if (g_strcmp0(gw_json_peek(disk, "fate"), "copy") == 0)
            bytes += (guint64)json_integer_value(json_object_get(disk, "allocation_bytes"));
    }
    return bytes;
}

static const char *method_text(const json_t *plan)
{
    const char *method = gw_json_peek(plan, "method");
    if (g_strcmp0(method, "shared") == 0)
        return "live, disks shared";
    if (g_strcmp0(method, "block") == 0)
        return "live, disks copied";
    return method;
}

static guint count(const json_t *findings, const char *severity)
{
    guint sum = 0;
    size_t index;
    json_t *finding;
    json_array_foreach(findings, index, finding)
    {
        sum += g_strcmp0(gw_json_peek(finding, "severity"), severity) == 0;
    }
    return sum;
}

static void add_host(GwTable *table, const json_t *host)
{
    const json_t *plan = json_object_get(host, "plan"), *findings = json_object_get(host, "findings");
    gboolean possible = is_true(host, "possible");
    gw_table_add(table, gw_json_peek(host, "host"));
    gw_table_add(table, possible ? "yes" : "no");
    gw_table_add(table, possible ? method_text(plan) : NULL);
    gw_table_take(table, possible ? gw_text_bytes(travels(plan)) : NULL);
    gw_table_add_int(table, count(findings, "blocks") + (gw_json_peek(host, "failure") ? 1 : 0));
    gw_table_add_int(table, count(findings, "warning"));
}

static void print_disks(const json_t *disks)
{
    size_t index;
    json_t *disk;
    json_array_foreach(disks, index, disk)
    {
        const char *fate = gw_json_peek(disk, "fate");
        g_autofree char *target = gw_text_clean(gw_json_peek(disk, "target"));
        const char *place = gw_json_peek(disk, "place");
        g_autofree char *path = gw_text_clean(place ? place : gw_json_peek(disk, "path"));
        g_autofree char *dest = gw_text_clean(place ? place : gw_json_peek(disk, "dest_path"));
        g_autofree char *size = gw_text_bytes((guint64)json_integer_value(json_object_get(disk, "allocation_bytes")));
        if (!gw_json_peek(disk, "path"))
            printf("  disk %s: a drive without a medium\n", target);
        else if (g_strcmp0(fate, "copy") == 0)
            printf("  disk %s: copied to %s (%s)\n", target, dest, size);
        else if (g_strcmp0(fate, "send") == 0)
            printf("  disk %s: a medium that is sent to %s first (%s)\n", target, dest, size);
        else if (g_strcmp0(fate, "shared") == 0)
            printf("  disk %s: shared, %s\n", target, path);
        else
            printf("  disk %s: a medium that the definition takes along, %s\n", target, path);
    }
}

/* libvirt's flags, or what is called where those mean nothing. */
static void print_means(const json_t *plan)
{
    g_autofree char *calls = gw_text_clean(gw_json_peek(plan, "calls"));
    if (gw_json_peek(plan, "calls")) {
        printf("  calls: %s\n", calls);
        return;
    }
    g_autofree char *flags = gw_json_join(json_object_get(plan, "flags"));
    printf("  flags: %s\n", flags);
}

static void print_plan(const json_t *plan)
{
    print_disks(json_object_get(plan, "disks"));
    print_means(plan);
    static const char *const rows[][2] = {{"destination_uri", "destination address"},
                                          {"migrate_uri", "copy goes to"},
                                          {"console_listen", "console listens on"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *clean = gw_text_clean(gw_json_peek(plan, rows[i][0]));
        if (gw_json_peek(plan, rows[i][0]))
            printf("  %s: %s\n", rows[i][1], clean);
    }
    gint64 connections = json_integer_value(json_object_get(plan, "connections"));
    const char *compression = gw_json_peek(plan, "compression");
    if (connections)
        printf("  memory goes over %" G_GINT64_FORMAT " connections\n", connections);
    if (compression && strcmp(compression, "none") != 0)
        printf("  memory is compressed: %s\n", compression);
    gint64 timeout = json_integer_value(json_object_get(plan, "completion_timeout_ms"));
    gint64 bandwidth = json_integer_value(json_object_get(plan, "bandwidth_mibps"));
    g_autofree char *limit = gw_text_duration((guint64)timeout);
    printf("  ended when it takes longer than: %s\n", timeout ? limit : "never");
    if (bandwidth)
        printf("  bandwidth limit: %" G_GINT64_FORMAT " MiB/s\n", bandwidth);
}

/* What the link carries, and from where that is known. */
static char *link_text(const json_t *from)
{
    g_autofree char *rate = gw_text_bytes((guint64)json_integer_value(json_object_get(from, "link_bps")));
    g_autofree char *ago = gw_text_ago(gw_json_peek(from, "link_seen_at"));
    const char *source = gw_json_peek(from, "link_from");
    if (g_strcmp0(source, "probe") == 0)
        return g_strdup_printf("%s/s (measured %s)", rate, ago);
    if (g_strcmp0(source, "moves") == 0)
        return g_strdup_printf("%s/s (as moves went, the last %s)", rate, ago);
    if (g_strcmp0(source, "others") == 0)
        return g_strdup_printf("%s/s (as between other hosts: nobody measured it here, as `godwit doctor --probe` does)", rate);
    return g_strdup_printf("%s/s (assumed: nobody measured it, as `godwit doctor --probe` does)", rate);
}

static void print_prediction(const json_t *host)
{
    const json_t *prediction = json_object_get(host, "prediction"), *outlook = json_object_get(prediction, "before");
    const json_t *from = json_object_get(prediction, "made_from");
    const char *basis = gw_json_peek(outlook, "basis");
    if (!basis)
        return;
    g_autofree char *text = gw_text_clean(gw_json_peek(outlook, "text"));
    g_autofree char *bytes = gw_text_bytes((guint64)json_integer_value(json_object_get(json_object_get(outlook, "bytes"), "likely")));
    g_autofree char *writes = gw_text_bytes((guint64)json_integer_value(json_object_get(from, "write_bps")));
    g_autofree char *link = link_text(from);
    gint64 moves = json_integer_value(json_object_get(from, "samples"));
    printf("  prediction: %s\n  made from: %s to send, a link of %s, ", text, bytes, link);
    if (strcmp(basis, "sampled") == 0)
        printf("a guest that writes %s/s; ", writes);
    else if (strcmp(basis, "earlier") == 0)
        printf("a guest that wrote %s/s when it was last moved; ", writes);
    else
        printf("a guest of which nobody knows what it writes; ");
    if (moves)
        printf("constants from %" G_GINT64_FORMAT " earlier moves\n", moves);
    else
        puts("default constants, since too few moves have been seen");
}

static void print_host(const GwCli *cli, const json_t *host)
{
    g_autofree char *name = gw_text_clean(gw_json_peek(host, "host"));
    g_autofree char *failure = gw_text_clean(gw_json_peek(host, "failure"));
    printf("\n%s: %s\n", name, is_true(host, "possible") ? "possible" : "not possible");
    if (gw_json_peek(host, "failure"))
        printf("  - %s\n", failure);
    gw_findings_print(cli, json_object_get(host, "findings"));
    if (is_true(host, "possible"))
        print_plan(json_object_get(host, "plan"));
    print_prediction(host);
}

static void print_verdict(const json_t *plan)
{
    g_autofree char *name = gw_text_clean(gw_json_peek(plan, "instance_name"));
    g_autofree char *source = gw_text_clean(gw_json_peek(plan, "source"));
    g_autofree char *dest = gw_text_clean(gw_json_peek(plan, "dest"));
    g_autofree char *objection = gw_text_clean(gw_json_peek(plan, "objection"));
    const char *way = g_strcmp0(gw_json_peek(plan, "kind"), "migration") == 0 ? "cold" : "live";
    if (gw_json_peek(plan, "objection"))
        printf("%s on %s cannot move now: %s\n", name, source, objection);
    else if (is_true(plan, "possible"))
        printf("%s can move %s from %s to %s. Nothing was done.\n", name, way, source, dest);
    else if (json_array_size(json_object_get(plan, "hosts")) == 0)
        printf("%s on %s cannot move %s: there is no other host. Add one with `godwit host-add`.\n", name, source, way);
    else
        printf("%s on %s cannot move %s to any of these hosts.\n", name, source, way);
}

static void print_people(const GwCli *cli, const json_t *plan)
{
    static const char *const headings[] = {"Host", "Possible", "How", "Travels", "Reasons against", "Warnings", NULL};
    const json_t *hosts = json_object_get(plan, "hosts");
    size_t index;
    json_t *host;
    print_verdict(plan);
    if (json_array_size(hosts) == 0)
        return;
    g_autoptr(GwTable) table = gw_table_new(headings);
    json_array_foreach(hosts, index, host)
    {
        add_host(table, host);
    }
    gw_table_print(table, stdout);
    json_array_foreach(hosts, index, host)
    {
        print_host(cli, host);
    }
}

static json_t *wish(const GwArguments *arguments, const char *uuid, json_t *options /* or NULL; a reference is taken */)
{
    const char *host = gw_arguments_word(arguments, 1);
    json_t *block = gw_arguments_option(arguments, "block-migrate")      ? json_true()
                    : gw_arguments_option(arguments, "no-block-migrate") ? json_false()
                                                                         : json_string("auto");
    return json_pack("{s:{s:s, s:s?, s:o, s:s*, s:O*, s:b, s:b}}", "plan", "server", uuid, "host", host, "block_migration", block, "policy",
                     gw_arguments_option(arguments, "policy"), "options", options, "cold", gw_arguments_option(arguments, "cold") != NULL, "measure",
                     gw_arguments_option(arguments, "quick") == NULL);
}

GwExit gw_run_plan(GwCli *cli, const GwArguments *arguments, GError **error)
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

    const char *host = gw_arguments_word(arguments, 1);
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/godwit/v1/plan", .body = wish(arguments, server->uuid, options)};
    json_t *plan = NULL;
    if (!gw_client_call(cli, &call, &answer, error) || !gw_json_object(answer.body, "plan", GW_JSON_REQUIRED, &plan, error)) {
        if (g_error_matches(*error, GW_ERROR, GW_ERROR_REFUSED) && host && gw_client_lacks_host(cli, host))
            (*error)->code = GW_ERROR_NOT_FOUND;
        return GW_EXIT_FAILED;
    }

    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    else
        print_people(cli, plan);
    return is_true(plan, "possible") ? GW_EXIT_DONE : GW_EXIT_OTHERWISE;
}
