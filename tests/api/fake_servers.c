/* Of servers that are made, images and flavors the engine of memory has none: tests/api/test_create.py asks a real one. */
#include "base/error.h"
#include "fake_engine.h"

GwImage *gw_image_ref(GwImage *image)
{
    return image;
}

void gw_image_unref(GwImage *image)
{
}

GPtrArray *gw_engine_images(GwEngine *engine)
{
    return g_ptr_array_new();
}

GwImage *gw_engine_image(GwEngine *engine, const char *id)
{
    return NULL;
}

gboolean gw_engine_flavors(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_flavor_free);
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
