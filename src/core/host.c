#include "core/host.h"

#include <string.h>

static void pool_free(gpointer data)
{
    GwPool *pool = data;
    g_free(pool->name);
    g_free(pool->path);
    g_free(pool->type);
    g_free(pool->no_mirror);
    g_free(pool);
}

GwHostFacts *gw_host_facts_new(void)
{
    GwHostFacts *facts = g_new0(GwHostFacts, 1);
    g_atomic_ref_count_init(&facts->refs);
    facts->pools = g_ptr_array_new_with_free_func(pool_free);
    facts->networks = g_ptr_array_new_with_free_func(g_free);
    return facts;
}

GwHostFacts *gw_host_facts_ref(GwHostFacts *facts)
{
    g_atomic_ref_count_inc(&facts->refs);
    return facts;
}

void gw_host_facts_unref(GwHostFacts *facts)
{
    if (!g_atomic_ref_count_dec(&facts->refs))
        return;
    g_free(facts->hostname);
    g_free(facts->host_uuid);
    g_free(facts->realm);
    g_free(facts->closed);
    g_free(facts->hypervisor_type);
    g_free(facts->arch);
    g_free(facts->cpu_model);
    g_free(facts->qemu_user);
    g_ptr_array_unref(facts->pools);
    g_ptr_array_unref(facts->networks);
    g_clear_pointer(&facts->interfaces, g_ptr_array_unref);
    g_free(facts);
}

GwPool *gw_host_facts_add_pool(GwHostFacts *facts)
{
    GwPool *pool = g_new0(GwPool, 1);
    g_ptr_array_add(facts->pools, pool);
    return pool;
}

/* "/var/lib/x/" and "/var/lib/x" are one folder. */
static gboolean same_folder(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    while (a_len > 1 && a[a_len - 1] == '/')
        a_len--;
    while (b_len > 1 && b[b_len - 1] == '/')
        b_len--;
    return a_len == b_len && strncmp(a, b, a_len) == 0;
}

const GwPool *gw_host_facts_pool_at(const GwHostFacts *facts, const char *folder)
{
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        if (pool->path && same_folder(pool->path, folder))
            return pool;
    }
    return NULL;
}

const GwPool *gw_host_facts_pool_named(const GwHostFacts *facts, const char *name)
{
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        if (g_strcmp0(pool->name, name) == 0)
            return pool;
    }
    return NULL;
}

/* ---- what hosts share, and where copies go */

gboolean gw_host_facts_share(const GwHostFacts *a, const GwHostFacts *b, const char *folder)
{
    return a->realm && g_strcmp0(a->realm, b->realm) == 0 && gw_host_facts_pool_at(b, folder);
}

static const GwPool *roomiest(const GwHostFacts *facts, GwPoolFlags flag)
{
    const GwPool *best = NULL;
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        if ((pool->flags & flag) && (!best || pool->available_bytes > best->available_bytes))
            best = pool;
    }
    return best;
}

const GwPool *gw_host_facts_pool_for(const GwHostFacts *dest, const GwPool *from, guint64 bytes)
{
    const GwPool *any = roomiest(dest, GW_POOL_TAKES);
    const GwPool *own = from && from->local ? roomiest(dest, GW_POOL_TAKES_LOCAL) : NULL;
    if (!own || !any)
        return own ? own : any;
    return gw_copies_stay_local(own->available_bytes, any->available_bytes, bytes) ? own : any;
}
