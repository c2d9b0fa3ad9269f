/* godwit.conf: what is read, what is refused and how it is said, and that no option goes undocumented. */
#include "daemon/settings.h"

#include "base/error.h"
#include "core/flags.h"
#include "daemon/options.h"

#include <glib/gstdio.h>
#include <string.h>

static GwSettings *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    GwSettings *settings = gw_settings_parse(text, "godwit.conf", &error);
    g_assert_no_error(error);
    return settings;
}

static void test_defaults(void)
{
    g_autoptr(GwSettings) settings = parse("");
    guint64 shared = GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PEER2PEER | GW_FLAG_LIVE;
    g_assert_false(settings->debug);
    g_assert_cmpstr(settings->state_path, ==, "/var/lib/godwit");
    g_assert_cmpstr(settings->instances_path, ==, "/var/lib/godwit/instances");
    g_assert_cmpstr(gw_settings_database_path(settings), ==, "/var/lib/godwit/godwit.db");
    g_assert_cmpuint(settings->inventory_interval_s, ==, 60);
    g_assert_cmpuint(settings->host_call_timeout_s, ==, 10);
    g_assert_cmpstr(settings->vncserver_listen, ==, "");
    g_assert_cmpstr(settings->live_migration_uri, ==, "");
    g_assert_cmpuint(settings->live_migration_flag, ==, shared);
    g_assert_cmpuint(settings->block_migration_flag, ==, shared | GW_FLAG_NON_SHARED_INC);
    g_assert_cmpuint(settings->live_migration_bandwidth_mibps, ==, 0);
    g_assert_cmpuint(settings->live_migration_completion_timeout_s, ==, 800);
    g_assert_cmpuint(settings->live_migration_retry_count, ==, 30);
    g_assert_cmpuint(settings->max_concurrent_live_migrations, ==, 0);
    g_assert_cmpuint(settings->shutdown_timeout_s, ==, 60);
    g_assert_cmpuint(settings->reserved_host_memory_mib, ==, 512);
    g_assert_cmpstr(settings->api_listen, ==, "127.0.0.1");
    g_assert_cmpuint(settings->api_port, ==, 8774);
    g_assert_cmpuint(settings->api_threads, ==, 4);
    g_assert_cmpuint(settings->api_max_limit, ==, 1000);
}

/* The lines of the manual, as its readers have them in their files. */
static void test_manual(void)
{
    g_autoptr(GwSettings) settings =
        parse("[DEFAULT]\n"
              "vncserver_listen=0.0.0.0\n"
              "live_migration_flag=VIR_MIGRATE_UNDEFINE_SOURCE,VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE\n"
              "live_migration_uri = qemu+tcp://%s/system\n"
              "live_migration_bandwidth = 0\n"
              "live_migration_retry_count=30\n"
              "instances_path=$state_path/instances\n"
              "state_path=/var/lib/nova\n");
    g_assert_cmpstr(settings->vncserver_listen, ==, "0.0.0.0");
    g_assert_cmpuint(settings->live_migration_flag, ==, GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PEER2PEER | GW_FLAG_LIVE);
    g_assert_cmpstr(settings->live_migration_uri, ==, "qemu+tcp://%s/system");
    g_assert_cmpstr(settings->instances_path, ==, "/var/lib/nova/instances");
}

static void test_later_places(void)
{
    g_autoptr(GwSettings) settings =
        parse("[libvirt]\nlive_migration_uri = qemu+tls://%s/system\nlive_migration_bandwidth: 100\n"
              "live_migration_completion_timeout = 0\nblock_migration_flag = VIR_MIGRATE_LIVE\n"
              "[vnc]\nserver_listen = ::\n"
              "[DEFAULT]\nosapi_compute_listen_port = 0\nlive_migration_bandwidth = 100\n" /* twice the same is fine */
              "[database]\nconnection = sqlite:////srv/godwit.db\n");
    g_assert_cmpstr(settings->live_migration_uri, ==, "qemu+tls://%s/system");
    g_assert_cmpuint(settings->live_migration_bandwidth_mibps, ==, 100);
    g_assert_cmpuint(settings->live_migration_completion_timeout_s, ==, 0);
    g_assert_cmpuint(settings->block_migration_flag, ==, GW_FLAG_LIVE);
    g_assert_cmpstr(settings->vncserver_listen, ==, "::");
    g_assert_cmpuint(settings->api_port, ==, 0);
    g_assert_cmpstr(gw_settings_database_path(settings), ==, "/srv/godwit.db");
}

static void test_syntax(void)
{
    g_autoptr(GwSettings) settings =
        parse("\xef\xbb\xbf# comment\r\n; another\r\n\r\n[ api ]\r\nlisten = '::1'\r\n[DEFAULT]\r\n"
              "state_path: \"/srv/a b\"\r\n"
              "live_migration_flag = VIR_MIGRATE_LIVE,\r\n"
              "    VIR_MIGRATE_PEER2PEER,\r\n"
              "# a comment in between\r\n"
              "\tVIR_MIGRATE_UNDEFINE_SOURCE\r\n"
              "debug=YES");
    g_assert_cmpstr(settings->api_listen, ==, "::1");
    g_assert_cmpstr(settings->state_path, ==, "/srv/a b");
    g_assert_cmpuint(settings->live_migration_flag, ==, GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PEER2PEER | GW_FLAG_LIVE);
    g_assert_true(settings->debug);
}

static void test_substitution(void)
{
    g_autoptr(GwSettings) settings = parse("[DEFAULT]\n"
                                           "instances_path = ${state_path}x/$$/${DEFAULT.debug}/${api.port}\n"
                                           "state_path = /srv/$debug\n"
                                           "debug = on\n");
    g_assert_cmpstr(settings->state_path, ==, "/srv/on");
    g_assert_cmpstr(settings->instances_path, ==, "/srv/onx/$/on/8774");
}

static const struct {
    const char *text, *says;
} wrong[] = {
    /* syntax */
    {"debug = on", "godwit.conf:1: debug: stands before any section: write [DEFAULT] above it"},
    {"\n[DEFAULT", "godwit.conf:2: '[DEFAULT' is no section: write [NAME] alone on its line"},
    {"[DEFAULT] debug = on", "godwit.conf:1: '[DEFAULT] debug = on' is no section: write [NAME] alone on its line"},
    {"[]", "godwit.conf:1: the section has no name: write [DEFAULT]"},
    {"[DEFAULT]\n\ndebug", "godwit.conf:3: 'debug' sets nothing: write name = value, or # before a comment"},
    {"[DEFAULT]\n= 5", "godwit.conf:2: '= 5' has no name before its =: write name = value"},
    {"[DEFAULT]\n debug = on", "godwit.conf:2: 'debug = on' begins with a blank but continues nothing: begin it in the "
                               "first column"},
    {"[DEFAULT]\ndebug = on\n\n  x", "godwit.conf:4: 'x' begins with a blank but continues nothing: begin it in the "
                                     "first column"},
    {"[DEFAULT]\nstate_path = /\xff", "godwit.conf:2: is not UTF-8 text; save the file as such"},
    /* names */
    {"[DEFUALT]\ndebug = on", "godwit.conf:2: debug: stands in [DEFUALT], which is no section that Godwit reads; did you mean [DEFAULT]?"},
    {"[DEFAULT]\ndebugg = on", "godwit.conf:2: debugg: is no option; did you mean [DEFAULT] debug?"},
    {"[DEFAULT]\nLive-Migration-URI = x", "godwit.conf:2: Live-Migration-URI: is no option; did you mean [DEFAULT] "
                                          "live_migration_uri?"},
    {"[DEFAULT]\nrabbit_host = x", "godwit.conf:2: rabbit_host: is no option; godwitd --sample-config lists those there "
                                   "are"},
    {"[DEFAULT]\nport = 1", "godwit.conf:2: port: is no option of [DEFAULT]; move it to [api]"},
    {"[default]\ndebug = on", "godwit.conf:2: debug: is no option of [default]; move it to [DEFAULT]"},
    {"[libvirt]\nlive_migration_tunnelled = True", "godwit.conf:2: live_migration_tunnelled: is an option of nova.conf "
                                                   "that Godwit does not have; remove it: put VIR_MIGRATE_TUNNELLED "
                                                   "into live_migration_flag"},
    {"[DEFAULT]\ndebug = on\ndebug = off",
     "godwit.conf:3: debug: 'off': is not what line 2 says, [DEFAULT] debug = 'on'; "
     "keep one of the two"},
    {"[DEFAULT]\nvncserver_listen = 0.0.0.0\n[vnc]\nserver_listen = ::",
     "godwit.conf:4: server_listen: '::': is not what line 2 says, [DEFAULT] vncserver_listen = '0.0.0.0'; keep one of "
     "the two"},
    /* values */
    {"[DEFAULT]\ndebug = maybe", "godwit.conf:2: debug: 'maybe': is neither true nor false; write one of the two"},
    {"[DEFAULT]\ndebug =", "godwit.conf:2: debug: '': is neither true nor false; write one of the two"},
    {"[libvirt]\nlive_migration_bandwidth = fast",
     "godwit.conf:2: live_migration_bandwidth: 'fast': is not a whole number "
     "from 0 to 1000000; write one in MiB/s"},
    {"[DEFAULT]\nshutdown_timeout = -1", "godwit.conf:2: shutdown_timeout: '-1': is not a whole number from 0 to 3600; "
                                         "write one in s"},
    {"[api]\nport = 65536", "godwit.conf:2: port: '65536': is not a whole number from 0 to 65535; write one"},
    {"[api]\nport = 80 # http", "godwit.conf:2: port: '80 # http': is not a whole number from 0 to 65535; write one (a "
                                "comment stands on a line of its own)"},
    {"[api]\nlisten = localhost",
     "godwit.conf:2: listen: 'localhost': is not an IP address; write one such as 127.0.0.1 "
     "or ::"},
    {"[DEFAULT]\nvncserver_listen = 0.0.0.0/0",
     "godwit.conf:2: vncserver_listen: '0.0.0.0/0': is neither an IP address "
     "nor a host name; write one such as 0.0.0.0"},
    {"[DEFAULT]\ninstances_path = instances", "godwit.conf:2: instances_path: 'instances': is not an absolute path; "
                                              "begin it with /"},
    {"[DEFAULT]\nstate_path =", "godwit.conf:2: state_path: '': is not an absolute path; begin it with /"},
    {"[DEFAULT]\nlive_migration_uri = qemu+tcp://HostC/system",
     "godwit.conf:2: live_migration_uri: 'qemu+tcp://HostC/system': is not an address with exactly one %s; write one "
     "such "
     "as qemu+tcp://%s/system, or nothing"},
    {"[DEFAULT]\nlive_migration_uri = qemu+tcp://%s/%s",
     "godwit.conf:2: live_migration_uri: 'qemu+tcp://%s/%s': is not an address with exactly one %s; write one such as "
     "qemu+tcp://%s/system, or nothing"},
    {"[DEFAULT]\nlive_migration_uri = %d%s://", "godwit.conf:2: live_migration_uri: '%d%s://': is not an address with "
                                                "exactly one %s; write one such as qemu+tcp://%s/system, or nothing"},
    {"[libvirt]\nlive_migration_inbound_addr = 10.0.0.1",
     "godwit.conf:2: live_migration_inbound_addr: '10.0.0.1': '10.0.0.1' is neither HOST=ADDRESS nor a name with one %s; write some, with "
     "commas between them, such as HostB=10.1.0.2, %s.mig.example.org"},
    {"[DEFAULT]\nlive_migration_inbound_addr = %s-a, HostB=1.2.3.4, %s-b",
     "godwit.conf:2: live_migration_inbound_addr: '%s-a, HostB=1.2.3.4, %s-b': has more than one name with %s; keep one, for all hosts that "
     "have no HOST=ADDRESS"},
    {"[DEFAULT]\nlive_migration_flag = VIR_MIGRATE_FLY", "godwit.conf:2: live_migration_flag: 'VIR_MIGRATE_FLY': "
                                                         "'VIR_MIGRATE_FLY' is no migration flag"},
    {"[DEFAULT]\ndatabase = mysql://x",
     "godwit.conf:2: database: 'mysql://x': is not a database that Godwit knows; write "
     "sqlite:/// and an absolute path, or postgresql://USER@HOST/DATABASE"},
    {"[database]\nconnection = sqlite:///godwit.db",
     "godwit.conf:2: connection: 'sqlite:///godwit.db': is not a database "
     "that Godwit knows; write sqlite:/// and an absolute path, or postgresql://USER@HOST/DATABASE"},
    /* a password is in no message */
    {"[database]\nconnection = postgresql://godwit:secret@db/godwit",
     "godwit.conf:2: connection: '…': holds a password; write it into a file of mode 0600 as HOST:PORT:DATABASE:USER:PASSWORD and append "
     "?passfile=FILE to the address (or use ~/.pgpass)"},
    {"[database]\nconnection = postgresql://godwit:secret@db/godwit?colour=blue",
     "godwit.conf:2: connection: '…': is not an address of PostgreSQL; write postgresql://USER@HOST[:PORT]/DATABASE, with several "
     "HOST:PORT if there are standbys"},
    /* substitution */
    {"[DEFAULT]\ninstances_path = $my_path/x",
     "godwit.conf:2: instances_path: '$my_path/x': $my_path is no option that "
     "Godwit has; write the value itself"},
    {"[DEFAULT]\ninstances_path = /${api.colour}", "godwit.conf:2: instances_path: '/${api.colour}': $api.colour is no "
                                                   "option that Godwit has; write the value itself"},
    {"[DEFAULT]\ninstances_path = /${state_path",
     "godwit.conf:2: instances_path: '/${state_path': '${state_path' names no "
     "option after its $; write $name, or $$ for a dollar"},
    {"[DEFAULT]\ninstances_path = /$",
     "godwit.conf:2: instances_path: '/$': '$' names no option after its $; write $name, "
     "or $$ for a dollar"},
    {"[DEFAULT]\nstate_path = $instances_path/x", "godwit.conf:2: state_path: '$instances_path/x': refers to itself "
                                                  "through $state_path; write the value itself"},
};

static void test_wrong(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwSettings) settings = gw_settings_parse(wrong[i].text, "godwit.conf", &error);
    g_assert_null(settings);
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    if (!g_str_has_prefix(error->message, wrong[i].says))
        g_assert_cmpstr(error->message, ==, wrong[i].says);
    g_assert_null(strchr(error->message, '\n')); /* said once */
}

/* One reading mends the whole file. */
static void test_all_at_once(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwSettings) settings =
        gw_settings_parse("[DEFAULT]\nfoo\ndebugg = on\ndebug = maybe\n[api]\nport = -1\n", "f", &error);
    g_assert_null(settings);
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_true(g_str_has_prefix(lines[0], "f:2: "));
    g_assert_true(g_str_has_prefix(lines[1], "f:3: "));
    g_assert_true(g_str_has_prefix(lines[2], "f:4: "));
    g_assert_true(g_str_has_prefix(lines[3], "f:6: "));
}

static void test_files(void)
{
    g_autofree char *folder = g_dir_make_tmp("godwit-conf-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "godwit.conf", NULL);
    g_autoptr(GError) absent = NULL, nul = NULL, bad = NULL;
    g_assert_null(gw_settings_load(path, &absent));
    g_assert_error(absent, GW_ERROR, GW_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(absent->message, path));
    g_assert_true(g_file_set_contents(path, "[api]\0", 6, NULL));
    g_assert_null(gw_settings_load(path, &nul));
    g_assert_error(nul, GW_ERROR, GW_ERROR_INVALID);
    g_assert_nonnull(strstr(nul->message, "holds a NUL byte"));
    g_assert_true(g_file_set_contents(path, "[api]\nport = x\n", -1, NULL));
    g_assert_null(gw_settings_load(path, &bad));
    g_autofree char *start = g_strconcat(path, ":2: port: 'x': ", NULL);
    g_assert_true(g_str_has_prefix(bad->message, start));
    g_assert_true(g_file_set_contents(path, "[api]\nport = 80\n", -1, NULL));
    g_autoptr(GwSettings) settings = gw_settings_load(path, NULL);
    g_assert_cmpuint(settings->api_port, ==, 80);
    g_unlink(path);
    g_rmdir(folder);
}

static char *sample(void)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    gw_settings_sample(file);
    fclose(file);
    return text;
}

/* The sample, with its defaults commented in, is a file that says nothing new. */
static void test_sample(void)
{
    g_autofree char *text = sample();
    GString *uncommented = g_string_new(text);
    g_string_replace(uncommented, "\n#", "\n", 0);
    g_string_replace(uncommented, "\n ", "\n# ", 0);
    g_autoptr(GwSettings) plain = parse(text);
    g_autoptr(GwSettings) settings = parse(uncommented->str);
    g_assert_cmpstr(settings->database, ==, plain->database);
    g_assert_cmpuint(settings->block_migration_flag, ==, plain->block_migration_flag);
    g_assert_cmpuint(settings->live_migration_completion_timeout_s, ==, 800);
    for (guint i = 0; i < gw_option_count; i++) {
        g_autofree char *line = g_strdup_printf("\n%s = %s", gw_options[i].name, gw_options[i].initial);
        g_assert_nonnull(strstr(uncommented->str, g_strchomp(line)));
    }
    g_string_free(uncommented, TRUE);
}

static void test_table(void)
{
    for (guint i = 0; i < gw_option_count; i++) {
        const GwOption *option = &gw_options[i];
        g_assert_true(gw_option_find(option->section, option->name) == option); /* no name stands for two */
        for (guint j = 0; j < GW_OPTION_ALIASES_MAX && option->aliases[j].name; j++)
            g_assert_true(gw_option_find(option->aliases[j].section, option->aliases[j].name) == option);
        g_assert_true(g_str_has_suffix(option->help, "."));
    }
}

/* docs/configuration.md has a chapter for every option, with the line that the table gives, and for nothing else. */
static void test_documented(void)
{
    g_autofree char *page = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(g_getenv("GODWIT_CONFIGURATION_MD"), &page, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < gw_option_count; i++) {
        g_autofree char *summary = gw_option_summary(&gw_options[i]);
        g_autofree char *chapter = g_strdup_printf("\n### %s\n\n    %s\n\n", gw_options[i].name, summary);
        if (!strstr(page, chapter))
            g_error("docs/configuration.md has no chapter that begins:%s", chapter);
    }
    g_auto(GStrv) chapters = g_strsplit(page, "\n### ", -1);
    g_assert_cmpuint(g_strv_length(chapters) - 1, ==, gw_option_count);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/settings/defaults", test_defaults);
    g_test_add_func("/settings/manual", test_manual);
    g_test_add_func("/settings/later-places", test_later_places);
    g_test_add_func("/settings/syntax", test_syntax);
    g_test_add_func("/settings/substitution", test_substitution);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *name = g_strdup_printf("/settings/wrong/%u", i);
        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_wrong);
    }
    g_test_add_func("/settings/wrong/all-at-once", test_all_at_once);
    g_test_add_func("/settings/files", test_files);
    g_test_add_func("/settings/sample", test_sample);
    g_test_add_func("/settings/table", test_table);
    g_test_add_func("/settings/documented", test_documented);
    return g_test_run();
}
