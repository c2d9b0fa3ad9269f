#include "core/heap.h"

void gw_heap_init(GwHeap *heap)
{
    heap->entries = g_array_new(FALSE, FALSE, sizeof(GwHeapEntry));
}

void gw_heap_clear(GwHeap *heap)
{
    g_clear_pointer(&heap->entries, g_array_unref);
}

static gboolean before(const GwHeapEntry *a, const GwHeapEntry *b)
{
    return a->key < b->key || (a->key <= b->key && a->value < b->value);
}

static GwHeapEntry *at(GwHeap *heap, guint index)
{
    return &g_array_index(heap->entries, GwHeapEntry, index);
}

static void swap(GwHeap *heap, guint a, guint b)
{
    GwHeapEntry entry = *at(heap, a);
    *at(heap, a) = *at(heap, b);
    *at(heap, b) = entry;
}

void gw_heap_push(GwHeap *heap, double key, guint value, guint version)
{
    GwHeapEntry entry = {key, value, version};
    g_array_append_val(heap->entries, entry);
    for (guint i = heap->entries->len - 1; i && before(at(heap, i), at(heap, (i - 1) / 2)); i = (i - 1) / 2)
        swap(heap, i, (i - 1) / 2);
}

gboolean gw_heap_pop(GwHeap *heap, GwHeapEntry *ret_entry)
{
    guint last = heap->entries->len - 1;
    if (!heap->entries->len)
        return FALSE;
    *ret_entry = *at(heap, 0);
    swap(heap, 0, last);
    g_array_set_size(heap->entries, last);
    for (guint i = 0, child; (child = 2 * i + 1) < last; i = child) {
        if (child + 1 < last && before(at(heap, child + 1), at(heap, child)))
            child++;
        if (!before(at(heap, child), at(heap, i)))
            break;
        swap(heap, i, child);
    }
    return TRUE;
}
