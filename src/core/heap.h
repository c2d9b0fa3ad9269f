/* A priority queue of (key, value, version): the smallest key first, among equals the smallest value. Entries that have become
 * void stay in it: whoever takes one compares its version with what it now is. Pure. */
#ifndef GW_CORE_HEAP_H
#define GW_CORE_HEAP_H

#include <glib.h>

typedef struct {
    double key;
    guint value;
    guint version;
} GwHeapEntry;

typedef struct {
    GArray *entries;
} GwHeap;

void gw_heap_init(GwHeap *heap);
void gw_heap_clear(GwHeap *heap);
void gw_heap_push(GwHeap *heap, double key, guint value, guint version);
gboolean gw_heap_pop(GwHeap *heap, GwHeapEntry *ret_entry); /* FALSE: empty */

#endif
