#include "core/cpu_use.h"

#define S G_USEC_PER_SEC
#define NS ((guint64)1000000000)

static void one_count_says_nothing(void)
{
    GwCpuUse use = {0};
    gw_cpu_use_count(&use, 77 * NS, 5 * S);
    g_assert_false(use.known);
}

static void two_counts_say_how_much(void)
{
    GwCpuUse use = {0};
    gw_cpu_use_count(&use, 100 * NS, 1 * S);
    gw_cpu_use_count(&use, 115 * NS, 11 * S);
    g_assert_true(use.known);
    g_assert_cmpfloat_with_epsilon(use.cpus, 1.5, 1e-9);
}

static void nearer_looks_do_not_count(void)
{
    GwCpuUse use = {0};
    gw_cpu_use_count(&use, 100 * NS, 1 * S);
    gw_cpu_use_count(&use, 102 * NS, 2 * S);
    g_assert_false(use.known);
    gw_cpu_use_count(&use, 105 * NS, 11 * S); /* from the first */
    g_assert_cmpfloat_with_epsilon(use.cpus, 0.5, 1e-9);
}

static void a_half_life_halves_what_was(void)
{
    GwCpuUse use = {0};
    gw_cpu_use_count(&use, 0, 1 * S);
    gw_cpu_use_count(&use, 40 * NS, 11 * S);
    gw_cpu_use_count(&use, 40 * NS, (11 + GW_CPU_USE_HALF_LIFE_S) * S);
    g_assert_cmpfloat_with_epsilon(use.cpus, 2, 1e-9);
}

/* After a move or a restart the process is another one, whose count begins at 0: no rate can be made of both. */
static void another_process_is_counted_from_where_it_is(void)
{
    GwCpuUse use = {0};
    gw_cpu_use_count(&use, 100 * NS, 1 * S);
    gw_cpu_use_count(&use, 110 * NS, 11 * S);
    gw_cpu_use_count(&use, 3 * NS, 21 * S);
    g_assert_cmpfloat_with_epsilon(use.cpus, 1, 1e-9);
    gw_cpu_use_count(&use, 13 * NS, 31 * S);
    g_assert_cmpfloat_with_epsilon(use.cpus, 1, 1e-9);
    gw_cpu_use_restart(&use);
    gw_cpu_use_count(&use, 900 * NS, 41 * S); /* larger by chance */
    g_assert_cmpfloat_with_epsilon(use.cpus, 1, 1e-9);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu-use/one", one_count_says_nothing);
    g_test_add_func("/cpu-use/two", two_counts_say_how_much);
    g_test_add_func("/cpu-use/near", nearer_looks_do_not_count);
    g_test_add_func("/cpu-use/half-life", a_half_life_halves_what_was);
    g_test_add_func("/cpu-use/another-process", another_process_is_counted_from_where_it_is);
    return g_test_run();
}
