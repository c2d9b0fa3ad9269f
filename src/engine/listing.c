/* Which instances there are: all of them in order (view_list.h), and those of each host with what they take together. Both follow every
 * change of a view, so that neither lists nor placement look at all instances. */
#include "engine/view_list.h"

#include "engine/internal.h"

typedef struct {
    GHashTable *views; /* of GwInstanceView *, borrowed: those shown on this host, as keys */
    guint64 memory_mib;
    guint vcpus;
} Home;

static void home_free(gpointer data)
{
    Home *home = data;
    g_hash_table_unref(home->views);
    g_free(home);
}

struct GwListing {
    GwViewList *all;
    GHashTable *homes; /* host → Home * */
};

GwListing *gw_listing_new(void)
{
    GwListing *listing = g_new0(GwListing, 1);
    listing->all = gw_view_list_new();
    listing->homes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, home_free);
    return listing;
}

void gw_listing_free(GwListing *listing)
{
    gw_view_list_unref(listing->all);
    g_hash_table_unref(listing->homes);
    g_free(listing);
}

static void enter(GwListing *listing, GwInstanceView *view)
{
    Home *home = g_hash_table_lookup(listing->homes, view->host);
    if (!home) {
        home = g_new0(Home, 1);
        home->views = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(listing->homes, g_strdup(view->host), home);
    }
    g_hash_table_add(home->views, view);
    home->memory_mib += view->instance->memory_mib;
    home->vcpus += view->instance->vcpus;
}

static void leave(GwListing *listing, GwInstanceView *view)
{
    Home *home = g_hash_table_lookup(listing->homes, view->host);
    g_return_if_fail(home);
    g_hash_table_remove(home->views, view);
    home->memory_mib -= view->instance->memory_mib;
    home->vcpus -= view->instance->vcpus;
    if (!g_hash_table_size(home->views))
        g_hash_table_remove(listing->homes, view->host);
}

void gw_listing_change(GwListing *listing, GwInstanceView *old, GwInstanceView *view)
{
    if (old)
        leave(listing, old);
    if (view)
        enter(listing, view);
    gw_view_list_change(&listing->all, old, view);
}

GwUsage gw_listing_usage(const GwListing *listing, const char *host)
{
    const Home *home = g_hash_table_lookup(listing->homes, host);
    return home ? (GwUsage){.instances = g_hash_table_size(home->views), .vcpus = home->vcpus, .memory_mib = home->memory_mib} : (GwUsage){0};
}

/* ---- for those who look */

static gint by_order(gconstpointer a, gconstpointer b)
{
    return gw_view_order(*(GwInstanceView *const *)a, *(GwInstanceView *const *)b);
}

GwViewList *gw_engine_instances(GwEngine *engine, guint64 *ret_serial)
{
    g_mutex_lock(&engine->lock);
    if (ret_serial)
        *ret_serial = gw_engine_serial(engine);
    GwViewList *all = gw_view_list_ref(engine->listing->all);
    g_mutex_unlock(&engine->lock);
    return all;
}

GPtrArray *gw_engine_instances_of(GwEngine *engine, const char *host)
{
    GPtrArray *views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    GHashTableIter iter;
    gpointer view;
    g_mutex_lock(&engine->lock);
    const Home *home = g_hash_table_lookup(engine->listing->homes, host);
    if (home)
        g_hash_table_iter_init(&iter, home->views);
    while (home && g_hash_table_iter_next(&iter, &view, NULL))
        g_ptr_array_add(views, gw_instance_view_ref(view));
    g_mutex_unlock(&engine->lock);
    g_ptr_array_sort(views, by_order);
    return views;
}
