/* The wrappers: what they refuse, what they remember, what an absent function means. */
#include "base/error.h"
#include "drivers/driver.h"

#include <string.h>

#define UUID "00000000-0000-4000-8000-000000000001"

/* A driver that answers as it is told. */
struct GwHost {
    GwErrorCode code; /* of the failure, when `fails` */
    gboolean fails;
    guint calls;
    gboolean closed;
    GwHostEvent event;
    void *event_data;
};

static GwHost scripted;

static GwHost *scripted_open(const char *host_name, const char *uri, const GwDriverSettings *settings, GError **error)
{
    return &scripted;
}

static void scripted_close(GwHost *host)
{
    host->closed = TRUE;
}

static gboolean scripted_watch(GwHost *host, GwHostEvent event, void *data, GError **error)
{
    host->event = event;
    host->event_data = data;
    return TRUE;
}

static gboolean scripted_sight(GwHost *host, const char *uuid, GwSight *ret_sight, GError **error)
{
    host->calls++;
    if (!host->fails) {
        *ret_sight = (GwSight){.seen = GW_SEEN_RUNNING};
        return TRUE;
    }
    g_set_error(error, GW_ERROR, (gint)host->code, "HostA: no route to host");
    return FALSE;
}

static gboolean scripted_examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts,
                                 GError **error)
{
    source->calls++;
    return FALSE; /* and no reason: a defect */
}

static const GwDriver driver = {
    .name = "scripted",
    .schemes = (const char *const[]){"script", "scripted", NULL},
    .open = scripted_open,
    .close = scripted_close,
    .watch = scripted_watch,
    .sight = scripted_sight,
    .examine = scripted_examine,
};

static const GwDriver other = {
    .name = "other", .schemes = (const char *const[]){"other", NULL}, .open = scripted_open, .close = scripted_close};

static GwNode *open_node(const GwDriver *of)
{
    scripted = (GwHost){0};
    return gw_node_open(of, "HostA", "script://HostA", NULL, NULL);
}

static void closes_with_the_last_reference(void)
{
    GwNode *node = open_node(&driver);
    g_assert_cmpstr(gw_node_name(node), ==, "HostA");
    g_assert_cmpstr(gw_node_uri(node), ==, "script://HostA");
    gw_node_unref(gw_node_ref(node));
    g_assert_false(scripted.closed);
    gw_node_unref(node);
    g_assert_true(scripted.closed);
}

static void remembers_the_unreachable(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    GwSight sight;
    scripted.fails = TRUE;
    scripted.code = GW_ERROR_UNREACHABLE;
    for (guint i = 0; i < 5; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(gw_node_sight(node, UUID, &sight, &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_UNREACHABLE);
        g_assert_true(g_str_has_prefix(error->message, "HostA: no route to host"));
        g_assert_cmpint(strstr(error->message, "(last tried 0 s ago)") != NULL, ==, i > 0);
    }
    g_assert_cmpuint(scripted.calls, ==, 1);
}

static void tries_again_after_a_while(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    GwSight sight;
    scripted.fails = TRUE;
    scripted.code = GW_ERROR_UNREACHABLE;
    g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    scripted.fails = FALSE;
    g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    g_usleep(2050 * 1000);
    g_assert_true(gw_node_sight(node, UUID, &sight, NULL));
    g_assert_true(gw_node_sight(node, UUID, &sight, NULL));
    g_assert_cmpuint(scripted.calls, ==, 3);
}

/* The pause has become longer than its first length; plain calls keep to it. */
static void tries_anew_when_somebody_waits(void)
{
    const GwDriverSettings settings = {.retry_ms = 200};
    scripted = (GwHost){.fails = TRUE, .code = GW_ERROR_UNREACHABLE};
    g_autoptr(GwNode) node = gw_node_open(&driver, "HostA", "script://HostA", &settings, NULL);
    GwSight sight;
    for (guint i = 0; i < 2; i++) {
        g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
        g_assert_false(gw_node_try_anew(node));
        g_usleep(220 * 1000);
    }
    g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    g_assert_cmpuint(scripted.calls, ==, 2);
    scripted.fails = FALSE;
    g_assert_true(gw_node_try_anew(node));
    g_assert_true(gw_node_sight(node, UUID, &sight, NULL));
    g_assert_true(gw_node_try_anew(node)); /* it answers */
}

static void hear(void *data, const char *host_name, const char *uuid)
{
    ++*(guint *)data;
}

static void tries_again_when_the_host_says_something(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    guint heard = 0;
    GwSight sight;
    g_assert_true(gw_node_watch(node, hear, &heard, NULL));
    scripted.fails = TRUE;
    scripted.code = GW_ERROR_UNREACHABLE;
    g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    scripted.fails = FALSE;
    g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    scripted.event(scripted.event_data, "HostA", NULL);
    g_assert_cmpuint(heard, ==, 1);
    g_assert_true(gw_node_sight(node, UUID, &sight, NULL));
}

static void other_failures_are_not_remembered(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    GwSight sight;
    scripted.fails = TRUE;
    scripted.code = GW_ERROR_DENIED;
    for (guint i = 0; i < 3; i++)
        g_assert_false(gw_node_sight(node, UUID, &sight, NULL));
    g_assert_cmpuint(scripted.calls, ==, 3);
}

static void refuses_what_is_out_of_order(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    g_autoptr(GwNode) foreign = open_node(&other);
    g_autoptr(GError) error = NULL;
    GwMoveFacts *facts = NULL;
    GwSight sight;
    g_assert_false(gw_node_sight(node, "vm1", &sight, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(gw_node_examine(node, foreign, UUID, &facts, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_false(gw_node_examine(node, node, UUID, &facts, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_clear_error(&error);
    g_autoptr(GwPlan) plan = gw_plan_new(); /* of no instance */
    g_assert_false(gw_node_migrate(node, foreign, plan, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_cmpuint(scripted.calls, ==, 0);
}

static void a_failure_without_a_reason_is_a_defect(void)
{
    g_autoptr(GwNode) node = open_node(&driver);
    g_autoptr(GwNode) dest = gw_node_open(&driver, "HostB", "script://HostB", NULL, NULL);
    g_autoptr(GError) error = NULL;
    GwMoveFacts *facts = NULL;
    g_assert_false(gw_node_examine(node, dest, UUID, &facts, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INTERNAL);
}

static void absent_functions_have_defaults(void)
{
    g_autoptr(GwNode) node = open_node(&other);
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_node_watch(node, NULL, NULL, NULL));
    g_assert_false(gw_node_set_bandwidth(node, UUID, 1, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
}

static void a_driver_is_found_by_its_scheme(void)
{
    const GwDriver *const drivers[] = {&driver, &other, NULL};
    g_assert_true(gw_driver_for_uri(drivers, "script://x", NULL) == &driver);
    g_assert_true(gw_driver_for_uri(drivers, "scripted+tls://x/system", NULL) == &driver);
    g_assert_true(gw_driver_for_uri(drivers, "OTHER:///x", NULL) == &other);
    static const char *const unknown[] = {"scrip://x", "other", "", "x", "othe+r://"};
    for (guint i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(gw_driver_for_uri(drivers, unknown[i], &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "script, scripted, other"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/node/closes-with-the-last-reference", closes_with_the_last_reference);
    g_test_add_func("/node/remembers-the-unreachable", remembers_the_unreachable);
    g_test_add_func("/node/tries-again-after-a-while", tries_again_after_a_while);
    g_test_add_func("/node/tries-anew-when-somebody-waits", tries_anew_when_somebody_waits);
    g_test_add_func("/node/tries-again-when-heard-of", tries_again_when_the_host_says_something);
    g_test_add_func("/node/other-failures-are-not-remembered", other_failures_are_not_remembered);
    g_test_add_func("/node/refuses-what-is-out-of-order", refuses_what_is_out_of_order);
    g_test_add_func("/node/failure-without-a-reason", a_failure_without_a_reason_is_a_defect);
    g_test_add_func("/node/absent-functions", absent_functions_have_defaults);
    g_test_add_func("/node/driver-by-scheme", a_driver_is_found_by_its_scheme);
    return g_test_run();
}
