#include "core/placement.h"

#include <string.h>

static char *objection(const GwCandidate *c)
{
    if (!c->same_kind)
        return g_strdup_printf("%s: it runs another hypervisor", c->name);
    if (!c->up)
        return g_strdup_printf("%s: it does not answer%s%s", c->name, c->down_reason ? ": " : "",
                               c->down_reason ? c->down_reason : "");
    if (!c->enabled)
        return g_strdup_printf("%s: it is disabled%s%s", c->name, c->disabled_reason ? ": " : "",
                               c->disabled_reason ? c->disabled_reason : "");
    return NULL;
}

static gint64 usable_mib(const GwCandidate *c)
{
    return (gint64)c->memory_free_mib - (gint64)c->reserved_mib;
}

static gint roomiest_first(gconstpointer a, gconstpointer b)
{
    const GwCandidate *x = *(const GwCandidate *const *)a;
    const GwCandidate *y = *(const GwCandidate *const *)b;
    if (usable_mib(x) != usable_mib(y))
        return usable_mib(x) > usable_mib(y) ? -1 : 1;
    return strcmp(x->name, y->name);
}

GPtrArray *gw_placement_order(const GwCandidate *candidates, guint count, GPtrArray *reasons)
{
    g_autoptr(GPtrArray) fit = g_ptr_array_new();
    for (guint i = 0; i < count; i++) {
        if (candidates[i].is_source)
            continue;
        char *why = objection(&candidates[i]);
        if (why)
            g_ptr_array_add(reasons, why);
        else
            g_ptr_array_add(fit, (gpointer)&candidates[i]);
    }
    g_ptr_array_sort(fit, roomiest_first);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < fit->len; i++)
        g_ptr_array_add(names, g_strdup(((const GwCandidate *)fit->pdata[i])->name));
    return names;
}
