/* The views of all instances in listing order: newest first, then by UUID. Whoever lists holds the list as it was when he asked; whoever
 * changes it makes anew what others hold, a few hundred pointers, and nothing else. So neither a list nor a change costs more the more
 * instances there are. */
#ifndef GW_ENGINE_VIEW_LIST_H
#define GW_ENGINE_VIEW_LIST_H

#include "engine/engine.h"

GwViewList *gw_view_list_new(void);
GwViewList *gw_view_list_ref(GwViewList *list);

/* Changing: by one thread at a time, which is also the only one that hands out references. *list is the changer's own reference,
 * and may be replaced. old: the view that goes, which is in the list; NULL: none. view: comes; NULL: none. How it is read stands in engine.h. */
void gw_view_list_change(GwViewList **list, const GwInstanceView *old, GwInstanceView *view);

#endif
