/* What people say of a server: PUT servers/{id}, its metadata and tags (nova/api/openstack/compute: servers.py, server_metadata.py,
 * server_tags.py, and their schemas). No host hears of it; a move does not change it. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/server_view.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <string.h>

enum { MOST_METADATA = 128, MOST_TAGS = 50, LONGEST_TAG = 60, LONGEST_TEXT = 255, LONGEST_DESCRIPTION = 255 };

/* What a change is made of; the JSON is the request's. */
typedef struct {
    json_t *body;
    const char *key;
    gboolean made, too_many; /* out: it was not there before; metadata are too many */
} Change;

static gboolean change(GwRequest *request, GwCardChange how, Change *what)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_card_change(request->engine, request->args[0], how, what, &error))
        return TRUE;
    if (what->too_many)
        gw_reply_fault(request, 403, "%s", error->message);
    else
        gw_reply_error(request, error);
    return FALSE;
}

/* The server as the change has left it; NULL: answered. */
static GwInstanceView *changed(GwRequest *request)
{
    GwInstanceView *view = gw_engine_instance(request->engine, request->args[0]);
    if (!view)
        gw_reply_no_instance(request);
    return view;
}

/* ---- PUT servers/{id} */

static const GwBodyRule update_rules[] = {
    {"name", GW_BODY_NAME, GW_BODY_OPTIONAL},
    {"OS-DCF:diskConfig", GW_BODY_TEXT, GW_BODY_OPTIONAL},
    {"accessIPv4", GW_BODY_TEXT_OR_NULL, GW_BODY_OPTIONAL},
    {"accessIPv6", GW_BODY_TEXT_OR_NULL, GW_BODY_OPTIONAL},
    {"description", GW_BODY_TEXT_OR_NULL, GW_BODY_OPTIONAL, 19},
};

static gboolean invalid(GwRequest *request, const char *field, const char *value, const char *why)
{
    gw_reply_fault(request, 400, "Invalid input for field/attribute %s. Value: %s. %s", field, value, why);
    return FALSE;
}

static gboolean is_address(GwRequest *request, json_t *server, const char *field, int family)
{
    const char *text = gw_body_text(server, field);
    if (!text || !*text)
        return TRUE;
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(family, text, address) == 1)
        return TRUE;
    g_autofree char *why = g_strdup_printf("'%s' is not a '%s'", text, family == AF_INET ? "ipv4" : "ipv6");
    return invalid(request, field, text, why);
}

static gboolean check_update(GwRequest *request, json_t *server)
{
    const char *disk_config = gw_body_text(server, "OS-DCF:diskConfig");
    const char *description = gw_body_text(server, "description");
    if (disk_config && strcmp(disk_config, "AUTO") != 0 && strcmp(disk_config, "MANUAL") != 0)
        return invalid(request, "OS-DCF:diskConfig", disk_config, "It must be one of ['AUTO', 'MANUAL']");
    if (description && g_utf8_strlen(description, -1) > LONGEST_DESCRIPTION)
        return invalid(request, "description", description, "It is too long: at most 255 characters");
    return is_address(request, server, "accessIPv4", AF_INET) && is_address(request, server, "accessIPv6", AF_INET6);
}

static void take_text(json_t *server, const char *field, char **text)
{
    if (!json_object_get(server, field))
        return;
    g_free(*text);
    *text = g_strdup(gw_body_text(server, field));
}

static gboolean update(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    json_t *server = ((Change *)data)->body;
    take_text(server, "name", &card->name);
    take_text(server, "OS-DCF:diskConfig", &card->disk_config);
    take_text(server, "accessIPv4", &card->access_ipv4);
    take_text(server, "accessIPv6", &card->access_ipv6);
    if (json_object_get(server, "description"))
        gw_card_describe(card, gw_body_text(server, "description"));
    return TRUE;
}

/* What an update answered before 2.75 (2.75 of the API history). */
static void leave_out(json_t *server)
{
    static const char *const prefixes[] = {"OS-EXT-", "OS-SRV-USG:", "os-extended-volumes:", "config_drive", "key_name", "host_status", NULL};
    const char *key;
    void *next;
    json_t *value;
    json_object_foreach_safe(server, next, key, value)
    {
        for (guint i = 0; prefixes[i]; i++) {
            if (g_str_has_prefix(key, prefixes[i])) {
                json_object_del(server, key);
                break;
            }
        }
    }
}

static const GwBodyRule named_server[] = {{"server", GW_BODY_OBJECT, GW_BODY_REQUIRED}};

void gw_servers_update(GwRequest *request)
{
    json_t *server = json_object_get(request->json, "server");
    Change what = {.body = server};
    if (!GW_BODY_CHECK(request, "body", request->json, named_server) || !GW_BODY_CHECK(request, "server", server, update_rules) ||
        !check_update(request, server) || !change(request, update, &what))
        return;
    g_autoptr(GwInstanceView) view = changed(request);
    json_t *answer = view ? gw_server_show(request, view) : NULL;
    if (answer && request->minor < 75)
        leave_out(answer);
    if (answer)
        gw_reply_named(request, 200, "server", answer);
}

/* ---- metadata */

/* ^[a-zA-Z0-9-_:. ]{1,255}$ */
static gboolean is_metadata_key(const char *key)
{
    gsize length = strlen(key);
    for (const char *c = key; *c; c++)
        if (!g_ascii_isalnum(*c) && !strchr("-_:. ", *c))
            return FALSE;
    return length >= 1 && length <= LONGEST_TEXT;
}

/* parameter_types.metadata of Nova. */
static gboolean check_metadata(GwRequest *request, json_t *metadata)
{
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!is_metadata_key(key))
            return invalid(request, "metadata", key, "A key must match '^[a-zA-Z0-9-_:. ]{1,255}$'");
        if (!json_is_string(value) || g_utf8_strlen(json_string_value(value), -1) > LONGEST_TEXT)
            return invalid(request, key, json_is_string(value) ? "…" : "no string", "It must be a string of at most 255 characters");
    }
    return TRUE;
}

/* The draft's own list, as it is shown now. */
static void own_metadata(GwCard *card, const GwInstanceView *view)
{
    const GPtrArray *shown = gw_instance_view_metadata(view);
    for (guint i = 0; !card->has_metadata && shown && i < shown->len; i++) {
        const GwMetadatum *datum = shown->pdata[i];
        gw_metadata_add(card->metadata, datum->key, datum->value);
    }
    card->has_metadata = TRUE;
}

static gboolean find_key(const GwCard *card, const char *key, guint *ret_at)
{
    for (guint i = 0; i < card->metadata->len; i++) {
        if (strcmp(((const GwMetadatum *)card->metadata->pdata[i])->key, key) == 0) {
            *ret_at = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean merge_metadata(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    const char *key;
    json_t *value;
    guint at;
    own_metadata(card, view);
    json_object_foreach(((Change *)data)->body, key, value)
    {
        if (find_key(card, key, &at))
            g_ptr_array_remove_index(card->metadata, at);
        gw_metadata_add(card->metadata, key, json_string_value(value));
    }
    if (card->metadata->len <= MOST_METADATA)
        return TRUE;
    ((Change *)data)->too_many = TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "Maximum number of metadata items exceeds %d", MOST_METADATA);
    return FALSE;
}

static gboolean replace_metadata(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    g_ptr_array_set_size(card->metadata, 0);
    card->has_metadata = TRUE;
    return merge_metadata(card, view, data, error);
}

static gboolean drop_metadatum(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    guint at;
    own_metadata(card, view);
    if (find_key(card, ((Change *)data)->key, &at)) {
        g_ptr_array_remove_index(card->metadata, at);
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Metadata item was not found");
    return FALSE;
}

static const GwBodyRule named_metadata[] = {{"metadata", GW_BODY_OBJECT, GW_BODY_REQUIRED}};

static void set_metadata(GwRequest *request, GwCardChange how)
{
    json_t *metadata = json_object_get(request->json, "metadata");
    Change what = {.body = metadata};
    if (!GW_BODY_CHECK(request, "body", request->json, named_metadata) || !check_metadata(request, metadata) ||
        !change(request, how, &what))
        return;
    g_autoptr(GwInstanceView) view = changed(request);
    if (view)
        gw_reply_named(request, 200, "metadata", gw_server_metadata_json(view));
}

void gw_server_metadata_add(GwRequest *request)
{
    set_metadata(request, merge_metadata);
}

void gw_server_metadata_replace(GwRequest *request)
{
    set_metadata(request, replace_metadata);
}

static const GwBodyRule named_meta[] = {{"meta", GW_BODY_OBJECT, GW_BODY_REQUIRED}};

void gw_server_metadata_set(GwRequest *request)
{
    json_t *meta = json_object_get(request->json, "meta");
    Change what = {.body = meta};
    if (!GW_BODY_CHECK(request, "body", request->json, named_meta) || !check_metadata(request, meta))
        return;
    if (json_object_size(meta) != 1)
        gw_reply_fault(request, 400, "Request body contains too many items");
    else if (!json_object_get(meta, request->args[1]))
        gw_reply_fault(request, 400, "Request body and URI mismatch");
    else if (change(request, merge_metadata, &what))
        gw_reply_named(request, 200, "meta", json_incref(meta));
}

void gw_server_metadata_delete(GwRequest *request)
{
    Change what = {.key = request->args[1]};
    if (change(request, drop_metadatum, &what))
        gw_reply_empty(request, 204);
}

/* ---- tags */

static gboolean check_tag(GwRequest *request, const char *tag)
{
    glong length = tag ? g_utf8_strlen(tag, -1) : 0;
    if (!length)
        return invalid(request, "tag", tag ? tag : "no string", "It must be a string that is not empty");
    if (length > LONGEST_TAG) {
        gw_reply_fault(request, 400, "Tag '%s' is too long. Maximum length of a tag is %d", tag, LONGEST_TAG);
        return FALSE;
    }
    return !strpbrk(tag, ",/") || invalid(request, "tag", tag, "It does not match '^[^,/]*$'");
}

static gboolean has_tag(const GPtrArray *tags, const char *tag)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)tags, tag, g_str_equal, NULL);
}

static void own_tags(GwCard *card, const GwInstanceView *view)
{
    const GPtrArray *shown = gw_instance_view_tags(view);
    for (guint i = 0; !card->has_tags && shown && i < shown->len; i++)
        g_ptr_array_add(card->tags, g_strdup(shown->pdata[i]));
    card->has_tags = TRUE;
}

static gboolean too_many_tags(const GwCard *card, GError **error)
{
    if (card->tags->len <= MOST_TAGS)
        return FALSE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "The number of tags exceeded the per-server limit %d", MOST_TAGS);
    return TRUE;
}

static gboolean replace_tags(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    size_t index;
    json_t *tag;
    g_ptr_array_set_size(card->tags, 0);
    card->has_tags = TRUE;
    json_array_foreach(((Change *)data)->body, index, tag)
    {
        if (!has_tag(card->tags, json_string_value(tag)))
            g_ptr_array_add(card->tags, g_strdup(json_string_value(tag)));
    }
    return !too_many_tags(card, error);
}

static gboolean add_tag(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    Change *what = data;
    own_tags(card, view);
    what->made = !has_tag(card->tags, what->key);
    if (what->made)
        g_ptr_array_add(card->tags, g_strdup(what->key));
    return !too_many_tags(card, error);
}

static gboolean drop_tag(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    guint at;
    const char *tag = ((Change *)data)->key;
    own_tags(card, view);
    if (g_ptr_array_find_with_equal_func(card->tags, tag, g_str_equal, &at)) {
        g_ptr_array_remove_index(card->tags, at);
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Server %s has no tag '%s'", view->instance->uuid, tag);
    return FALSE;
}

static const GwBodyRule named_tags[] = {{"tags", GW_BODY_LIST, GW_BODY_REQUIRED}};

void gw_server_tags_replace(GwRequest *request)
{
    json_t *tags = json_object_get(request->json, "tags");
    Change what = {.body = tags};
    size_t index;
    json_t *tag;
    if (!GW_BODY_CHECK(request, "body", request->json, named_tags))
        return;
    json_array_foreach(tags, index, tag)
    {
        if (!check_tag(request, json_string_value(tag)))
            return;
    }
    if (!change(request, replace_tags, &what))
        return;
    g_autoptr(GwInstanceView) view = changed(request);
    if (view)
        gw_reply_named(request, 200, "tags", gw_server_tags_json(view));
}

void gw_server_tag_add(GwRequest *request)
{
    Change what = {.key = request->args[1]};
    if (!check_tag(request, what.key) || !change(request, add_tag, &what))
        return;
    g_autofree char *escaped = g_uri_escape_string(what.key, NULL, FALSE);
    g_autofree char *where = g_strconcat(gw_request_root(request), "/servers/", request->args[0], "/tags/", escaped, NULL);
    if (what.made)
        gw_reply_header(request, "Location", where);
    gw_reply_empty(request, what.made ? 201 : 204);
}

void gw_server_tags_delete(GwRequest *request)
{
    Change what = {0};
    if (change(request, replace_tags, &what))
        gw_reply_empty(request, 204);
}

void gw_server_tag_delete(GwRequest *request)
{
    Change what = {.key = request->args[1]};
    if (change(request, drop_tag, &what))
        gw_reply_empty(request, 204);
}
