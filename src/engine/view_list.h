/* The views of all instances in listing order: newest first, then by UUID. Whoever lists holds the list as it was when he asked; whoever
 * changes it makes anew what others hold, a few hundred pointers, and nothing else. So neither a list nor a change costs more the more
 * instances there are. */
#ifndef GW_ENGINE_VIEW_LIST_H
#define GW_ENGINE_VIEW_LIST_H

#include "engine/engine.h"

GwViewList *gw_view_list_new(void);
GwViewList *gw_view_list_ref(GwViewList *list);
void gw_view_list_unref(GwViewList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwViewList, gw_view_list_unref)

/* ---- changing: by one thread at a time, which is also the only one that hands out references. *list is the changer's own reference,
 * and may be replaced. old: the view that goes, which is in the list; NULL: none. view: comes; NULL: none. */
void gw_view_list_change(GwViewList **list, const GwInstanceView *old, GwInstanceView *view);

/* ---- reading: by any number of threads that hold a reference */
typedef struct {
    const GwViewList *list;
    guint chunk, at;
    const char *named; /* borrowed; NULL: all */
} GwViewIter;

/* after NULL: from the start; else with the one that follows it, whether it is in the list or not. named: only those whose name contains it,
 * or NULL. */
void gw_view_iter_init(GwViewIter *iter, const GwViewList *list, const GwInstanceView *after, const char *named);
GwInstanceView *gw_view_iter_next(GwViewIter *iter); /* borrowed from the list; NULL at its end */
guint gw_view_list_count(const GwViewList *list);

int gw_view_order(const GwInstanceView *a, const GwInstanceView *b); /* below 0: a comes first */

#endif
