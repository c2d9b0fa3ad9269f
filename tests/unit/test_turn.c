/* Whose turn it is, and what is said of it. */
#include "core/turn.h"

static void free_places(void)
{
    g_assert_cmpuint(gw_turn_free(0, 1000), ==, G_MAXUINT);
    g_assert_cmpuint(gw_turn_free(3, 1), ==, 2);
    g_assert_cmpuint(gw_turn_free(3, 3), ==, 0);
    g_assert_cmpuint(gw_turn_free(3, 5), ==, 0); /* the limit was higher when they began */
}

/* It ends after about as long as a host is waited for that answers nothing at all. */
static void vain_turns(void)
{
    guint sum_ms = 0;
    g_assert_cmpuint(gw_turn_pause_ms(1), ==, 1000);
    g_assert_cmpuint(gw_turn_pause_ms(4), ==, 8000);
    g_assert_cmpuint(gw_turn_pause_ms(1000), ==, 60000);
    for (guint vain = 1; vain < GW_TURN_VAIN; vain++)
        sum_ms += gw_turn_pause_ms(vain);
    g_assert_cmpuint(sum_ms, >, 480000);
    g_assert_cmpuint(sum_ms, <, GW_TURN_SILENT_MS);
}

static void assert_words(GwTurnView view, const char *expected)
{
    g_autofree char *words = gw_turn_words(&view);
    g_assert_cmpstr(words, ==, expected);
}

static void words(void)
{
    assert_words((GwTurnView){.source = "HostA", .limit = 2, .ahead = 2},
                 "it waits for its turn on HostA, third in line (max_concurrent_live_migrations = 2)");
    assert_words((GwTurnView){.source = "HostA", .ahead = 30}, "it waits for its turn on HostA, number 31 in line");
    assert_words((GwTurnView){.source = "HostA", .limit = 1, .silent = "HostC", .silent_ms = 3000, .vain = "no answer"},
                 "it waits until HostC answers, first in line (silent for some seconds)");
    assert_words((GwTurnView){.source = "HostA", .silent = "HostC", .silent_ms = 12000},
                 "it waits until HostC answers, first in line (silent for 10 s)");
    assert_words((GwTurnView){.source = "HostA", .silent = "HostC", .silent_ms = 19999},
                 "it waits until HostC answers, first in line (silent for 10 s)"); /* nothing new is told every second */
    assert_words((GwTurnView){.source = "HostA", .silent = "HostC", .silent_ms = 200000},
                 "it waits until HostC answers, first in line (silent for 3 min)");
    assert_words((GwTurnView){.source = "HostA", .silent = "HostC", .silent_ms = -1},
                 "it waits until HostC answers, first in line (it has not been asked yet)");
    assert_words((GwTurnView){.source = "HostA", .limit = 1, .ahead = 1, .vain = "no answer"},
                 "it waits for another turn on HostA, second in line (when it had one it could not be checked: no answer)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/turn/free", free_places);
    g_test_add_func("/turn/vain", vain_turns);
    g_test_add_func("/turn/words", words);
    return g_test_run();
}
