/* The list of all instances against a plain sorted array: after any changes, for readers that hold it as it was, from any marker, by name. */
#include "engine/view_list.h"

#include <string.h>

enum { STEPS = 6000, MOST = 1500, LOOK_EVERY = 97 };

static GwInstanceView *make(GRand *rand, guint number)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->instance = gw_instance_new();
    view->instance->name = g_strdup_printf("vm-%u", number);
    g_snprintf(view->instance->uuid, sizeof view->instance->uuid, "%08x-0000-4000-8000-%012x", g_rand_int(rand), number);
    view->host = g_strdup("HostA");
    view->zone = g_strdup("nova");
    view->first_seen_us = g_rand_int_range(rand, 0, 8); /* many at the same moment */
    return view;
}

/* The same instance, changed otherwise than in its place: sometimes it is called otherwise. */
static GwInstanceView *change(GRand *rand, const GwInstanceView *old)
{
    GwInstanceView *view = g_new0(GwInstanceView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->instance = gw_instance_new();
    view->instance->name = g_strdup_printf(g_rand_boolean(rand) ? "%s" : "%.4s7", old->instance->name);
    memcpy(view->instance->uuid, old->instance->uuid, sizeof view->instance->uuid);
    view->host = g_strdup("HostB");
    view->zone = g_strdup("nova");
    view->first_seen_us = old->first_seen_us;
    return view;
}

static gint by_order(gconstpointer a, gconstpointer b)
{
    return gw_view_order(*(GwInstanceView *const *)a, *(GwInstanceView *const *)b);
}

static GPtrArray *sorted(const GPtrArray *plain)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    for (guint i = 0; i < plain->len; i++)
        g_ptr_array_add(copy, gw_instance_view_ref(plain->pdata[i]));
    g_ptr_array_sort(copy, by_order);
    return copy;
}

static void assert_same(const GwViewList *list, const GPtrArray *want, const GwInstanceView *after, const char *named)
{
    GwViewIter iter;
    gw_view_iter_init(&iter, list, after, named);
    for (guint i = 0; i < want->len; i++) {
        GwInstanceView *view = want->pdata[i];
        if ((!after || gw_view_order(after, view) < 0) && (!named || strstr(view->instance->name, named)))
            g_assert_true(gw_view_iter_next(&iter) == view);
    }
    g_assert_null(gw_view_iter_next(&iter));
}

static void look(GRand *rand, const GwViewList *list, const GPtrArray *plain)
{
    g_autoptr(GPtrArray) want = sorted(plain);
    g_autoptr(GwInstanceView) stranger = make(rand, 1000000);
    assert_same(list, want, NULL, NULL);
    assert_same(list, want, stranger, NULL); /* one that is not in it */
    assert_same(list, want, NULL, "m-12");
    assert_same(list, want, NULL, "nobody");
    assert_same(list, want, NULL, "vm-1234"); /* longer than a gram */
    assert_same(list, want, NULL, "vm-1\nvm-");
    for (guint i = 0; i < MIN(want->len, 5); i++) {
        const GwInstanceView *any = want->pdata[g_rand_int_range(rand, 0, (gint32)want->len)];
        assert_same(list, want, NULL, any->instance->name);
    }
    if (want->len)
        assert_same(list, want, want->pdata[g_rand_int_range(rand, 0, (gint32)want->len)], "7");
}

static void test_against_an_array(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GPtrArray) plain = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref), then = NULL;
    GwViewList *list = gw_view_list_new();
    g_autoptr(GwViewList) held = NULL; /* a reader's, as it was when `then` was made */
    for (guint step = 0; step < STEPS; step++) {
        guint dice = (guint)g_rand_int_range(rand, 0, step < STEPS * 2 / 3 ? 10 : 30); /* it shrinks at last */
        guint at = plain->len ? (guint)g_rand_int_range(rand, 0, (gint32)plain->len) : 0;
        GwInstanceView *old = plain->len ? plain->pdata[at] : NULL;
        if (dice < 5 && plain->len < MOST) {
            GwInstanceView *view = make(rand, step);
            gw_view_list_change(&list, NULL, view);
            g_ptr_array_add(plain, view);
        } else if (dice < 8 && old) {
            GwInstanceView *view = change(rand, old);
            gw_view_list_change(&list, old, view);
            gw_instance_view_unref(old);
            plain->pdata[at] = view;
        } else if (old) {
            gw_view_list_change(&list, old, NULL);
            g_ptr_array_remove_index_fast(plain, at);
        }
        if (step % LOOK_EVERY)
            continue;
        look(rand, list, plain);
        if (held)
            assert_same(held, then, NULL, NULL); /* changes since are nobody else's */
        g_clear_pointer(&held, gw_view_list_unref);
        g_clear_pointer(&then, g_ptr_array_unref);
        held = gw_view_list_ref(list);
        then = sorted(plain);
    }
    g_assert_cmpuint(plain->len, <, MOST);
    gw_view_list_unref(list);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/view-list/against-an-array", test_against_an_array);
    return g_test_run();
}
