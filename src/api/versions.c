/* Version discovery: what clients read first, without credentials. */
#include "api/request.h"

static json_t *links_of(GwRequest *request, const char *version)
{
    g_autofree char *base = gw_request_base(request);
    g_autofree char *href = g_strdup_printf("%s/%s/", base, version);
    return json_pack("[{s:s,s:s}]", "rel", "self", "href", href);
}

/* v2.0 is the name of an old entry point; it has no microversions. */
static json_t *version_new(GwRequest *request, gboolean current)
{
    g_autofree char *max = g_strdup_printf("2.%d", GW_API_MAX_MINOR);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", current ? "v2.1" : "v2.0", "status",
                     current ? "CURRENT" : "SUPPORTED", "version", current ? max : "", "min_version", current ? "2.1" : "",
                     "updated", current ? "2013-07-23T11:33:21Z" : "2011-01-21T11:33:21Z", "links",
                     links_of(request, current ? "v2.1" : "v2"));
}

void gw_versions_list(GwRequest *request)
{
    gw_reply_json(request, 200, json_pack("{s:[o,o]}", "versions", version_new(request, FALSE), version_new(request, TRUE)));
}

static void show(GwRequest *request, gboolean current)
{
    json_t *version = version_new(request, current);
    json_array_append_new(json_object_get(version, "links"),
                          json_pack("{s:s,s:s,s:s}", "rel", "describedby", "type", "text/html", "href",
                                    "http://docs.openstack.org/"));
    json_object_set_new(version, "media-types",
                        json_pack("[{s:s,s:s}]", "base", "application/json", "type",
                                  current ? "application/vnd.openstack.compute+json;version=2.1"
                                          : "application/vnd.openstack.compute+json;version=2"));
    gw_reply_json(request, 200, json_pack("{s:o}", "version", version));
}

void gw_versions_show(GwRequest *request)
{
    show(request, TRUE);
}

void gw_versions_show_old(GwRequest *request)
{
    show(request, FALSE);
}
