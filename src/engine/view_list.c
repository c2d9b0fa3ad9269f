#include "engine/view_list.h"

#include <string.h>

enum {
    CHUNK = 256,
    GRAM = 4, /* characters in a row, of which a chunk knows which it has: */
    GRAM_BITS = 14,
    GRAMS_BYTES = (1 << GRAM_BITS) / 8, /* one bit for those of the same hash */
};

/* Some neighbours. Changed only while nobody else holds it. */
typedef struct {
    gatomicrefcount refs;
    guint count;
    GwInstanceView *views[CHUNK]; /* references */
    GBytes *names;                /* atomic: the bits of its grams, and all their names one after the other, each ended by a line end;
                                   * NULL: not wanted yet */
} Chunk;

struct GwViewList {
    gatomicrefcount refs;
    GPtrArray *chunks; /* of Chunk *, none empty; references */
};

int gw_view_order(const GwInstanceView *a, const GwInstanceView *b)
{
    if (a->first_seen_us != b->first_seen_us)
        return a->first_seen_us > b->first_seen_us ? -1 : 1;
    return strcmp(a->instance->uuid, b->instance->uuid);
}

/* ---- chunks */

static void chunk_unref(gpointer data)
{
    Chunk *chunk = data;
    if (!g_atomic_ref_count_dec(&chunk->refs))
        return;
    for (guint i = 0; i < chunk->count; i++)
        gw_instance_view_unref(chunk->views[i]);
    g_clear_pointer(&chunk->names, g_bytes_unref);
    g_free(chunk);
}

static Chunk *chunk_ref(Chunk *chunk)
{
    g_atomic_ref_count_inc(&chunk->refs);
    return chunk;
}

/* With copies of some views of another, or none. */
static Chunk *chunk_new(const Chunk *from, guint start, guint count)
{
    Chunk *chunk = g_new0(Chunk, 1);
    g_atomic_ref_count_init(&chunk->refs);
    for (guint i = 0; i < count; i++)
        chunk->views[i] = gw_instance_view_ref(from->views[start + i]);
    chunk->count = count;
    return chunk;
}

/* How many of it come before the view. */
static guint rank_in(const Chunk *chunk, const GwInstanceView *view)
{
    guint low = 0, high = chunk->count;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (gw_view_order(chunk->views[middle], view) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- lists */

GwViewList *gw_view_list_new(void)
{
    GwViewList *list = g_new0(GwViewList, 1);
    g_atomic_ref_count_init(&list->refs);
    list->chunks = g_ptr_array_new_with_free_func(chunk_unref);
    return list;
}

GwViewList *gw_view_list_ref(GwViewList *list)
{
    g_atomic_ref_count_inc(&list->refs);
    return list;
}

void gw_view_list_unref(GwViewList *list)
{
    if (!g_atomic_ref_count_dec(&list->refs))
        return;
    g_ptr_array_unref(list->chunks);
    g_free(list);
}

/* The chunk where the view is, or belongs: the last that begins with it or before it. */
static guint chunk_of(const GwViewList *list, const GwInstanceView *view)
{
    guint low = 0, high = list->chunks->len;
    while (low < high) {
        guint middle = (low + high) / 2;
        if (gw_view_order(((const Chunk *)list->chunks->pdata[middle])->views[0], view) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

/* ---- changing */

/* References are handed out by the changer alone: what is its own alone stays so. */
static void own_list(GwViewList **list)
{
    if (g_atomic_ref_count_compare(&(*list)->refs, 1))
        return;
    GwViewList *copy = gw_view_list_new();
    for (guint i = 0; i < (*list)->chunks->len; i++)
        g_ptr_array_add(copy->chunks, chunk_ref((*list)->chunks->pdata[i]));
    gw_view_list_unref(*list);
    *list = copy;
}

static Chunk *own_chunk(GwViewList *list, guint index)
{
    Chunk *chunk = list->chunks->pdata[index];
    if (g_atomic_ref_count_compare(&chunk->refs, 1)) {
        g_clear_pointer(&chunk->names, g_bytes_unref);
        return chunk;
    }
    Chunk *copy = chunk_new(chunk, 0, chunk->count);
    list->chunks->pdata[index] = copy;
    chunk_unref(chunk);
    return copy;
}

static void split(GwViewList *list, guint index)
{
    Chunk *chunk = list->chunks->pdata[index];
    guint half = chunk->count / 2;
    g_ptr_array_insert(list->chunks, (gint)index + 1, chunk_new(chunk, half, chunk->count - half));
    for (guint i = half; i < chunk->count; i++)
        gw_instance_view_unref(chunk->views[i]);
    chunk->count = half;
}

static void insert(GwViewList *list, GwInstanceView *view)
{
    guint index = list->chunks->len ? chunk_of(list, view) : 0;
    if (!list->chunks->len)
        g_ptr_array_add(list->chunks, chunk_new(NULL, 0, 0));
    Chunk *chunk = own_chunk(list, index);
    if (chunk->count == CHUNK) {
        split(list, index);
        index = chunk_of(list, view);
        chunk = list->chunks->pdata[index];
    }
    guint at = rank_in(chunk, view);
    memmove(chunk->views + at + 1, chunk->views + at, (chunk->count - at) * sizeof *chunk->views);
    chunk->views[at] = gw_instance_view_ref(view);
    chunk->count++;
}

/* Neighbours that have become small are one from then on. */
static void join(GwViewList *list, guint index)
{
    if (index + 1 >= list->chunks->len)
        return;
    const Chunk *next = list->chunks->pdata[index + 1];
    Chunk *chunk = list->chunks->pdata[index];
    if (chunk->count + next->count > CHUNK / 2)
        return;
    for (guint i = 0; i < next->count; i++)
        chunk->views[chunk->count++] = gw_instance_view_ref(next->views[i]);
    g_ptr_array_remove_index(list->chunks, index + 1);
}

static void take_out(GwViewList *list, const GwInstanceView *view)
{
    guint index = chunk_of(list, view);
    Chunk *chunk = own_chunk(list, index);
    guint at = rank_in(chunk, view);
    g_return_if_fail(at < chunk->count && gw_view_order(chunk->views[at], view) == 0);
    gw_instance_view_unref(chunk->views[at]);
    chunk->count--;
    memmove(chunk->views + at, chunk->views + at + 1, (chunk->count - at) * sizeof *chunk->views);
    if (!chunk->count)
        g_ptr_array_remove_index(list->chunks, index);
    else
        join(list, index);
}

/* In the same place, mostly under the same name: then the joined names stay. */
static void exchange(GwViewList *list, const GwInstanceView *old, GwInstanceView *view)
{
    guint index = chunk_of(list, view);
    gboolean named_so = strcmp(gw_instance_view_name(old), gw_instance_view_name(view)) == 0;
    GBytes *names = named_so ? g_atomic_pointer_get(&((Chunk *)list->chunks->pdata[index])->names) : NULL;
    if (names)
        g_bytes_ref(names);
    Chunk *chunk = own_chunk(list, index);
    chunk->names = names;
    guint at = rank_in(chunk, view);
    g_return_if_fail(at < chunk->count && gw_view_order(chunk->views[at], view) == 0);
    GwInstanceView *gone = chunk->views[at];
    chunk->views[at] = gw_instance_view_ref(view);
    gw_instance_view_unref(gone);
}

void gw_view_list_change(GwViewList **list, const GwInstanceView *old, GwInstanceView *view)
{
    own_list(list);
    if (old && view && gw_view_order(old, view) == 0) {
        exchange(*list, old, view);
        return;
    }
    if (old)
        take_out(*list, old);
    if (view)
        insert(*list, view);
}

/* ---- reading */

void gw_view_iter_init(GwViewIter *iter, const GwViewList *list, const GwInstanceView *after, const char *named)
{
    *iter = (GwViewIter){.list = list, .named = named && *named ? named : NULL};
    if (!after || !list->chunks->len)
        return;
    iter->chunk = chunk_of(list, after);
    const Chunk *chunk = list->chunks->pdata[iter->chunk];
    iter->at = rank_in(chunk, after);
    iter->at += iter->at < chunk->count && gw_view_order(chunk->views[iter->at], after) == 0;
}

static guint gram_at(const char *text)
{
    guint32 four;
    memcpy(&four, text, sizeof four);
    return four * 2654435761u >> (32 - GRAM_BITS); /* Knuth's multiplicative hash */
}
_Static_assert(sizeof(guint32) == GRAM, "a gram is hashed as one number");

static GBytes *join_names(const Chunk *chunk)
{
    GString *text = g_string_sized_new(GRAMS_BYTES + CHUNK * 16);
    g_string_set_size(text, GRAMS_BYTES);
    memset(text->str, 0, GRAMS_BYTES);
    for (guint i = 0; i < chunk->count; i++) {
        g_string_append(text, gw_instance_view_name(chunk->views[i]));
        g_string_append_c(text, '\n');
    }
    for (gsize at = GRAMS_BYTES; at + GRAM <= text->len; at++) {
        guint gram = gram_at(text->str + at);
        text->str[gram / 8] = (char)(text->str[gram / 8] | 1 << gram % 8);
    }
    return g_string_free_to_bytes(text);
}

/* Any reader may be the first to want them. */
static GBytes *names_of(Chunk *chunk)
{
    GBytes *names = g_atomic_pointer_get(&chunk->names);
    if (names)
        return names;
    names = join_names(chunk);
    if (g_atomic_pointer_compare_and_exchange(&chunk->names, NULL, names))
        return names;
    g_bytes_unref(names);
    return g_atomic_pointer_get(&chunk->names);
}

/* FALSE: a gram of it is nowhere, and so it is not either. Most chunks are passed over by that, unread. */
static gboolean has_grams(const char *bits, const char *named, gsize length)
{
    for (gsize at = 0; at + GRAM <= length; at++) {
        guint gram = gram_at(named + at);
        if (!(bits[gram / 8] & 1 << gram % 8))
            return FALSE;
    }
    return TRUE;
}

/* A name that crosses from one to the next would be found in vain, which costs a look at a chunk. */
static gboolean may_have(Chunk *chunk, const char *named)
{
    gsize size, length = strlen(named);
    const char *text = g_bytes_get_data(names_of(chunk), &size);
    return has_grams(text, named, length) && memmem(text + GRAMS_BYTES, size - GRAMS_BYTES, named, length) != NULL;
}

GwInstanceView *gw_view_iter_next(GwViewIter *iter)
{
    const GPtrArray *chunks = iter->list->chunks;
    for (; iter->chunk < chunks->len; iter->chunk++, iter->at = 0) {
        Chunk *chunk = chunks->pdata[iter->chunk];
        if (iter->named && !may_have(chunk, iter->named))
            continue;
        while (iter->at < chunk->count) {
            GwInstanceView *view = chunk->views[iter->at++];
            if (!iter->named || strstr(gw_instance_view_name(view), iter->named))
                return view;
        }
    }
    return NULL;
}
