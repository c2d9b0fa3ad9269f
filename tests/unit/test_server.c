/* The phases of a server: every situation, by law. */
#include "core/server.h"

#include <string.h>

typedef void (*Law)(const GwServerSituation *situation, const GwServerDecision *decision);

static void over_all(Law law)
{
    for (int phase = 0; phase < GW_SERVER_PHASE_COUNT; phase++)
        for (int seen = 0; seen < GW_SEEN_COUNT; seen++)
            for (unsigned bits = 0; bits < 128; bits++)
                for (guint attempts = 0; attempts <= GW_SERVER_TRIES + 1; attempts++) {
                    GwServerSituation s = {.phase = (GwServerPhase)phase, .seen = (GwSeen)seen, .has_host = bits & 1, .delete_asked = (bits & 2) != 0,
                                           .listed = (bits & 4) != 0, .moving = (bits & 8) != 0, .cleared = (bits & 16) != 0,
                                           .attempts = attempts, .overdue = (bits & 32) != 0, .host_lost = (bits & 64) && !(bits & 1)};
                    GwServerDecision d = gw_server_next(&s);
                    law(&s, &d);
                }
}

/* Doubt: a host that does not answer is asked for nothing, and nothing of it is forgotten. */
static void silent_host_is_left_alone(const GwServerSituation *s, const GwServerDecision *d)
{
    gboolean acts = d->act == GW_SERVER_CREATE || d->act == GW_SERVER_START || d->act == GW_SERVER_CLEAR;
    g_assert_true(s->seen != GW_SEEN_UNKNOWN || !acts);
    if (s->seen == GW_SEEN_UNKNOWN && s->has_host && s->phase == GW_SERVER_DELETING)
        g_assert_cmpint(d->act, !=, GW_SERVER_DROP);
    if (d->act == GW_SERVER_ENTER && d->next == GW_SERVER_FAILED) /* nothing is left anywhere: seen to it, or never touched */
        g_assert_true(s->cleared || !s->has_host || (s->phase == GW_SERVER_CREATING && !s->attempts));
}

static void test_doubt(void)
{
    over_all(silent_host_is_left_alone);
}

/* What is wanted gone is not made, nor started, from the next turn on; and what moves is not deleted under the move. */
static void deletion_comes_first(const GwServerSituation *s, const GwServerDecision *d)
{
    if (s->delete_asked)
        g_assert_true(d->act != GW_SERVER_CREATE && d->act != GW_SERVER_START && d->act != GW_SERVER_PLACE);
    if (s->phase == GW_SERVER_DELETING && s->moving)
        g_assert_cmpint(d->act, ==, GW_SERVER_WAIT);
    if (d->act == GW_SERVER_CLEAR && s->phase == GW_SERVER_DELETING)
        g_assert_true(s->listed);
    if (d->act == GW_SERVER_DROP)
        g_assert_true(s->listed && (s->cleared || (!s->has_host && !s->host_lost)));
    if (s->phase == GW_SERVER_BUILT && !s->delete_asked)
        g_assert_cmpint(d->act, ==, GW_SERVER_REST);
}

static void test_deletion(void)
{
    over_all(deletion_comes_first);
}

/* An attempt whose end nobody saw is removed before the next, and there are no more than a few. */
static void attempts_are_bounded(const GwServerSituation *s, const GwServerDecision *d)
{
    if (d->act != GW_SERVER_CREATE)
        return;
    g_assert_true(!s->attempts || s->cleared);
    g_assert_cmpuint(s->attempts, <, GW_SERVER_TRIES);
}

static void test_attempts(void)
{
    over_all(attempts_are_bounded);
}

static void test_domain_names(void)
{
    static const struct {
        const char *name, *domain;
    } cases[] = {{"web", "web-01234567"}, {"a b/c", "a_b_c-01234567"}, {"-x", "server-x-01234567"}, {"\xc3\xa9", "server__-01234567"}, {"", "server-01234567"}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *domain = gw_server_domain_name(cases[i].name, "01234567-89ab-4cde-8f01-23456789abcd");
        g_assert_cmpstr(domain, ==, cases[i].domain);
    }
}

static void add_disk(GwInstance *instance, const char *path, GwDiskKind kind, unsigned flags)
{
    GwDisk *disk = gw_instance_add_disk(instance);
    disk->path = g_strdup(path);
    disk->kind = kind;
    disk->flags = flags;
}

/* Foreign volumes stay. */
static void test_own_disks(void)
{
    g_autoptr(GwInstance) instance = gw_instance_new();
    g_strlcpy(instance->uuid, "01234567-89ab-4cde-8f01-23456789abcd", sizeof instance->uuid);
    g_autofree char *own = g_strdup_printf("/srv/%s/disk", instance->uuid);
    g_autofree char *medium = g_strdup_printf("/srv/%s/medium", instance->uuid);
    g_autofree char *deeper = g_strdup_printf("/srv/%s/more/disk", instance->uuid);
    add_disk(instance, own, GW_DISK_FILE, 0);
    add_disk(instance, medium, GW_DISK_FILE, GW_DISK_READONLY);
    add_disk(instance, deeper, GW_DISK_FILE, 0);
    add_disk(instance, "/srv/instances/vm.qcow2", GW_DISK_FILE, 0);
    add_disk(instance, "iscsi://HostA/iqn/1", GW_DISK_NETWORK, 0);
    add_disk(instance, own, GW_DISK_BLOCK, 0);
    add_disk(instance, NULL, GW_DISK_FILE, GW_DISK_REMOVABLE | GW_DISK_EMPTY);
    g_autoptr(GPtrArray) paths = gw_server_own_disks(instance);
    g_assert_cmpuint(paths->len, ==, 1);
    g_assert_cmpstr(paths->pdata[0], ==, own);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/doubt", test_doubt);
    g_test_add_func("/server/deletion", test_deletion);
    g_test_add_func("/server/attempts", test_attempts);
    g_test_add_func("/server/domain-names", test_domain_names);
    g_test_add_func("/server/own-disks", test_own_disks);
    return g_test_run();
}
