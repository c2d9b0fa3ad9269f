#include "core/flavor.h"

#include <string.h>

GPtrArray *gw_metadata_copy(const GPtrArray *metadata)
{
    GPtrArray *copy = gw_metadata_new();
    for (guint i = 0; metadata && i < metadata->len; i++) {
        const GwMetadatum *datum = metadata->pdata[i];
        gw_metadata_add(copy, datum->key, datum->value);
    }
    return copy;
}

static GPtrArray *texts_copy(const GPtrArray *texts)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; texts && i < texts->len; i++)
        g_ptr_array_add(copy, g_strdup(texts->pdata[i]));
    return copy;
}

GwFlavor *gw_flavor_new(void)
{
    GwFlavor *flavor = g_new0(GwFlavor, 1);
    flavor->is_public = TRUE;
    flavor->extra_specs = gw_metadata_new();
    flavor->projects = g_ptr_array_new_with_free_func(g_free);
    return flavor;
}

GwFlavor *gw_flavor_copy(const GwFlavor *flavor)
{
    GwFlavor *copy = g_memdup2(flavor, sizeof *flavor);
    copy->flavor_id = g_strdup(flavor->flavor_id);
    copy->name = g_strdup(flavor->name);
    copy->rxtx_factor = g_strdup(flavor->rxtx_factor);
    copy->description = g_strdup(flavor->description);
    copy->extra_specs = gw_metadata_copy(flavor->extra_specs);
    copy->projects = texts_copy(flavor->projects);
    return copy;
}

void gw_flavor_free(GwFlavor *flavor)
{
    if (!flavor)
        return;
    g_free(flavor->flavor_id);
    g_free(flavor->name);
    g_free(flavor->rxtx_factor);
    g_free(flavor->description);
    g_ptr_array_unref(flavor->extra_specs);
    g_ptr_array_unref(flavor->projects);
    g_free(flavor);
}

static GwMetadatum *find(const GwFlavor *flavor, const char *key, guint *ret_index)
{
    for (guint i = 0; i < flavor->extra_specs->len; i++) {
        GwMetadatum *datum = flavor->extra_specs->pdata[i];
        *ret_index = i;
        if (strcmp(datum->key, key) == 0)
            return datum;
    }
    return NULL;
}

const char *gw_flavor_spec(const GwFlavor *flavor, const char *key)
{
    guint index;
    const GwMetadatum *datum = find(flavor, key, &index);
    return datum ? datum->value : NULL;
}

gboolean gw_flavor_set_spec(GwFlavor *flavor, const char *key, const char *value)
{
    guint index;
    GwMetadatum *datum = find(flavor, key, &index);
    if (!datum && value) {
        gw_metadata_add(flavor->extra_specs, key, value);
    } else if (datum && value) {
        g_free(datum->value);
        datum->value = g_strdup(value);
    } else if (datum) {
        g_ptr_array_remove_index(flavor->extra_specs, index);
    }
    return datum != NULL;
}
