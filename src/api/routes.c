#include "api/routes.h"

#include "api/handlers.h"

#define COMPUTE GW_ROOT_COMPUTE
#define GODWIT GW_ROOT_GODWIT
#define READER GW_ROLE_READER
#define MEMBER GW_ROLE_MEMBER
#define ADMIN GW_ROLE_ADMIN
#define BODY GW_ROUTE_BODY

const GwRoute gw_routes[] = {
    {"GET", GW_ROOT_NONE, "", 0, 0, GW_ROLE_NONE, gw_versions_list},
    {"GET", GW_ROOT_NONE, "v2.1", 0, 0, GW_ROLE_NONE, gw_versions_show},
    {"GET", GW_ROOT_NONE, "v2", 0, 0, GW_ROLE_NONE, gw_versions_show_old},

    {"GET", COMPUTE, "servers", 0, 0, READER, gw_servers_list},
    {"GET", COMPUTE, "servers/detail", 0, 0, READER, gw_servers_detail},
    {"GET", COMPUTE, "servers/{}", 0, 0, READER, gw_servers_show},
    {"POST", COMPUTE, "servers/{}/action", 0, 0, MEMBER, gw_servers_action, BODY},
    {"GET", COMPUTE, "servers/{}/migrations", 23, 0, ADMIN, gw_server_migrations_list},
    {"GET", COMPUTE, "servers/{}/migrations/{}", 23, 0, ADMIN, gw_server_migrations_show},
    {"DELETE", COMPUTE, "servers/{}/migrations/{}", 24, 0, ADMIN, gw_server_migrations_abort},
    {"POST", COMPUTE, "servers/{}/migrations/{}/action", 22, 0, ADMIN, gw_server_migrations_action, BODY},
    {"GET", COMPUTE, "servers/{}/os-instance-actions", 0, 0, READER, gw_instance_actions_list},
    {"GET", COMPUTE, "servers/{}/os-instance-actions/{}", 0, 0, READER, gw_instance_actions_show},
    {"GET", COMPUTE, "os-migrations", 0, 0, ADMIN, gw_migrations_list},
    {"GET", COMPUTE, "flavors", 0, 0, READER, gw_flavors_list},
    {"GET", COMPUTE, "flavors/detail", 0, 0, READER, gw_flavors_detail},
    {"GET", COMPUTE, "flavors/{}", 0, 0, READER, gw_flavors_show},
    {"GET", COMPUTE, "flavors/{}/os-extra_specs", 0, 0, READER, gw_flavors_extra_specs},
    {"GET", COMPUTE, "os-services", 0, 0, ADMIN, gw_services_list},
    {"PUT", COMPUTE, "os-services/{}", 0, 0, ADMIN, gw_services_update, BODY},
    {"DELETE", COMPUTE, "os-services/{}", 0, 0, ADMIN, gw_services_delete},
    {"GET", COMPUTE, "os-aggregates", 0, 0, ADMIN, gw_aggregates_list},
    {"POST", COMPUTE, "os-aggregates", 0, 0, ADMIN, gw_aggregates_create, BODY},
    {"GET", COMPUTE, "os-aggregates/{}", 0, 0, ADMIN, gw_aggregates_show},
    {"PUT", COMPUTE, "os-aggregates/{}", 0, 0, ADMIN, gw_aggregates_update, BODY},
    {"DELETE", COMPUTE, "os-aggregates/{}", 0, 0, ADMIN, gw_aggregates_delete},
    {"POST", COMPUTE, "os-aggregates/{}/action", 0, 0, ADMIN, gw_aggregates_action, BODY},
    {"POST", COMPUTE, "os-aggregates/{}/images", 81, 0, ADMIN, gw_aggregates_images, BODY},
    {"GET", COMPUTE, "os-hosts", 0, 42, ADMIN, gw_os_hosts_list},
    {"GET", COMPUTE, "os-hosts/{}", 0, 42, ADMIN, gw_os_hosts_show},
    {"PUT", COMPUTE, "os-hosts/{}", 0, 42, ADMIN, gw_os_hosts_update, BODY},
    {"GET", COMPUTE, "os-hosts/{}/startup", 0, 42, ADMIN, gw_os_hosts_power},
    {"GET", COMPUTE, "os-hosts/{}/shutdown", 0, 42, ADMIN, gw_os_hosts_power},
    {"GET", COMPUTE, "os-hosts/{}/reboot", 0, 42, ADMIN, gw_os_hosts_power},
    {"GET", COMPUTE, "os-hypervisors", 0, 0, ADMIN, gw_hypervisors_list},
    {"GET", COMPUTE, "os-hypervisors/detail", 0, 0, ADMIN, gw_hypervisors_detail},
    {"GET", COMPUTE, "os-hypervisors/statistics", 0, 0, ADMIN, gw_hypervisors_statistics},
    {"GET", COMPUTE, "os-hypervisors/{}", 0, 0, ADMIN, gw_hypervisors_show},
    {"GET", COMPUTE, "os-hypervisors/{}/uptime", 0, 87, ADMIN, gw_hypervisors_uptime},
    {"GET", COMPUTE, "os-hypervisors/{}/search", 0, 52, ADMIN, gw_hypervisors_search},
    {"GET", COMPUTE, "os-hypervisors/{}/servers", 0, 52, ADMIN, gw_hypervisors_servers},
    {"GET", COMPUTE, "os-availability-zone", 0, 0, READER, gw_zones_list},
    {"GET", COMPUTE, "os-availability-zone/detail", 0, 0, ADMIN, gw_zones_detail},

    {"GET", GODWIT, "hosts", 0, 0, ADMIN, gw_own_hosts_list},
    {"POST", GODWIT, "hosts", 0, 0, ADMIN, gw_own_hosts_add, BODY},
    {"GET", GODWIT, "hosts/{}", 0, 0, ADMIN, gw_own_hosts_show},
    {"DELETE", GODWIT, "hosts/{}", 0, 0, ADMIN, gw_own_hosts_remove},
    {"POST", GODWIT, "hosts/{}/refresh", 0, 0, ADMIN, gw_own_hosts_refresh},
    {"POST", GODWIT, "hosts/{}/undrain", 0, 0, ADMIN, gw_drains_undo, BODY},
    {"GET", GODWIT, "drains", 0, 0, ADMIN, gw_drains_list},
    {"POST", GODWIT, "drains", 0, 0, ADMIN, gw_drains_begin, BODY},
    {"GET", GODWIT, "drains/{}", 0, 0, ADMIN, gw_drains_show},
    {"DELETE", GODWIT, "drains/{}", 0, 0, ADMIN, gw_drains_cancel},
    {"POST", GODWIT, "balance", 0, 0, ADMIN, gw_drains_balance, BODY},
    {"GET", GODWIT, "migrations", 0, 0, ADMIN, gw_own_migrations_list},
    {"GET", GODWIT, "migrations/{}", 0, 0, ADMIN, gw_own_migrations_show},
};

const gsize gw_route_count = G_N_ELEMENTS(gw_routes);
