/* What godwit.conf says. Its language is that of nova.conf, and the options that concern migration have the names,
 * places and meaning that they have there (options.c is the table; docs/configuration.md describes each). */
#ifndef GW_DAEMON_SETTINGS_H
#define GW_DAEMON_SETTINGS_H

#include <glib.h>
#include <stdio.h>

#define GW_SETTINGS_PATH "/etc/godwit/godwit.conf"

/* Strings are never NULL: "" is what an option says that is not set. Defaults in parentheses. */
typedef struct {
    gboolean debug;                           /* log everything (false) */
    char *state_path;                         /* folder of Godwit's own data (/var/lib/godwit) */
    char *instances_path;                     /* folder of instances' disks on every host ($state_path/instances) */
    char *image_dir;                          /* folder of images, on this machine ($state_path/images) */
    guint virt_type;                          /* of new servers: 0 auto, 1 kvm, 2 qemu (auto) */
    char *database;                           /* or postgresql://… (sqlite:///$state_path/godwit.db) */
    guint lease_s;                            /* of a host, where several godwitd share a database, 2 … 600 (10) */
    guint audit_interval_s;                   /* between two audits of all hosts, 0 … 86400 (900); 0: none */
    guint inventory_interval_s;               /* between two full looks at a host, 1 … 86400 (60) */
    guint history_days;                       /* ended migrations are kept so long; 0: for ever (365) */
    guint host_call_timeout_s;                /* a host silent for so long is unreachable, 1 … 600 (10) */
    char *vncserver_listen;                   /* console's address on the destination; "": the instance's own ("") */
    char *live_migration_inbound_addr;        /* as core/inbound.h has it; "" ("") */
    char *live_migration_uri;                 /* one %s, the destination's address; "": the host's own address ("") */
    guint64 live_migration_flag;              /* GW_FLAG_* (UNDEFINE_SOURCE, PEER2PEER, LIVE) */
    guint64 block_migration_flag;             /* GW_FLAG_* (the same and NON_SHARED_INC) */
    guint live_migration_bandwidth_mibps;     /* 0: no limit (0) */
    guint live_migration_completion_timeout_s; /* per GiB of memory and copied disk; 0: none (800) */
    guint live_migration_timeout_action;      /* GwTimeoutAction (GW_TIMEOUT_POLICY) */
    guint migration_policy;                   /* index into gw_policies (balanced) */
    guint live_migration_downtime_ms;         /* 0: the policy's (0) */
    guint live_migration_downtime_steps, live_migration_downtime_delay_s; /* 0, 1: no steps; per GiB (0, 75) */
    guint live_migration_parallel_connections; /* 1: one (1) */
    guint live_migration_compression;         /* 0 auto, 1 none, 2 xbzrle, 3 zlib, 4 zstd (auto) */
    guint block_migration_synchronous_writes; /* GwSyncWrites: auto, always, never (auto) */
    guint migration_link_bandwidth_mibps;     /* of all migrations at one host together; 0: no limit (0) */
    gboolean live_migration_permit_post_copy, live_migration_permit_auto_converge; /* (false, true) */
    gboolean live_migration_with_native_tls;  /* VIR_MIGRATE_TLS in both kinds of flags (false) */
    guint live_migration_retry_count;         /* retries, one second apart (30) */
    guint max_concurrent_live_migrations;     /* per source host; 0: no limit (0) */
    guint shutdown_timeout_s;                 /* for a guest to shut down before a cold move (60) */
    guint reserved_host_memory_mib;           /* of every host, never given to instances (512) */
    char *hook_dir;                           /* folder of hooks, on this machine (/etc/godwit/hooks) */
    guint hook_timeout_s;                     /* 1 … 604800 (3600) */
    guint balance_interval_s, balance_samples, balance_threshold_percent, balance_gain_percent; /* (0, 3, 10, 20) */
    guint balance_cooldown_s, balance_max_moves; /* (1800, 10) */
    guint balance_objective;                  /* GwObjective: cpu, memory or both (both) */
    char *xenserver_password_file;            /* (/etc/godwit/xenserver.password) */
    guint xenserver_pool_timeout_s;           /* 10 … 86400 (600) */
    char *xenserver_sr_filter;                /* (default-sr:true) */
    char *api_listen;                         /* IP address (127.0.0.1) */
    guint api_port;                           /* 0: any free one (8774) */
    guint api_auth_strategy;                  /* GwAuthStrategy (http_basic) */
    char *api_users_file;                     /* ($state_path/htpasswd) */
    guint api_token_expiration_s;             /* (3600) */
    char *keystone_auth_url, *keystone_public_url; /* ("") */
    char *keystone_user, *keystone_password, *keystone_password_file, *keystone_project; /* (godwit, "", "", service) */
    char *keystone_user_domain, *keystone_project_domain; /* (Default) */
    char *keystone_ca_file;                   /* ("") */
    gboolean keystone_insecure;               /* (false) */
    guint keystone_cache_s, keystone_timeout_s; /* (300, 5) */
    char *api_cert_file, *api_key_file;       /* PEM; "": plain HTTP ("") */
    guint api_threads;                        /* that answer requests, 1 … 256 (4) */
    guint api_max_limit;                      /* rows in one answer (1000) */
} GwSettings;

/* path NULL: GW_SETTINGS_PATH if it exists, else the defaults. Fails with everything that is wrong, one per line as
 * "FILE:LINE: option: value: what is wrong; remedy": GW_ERROR_INVALID, or GW_ERROR_NOT_FOUND when path is not there. */
GwSettings *gw_settings_load(const char *path, GError **error);
/* The same of a text; file is what the messages call it. */
GwSettings *gw_settings_parse(const char *text, const char *file, GError **error);
void gw_settings_free(GwSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSettings, gw_settings_free)

/* The file of an sqlite:/// database; NULL: it is PostgreSQL's, and `database` its address. Borrowed. */
const char *gw_settings_database_path(const GwSettings *settings);

/* A godwit.conf with every option, described and commented out with its default. */
void gw_settings_sample(FILE *file);

#endif
