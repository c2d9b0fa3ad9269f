/* godwitd: the only place that names the concrete store and drivers. */
#include "api/api.h"
#include "api/auth.h"
#include "api/users.h"
#include "base/error.h"
#include "base/log.h"
#include "core/flags.h"
#include "daemon/settings.h"
#include "drivers/libvirt/libvirt.h"
#include "drivers/sim/sim.h"
#include "drivers/xapi/xapi.h"
#include "engine/engine.h"

#include <glib-unix.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const GwDriver *const drivers[] = {&gw_libvirt_driver, &gw_xapi_driver, &gw_sim_driver, NULL};

typedef struct {
    char *config, *backup;
    gboolean version, sample, check;
} Arguments;

static gboolean parse_arguments(int argc, char **argv, Arguments *arguments, GError **error)
{
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &arguments->config, "settings (default " GW_SETTINGS_PATH ")", "FILE"},
        {"backup", 0, 0, G_OPTION_ARG_FILENAME, &arguments->backup, "copy the embedded database, also while godwitd runs, and end", "FILE"},
        {"check-config", 0, 0, G_OPTION_ARG_NONE, &arguments->check, "read the settings, say what is wrong, and end", NULL},
        {"sample-config", 0, 0, G_OPTION_ARG_NONE, &arguments->sample, "print a godwit.conf with every option and its default", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &arguments->version, "print the version", NULL},
        {0}};
    g_autoptr(GOptionContext) context = g_option_context_new("- moves virtual machines between hosts");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return FALSE;
    if (argc > 1) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "unexpected argument '%s': see --help", argv[1]);
        return FALSE;
    }
    return TRUE;
}

#define DEFAULT_STATE_PATH "/var/lib/godwit"

/* Only the default folder is made: another one that is not there is more likely a slip, and an empty database would know nothing of the
 * hosts and of the moves under way. */
static gboolean check_state_path(const GwSettings *settings, GError **error)
{
    const char *path = settings->state_path;
    if (g_file_test(path, G_FILE_TEST_IS_DIR) || strcmp(path, DEFAULT_STATE_PATH) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "state_path = %s: there is no such folder; make it, or correct the path (Godwit's data may be elsewhere)", path);
    return FALSE;
}

static gboolean make_default_folder(const GwSettings *settings, GError **error)
{
    if (g_file_test(settings->state_path, G_FILE_TEST_IS_DIR) || g_mkdir_with_parents(settings->state_path, 0700) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "state_path = %s: the folder cannot be made: %s", settings->state_path,
                g_strerror(errno));
    return FALSE;
}

static GwEngineSettings engine_settings(const GwSettings *s)
{
    guint64 tls = s->live_migration_with_native_tls ? GW_FLAG_TLS : 0;
    static const char *const virt_types[] = {NULL, "kvm", "qemu"}; /* as the option's words (options.c) */
    static const GwCompression compressions[] = {GW_COMPRESSION_AUTO, GW_COMPRESSION_NONE, GW_COMPRESSION_XBZRLE, GW_COMPRESSION_ZLIB,
                                                 GW_COMPRESSION_ZSTD};
    return (GwEngineSettings){
        .plan = {.live_flags = s->live_migration_flag | tls,
                 .block_flags = s->block_migration_flag | tls,
                 .bandwidth_mibps = s->live_migration_bandwidth_mibps,
                 .completion_timeout_s = s->live_migration_completion_timeout_s,
                 .policy = &gw_policies[s->migration_policy],
                 .pause_ms = s->live_migration_downtime_ms,
                 .timeout_action = (GwTimeoutAction)s->live_migration_timeout_action,
                 .pause_steps = s->live_migration_downtime_steps,
                 .pause_delay_s = s->live_migration_downtime_delay_s,
                 .transfer = {.sync_writes = (GwSyncWrites)s->block_migration_synchronous_writes,
                              .connections = s->live_migration_parallel_connections,
                              .compression = compressions[s->live_migration_compression]},
                 .permit_post_copy = s->live_migration_permit_post_copy,
                 .permit_auto_converge = s->live_migration_permit_auto_converge,
                 .uri_template = s->live_migration_uri,
                 .inbound = s->live_migration_inbound_addr,
                 .vncserver_listen = s->vncserver_listen},
        .driver = {.call_timeout_ms = s->host_call_timeout_s * 1000, .instances_path = s->instances_path,
                   .console_listen = s->vncserver_listen, .virt_type = virt_types[s->virt_type],
                   .xapi_password_file = s->xenserver_password_file, .secrets_path = s->state_path, .xapi_sr_filter = s->xenserver_sr_filter},
        .image_dir = s->image_dir,
        .hook_dir = s->hook_dir,
        .hook_timeout_s = s->hook_timeout_s,
        .link_bandwidth_mibps = s->migration_link_bandwidth_mibps,
        .pool_timeout_s = s->xenserver_pool_timeout_s,
        .state_path = s->state_path,
        .live_migration_retry_count = s->live_migration_retry_count,
        .shutdown_timeout_s = s->shutdown_timeout_s,
        .history_days = s->history_days,
        .lease_s = s->lease_s,
        .inventory_interval_s = s->inventory_interval_s,
        .audit_interval_s = s->audit_interval_s,
        .balance = {.interval_s = s->balance_interval_s, .samples = s->balance_samples, .threshold_percent = s->balance_threshold_percent,
                    .gain_percent = s->balance_gain_percent, .cooldown_s = s->balance_cooldown_s, .max_moves = s->balance_max_moves,
                    .objective = (GwObjective)s->balance_objective},
        .max_concurrent_live_migrations = s->max_concurrent_live_migrations,
        .reserved_host_memory_mib = s->reserved_host_memory_mib,
    };
}

static gboolean on_signal(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

/* A loop that a signal to stop ends, also one that comes before it runs: whoever has read that the daemon listens may stop it. */
static GMainLoop *loop_until_signal(void)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, on_signal, loop);
    g_unix_signal_add(SIGINT, on_signal, loop);
    return loop;
}

/* Stopping waits for calls to hosts under way, but not for ever: a guest may take a minute to shut down, and the next start finds
 * everything as after a crash, which is an ordinary way to end. */
enum { STOP_LIMIT_S = 8 };

static void leave_now(int number)
{
    _exit(0);
}

static gboolean is_loopback(const char *address)
{
    return g_str_has_prefix(address, "127.") || strcmp(address, "::1") == 0;
}

static gboolean check_exposure(const GwSettings *s, GError **error)
{
    if (is_loopback(s->api_listen))
        return TRUE;
    if (s->api_auth_strategy == GW_AUTH_NONE) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "[api] listen = %s with auth_strategy = noauth would make everyone an administrator: listen on 127.0.0.1, or use "
                    "http_basic",
                    s->api_listen);
        return FALSE;
    }
    if (!*s->api_cert_file)
        gw_warning("passwords travel in clear to %s: set ssl_cert_file and ssl_key_file, or put a proxy with TLS before it",
                   s->api_listen);
    return TRUE;
}

/* The first line of password_file, or what `password` says. */
static gboolean read_keystone_password(const GwSettings *s, char **ret_password, GError **error)
{
    g_autoptr(GError) why = NULL;
    *ret_password = g_strdup(s->keystone_password);
    if (!*s->keystone_password_file)
        return TRUE;
    g_clear_pointer(ret_password, g_free);
    if (!gw_users_check_private(s->keystone_password_file, error))
        return FALSE;
    if (!g_file_get_contents(s->keystone_password_file, ret_password, NULL, &why)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "[keystone_authtoken] password_file = %s: cannot be read: %s",
                    s->keystone_password_file, why->message);
        return FALSE;
    }
    (*ret_password)[strcspn(*ret_password, "\r\n")] = '\0';
    return TRUE;
}

static GwAuth *open_keystone(const GwSettings *s, GError **error)
{
    g_autofree char *password = NULL;
    if (!read_keystone_password(s, &password, error))
        return NULL;
    if (!*s->keystone_auth_url || !*password) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "auth_strategy = keystone needs [keystone_authtoken] %s",
                    *s->keystone_auth_url ? "password, or password_file" : "auth_url");
        return NULL;
    }
    GwAuthSettings settings = {.strategy = GW_AUTH_KEYSTONE,
                               .keystone = {.auth_url = s->keystone_auth_url,
                                            .public_url = s->keystone_public_url,
                                            .user = s->keystone_user,
                                            .user_domain = s->keystone_user_domain,
                                            .password = password,
                                            .project = s->keystone_project,
                                            .project_domain = s->keystone_project_domain,
                                            .ca_file = s->keystone_ca_file,
                                            .insecure = s->keystone_insecure,
                                            .cache_s = s->keystone_cache_s,
                                            .timeout_s = s->keystone_timeout_s}};
    return gw_auth_new(&settings, error);
}

static GwAuth *open_auth(const GwSettings *s, GError **error)
{
    if (s->api_auth_strategy == GW_AUTH_KEYSTONE)
        return check_exposure(s, error) ? open_keystone(s, error) : NULL;
    g_autofree char *password = g_build_filename(s->state_path, "admin-password", NULL);
    g_autofree char *key = g_build_filename(s->state_path, "token.key", NULL);
    GwAuthSettings settings = {.strategy = (GwAuthStrategy)s->api_auth_strategy, .users_file = s->api_users_file, .password_file = password,
                               .key_file = key, .token_lifetime_s = s->api_token_expiration_s};
    return check_exposure(s, error) ? gw_auth_new(&settings, error) : NULL;
}

/* file "": *ret_text stays NULL. */
static gboolean read_pem(const char *option, const char *file, char **ret_text, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!*file || g_file_get_contents(file, ret_text, NULL, &why))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "[api] %s = %s: cannot be read: %s", option, file, why->message);
    return FALSE;
}

static GwApi *start_api(const GwSettings *settings, GwEngine *engine, GwAuth *auth, GError **error)
{
    g_autofree char *certificate = NULL, *key = NULL;
    if (!*settings->api_cert_file != !*settings->api_key_file) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "[api] ssl_cert_file and ssl_key_file belong together: set both, or neither");
        return NULL;
    }
    if (*settings->api_key_file && !gw_users_check_private(settings->api_key_file, error))
        return NULL;
    if (!read_pem("ssl_cert_file", settings->api_cert_file, &certificate, error) ||
        !read_pem("ssl_key_file", settings->api_key_file, &key, error))
        return NULL;
    GwApiSettings api_settings = {.listen = settings->api_listen,
                                  .port = (guint16)settings->api_port,
                                  .auth = auth,
                                  .certificate = certificate,
                                  .key = key,
                                  .threads = settings->api_threads,
                                  .max_limit = settings->api_max_limit};
    return gw_api_start(engine, &api_settings, error);
}

static gboolean serve(const GwSettings *settings, GwEngine *engine, GError **error)
{
    g_autoptr(GwAuth) auth = open_auth(settings, error);
    GwApi *api = auth ? start_api(settings, engine, auth, error) : NULL;
    if (!api)
        return FALSE;
    g_autoptr(GMainLoop) loop = loop_until_signal();
    gw_engine_start(engine);
    gw_info("godwitd %s listens on %s port %u%s; its data is in %s", GW_VERSION, settings->api_listen, gw_api_port(api),
            *settings->api_cert_file ? " (TLS)" : "", settings->state_path);
    g_main_loop_run(loop);
    gw_info("stopping; migrations that hypervisors carry go on and are found again");
    signal(SIGALRM, leave_now);
    alarm(STOP_LIMIT_S);
    gw_api_stop(api);
    gw_engine_stop(engine);
    return TRUE;
}

static GwStore *open_store(const GwSettings *settings, GError **error)
{
    const char *path = gw_settings_database_path(settings);
    return path ? gw_store_open_sqlite(path, error) : gw_store_open_postgres(settings->database, error);
}

static gboolean back_up(const GwSettings *settings, const char *file, GError **error)
{
    const char *path = gw_settings_database_path(settings);
    if (path)
        return gw_store_backup_sqlite(path, file, error);
    g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "--backup copies the embedded database alone; copy this one with: pg_dump --file=%s '%s'",
                file, settings->database);
    return FALSE;
}

static gboolean run(const GwSettings *settings, GError **error)
{
    gw_log_set_level(settings->debug ? GW_LOG_DEBUG : GW_LOG_INFO);
    if (!check_state_path(settings, error) || !make_default_folder(settings, error))
        return FALSE;
    GwStore *store = open_store(settings, error);
    if (!store)
        return FALSE;
    GwEngineSettings options = engine_settings(settings);
    GwEngine *engine = gw_engine_new(store, drivers, &options, error);
    gboolean ok = engine && serve(settings, engine, error);
    /* A copy's thread may still wait for its hypervisor and hold the engine; the process ends without it, and the copy goes on. */
    if (engine)
        gw_engine_free(engine);
    gw_store_close(store);
    return ok;
}

/* Lists are rendered as texts of a megabyte and more by several threads: without this each thread's heap keeps the holes
 * (bench/api: 32 MiB at 1,000 servers, 27 MiB with it). */
static void bound_the_heap(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

/* Thousands of clients and of hosts each hold a descriptor; the soft limit of most systems is 1,024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    Arguments arguments = {0};
    g_autoptr(GError) error = NULL;
    setlocale(LC_ALL, "");
    bound_the_heap();
    raise_descriptor_limit();
    signal(SIGCHLD, SIG_DFL); /* whoever started it may have it ignored, and then no end of a hook is told */
    umask(0077); /* the database holds who asked for what */
    if (!parse_arguments(argc, argv, &arguments, &error)) {
        g_printerr("godwitd: %s\n", error->message);
        return 2;
    }
    g_autofree char *config = arguments.config, *backup = arguments.backup;
    if (arguments.version) {
        g_print("godwitd %s\n", GW_VERSION);
        return 0;
    }
    if (arguments.sample) {
        gw_settings_sample(stdout);
        return 0;
    }
    g_autoptr(GwSettings) settings = gw_settings_load(config, &error);
    if (settings && arguments.check && !check_state_path(settings, &error))
        ;
    else if (settings && arguments.check && !config && !g_file_test(GW_SETTINGS_PATH, G_FILE_TEST_EXISTS))
        g_print("%s is not there: the defaults are used\n", GW_SETTINGS_PATH);
    else if (settings && arguments.check)
        g_print("%s: no problem found\n", config ? config : GW_SETTINGS_PATH);
    else if (settings && backup)
        back_up(settings, backup, &error);
    else if (settings)
        run(settings, &error);
    if (error) {
        g_printerr("godwitd: %s\n", error->message);
        return 1;
    }
    return 0;
}
