/* One image, one flavor that is not public, and no server that was made: tests/api/test_create.py asks a real engine. */
#include "base/error.h"
#include "fake_engine.h"

#include <string.h>

GwImage *gw_image_ref(GwImage *image)
{
    g_atomic_ref_count_inc(&image->refs);
    return image;
}

void gw_image_unref(GwImage *image)
{
    if (!g_atomic_ref_count_dec(&image->refs))
        return;
    g_free(image->name);
    g_free(image->path);
    g_free(image->problem);
    g_free(image);
}

GPtrArray *gw_engine_images(GwEngine *engine)
{
    GPtrArray *images = g_ptr_array_new_with_free_func((GDestroyNotify)gw_image_unref);
    GwImage *image = g_new0(GwImage, 1);
    g_atomic_ref_count_init(&image->refs);
    g_strlcpy(image->id, "40000000-0000-4000-8000-000000000001", sizeof image->id);
    image->name = g_strdup("cirros");
    image->path = g_strdup("/images/cirros.qcow2");
    image->format = "qcow2";
    image->file_bytes = 1000;
    image->virtual_bytes = 2000;
    image->updated_us = G_GINT64_CONSTANT(1767323045) * G_USEC_PER_SEC;
    g_ptr_array_add(images, image);
    return images;
}

GwImage *gw_engine_image(GwEngine *engine, const char *id)
{
    g_autoptr(GPtrArray) images = gw_engine_images(engine);
    GwImage *image = images->pdata[0];
    return g_strcmp0(image->id, id) == 0 ? gw_image_ref(image) : NULL;
}

gboolean gw_engine_flavors(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_flavor_free);
    GwFlavor *flavor = gw_flavor_new();
    g_ptr_array_add(*ret_rows, flavor);
    flavor->id = 1;
    flavor->flavor_id = g_strdup("k");
    flavor->name = g_strdup("private");
    flavor->vcpus = 1;
    flavor->memory_mib = 64;
    flavor->is_public = FALSE;
    gw_flavor_set_spec(flavor, "k", "v");
    g_ptr_array_add(flavor->projects, g_strdup("p"));
    return TRUE;
}

static gboolean refuse(GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "this engine keeps nothing");
    return FALSE;
}

gboolean gw_engine_flavor_add(GwEngine *engine, GwFlavor *flavor, GError **error)
{
    return refuse(error);
}

gboolean gw_engine_flavor_update(GwEngine *engine, const GwFlavor *flavor, GError **error)
{
    return refuse(error);
}

gboolean gw_engine_flavor_remove(GwEngine *engine, const char *flavor_id, GError **error)
{
    return refuse(error);
}

gboolean gw_engine_boot(GwEngine *engine, const GwBootRequest *request, GPtrArray **ret_uuids, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Can not find requested image: %s is not in image_dir", request->image_id);
    return FALSE;
}

gboolean gw_engine_delete(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, request->instance_uuid);
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    return view != NULL;
}

/* tests/api/test_labels.py asks a real engine for what these do. */
gboolean gw_engine_card_change(GwEngine *engine, const char *uuid, GwCardChange change, gpointer data, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
        return FALSE;
    }
    g_autoptr(GwCard) card = gw_card_new(uuid);
    gboolean ok = change(card, view, data, error);
    for (guint i = 0; i < card->metadata->len; i++) /* a slow disk */
        if (strcmp(((const GwMetadatum *)card->metadata->pdata[i])->key, "slow") == 0)
            g_usleep(FAKE_SLOW_DISK_MS * 1000);
    return ok;
}

gboolean gw_engine_note_action(GwEngine *engine, const GwMoveRequest *request, const char *action, GError **error)
{
    return TRUE;
}

gboolean gw_engine_diagnose(GwEngine *engine, const char *uuid, GwDiagnosed done, gpointer data, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
        return FALSE;
    }
    GwDiagnostics *found = gw_diagnostics_new(view->instance->power);
    gw_diagnostics_add_cpu(found, 0, 17300000000);
    gw_diagnostics_add_disk(found, "vda")->read_bytes = 262144;
    gw_diagnostics_add_nic(found, "52:54:00:00:00:01")->rx_bytes = 2070139;
    found->memory_kib = 524288;
    found->memory_used_kib = 262144;
    found->uptime_s = 46664;
    done(data, found, NULL);
    return TRUE;
}
