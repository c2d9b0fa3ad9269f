#include "daemon/options.h"

#include "daemon/settings.h"

#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(GwSettings, member)
#define DEFAULT "DEFAULT"
#define NUMBER(member, initial, min, max, unit) GW_OPTION_NUMBER, AT(member), initial, min, max, unit
#define TEXT(type, member, initial) GW_OPTION_##type, AT(member), initial, 0, 0, NULL

enum { MANY = 1000000 };

/* In the order of gw_policies (core/ladder.c) and of GwTimeoutAction; a test compares them. */
static const char *const policies[] = {"balanced", "minimal-downtime", "fast", "never-pause", NULL};
static const char *const timeout_actions[] = {"policy", "abort", "force_complete", NULL};
static const char *const virt_types[] = {"auto", "kvm", "qemu", NULL};
static const char *const auth_strategies[] = {"http_basic", "noauth", "keystone", NULL}; /* GwAuthStrategy */

const GwOption gw_options[] = {
    {DEFAULT, "debug", {{NULL}}, TEXT(SWITCH, debug, "false"), "Logs every call to a host and every decision."},
    {DEFAULT,
     "state_path",
     {{NULL}},
     TEXT(PATH, state_path, "/var/lib/godwit"),
     "The folder of Godwit's own data on the machine that runs godwitd. Other options refer to it as "
     "$state_path."},
    {DEFAULT,
     "instances_path",
     {{NULL}},
     TEXT(PATH, instances_path, "$state_path/instances"),
     "The folder of the instances' disks, the same on every host, as in Nova."},
    {DEFAULT,
     "image_dir",
     {{NULL}},
     TEXT(PATH, image_dir, "$state_path/images"),
     "The folder, on the machine that runs godwitd, of the images that servers are made from: files named *.qcow2, *.raw and *.img, each "
     "an image as soon as it is there."},
    {DEFAULT,
     "database",
     {{"database", "connection"}},
     TEXT(DATABASE, database, "sqlite:///$state_path/godwit.db"),
     "Where Godwit keeps what no host knows: migrations under way, their history, the list of hosts. Losing it "
     "loses no instance."},
    {DEFAULT,
     "lease_seconds",
     {{NULL}},
     NUMBER(lease_s, "10", 2, 600, "s"),
     "Where several godwitd share a PostgreSQL database: how soon another takes over the hosts of one that died or hangs. The same for "
     "all of them."},
    {DEFAULT,
     "inventory_interval",
     {{NULL}},
     NUMBER(inventory_interval_s, "60", 1, 86400, "s"),
     "How often a host is asked for everything that it runs, beside the events that it sends."},
    {DEFAULT,
     "audit_interval",
     {{NULL}},
     NUMBER(audit_interval_s, "900", 0, 86400, "s"),
     "How often all hosts are audited as by `godwit doctor`, for /metrics, the log and `godwit doctor --last`. 0: never."},
    {DEFAULT,
     "history_days",
     {{NULL}},
     NUMBER(history_days, "365", 0, 36500, "days"),
     "How long migrations that ended, and what was asked of instances, are remembered. 0: for ever."},
    {DEFAULT,
     "host_call_timeout",
     {{NULL}},
     NUMBER(host_call_timeout_s, "10", 1, 600, "s"),
     "A host that does not answer a call for so long is taken to be unreachable. A copy under way is not such a "
     "call."},
    {DEFAULT,
     "vncserver_listen",
     {{"vnc", "server_listen"}, {"vnc", "vncserver_listen"}},
     TEXT(HOST, vncserver_listen, ""),
     "The address that a moved instance's console listens on. Empty: it keeps its own, and a console that listens on "
     "an address of the source alone cannot move. 0.0.0.0 is what the manual asks for."},
    {DEFAULT,
     "live_migration_uri",
     {{"libvirt", "live_migration_uri"}},
     TEXT(TEMPLATE, live_migration_uri, ""),
     "How the source reaches the destination; %s stands for the destination's address. Empty: by the address "
     "under which the destination was added. Nova's default was qemu+tcp://%s/system."},
    {DEFAULT,
     "live_migration_inbound_addr",
     {{"libvirt", "live_migration_inbound_addr"}},
     TEXT(INBOUND, live_migration_inbound_addr, ""),
     "Where memory and disks are sent, for a network of their own: HOST=ADDRESS pairs with commas between them, and a name with %s "
     "for all other hosts. Empty: to the name that the destination gives itself."},
    {DEFAULT,
     "live_migration_flag",
     {{"libvirt", "live_migration_flag"}},
     TEXT(FLAGS, live_migration_flag, "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_LIVE"),
     "libvirt's flags for a live migration over shared storage."},
    {DEFAULT,
     "block_migration_flag",
     {{"libvirt", "block_migration_flag"}},
     TEXT(FLAGS, block_migration_flag,
          "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_NON_SHARED_INC, VIR_MIGRATE_LIVE"),
     "libvirt's flags for a live migration that copies disks too."},
    {DEFAULT,
     "live_migration_bandwidth",
     {{"libvirt", "live_migration_bandwidth"}},
     NUMBER(live_migration_bandwidth_mibps, "0", 0, MANY, "MiB/s"),
     "The most that one migration may send. 0: no limit."},
    {DEFAULT,
     "live_migration_retry_count",
     {{NULL}},
     NUMBER(live_migration_retry_count, "30", 0, 3600, NULL),
     "How often the start of a migration is tried again, after a second each, when it fails for a reason that "
     "may pass."},
    {DEFAULT,
     "max_concurrent_live_migrations",
     {{NULL}},
     NUMBER(max_concurrent_live_migrations, "0", 0, 1000, NULL),
     "How many live migrations may leave one host at once. 0: no limit. Nova's default is 1."},
    {DEFAULT,
     "shutdown_timeout",
     {{NULL}},
     NUMBER(shutdown_timeout_s, "60", 0, 3600, "s"),
     "How long a guest may take to shut down before a cold migration; then its plug is pulled."},
    {DEFAULT,
     "reserved_host_memory_mb",
     {{NULL}},
     NUMBER(reserved_host_memory_mib, "512", 0, MANY * 100, "MiB"),
     "Memory of every host that is never given to instances."},
    {"libvirt",
     "virt_type",
     {{DEFAULT, "virt_type"}},
     .type = GW_OPTION_CHOICE,
     .offset = AT(virt_type),
     .initial = "auto",
     .help = "How servers that Godwit makes are virtualised. auto: by KVM where the host has it, else emulated. Nova's default is kvm.",
     .choices = virt_types},
    {"libvirt",
     "live_migration_completion_timeout",
     {{DEFAULT, "live_migration_completion_timeout"}},
     NUMBER(live_migration_completion_timeout_s, "800", 0, MANY, "s per GiB"),
     "A live migration that takes longer than this for each GiB of memory and of copied disk is ended, the "
     "instance running where it was. 0: never."},
    {"libvirt",
     "live_migration_timeout_action",
     {{DEFAULT, "live_migration_timeout_action"}},
     .type = GW_OPTION_CHOICE,
     .offset = AT(live_migration_timeout_action),
     .initial = "policy",
     .help = "What is done with a live migration at its completion timeout. policy: what the migration_policy allows, and then an "
             "abort. abort: nothing is forced on the guest, at the timeout or before. force_complete: post-copy where it is "
             "permitted, else a pause however long.",
     .choices = timeout_actions},
    {"libvirt",
     "migration_policy",
     {{DEFAULT, "migration_policy"}},
     .type = GW_OPTION_CHOICE,
     .offset = AT(migration_policy),
     .initial = "balanced",
     .help = "What may be done to end a live migration whose guest writes faster than it is copied. balanced: the guest is slowed "
             "down, then paused for 10 s at most. minimal-downtime: it is slowed down, then paused for 1 s at most; post-copy, where "
             "it is permitted, as soon as copying brings nothing. fast: it is not slowed down, and paused for 30 s at most; "
             "post-copy likewise. never-pause: it is slowed down, and the migration given up when that does not suffice.",
     .choices = policies},
    {"libvirt",
     "live_migration_downtime",
     {{DEFAULT, "live_migration_downtime"}},
     NUMBER(live_migration_downtime_ms, "0", 0, MANY, "ms"),
     "A copy switches over as soon as the guest's pause is estimated to be no longer. 0: as the migration_policy says (balanced "
     "500, minimal-downtime 100, fast 2000, never-pause 300). Nova raises the limit in steps; Godwit sets it at once."},
    {"libvirt",
     "live_migration_with_native_tls",
     {{DEFAULT, "live_migration_with_native_tls"}},
     TEXT(SWITCH, live_migration_with_native_tls, "false"),
     "Memory and disks travel encrypted, by QEMU's own TLS with the certificates in /etc/pki/qemu of both hosts (VIR_MIGRATE_TLS in both "
     "kinds of flags). Where a host has none the migration fails; nothing is sent in clear instead. `godwit doctor --probe` tells "
     "beforehand."},
    {"libvirt",
     "live_migration_permit_post_copy",
     {{DEFAULT, "live_migration_permit_post_copy"}},
     TEXT(SWITCH, live_migration_permit_post_copy, "false"),
     "Whether a migration that does not end otherwise may let the guest run on the destination and fetch the rest of its memory "
     "there. It always ends, with a short pause; but a guest whose two hosts lose sight of each other meanwhile is lost."},
    {"libvirt",
     "live_migration_permit_auto_converge",
     {{DEFAULT, "live_migration_permit_auto_converge"}},
     TEXT(SWITCH, live_migration_permit_auto_converge, "true"),
     "Whether a guest that writes faster than it is copied may be slowed down. Not used where post-copy is permitted, as in Nova, "
     "where the default is false."},
    {"xenserver",
     "password_file",
     {{NULL}},
     TEXT(PATH, xenserver_password_file, "/etc/godwit/xenserver.password"),
     "The file whose first line is the password of XenServer and XCP-ng hosts, for addresses (xapi://) that name no "
     "password_file of their own."},
    {"xenserver",
     "sr_matching_filter",
     {{NULL}},
     TEXT(SR_FILTER, xenserver_sr_filter, "default-sr:true"),
     "The storage repository that takes the disks of a block migration to a XenServer host. default-sr:true: the pool's default one "
     "where the host has it, else the roomiest local one of type ext; other-config:KEY=VALUE: one so marked."},
    {"api",
     "listen",
     {{DEFAULT, "osapi_compute_listen"}},
     TEXT(ADDRESS, api_listen, "127.0.0.1"),
     "The address at which the Compute API is served; 0.0.0.0 or :: for all."},
    {"api",
     "port",
     {{DEFAULT, "osapi_compute_listen_port"}},
     NUMBER(api_port, "8774", 0, 65535, NULL),
     "The TCP port of the Compute API. 0: any free one, which the log names."},
    {"api",
     "auth_strategy",
     {{DEFAULT, "auth_strategy"}},
     .type = GW_OPTION_CHOICE,
     .offset = AT(api_auth_strategy),
     .initial = "http_basic",
     .help = "How callers show who they are. http_basic: a user and his password with every request, or a token that they were "
             "given for it. noauth: everyone is an administrator; only on a loopback address. keystone: a token of the Keystone that "
             "[keystone_authtoken] names.",
     .choices = auth_strategies},
    {"api",
     "http_basic_auth_user_file",
     {{DEFAULT, "http_basic_auth_user_file"}},
     TEXT(PATH, api_users_file, "$state_path/htpasswd"),
     "The users and their passwords, as htpasswd -B writes them; a file of that name with .roles says who is no administrator. Made with an "
     "admin, whose password is then in $state_path/admin-password, when it is not there."},
    {"api",
     "token_expiration",
     {{NULL}},
     NUMBER(api_token_expiration_s, "3600", 60, 604800, "s"),
     "How long a token is good that was given for a password."},
    {"keystone_authtoken",
     "auth_url",
     {{"keystone_authtoken", "identity_uri"}},
     TEXT(TEXT, keystone_auth_url, ""),
     "With auth_strategy = keystone: where Godwit asks whether a token is good, such as https://keystone:5000/v3."},
    {"keystone_authtoken",
     "www_authenticate_uri",
     {{"keystone_authtoken", "auth_uri"}},
     TEXT(TEXT, keystone_public_url, ""),
     "Where callers without a token are told to get one. Empty: auth_url."},
    {"keystone_authtoken",
     "username",
     {{NULL}},
     TEXT(TEXT, keystone_user, "godwit"),
     "Godwit's own user there, who asks whether the tokens of others are good: it needs the role service or admin."},
    {"keystone_authtoken",
     "password",
     {{NULL}},
     TEXT(SECRET, keystone_password, ""),
     "Its password. Or leave this empty, and write it into the file that password_file names."},
    {"keystone_authtoken",
     "password_file",
     {{NULL}},
     TEXT(FILE, keystone_password_file, ""),
     "The file whose first line is that password."},
    {"keystone_authtoken", "project_name", {{NULL}}, TEXT(TEXT, keystone_project, "service"), "The project of Godwit's own user."},
    {"keystone_authtoken",
     "user_domain_name",
     {{NULL}},
     TEXT(TEXT, keystone_user_domain, "Default"),
     "The domain of Godwit's own user."},
    {"keystone_authtoken",
     "project_domain_name",
     {{NULL}},
     TEXT(TEXT, keystone_project_domain, "Default"),
     "The domain of its project."},
    {"keystone_authtoken",
     "cafile",
     {{NULL}},
     TEXT(FILE, keystone_ca_file, ""),
     "Whom to trust for Keystone's certificate (PEM). Empty: the system's list."},
    {"keystone_authtoken",
     "insecure",
     {{NULL}},
     TEXT(SWITCH, keystone_insecure, "false"),
     "Keystone's certificate is not checked: whoever stands between may let anybody in."},
    {"keystone_authtoken",
     "token_cache_time",
     {{NULL}},
     NUMBER(keystone_cache_s, "300", 0, 86400, "s"),
     "How long Keystone's word on a token is believed. A revoked token, or a role taken away, is good for so long. 0: it is asked every "
     "time."},
    {"keystone_authtoken",
     "http_connect_timeout",
     {{NULL}},
     NUMBER(keystone_timeout_s, "5", 1, 60, "s"),
     "A Keystone that does not answer a question for so long is taken to be down: callers get 503."},
    {"api",
     "ssl_cert_file",
     {{DEFAULT, "ssl_cert_file"}, {"wsgi", "ssl_cert_file"}},
     TEXT(FILE, api_cert_file, ""),
     "A certificate (PEM, with its chain): the API is then served by TLS. Empty: by plain HTTP."},
    {"api",
     "ssl_key_file",
     {{DEFAULT, "ssl_key_file"}, {"wsgi", "ssl_key_file"}},
     TEXT(FILE, api_key_file, ""),
     "The certificate's key (PEM)."},
    {"api",
     "threads",
     {{DEFAULT, "osapi_compute_workers"}},
     NUMBER(api_threads, "4", 1, 256, NULL),
     "How many threads answer requests."},
    {"api",
     "max_limit",
     {{DEFAULT, "osapi_max_limit"}},
     NUMBER(api_max_limit, "1000", 1, MANY, NULL),
     "The most rows in one answer; a client asks for the following ones with a marker."},
};

const guint gw_option_count = G_N_ELEMENTS(gw_options);

/* Options of nova.conf that people will bring along, and what Godwit has in their place. */
static const struct {
    const char *name, *instead;
} elsewhere[] = {
    {"live_migration_downtime_steps", "live_migration_downtime holds from the start"},
    {"live_migration_downtime_delay", "live_migration_downtime holds from the start"},
    {"live_migration_progress_timeout", "use live_migration_completion_timeout"},
    {"live_migration_tunnelled", "put VIR_MIGRATE_TUNNELLED into live_migration_flag"},
    {"live_migration_scheme", "write the scheme into live_migration_uri, or into the address of the host"},
    {"resize_confirm_window", "a cold migration waits until it is confirmed or reverted"},
    {"auth_type", "Godwit logs in to Keystone by password"},
    {"memcached_servers", "Godwit remembers Keystone's answers itself: token_cache_time"},
    {"libvirt_type", "the hypervisor is asked"},
    {"libvirt_uri", "add each host by its address: godwit host-add"},
    {"connection_uri", "add each host by its address: godwit host-add"},
    {"compute_driver", "add each host by its address: godwit host-add"},
    {"xenapi_connection_url", "add the pool by its address: godwit host-add"},
    {"xenapi_connection_username", "add the pool by its address: godwit host-add"},
    {"xenapi_connection_password", "add the pool by its address: godwit host-add"},
};

static gboolean is_named(const char *own_section, const char *own_name, const char *section, const char *name)
{
    return strcmp(own_name, name) == 0 && (!section || strcmp(own_section, section) == 0);
}

const GwOption *gw_option_find(const char *section, const char *name)
{
    for (guint i = 0; i < gw_option_count; i++) {
        const GwOption *option = &gw_options[i];
        if (is_named(option->section, option->name, section, name))
            return option;
        for (guint j = 0; j < GW_OPTION_ALIASES_MAX && option->aliases[j].name; j++)
            if (is_named(option->aliases[j].section, option->aliases[j].name, section, name))
                return option;
    }
    return NULL;
}

static void append_kind(GString *text, const GwOption *option)
{
    static const char *const kinds[] = {
        [GW_OPTION_SWITCH] = "true or false",
        [GW_OPTION_NUMBER] = "whole number",
        [GW_OPTION_PATH] = "absolute path",
        [GW_OPTION_FLAGS] = "migration flags",
        [GW_OPTION_INBOUND] = "HOST=ADDRESS, ..., a name with %s, or empty",
        [GW_OPTION_TEMPLATE] = "URI with one %s, or empty",
        [GW_OPTION_ADDRESS] = "IP address",
        [GW_OPTION_SR_FILTER] = "default-sr:true or other-config:KEY=VALUE",
        [GW_OPTION_HOST] = "IP address, host name, or empty",
        [GW_OPTION_DATABASE] = "sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        [GW_OPTION_CHOICE] = "one of ",
        [GW_OPTION_FILE] = "absolute path, or empty",
        [GW_OPTION_TEXT] = "text",
        [GW_OPTION_SECRET] = "secret text",
    };
    g_string_append(text, kinds[option->type]);
    if (option->type == GW_OPTION_CHOICE) {
        g_autofree char *words = g_strjoinv(", ", (char **)option->choices);
        g_string_append(text, words);
    }
    if (option->type != GW_OPTION_NUMBER)
        return;
    if (option->unit)
        g_string_append_printf(text, ", %s", option->unit);
    g_string_append_printf(text, ", %u to %u", option->min, option->max);
}

char *gw_option_summary(const GwOption *option)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "In [%s]", option->section);
    for (guint i = 0; i < GW_OPTION_ALIASES_MAX && option->aliases[i].name; i++)
        g_string_append_printf(text, ", or as [%s] %s", option->aliases[i].section, option->aliases[i].name);
    g_string_append(text, "; ");
    append_kind(text, option);
    g_string_append_printf(text, "; default: %s", *option->initial ? option->initial : "empty");
    return g_string_free(text, FALSE);
}

/* ---- Advice */

/* Levenshtein's distance: letters to be put in, taken out or changed. Names are short. */
static guint distance(const char *a, const char *b)
{
    gsize columns = strlen(b) + 1;
    g_autofree guint *row = g_new(guint, columns);
    for (guint j = 0; j < columns; j++)
        row[j] = j;
    for (guint i = 1; *a; a++, i++) {
        guint diagonal = row[0];
        row[0] = i;
        for (guint j = 1; j < columns; j++) {
            guint changed = diagonal + (g_ascii_tolower(*a) != g_ascii_tolower(b[j - 1]));
            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[columns - 1];
}

static const GwOption *nearest(const char *name)
{
    const GwOption *best = NULL;
    guint best_distance = MIN(4, (guint)strlen(name) / 3 + 1); /* farther ones are no typing errors */
    for (guint i = 0; i < gw_option_count && strlen(name) < 100; i++) {
        guint far = distance(name, gw_options[i].name);
        if (far < best_distance) {
            best = &gw_options[i];
            best_distance = far;
        }
    }
    return best;
}

/* The section that may have been meant by one that is not there; NULL. */
static const char *nearest_section(const char *section)
{
    const char *best = NULL;
    guint best_distance = MIN(4, (guint)strlen(section) / 3 + 1);
    for (guint i = 0; i < gw_option_count && strlen(section) < 100; i++) {
        guint far = distance(section, gw_options[i].section);
        if (g_ascii_strcasecmp(section, gw_options[i].section) == 0)
            return NULL;
        if (far < best_distance) {
            best = gw_options[i].section;
            best_distance = far;
        }
    }
    return best;
}

char *gw_option_advice(const char *section, const char *name)
{
    const char *meant = nearest_section(section);
    if (meant)
        return g_strdup_printf("stands in [%s], which is no section that Godwit reads; did you mean [%s]?", section, meant);
    const GwOption *option = gw_option_find(NULL, name);
    if (option)
        return g_strdup_printf("is no option of [%s]; move it to [%s]", section, option->section);
    for (guint i = 0; i < G_N_ELEMENTS(elsewhere); i++)
        if (strcmp(elsewhere[i].name, name) == 0)
            return g_strdup_printf("is an option of nova.conf that Godwit does not have; remove it: %s",
                                   elsewhere[i].instead);
    option = nearest(name);
    if (option)
        return g_strdup_printf("is no option; did you mean [%s] %s?", option->section, option->name);
    return g_strdup("is no option; godwitd --sample-config lists those there are");
}
