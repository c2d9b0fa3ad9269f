/* extensions: the names by which old clients ask whether a part of the API is there. Nova lists all that it ever had;
 * here are those that are served. Nothing changes with the microversion. */
#include "api/handlers.h"
#include "api/view.h"

#include <string.h>

typedef struct {
    const char *alias, *name, *description;
} Extension;

static const Extension extensions[] = {
    {"flavors", "Flavors", "Sizes of servers."},
    {"limits", "Limits", "What may be used and what is."},
    {"os-admin-actions", "AdminActions", "Migration of servers, and other actions of administrators."},
    {"os-aggregates", "Aggregates", "Groups of hosts."},
    {"os-attach-interfaces", "AttachInterfaces", "The network interfaces of a server (read only)."},
    {"os-availability-zone", "AvailabilityZone", "Availability zones of hosts and servers."},
    {"os-extended-availability-zone", "ExtendedAvailabilityZone", "The availability zone of a server."},
    {"os-extended-server-attributes", "ExtendedServerAttributes", "The host and the hypervisor of a server."},
    {"os-extended-status", "ExtendedStatus", "The task, VM and power state of a server."},
    {"os-extended-volumes", "ExtendedVolumes", "The volumes of a server."},
    {"os-flavor-extra-specs", "FlavorExtraSpecs", "Extra specs of flavors."},
    {"os-hosts", "Hosts", "Hosts, as the first versions showed them."},
    {"os-hypervisors", "Hypervisors", "What hypervisors say of themselves."},
    {"os-instance-actions", "ServerActions", "What was asked of a server and what came of it."},
    {"os-migrate-server", "MigrateServer", "Cold and live migration of servers."},
    {"os-migrations", "Migrations", "The history of migrations."},
    {"os-quota-sets", "Quotas", "Quotas of projects: there are none."},
    {"os-server-usage", "ServerUsage", "When a server was launched and terminated."},
    {"os-services", "Services", "The compute services."},
    {"os-simple-tenant-usage", "SimpleTenantUsage", "What servers used in a period."},
    {"os-volumes", "Volumes", "The volumes attached to a server (read only)."},
    {"server-migrations", "ServerMigrations", "Live migrations under way."},
    {"servers", "Servers", "Servers."},
    {"versions", "Versions", "Versions of the API."},
};

static json_t *view(const Extension *extension)
{
    return json_pack("{s:s,s:s,s:s,s:[],s:s,s:s}", "alias", extension->alias, "name", extension->name, "description",
                     extension->description, "links", "namespace", "http://docs.openstack.org/compute/ext/fake_xml",
                     "updated", "2014-12-03T00:00:00Z");
}

void gw_extensions_list(GwRequest *request)
{
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(extensions); i++)
        json_array_append_new(list, view(&extensions[i]));
    gw_reply_named(request, 200, "extensions", list);
}

void gw_extensions_show(GwRequest *request)
{
    for (guint i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (strcmp(extensions[i].alias, request->args[0]) == 0) {
            gw_reply_named(request, 200, "extension", view(&extensions[i]));
            return;
        }
    }
    gw_reply_fault(request, 404, "The resource could not be found.");
}
