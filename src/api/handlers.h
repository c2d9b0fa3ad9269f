/* The handlers that the table of routes names, by file. */
#ifndef GW_API_HANDLERS_H
#define GW_API_HANDLERS_H

#include "api/request.h"

/* versions.c */
void gw_versions_list(GwRequest *request);
void gw_versions_show(GwRequest *request);
void gw_versions_show_old(GwRequest *request);
void gw_versions_choices(GwRequest *request); /* 300, for paths that no version has */
/* servers.c */
void gw_servers_list(GwRequest *request);
void gw_servers_detail(GwRequest *request);
void gw_servers_show(GwRequest *request);
/* server_parts.c */
void gw_server_addresses(GwRequest *request);
void gw_server_addresses_of(GwRequest *request);
void gw_server_metadata(GwRequest *request);
void gw_server_metadata_item(GwRequest *request);
void gw_server_tags(GwRequest *request);
void gw_server_tag(GwRequest *request);
void gw_server_security_groups(GwRequest *request);
void gw_server_topology(GwRequest *request);
void gw_server_interfaces(GwRequest *request);
void gw_server_interface(GwRequest *request);
void gw_server_volumes(GwRequest *request);
/* limits.c */
void gw_limits_show(GwRequest *request);
void gw_quotas_show(GwRequest *request);
void gw_quotas_detail(GwRequest *request);
/* usage.c */
void gw_usage_list(GwRequest *request);
void gw_usage_show(GwRequest *request);
/* extensions.c */
void gw_extensions_list(GwRequest *request);
void gw_extensions_show(GwRequest *request);
/* actions.c */
void gw_servers_action(GwRequest *request);
/* server_migrations.c */
void gw_server_migrations_list(GwRequest *request);
void gw_server_migrations_show(GwRequest *request);
void gw_server_migrations_action(GwRequest *request);
void gw_server_migrations_abort(GwRequest *request);
/* migrations.c */
void gw_migrations_list(GwRequest *request);
/* instance_actions.c */
void gw_instance_actions_list(GwRequest *request);
void gw_instance_actions_show(GwRequest *request);
/* flavors.c */
void gw_flavors_list(GwRequest *request);
void gw_flavors_detail(GwRequest *request);
void gw_flavors_show(GwRequest *request);
void gw_flavors_extra_specs(GwRequest *request);
void gw_flavors_extra_spec(GwRequest *request);
void gw_flavors_access(GwRequest *request);
/* flavor_changes.c */
void gw_flavors_create(GwRequest *request);
void gw_flavors_update(GwRequest *request);
void gw_flavors_delete(GwRequest *request);
void gw_flavors_extra_specs_create(GwRequest *request);
void gw_flavors_extra_spec_update(GwRequest *request);
void gw_flavors_extra_spec_delete(GwRequest *request);
void gw_flavors_action(GwRequest *request);
/* services.c, service_changes.c */
void gw_services_list(GwRequest *request);
void gw_services_update(GwRequest *request);
void gw_services_delete(GwRequest *request);
/* aggregates.c */
void gw_aggregates_list(GwRequest *request);
void gw_aggregates_create(GwRequest *request);
void gw_aggregates_show(GwRequest *request);
void gw_aggregates_update(GwRequest *request);
void gw_aggregates_delete(GwRequest *request);
void gw_aggregates_action(GwRequest *request);
void gw_aggregates_images(GwRequest *request);
/* os_hosts.c */
void gw_os_hosts_list(GwRequest *request);
void gw_os_hosts_show(GwRequest *request);
void gw_os_hosts_update(GwRequest *request);
void gw_os_hosts_power(GwRequest *request);
/* zones.c */
void gw_zones_list(GwRequest *request);
void gw_zones_detail(GwRequest *request);
/* hypervisors.c */
void gw_hypervisors_list(GwRequest *request);
void gw_hypervisors_detail(GwRequest *request);
void gw_hypervisors_show(GwRequest *request);
void gw_hypervisors_search(GwRequest *request);
void gw_hypervisors_servers(GwRequest *request);
void gw_hypervisors_statistics(GwRequest *request);
void gw_hypervisors_uptime(GwRequest *request);
/* own_daemons.c */
void gw_own_daemons_list(GwRequest *request);

/* own_hosts.c */
void gw_own_hosts_list(GwRequest *request);
void gw_own_hosts_add(GwRequest *request);
void gw_own_hosts_show(GwRequest *request);
void gw_own_hosts_remove(GwRequest *request);
void gw_own_hosts_refresh(GwRequest *request);
/* identity.c */
void gw_identity_version(GwRequest *request);
void gw_identity_token_create(GwRequest *request);
void gw_identity_token_show(GwRequest *request);
void gw_identity_token_revoke(GwRequest *request);
void gw_identity_catalog(GwRequest *request);
void gw_identity_projects(GwRequest *request);
/* images.c */
void gw_images_versions(GwRequest *request);
void gw_images_list(GwRequest *request);
void gw_images_show(GwRequest *request);
void gw_compute_images_list(GwRequest *request);
void gw_compute_images_detail(GwRequest *request);
void gw_compute_images_show(GwRequest *request);
void gw_compute_images_metadata(GwRequest *request);
/* server_create.c */
void gw_servers_create(GwRequest *request);
void gw_servers_delete(GwRequest *request);
/* drains.c */
void gw_drains_list(GwRequest *request);
void gw_drains_begin(GwRequest *request);
void gw_drains_show(GwRequest *request);
void gw_drains_cancel(GwRequest *request);
void gw_drains_undo(GwRequest *request);
void gw_drains_balance(GwRequest *request);
/* metrics.c */
void gw_metrics_show(GwRequest *request);
/* own_migrations.c */
void gw_own_migrations_list(GwRequest *request);
void gw_own_migrations_show(GwRequest *request);
void gw_own_migrations_begin(GwRequest *request); /* actions.c */
/* own_checkups.c */
void gw_own_checkups_begin(GwRequest *request);
void gw_own_checkups_show(GwRequest *request);
/* own_orphans.c */
void gw_own_orphans_list(GwRequest *request);
void gw_own_orphans_remove(GwRequest *request);
void gw_own_migrations_resolve(GwRequest *request);

/* own_plans.c */
void gw_own_plans_make(GwRequest *request);
/* own_events.c */
void gw_own_events_listen(GwRequest *request);
void gw_own_events_heard(gpointer events, const GwMigration *row); /* a GwEngineHeard */

#endif
