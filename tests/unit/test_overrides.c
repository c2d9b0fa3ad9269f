/* Options that an aggregate or a request sets: each has its effect, and a value that does not suit is refused and changes nothing. */
#include "core/overrides.h"

#include <string.h>

static const struct {
    const char *key, *good, *bad;
} rows[] = {
    {"live_migration_bandwidth", "70", "-1"},
    {"live_migration_completion_timeout", "71", "soon"},
    {"live_migration_timeout_action", "force_complete", "hope"},
    {"live_migration_downtime", "72", "1000001"},
    {"live_migration_downtime_steps", "10", "1001"},
    {"live_migration_downtime_delay", "73", "0"},
    {"live_migration_permit_post_copy", "true", "maybe"},
    {"live_migration_permit_auto_converge", "False", "0"},
    {"live_migration_parallel_connections", "4", "256"},
    {"live_migration_compression", "zstd", "mt"},
    {"block_migration_synchronous_writes", "never", "sometimes"},
};

static GwAggregate *aggregate_with(gint64 id, gboolean good)
{
    GwAggregate *aggregate = gw_aggregate_new();
    aggregate->id = id;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        gw_metadata_add(aggregate->metadata, rows[i].key, good ? rows[i].good : rows[i].bad);
    return aggregate;
}

static const GwPlanSettings before = {.permit_auto_converge = TRUE, .bandwidth_mibps = 1};

static void assert_all_set(const GwPlanSettings *s)
{
    g_assert_cmpuint(s->bandwidth_mibps, ==, 70);
    g_assert_cmpuint(s->completion_timeout_s, ==, 71);
    g_assert_cmpint(s->timeout_action, ==, GW_TIMEOUT_FORCE);
    g_assert_cmpuint(s->pause_ms, ==, 72);
    g_assert_cmpuint(s->pause_steps, ==, 10);
    g_assert_cmpuint(s->pause_delay_s, ==, 73);
    g_assert_true(s->permit_post_copy);
    g_assert_false(s->permit_auto_converge);
    g_assert_cmpuint(s->transfer.connections, ==, 4);
    g_assert_cmpint(s->transfer.compression, ==, GW_COMPRESSION_ZSTD);
    g_assert_cmpint(s->transfer.sync_writes, ==, GW_SYNC_NEVER);
}

static void assert_none_set(const GwPlanSettings *s)
{
    g_assert_cmpuint(s->bandwidth_mibps, ==, 1);
    g_assert_true(s->permit_auto_converge);
    g_assert_cmpint(s->transfer.sync_writes, ==, GW_SYNC_AUTO);
    g_assert_cmpuint(s->completion_timeout_s + s->pause_ms + s->pause_steps + s->pause_delay_s + s->transfer.connections, ==, 0);
}

/* As a migration keeps them. */
static char *own(gboolean good)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        gw_overrides_add(text, rows[i].key, good ? rows[i].good : rows[i].bad);
    return g_string_free(text, FALSE);
}

static void each_has_its_effect(void)
{
    g_autoptr(GPtrArray) aggregates = g_ptr_array_new_with_free_func((GDestroyNotify)gw_aggregate_unref);
    g_ptr_array_add(aggregates, gw_aggregate_new());
    g_ptr_array_add(aggregates, aggregate_with(2, TRUE));
    GwAggregate *later = gw_aggregate_new();
    gw_metadata_add(later->metadata, "live_migration_bandwidth", "5");
    g_ptr_array_add(aggregates, later);
    GwPlanSettings s = before;
    gw_overrides_apply(aggregates, &s);
    assert_all_set(&s);
}

static void each_of_a_request_has_its_effect(void)
{
    g_autofree char *text = own(TRUE);
    GwPlanSettings s = before;
    gw_overrides_apply_own(text, &s);
    assert_all_set(&s);
}

static void those_of_a_request_are_read_as_they_were_written(void)
{
    g_autofree char *text = own(TRUE);
    g_autoptr(GPtrArray) pairs = gw_overrides_parse(text), none = gw_overrides_parse(NULL);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpuint(pairs->len, ==, G_N_ELEMENTS(rows));
    for (guint i = 0; i < pairs->len; i++) {
        const GwMetadatum *pair = pairs->pdata[i];
        g_assert_cmpstr(pair->key, ==, rows[i].key);
        g_assert_cmpstr(pair->value, ==, rows[i].good);
    }
}

static void their_names_are_known(void)
{
    g_autofree char *names = gw_override_names();
    g_auto(GStrv) words = g_strsplit(names, ", ", -1);
    g_assert_cmpuint(g_strv_length(words), ==, G_N_ELEMENTS(rows));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(g_strv_contains((const char *const *)words, rows[i].key));
        g_assert_true(gw_override_is_known(rows[i].key));
    }
    g_assert_false(gw_override_is_known("colour"));
    g_assert_false(gw_override_is_known(""));
}

static void what_does_not_suit_is_refused(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_null(gw_override_objection(rows[i].key, rows[i].good));
        g_assert_nonnull(gw_override_objection(rows[i].key, rows[i].bad));
        g_assert_nonnull(gw_override_objection(rows[i].key, ""));
    }
    g_assert_null(gw_override_objection("colour", "blue"));
    g_autoptr(GPtrArray) aggregates = g_ptr_array_new_with_free_func((GDestroyNotify)gw_aggregate_unref);
    g_ptr_array_add(aggregates, aggregate_with(1, FALSE)); /* written by another program, say */
    GwPlanSettings s = before;
    gw_overrides_apply(aggregates, &s);
    assert_none_set(&s);
    g_autofree char *text = own(FALSE);
    gw_overrides_apply_own(text, &s);
    gw_overrides_apply_own("colour=blue,live_migration_bandwidth,=7,,", &s);
    gw_overrides_apply_own(NULL, &s);
    assert_none_set(&s);
}

/* What the message says a value must be is what is taken: its ends are, and what lies beyond is not. */
static void what_is_said_of_a_value_is_true(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *form = gw_override_objection(rows[i].key, ""), *least = strstr(form, "from "), *most = strstr(form, " to ");
        if (!g_str_has_prefix(form, "a whole number"))
            continue;
        g_autofree char *low = g_strndup(least + 5, (gsize)(most - least - 5)), *high = g_strdup(most + 4);
        g_autofree char *beyond = g_strdup_printf("%" G_GINT64_FORMAT, g_ascii_strtoll(high, NULL, 10) + 1);
        g_autofree char *below = g_strdup_printf("%" G_GINT64_FORMAT, g_ascii_strtoll(low, NULL, 10) - 1);
        g_assert_null(gw_override_objection(rows[i].key, low));
        g_assert_null(gw_override_objection(rows[i].key, high));
        g_assert_nonnull(gw_override_objection(rows[i].key, beyond));
        g_assert_nonnull(gw_override_objection(rows[i].key, below));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/overrides/each has its effect", each_has_its_effect);
    g_test_add_func("/overrides/each of a request has its effect", each_of_a_request_has_its_effect);
    g_test_add_func("/overrides/those of a request are read as they were written", those_of_a_request_are_read_as_they_were_written);
    g_test_add_func("/overrides/their names are known", their_names_are_known);
    g_test_add_func("/overrides/what is said of a value is true", what_is_said_of_a_value_is_true);
    g_test_add_func("/overrides/what does not suit is refused", what_does_not_suit_is_refused);
    return g_test_run();
}
