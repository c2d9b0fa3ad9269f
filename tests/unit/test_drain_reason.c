/* What a drained host says of itself, and how it was before. */
#include "core/drain_reason.h"

static void assert_next(GwDrained how, GwBeforeDrain before, const char *present, const char *next)
{
    g_autofree char *reason = gw_drain_reason(3, how, before, present);
    g_assert_cmpstr(reason, ==, next);
}

static void assert_before(const char *reason, GwBeforeDrain before, const char *text)
{
    g_autofree char *found = NULL;
    g_assert_cmpint(gw_drain_reason_before(reason, &found), ==, before);
    g_assert_cmpstr(found, ==, text);
}

static void an_operators_reason_is_kept(void)
{
    assert_next(GW_DRAINED, GW_BEFORE_ENABLED, NULL, "drained (drain 3)");
    assert_next(GW_DRAINED, GW_BEFORE_DISABLED, "new RAM", "drained (drain 3); disabled before: new RAM");
    assert_next(GW_DRAINED, GW_BEFORE_DISABLED, NULL, "drained (drain 3); disabled before");
    assert_next(GW_DRAINED, GW_BEFORE_DISABLED, "drained, they say", "drained (drain 3); disabled before: drained, they say");
    assert_next(GW_DRAINED_IN_PART, GW_BEFORE_DISABLED, "drained (drain 3); disabled before: new RAM",
                "drain 3 was incomplete; disabled before: new RAM");
    assert_next(GW_DRAINED_NO_FURTHER, GW_BEFORE_DISABLED, "drained (drain 3)", "drain 3 was cancelled");
    assert_next(GW_DRAINED, GW_BEFORE_DISABLED, "drain 2 was incomplete; disabled before", "drained (drain 3); disabled before");
}

static void it_comes_back(void)
{
    assert_before("drained (drain 3)", GW_BEFORE_ENABLED, NULL);
    assert_before("drained (drain 3); disabled before: new RAM", GW_BEFORE_DISABLED, "new RAM");
    assert_before("drain 12 was cancelled; disabled before", GW_BEFORE_DISABLED, NULL);
    assert_before("new RAM", GW_BEFORE_ENABLED, NULL);
    assert_before(NULL, GW_BEFORE_ENABLED, NULL);
}

static void each_knows_its_own(void)
{
    g_assert_true(gw_drain_reason_is_of("drained (drain 3)", 3));
    g_assert_true(gw_drain_reason_is_of("drain 3 was cancelled; disabled before: x", 3));
    g_assert_false(gw_drain_reason_is_of("drained (drain 3)", 33));
    g_assert_false(gw_drain_reason_is_of("drained (drain 33)", 3));
    g_assert_false(gw_drain_reason_is_of("new RAM", 3));
    g_assert_false(gw_drain_reason_is_of(NULL, 3));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drain-reason/kept", an_operators_reason_is_kept);
    g_test_add_func("/drain-reason/back", it_comes_back);
    g_test_add_func("/drain-reason/own", each_knows_its_own);
    return g_test_run();
}
