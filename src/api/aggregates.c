/* os-aggregates (nova/api/openstack/compute/aggregates.py). */
#include "api/body.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define AGGREGATE ((const GwAggregate *)row)

FIELD(id)
{
    return json_integer(AGGREGATE->id);
}

FIELD(uuid)
{
    return json_string(AGGREGATE->uuid);
}

FIELD(name)
{
    return gw_json_text(AGGREGATE->name);
}

FIELD(zone)
{
    return gw_json_text(gw_aggregate_zone(AGGREGATE));
}

FIELD(hosts)
{
    json_t *list = json_array();
    for (guint i = 0; i < AGGREGATE->hosts->len; i++)
        json_array_append_new(list, gw_json_text(AGGREGATE->hosts->pdata[i]));
    return list;
}

FIELD(metadata)
{
    json_t *object = json_object();
    for (guint i = 0; i < AGGREGATE->metadata->len; i++) {
        const GwMetadatum *datum = AGGREGATE->metadata->pdata[i];
        json_object_set_new(object, datum->key, gw_json_text(datum->value));
    }
    return object;
}

FIELD(created)
{
    return gw_json_time_micro(AGGREGATE->created_us);
}

FIELD(updated)
{
    return gw_json_time_micro(AGGREGATE->updated_us);
}

#define BRIEF                                                                                                          \
    {"id", id}, {"uuid", uuid, 41}, {"name", name}, {"availability_zone", zone}, {"created_at", created},              \
        {"updated_at", updated}, {"deleted", gw_view_false}, {"deleted_at", gw_view_null}

/* The answer of a creation has no more, as in Nova. */
static const GwField brief[] = {BRIEF};

static const GwField fields[] = {
    BRIEF,
    {"hosts", hosts},
    {"metadata", metadata},
};

static void reply(GwRequest *request, GwAggregate *aggregate /* taken; NULL: error says why */, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        gw_reply_named(request, 200, "aggregate", GW_VIEW(request, fields, aggregate));
    if (aggregate)
        gw_aggregate_unref(aggregate);
}

/* FALSE with a 400: clients that were given a name take it for a hint to look through the list. */
static gboolean take_id(GwRequest *request, gint64 *ret_id)
{
    const char *text = request->args[0];
    if (!g_regex_match_simple("^[+-]?[0-9]+$", text, G_REGEX_DOLLAR_ENDONLY, 0)) {
        gw_reply_fault(request, 400, "Invalid input received: id must be an integer");
        return FALSE;
    }
    *ret_id = g_ascii_strtoll(text, NULL, 10);
    return TRUE;
}

/* ---- reading */

void gw_aggregates_list(GwRequest *request)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(request->engine);
    gw_reply_named(request, 200, "aggregates", GW_VIEW_LIST(request, fields, all));
}

void gw_aggregates_show(GwRequest *request)
{
    gint64 number;
    if (!take_id(request, &number))
        return;
    GwAggregate *aggregate = gw_engine_aggregate(request->engine, number);
    if (aggregate)
        reply(request, aggregate, NULL);
    else
        gw_reply_fault(request, 404, "Aggregate %s could not be found.", request->args[0]);
}

/* ---- creating, updating, deleting */

static const GwBodyRule outer[] = {{"aggregate", GW_BODY_OBJECT, GW_BODY_REQUIRED}};

void gw_aggregates_create(GwRequest *request)
{
    static const GwBodyRule inner[] = {{"name", GW_BODY_NAME, GW_BODY_REQUIRED},
                                       {"availability_zone", GW_BODY_ZONE, GW_BODY_OPTIONAL}};
    json_t *body = json_object_get(request->json, "aggregate");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "aggregate", body, inner))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GwAggregate) aggregate = NULL;
    if (gw_engine_aggregate_add(request->engine, gw_body_text(body, "name"), gw_body_text(body, "availability_zone"),
                                &aggregate, &error))
        gw_reply_named(request, 200, "aggregate", GW_VIEW(request, brief, aggregate));
    else
        gw_reply_error(request, error);
}

/* An update may write blanks around the name; they do not count (Nova's name_with_leading_trailing_spaces). */
static gboolean take_name(GwRequest *request, json_t *body, char **ret_name)
{
    g_autofree char *stripped = g_strdup(gw_body_text(body, "name"));
    if (stripped && !*g_strstrip(stripped)) {
        gw_reply_fault(request, 400, "Invalid input for field/attribute name. It must not be empty");
        return FALSE;
    }
    *ret_name = g_steal_pointer(&stripped);
    return TRUE;
}

static void edit(GwRequest *request, gint64 number, const GwAggregateEdit *change)
{
    g_autoptr(GError) error = NULL;
    GwAggregate *aggregate = NULL;
    gw_engine_aggregate_edit(request->engine, number, change, &aggregate, &error);
    reply(request, aggregate, error);
}

void gw_aggregates_update(GwRequest *request)
{
    static const GwBodyRule inner[] = {{"name", GW_BODY_TEXT_255, GW_BODY_OPTIONAL},
                                       {"availability_zone", GW_BODY_ZONE, GW_BODY_OPTIONAL}};
    json_t *body = json_object_get(request->json, "aggregate");
    gint64 number;
    if (!take_id(request, &number) || !GW_BODY_CHECK(request, "body", request->json, outer) ||
        !GW_BODY_CHECK(request, "aggregate", body, inner))
        return;
    if (!json_object_size(body)) {
        gw_reply_fault(request, 400,
                       "Invalid input for field/attribute aggregate. Value: {}. {} is not valid under any of the given "
                       "schemas: 'name' or 'availability_zone' is required");
        return;
    }
    g_autofree char *new_name = NULL;
    g_autoptr(GPtrArray) changes = gw_metadata_new();
    if (!take_name(request, body, &new_name))
        return;
    if (json_object_get(body, "availability_zone"))
        gw_metadata_add(changes, GW_ZONE_KEY, gw_body_text(body, "availability_zone"));
    edit(request, number, &(GwAggregateEdit){GW_AGGREGATE_UPDATE, new_name, changes});
}

void gw_aggregates_delete(GwRequest *request)
{
    gint64 number;
    g_autoptr(GError) error = NULL;
    if (!take_id(request, &number))
        return;
    if (gw_engine_aggregate_remove(request->engine, number, &error))
        gw_reply_empty(request, 200);
    else
        gw_reply_error(request, error);
}

/* ---- actions */

/* Of pools, hosts are asked first: the answer is that the change is under way, or every reason against it. */

static void too_slow(GwRequest *request)
{
    gw_reply_fault(request, 504, "The hosts have not answered within %u seconds; what was asked for may still be begun: see the aggregate.",
                   request->shared->wait_s);
}

static void on_done(gpointer data, const GError *error)
{
    gw_deferred_finish(data, 0, error);
}

static void changed(GwRequest *request, gint64 number, const GError *error)
{
    GwAggregate *aggregate = error ? NULL : gw_engine_aggregate(request->engine, g_ascii_strtoll(request->args[0], NULL, 10));
    if (error || aggregate)
        reply(request, aggregate, error);
    else
        gw_reply_fault(request, 404, "Aggregate %s could not be found.", request->args[0]);
}

static gboolean is_pool(GwRequest *request, gint64 number)
{
    g_autoptr(GwAggregate) aggregate = gw_engine_aggregate(request->engine, number);
    return aggregate && gw_pool_is(aggregate);
}

/* TRUE: it is answered, since what only pools know was asked of another aggregate. */
static gboolean refuse_field(GwRequest *request, json_t *body, const char *field)
{
    gboolean present = json_object_get(body, field) != NULL;
    if (present)
        gw_reply_fault(request, 400, "Invalid input for field/attribute %s. It is for aggregates that are pools (hypervisor_pool), which %s is not",
                       field, request->args[0]);
    return present;
}

static void add_host(GwRequest *request, gint64 number, json_t *body)
{
    static const GwBodyRule host_rules[] = {{"host", GW_BODY_HOST_NAME, GW_BODY_REQUIRED}, {"force", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL}};
    g_autoptr(GError) error = NULL;
    GwAggregate *aggregate = NULL;
    if (!GW_BODY_CHECK(request, "add_host", body, host_rules))
        return;
    if (is_pool(request, number)) {
        gw_engine_pool_add_host(request->engine, number, gw_body_text(body, "host"),
                                gw_body_is_true(body, "force") ? GW_JOIN_FORCE : GW_JOIN_PLAIN, on_done,
                                gw_request_defer(request, changed, too_slow));
        return;
    }
    if (refuse_field(request, body, "force"))
        return;
    gw_engine_aggregate_add_host(request->engine, number, gw_body_text(body, "host"), &aggregate, &error);
    reply(request, aggregate, error);
}

static void remove_host(GwRequest *request, gint64 number, json_t *body)
{
    static const GwBodyRule host_rules[] = {{"host", GW_BODY_HOST_NAME, GW_BODY_REQUIRED}, {"confirm", GW_BODY_TEXT_255, GW_BODY_OPTIONAL}};
    g_autoptr(GError) error = NULL;
    GwAggregate *aggregate = NULL;
    if (!GW_BODY_CHECK(request, "remove_host", body, host_rules))
        return;
    if (is_pool(request, number)) {
        gw_engine_pool_remove_host(request->engine, number, gw_body_text(body, "host"), gw_body_text(body, "confirm"), on_done,
                                   gw_request_defer(request, changed, too_slow));
        return;
    }
    if (refuse_field(request, body, "confirm"))
        return;
    gw_engine_aggregate_remove_host(request->engine, number, gw_body_text(body, "host"), &aggregate, &error);
    reply(request, aggregate, error);
}

/* Nova's metadata_with_null. */
static gboolean take_metadata(GwRequest *request, json_t *object, GPtrArray *changes)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!g_regex_match_simple("^[a-zA-Z0-9-_:. ]{1,255}$", key, G_REGEX_DOLLAR_ENDONLY, 0)) {
            gw_reply_fault(request, 400,
                           "Invalid input for field/attribute metadata. The key '%s' must have 1 to 255 letters, digits, "
                           "blanks, '-', '_', ':' and '.'",
                           key);
            return FALSE;
        }
        if (!json_is_null(value) && (!json_is_string(value) || g_utf8_strlen(json_string_value(value), -1) > 255)) {
            gw_reply_fault(request, 400,
                           "Invalid input for field/attribute %s. It must be a string of at most 255 characters, or null "
                           "to remove the key",
                           key);
            return FALSE;
        }
        gw_metadata_add(changes, key, json_string_value(value));
    }
    return TRUE;
}

static void set_metadata(GwRequest *request, gint64 number, json_t *body)
{
    static const GwBodyRule rules[] = {{"metadata", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    g_autoptr(GPtrArray) changes = gw_metadata_new();
    if (!GW_BODY_CHECK(request, "set_metadata", body, rules) ||
        !take_metadata(request, json_object_get(body, "metadata"), changes))
        return;
    g_autoptr(GwAggregate) aggregate = gw_engine_aggregate(request->engine, number);
    if (aggregate && gw_pool_asks_look(aggregate, changes)) {
        gw_engine_pool_look(request->engine, number, on_done, gw_request_defer(request, changed, too_slow));
        return;
    }
    edit(request, number, &(GwAggregateEdit){GW_AGGREGATE_SET_METADATA, NULL, changes});
}

static const struct {
    const char *name;
    void (*call)(GwRequest *request, gint64 number, json_t *body);
} actions[] = {
    {"add_host", add_host},
    {"remove_host", remove_host},
    {"set_metadata", set_metadata},
};

void gw_aggregates_action(GwRequest *request)
{
    json_t *body;
    gint64 number;
    const char *action = gw_body_action(request, &body);
    if (!action || !take_id(request, &number))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, action) == 0) {
            actions[i].call(request, number, body);
            return;
        }
    }
    gw_reply_fault(request, 400, "There is no such action: %s", action);
}

void gw_aggregates_images(GwRequest *request)
{
    gw_reply_fault(request, 501,
                   "Godwit does not cache images on hosts: a destination gets what an instance needs when it moves there.");
}
