/* Version discovery: what clients read first, without credentials (nova/api/openstack/compute/versions.py). */
#include "api/handlers.h"

static json_t *self_link(GwRequest *request, const char *path)
{
    g_autofree char *href = g_strdup_printf("%s/%s/", gw_request_base(request), path);
    return json_pack("{s:s,s:s}", "rel", "self", "href", href);
}

/* v2.0 is the name of an old entry point; it has no microversions. */
static const struct Version {
    const char *id, *path, *status, *min, *updated, *media_type;
} versions[] = {
    {"v2.0", "v2", "SUPPORTED", "", "2011-01-21T11:33:21Z", "application/vnd.openstack.compute+json;version=2"},
    {"v2.1", "v2.1", "CURRENT", "2.1", "2013-07-23T11:33:21Z", "application/vnd.openstack.compute+json;version=2.1"},
};

static json_t *version_view(GwRequest *request, const struct Version *version)
{
    g_autofree char *max = *version->min ? g_strdup_printf("2.%d", GW_API_MAX_MINOR) : g_strdup("");
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:[o]}", "id", version->id, "status", version->status, "version", max,
                     "min_version", version->min, "updated", version->updated, "links",
                     self_link(request, version->path));
}

static json_t *media_types(const struct Version *version)
{
    return json_pack("[{s:s,s:s}]", "base", "application/json", "type", version->media_type);
}

void gw_versions_list(GwRequest *request)
{
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++)
        json_array_append_new(list, version_view(request, &versions[i]));
    gw_reply_named(request, 200, "versions", list);
}

static void show(GwRequest *request, const struct Version *version)
{
    json_t *view = version_view(request, version);
    json_array_append_new(json_object_get(view, "links"), json_pack("{s:s,s:s,s:s}", "rel", "describedby", "type",
                                                                    "text/html", "href", "http://docs.openstack.org/"));
    json_object_set_new(view, "media-types", media_types(version));
    gw_reply_named(request, 200, "version", view);
}

void gw_versions_show(GwRequest *request)
{
    show(request, &versions[1]);
}

void gw_versions_show_old(GwRequest *request)
{
    show(request, &versions[0]);
}

void gw_versions_choices(GwRequest *request)
{
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(versions); i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:[o],s:o}", "id", versions[i].id, "status", versions[i].status,
                                              "links", self_link(request, versions[i].path), "media-types",
                                              media_types(&versions[i])));
    gw_reply_named(request, 300, "choices", list);
}
