/* Whose turn it is to be asked for everything, played through second by second. */
#include "core/looks.h"

enum { HOSTS = 3000, INTERVAL_S = 60, SHARE = HOSTS * 5 / 4 / INTERVAL_S };

/* What one second brings: those of hosts (their last looks, in seconds; 0: never) that are due have their turn. Their number. */
static guint pass_second(guint *last_s, guint count, guint now_s, guint interval_s, guint *ret_longest_s)
{
    g_autoptr(GArray) due = g_array_new(FALSE, FALSE, sizeof(GwLook));
    for (guint i = 0; i < count; i++) {
        GwLook look = {&last_s[i], (gint64)last_s[i] * G_USEC_PER_SEC};
        if (!last_s[i] || now_s - last_s[i] >= interval_s)
            g_array_append_val(due, look);
    }
    guint turns = gw_looks_take(due, count, interval_s);
    g_assert_cmpuint(turns, <=, due->len);
    for (guint i = 0; i < turns; i++) {
        guint *last = g_array_index(due, GwLook, i).host;
        *ret_longest_s = MAX(*ret_longest_s, *last ? now_s - *last : 0);
        *last = now_s;
    }
    return turns;
}

/* All at the start, and never all at once again; nobody is forgotten. */
static void test_spread(void)
{
    guint last_s[HOSTS] = {0}, longest_s = 0;
    g_assert_cmpuint(pass_second(last_s, HOSTS, 1, INTERVAL_S, &longest_s), ==, HOSTS);
    for (guint s = 2; s <= 3 * INTERVAL_S; s++)
        g_assert_cmpuint(pass_second(last_s, HOSTS, s, INTERVAL_S, &longest_s), <=, SHARE);
    g_assert_cmpuint(longest_s, >=, INTERVAL_S);
    g_assert_cmpuint(longest_s, <=, INTERVAL_S * 9 / 5); /* once */
    longest_s = 0;
    guint asked = 0;
    for (guint s = 3 * INTERVAL_S + 1; s <= 6 * INTERVAL_S; s++)
        asked += pass_second(last_s, HOSTS, s, INTERVAL_S, &longest_s);
    g_assert_cmpuint(asked, ==, 3 * HOSTS);
    g_assert_cmpuint(longest_s, ==, INTERVAL_S); /* from then on each on time */
}

static void test_few_at_once(void)
{
    guint last_s[GW_LOOKS_FEW] = {0}, longest_s = 0;
    g_assert_cmpuint(pass_second(last_s, GW_LOOKS_FEW, 1, INTERVAL_S, &longest_s), ==, GW_LOOKS_FEW);
    for (guint s = 2; s <= INTERVAL_S; s++)
        g_assert_cmpuint(pass_second(last_s, GW_LOOKS_FEW, s, INTERVAL_S, &longest_s), ==, 0);
    g_assert_cmpuint(pass_second(last_s, GW_LOOKS_FEW, INTERVAL_S + 1, INTERVAL_S, &longest_s), ==, GW_LOOKS_FEW);
}

static void test_new_ones_at_once(void)
{
    guint last_s[HOSTS], longest_s = 0;
    for (guint i = 0; i < HOSTS; i++)
        last_s[i] = i < HOSTS / 2 ? 0 : 1;
    g_assert_cmpuint(pass_second(last_s, HOSTS, INTERVAL_S + 1, INTERVAL_S, &longest_s), ==, HOSTS / 2 + SHARE);
    for (guint i = 0; i < HOSTS / 2; i++)
        g_assert_cmpuint(last_s[i], ==, INTERVAL_S + 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/looks/spread", test_spread);
    g_test_add_func("/looks/few_at_once", test_few_at_once);
    g_test_add_func("/looks/new_ones_at_once", test_new_ones_at_once);
    return g_test_run();
}
