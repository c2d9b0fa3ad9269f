/* Values as text: every field comes back, what is unknown is passed over, and what is wrong is named. */
#include "store_fixture.h"

#include <string.h>

static void test_instance_round_trip(void)
{
    g_autoptr(GwInstance) instance = sample_instance(UUID_A);
    g_autofree char *text = gw_codec_instance_to_text(instance);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) back = gw_codec_instance_from_text(text, &error);
    g_assert_no_error(error);
    assert_instance_equal(instance, back);
}

/* Each kind of field that an instance has. */
static void change(GwInstance *instance, guint what)
{
    GwDisk *disk = instance->disks->pdata[0];
    char **text = what == 0 ? &instance->name : what == 1 ? &instance->graphics_listen : what == 2 ? &disk->path
                  : what == 3 ? (char **)&instance->files->pdata[0] : &((GwNic *)instance->nics->pdata[0])->source;
    if (what < 5) {
        g_free(*text);
        *text = g_strdup("another");
    } else if (what == 5) {
        instance->power = instance->power == GW_POWER_RUNNING ? GW_POWER_PAUSED : GW_POWER_RUNNING;
    } else if (what == 6) {
        instance->autostart = !instance->autostart;
    } else if (what == 7) {
        instance->vcpus++;
    } else if (what == 8) {
        instance->memory_mib += G_GUINT64_CONSTANT(1) << 40;
    } else if (what == 9) {
        g_clear_pointer(&disk->backing, g_strfreev);
    } else if (what == 10) {
        gw_instance_add_nic(instance);
    } else {
        g_clear_pointer(&instance->graphics_listen, g_free); /* not the same as an empty one */
    }
}

static void test_instance_hash(void)
{
    enum { CHANGES = 12 };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint what = 0; what <= CHANGES; what++) {
        g_autoptr(GwInstance) one = sample_instance(UUID_A), same = sample_instance(UUID_A);
        if (what < CHANGES) {
            change(one, what);
            change(same, what);
        }
        guint64 hash = gw_codec_instance_hash(one);
        g_assert_cmpuint(hash, ==, gw_codec_instance_hash(same));
        g_assert_true(g_hash_table_add(seen, g_memdup2(&hash, sizeof hash)));
    }
}

static void test_plan_round_trip(void)
{
    g_autoptr(GwPlan) plan = sample_plan();
    g_autofree char *text = gw_codec_plan_to_text(plan);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwPlan) back = gw_codec_plan_from_text(text, &error);
    g_assert_no_error(error);
    assert_plan_equal(plan, back);
}

static void test_empty_round_trip(void)
{
    g_autoptr(GwInstance) instance = gw_instance_new();
    g_autofree char *text = gw_codec_instance_to_text(instance);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) back = gw_codec_instance_from_text(text, &error);
    g_assert_no_error(error);
    assert_instance_equal(instance, back);
}

static void test_every_word(void)
{
    static const GwPower powers[] = {GW_POWER_NOSTATE,  GW_POWER_RUNNING, GW_POWER_PAUSED,
                                     GW_POWER_SHUTDOWN, GW_POWER_CRASHED, GW_POWER_SUSPENDED};
    for (guint i = 0; i < G_N_ELEMENTS(powers); i++) {
        g_autoptr(GwInstance) instance = sample_instance(UUID_A);
        instance->power = powers[i];
        ((GwDisk *)instance->disks->pdata[0])->kind = (GwDiskKind)(i % 4);
        ((GwNic *)instance->nics->pdata[0])->kind = (GwNicKind)(i % 4);
        g_autofree char *text = gw_codec_instance_to_text(instance);
        g_autoptr(GwInstance) back = gw_codec_instance_from_text(text, NULL);
        g_assert_nonnull(back);
        assert_instance_equal(instance, back);
    }
}

static void test_tolerant(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance =
        gw_codec_instance_from_text("{\"format\": 1, \"colour\": {\"of\": [1]}, \"uuid\": \"" UUID_A "\", \"vcpus\": 2,"
                                    " \"disks\": [{\"target\": \"vda\", \"speed\": 1.5}]}",
                                    &error);
    g_assert_no_error(error);
    g_assert_cmpstr(instance->uuid, ==, UUID_A);
    g_assert_cmpuint(instance->vcpus, ==, 2);
    g_assert_cmpuint(instance->disks->len, ==, 1);
    g_assert_null(instance->name);
}

/* Bytes that are not UTF-8 cannot be kept in JSON; they must not cost the instance. */
static void test_not_utf8(void)
{
    g_autoptr(GwInstance) instance = sample_instance(UUID_A);
    g_free(instance->name);
    instance->name = g_strdup("v\xff"
                              "m");
    g_autofree char *text = gw_codec_instance_to_text(instance);
    g_autoptr(GwInstance) back = gw_codec_instance_from_text(text, NULL);
    g_assert_cmpstr(back->name, ==, "v\xef\xbf\xbdm");
}

#define START "{\"format\": 1, \"uuid\": \"" UUID_A "\", "

static const struct {
    const char *text, *says, *says_too;
} wrong[] = {
    {"", "stored instance", "not JSON"},
    {"{", "not JSON", "line 1"},
    {"[]", "does not say its format", "stored instance"},
    {"7", "not JSON", ""},
    {"{\"uuid\": \"" UUID_A "\"}", "does not say its format", ""},
    {"{\"format\": 2, \"uuid\": \"" UUID_A "\"}", "format 2", "reads format 1: run the Godwit that wrote it"},
    {"{\"format\": 1}", "has no uuid", ""},
    {"{\"format\": 1, \"uuid\": 5}", "uuid: a UUID was expected", ""},
    {"{\"format\": 1, \"uuid\": \"" UUID_A "0\"}", "uuid: a UUID was expected", ""},
    {START "\"name\": 5}", "name: a string was expected", ""},
    {START "\"power\": \"flying\"}", "power: 'flying' is not known", ""},
    {START "\"power\": 4}", "power: a string was expected", ""},
    {START "\"persistent\": 1}", "persistent: true or false was expected", ""},
    {START "\"vcpus\": \"two\"}", "vcpus: an integer was expected", ""},
    {START "\"vcpus\": -1}", "vcpus: -1 is out of range", ""},
    {START "\"vcpus\": 4294967296}", "vcpus: 4294967296 is out of range", ""},
    {START "\"memory_mib\": 1.5}", "memory_mib: an integer was expected", ""},
    {START "\"disks\": {}}", "disks: a list was expected", ""},
    {START "\"disks\": [{}, 5]}", "disks: [1]: an object was expected", ""},
    {START "\"disks\": [{\"backing\": [\"a\", null]}]}", "disks: [0]: backing: [1]: a string was expected", ""},
    {START "\"files\": \"x\"}", "files: a list was expected", ""},
};

static void test_wrong(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    GError *error = NULL;
    GwInstance *instance = gw_codec_instance_from_text(wrong[i].text, &error);
    assert_fails(instance != NULL, error, GW_ERROR_STORE, wrong[i].says, wrong[i].says_too, NULL);
}

static void test_wrong_plan(void)
{
    GError *error = NULL;
    GwPlan *plan = gw_codec_plan_from_text(START "\"disks\": [{\"fate\": \"fly\"}]}", &error);
    assert_fails(plan != NULL, error, GW_ERROR_STORE, "stored plan: disks: [0]: fate: 'fly' is not known", NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/instance", test_instance_round_trip);
    g_test_add_func("/codec/instance_hash", test_instance_hash);
    g_test_add_func("/codec/plan", test_plan_round_trip);
    g_test_add_func("/codec/empty", test_empty_round_trip);
    g_test_add_func("/codec/every-word", test_every_word);
    g_test_add_func("/codec/unknown-members", test_tolerant);
    g_test_add_func("/codec/not-utf8", test_not_utf8);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *name = g_strdup_printf("/codec/wrong/%u", i);
        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_wrong);
    }
    g_test_add_func("/codec/wrong/plan", test_wrong_plan);
    return g_test_run();
}
