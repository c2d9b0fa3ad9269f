#include "base/guard.h"

static __thread struct {
    GwGuard guard;
    gpointer data;
} own;

void gw_guard_set(GwGuard guard, gpointer data)
{
    own.guard = guard;
    own.data = data;
}

gboolean gw_guard_allows(GError **error)
{
    return !own.guard || own.guard(own.data, error);
}
