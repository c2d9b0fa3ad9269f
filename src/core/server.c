#include "core/server.h"

#include <string.h>

const char *const gw_server_phase_names[GW_SERVER_PHASE_COUNT] = {
#define X(ENUM, name) [GW_SERVER_##ENUM] = name,
    GW_SERVER_PHASES(X)
#undef X
};

const char *gw_server_phase_name(GwServerPhase phase)
{
    return gw_server_phase_names[phase];
}

/* ---- the value */

static GPtrArray *texts_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static GPtrArray *texts_copy(const GPtrArray *texts)
{
    GPtrArray *copy = texts_new();
    for (guint i = 0; i < texts->len; i++)
        g_ptr_array_add(copy, g_strdup(texts->pdata[i]));
    return copy;
}

GwServer *gw_server_new(void)
{
    GwServer *server = g_new0(GwServer, 1);
    server->flavors = g_ptr_array_new_with_free_func((GDestroyNotify)gw_flavor_free);
    server->networks = texts_new();
    server->metadata = gw_metadata_new();
    server->tags = texts_new();
    server->disks = texts_new();
    return server;
}

GwServer *gw_server_copy(const GwServer *from)
{
    GwServer *to = g_memdup2(from, sizeof *from);
    char **texts[] = {&to->name,        &to->domain_name, &to->host,        &to->wanted_zone,    &to->wanted_host, &to->image_id,
                      &to->image_path,  &to->image_format, &to->description, &to->disk_config, &to->reservation_id,
                      &to->reason,      &to->request_id,  &to->user_id,     &to->project_id, &to->delete_request};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(*texts[i]);
    to->flavors = g_ptr_array_new_with_free_func((GDestroyNotify)gw_flavor_free);
    for (guint i = 0; i < from->flavors->len; i++)
        g_ptr_array_add(to->flavors, gw_flavor_copy(from->flavors->pdata[i]));
    to->networks = texts_copy(from->networks);
    to->metadata = gw_metadata_copy(from->metadata);
    to->tags = texts_copy(from->tags);
    to->disks = texts_copy(from->disks);
    return to;
}

void gw_server_free(GwServer *server)
{
    if (!server)
        return;
    char *texts[] = {server->name,        server->domain_name,  server->host,        server->wanted_zone, server->wanted_host,
                     server->image_id,    server->image_path,   server->image_format, server->description,
                     server->disk_config, server->reservation_id, server->reason,    server->request_id,  server->user_id,
                     server->project_id,  server->delete_request};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    GPtrArray *lists[] = {server->flavors, server->networks, server->metadata, server->tags, server->disks};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    g_free(server);
}

const GwFlavor *gw_server_flavor(const GwServer *server)
{
    return server->flavors->len ? server->flavors->pdata[0] : NULL;
}

GwFlavor *gw_server_add_flavor(GwServer *server)
{
    GwFlavor *flavor = gw_flavor_new();
    g_ptr_array_add(server->flavors, flavor);
    return flavor;
}

static GwMetadatum *append_metadatum(GPtrArray *list)
{
    gw_metadata_add(list, NULL, NULL);
    return list->pdata[list->len - 1];
}

GwMetadatum *gw_server_add_metadatum(GwServer *server)
{
    return append_metadatum(server->metadata);
}

GwMetadatum *gw_flavor_add_spec(GwFlavor *flavor)
{
    return append_metadatum(flavor->extra_specs);
}

/* ---- what follows from it */

GwInstance *gw_server_sketch(const GwServer *server)
{
    const GwFlavor *flavor = gw_server_flavor(server);
    GwInstance *instance = gw_instance_new();
    g_strlcpy(instance->uuid, server->uuid, sizeof instance->uuid);
    instance->name = g_strdup(server->domain_name ? server->domain_name : server->name);
    instance->persistent = TRUE;
    instance->power = GW_POWER_NOSTATE;
    instance->vcpus = flavor ? flavor->vcpus : 1;
    instance->memory_mib = instance->max_memory_mib = flavor ? flavor->memory_mib : 0;
    instance->created_at = server->created_us / G_USEC_PER_SEC;
    return instance;
}

char *gw_server_domain_name(const char *name, const char *uuid)
{
    enum { LONGEST = 48 }; /* it becomes part of file names and of QEMU's command line */
    GString *text = g_string_new(NULL);
    for (const char *at = name; *at && text->len < LONGEST; at++)
        g_string_append_c(text, g_ascii_isalnum(*at) || strchr("._-", *at) ? *at : '_');
    if (!text->len || !g_ascii_isalnum(*text->str))
        g_string_prepend(text, "server");
    g_string_append_printf(text, "-%.8s", uuid);
    return g_string_free(text, FALSE);
}

static gboolean is_own(const GwInstance *instance, const GwDisk *disk)
{
    unsigned foreign = GW_DISK_READONLY | GW_DISK_SHAREABLE | GW_DISK_REMOVABLE | GW_DISK_EMPTY;
    if (disk->kind != GW_DISK_FILE || !disk->path || disk->flags & foreign)
        return FALSE;
    g_autofree char *folder = g_path_get_dirname(disk->path);
    g_autofree char *name = g_path_get_basename(folder);
    return strcmp(name, instance->uuid) == 0;
}

GPtrArray *gw_server_own_disks(const GwInstance *instance)
{
    GPtrArray *paths = texts_new();
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        if (is_own(instance, disk))
            g_ptr_array_add(paths, g_strdup(disk->path));
    }
    return paths;
}

/* ---- phases */

#define ENTER(phase, why) ((GwServerDecision){GW_SERVER_ENTER, GW_SERVER_##phase, why})
#define DO(act) ((GwServerDecision){GW_SERVER_##act, 0, NULL})

static GwServerDecision next_creating(const GwServerSituation *s)
{
    if (s->seen == GW_SEEN_UNKNOWN && s->overdue)
        return s->attempts ? ENTER(UNDOING, "its host has not answered for long") : ENTER(FAILED, "its host does not answer");
    if (s->seen == GW_SEEN_UNKNOWN)
        return DO(WAIT);
    if (s->attempts && !s->cleared)
        return DO(CLEAR); /* whatever is there is of an attempt whose end nobody saw */
    if (s->attempts >= GW_SERVER_TRIES)
        return ENTER(UNDOING, "making it was interrupted each time that it was tried");
    return DO(CREATE);
}

static GwServerDecision next_starting(const GwServerSituation *s)
{
    switch (s->seen) {
    case GW_SEEN_UNKNOWN:
        return s->overdue ? ENTER(UNDOING, "its host has not answered for long") : DO(WAIT);
    case GW_SEEN_ABSENT:
        return ENTER(UNDOING, "it was removed from its host before it could be started");
    case GW_SEEN_STOPPED:
        return DO(START);
    case GW_SEEN_RUNNING:
    case GW_SEEN_PAUSED:
    case GW_SEEN_PAUSED_MIGRATING:
    case GW_SEEN_POSTCOPY:
    case GW_SEEN_POSTCOPY_FAILED:
    case GW_SEEN_COUNT:
        break;
    }
    return ENTER(BUILT, NULL);
}

static GwServerDecision next_deleting(const GwServerSituation *s)
{
    if (s->moving)
        return DO(WAIT);
    if (!s->listed)
        return DO(LIST);
    if (!s->has_host) /* on a host that Godwit does not know any more it may run on */
        return s->host_lost ? DO(WAIT) : DO(DROP);
    return s->seen == GW_SEEN_UNKNOWN ? DO(WAIT) : s->cleared ? DO(DROP) : DO(CLEAR);
}

GwServerDecision gw_server_next(const GwServerSituation *s)
{
    if (s->delete_asked && s->phase != GW_SERVER_DELETING)
        return ENTER(DELETING, NULL);
    switch (s->phase) {
    case GW_SERVER_PLACING:
        return DO(PLACE);
    case GW_SERVER_CREATING:
        return next_creating(s);
    case GW_SERVER_STARTING:
        return next_starting(s);
    case GW_SERVER_UNDOING:
        if (!s->has_host || s->cleared)
            return ENTER(FAILED, NULL);
        return s->seen == GW_SEEN_UNKNOWN ? DO(WAIT) : DO(CLEAR);
    case GW_SERVER_DELETING:
        return next_deleting(s);
    case GW_SERVER_BUILT:
    case GW_SERVER_FAILED:
    case GW_SERVER_PHASE_COUNT:
        break;
    }
    return DO(REST);
}
