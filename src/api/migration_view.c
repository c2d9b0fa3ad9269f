/* The fields of nova/api/openstack/compute/migrations.py and server_migrations.py. */
#include "api/migration_view.h"

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define ROW ((const GwMigration *)row)

gboolean gw_migration_is_under_way(const GwMigration *row)
{
    unsigned traits = gw_migration_state_traits(row->state);
    return row->kind == GW_MOVE_LIVE && !(traits & (GW_TRAIT_FINAL | GW_TRAIT_RESTING));
}

FIELD(id)
{
    return json_integer(ROW->id);
}

FIELD(uuid)
{
    return json_string(ROW->uuid);
}

FIELD(instance)
{
    return json_string(ROW->instance_uuid);
}

FIELD(status)
{
    return json_string(gw_migration_state_status(ROW->state, ROW->kind));
}

FIELD(kind)
{
    return json_string(gw_move_kind_name(ROW->kind));
}

FIELD(source)
{
    return gw_json_text(ROW->source);
}

FIELD(dest)
{
    return gw_json_text(ROW->dest);
}

FIELD(created)
{
    return gw_json_time_micro(ROW->created_us);
}

FIELD(updated)
{
    return gw_json_time_micro(ROW->updated_us);
}

FIELD(user)
{
    return gw_json_text(ROW->user_id);
}

FIELD(project)
{
    return gw_json_text(ROW->project_id);
}

/* Nova's own row ids of flavors. A move keeps the shape, and adopted instances have none. */
FIELD(old_flavor)
{
    return json_integer(ROW->flavor && ROW->flavor_was ? ROW->flavor_was : 1);
}

FIELD(new_flavor)
{
    return json_integer(ROW->flavor && ROW->flavor->id ? ROW->flavor->id : 1);
}

FIELD(links)
{
    if (!gw_migration_is_under_way(ROW))
        return NULL;
    g_autofree char *kind_path = g_strdup_printf("servers/%s/migrations", ROW->instance_uuid);
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, ROW->id);
    return gw_json_links(request, kind_path, number);
}

#define COUNTER(name)                                                                                                  \
    FIELD(name)                                                                                                        \
    {                                                                                                                  \
        return gw_json_count(ROW->progress.name);                                                                      \
    }
COUNTER(memory_total)
COUNTER(memory_processed)
COUNTER(memory_remaining)
COUNTER(disk_total)
COUNTER(disk_processed)
COUNTER(disk_remaining)

#define COMMON                                                                                                         \
    {"id", id}, {"status", status}, {"source_compute", source}, {"source_node", source}, {"dest_compute", dest},       \
        {"dest_node", dest}, {"dest_host", gw_view_null}, {"created_at", created}, {"updated_at", updated},            \
        {"uuid", uuid, 59}, {"user_id", user, 80}, {"project_id", project, 80}

static const GwField list_fields[] = {
    COMMON,
    {"instance_uuid", instance},
    {"old_instance_type_id", old_flavor},
    {"new_instance_type_id", new_flavor},
    {"migration_type", kind, 23},
    {"links", links, 23},
};

static const GwField server_fields[] = {
    COMMON,
    {"server_uuid", instance},
    {"memory_total_bytes", memory_total},
    {"memory_processed_bytes", memory_processed},
    {"memory_remaining_bytes", memory_remaining},
    {"disk_total_bytes", disk_total},
    {"disk_processed_bytes", disk_processed},
    {"disk_remaining_bytes", disk_remaining},
};

json_t *gw_migration_row(GwRequest *request, const GwMigration *row)
{
    return GW_VIEW(request, list_fields, row);
}

json_t *gw_server_migration_row(GwRequest *request, const GwMigration *row)
{
    return GW_VIEW(request, server_fields, row);
}
