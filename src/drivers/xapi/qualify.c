/* What is in the way of a host's joining a pool, all of it at once: xapi itself names only the first thing that it meets. And what a host that
 * leaves would lose. Rules: xapi_pool.ml (pre_join_checks, eject); those of Godwit's own say so. */
#include "drivers/xapi/internal.h"

#include "core/checks.h"

#include <string.h>

enum { RESTRICTED_SIZE = 3 }; /* hosts of a pool whose licence restricts its size */

typedef struct {
    GPtrArray *findings;
    const char *name;          /* Godwit's, of the joining host */
    const json_t *mine, *their; /* tables: of the host, and of the pool */
    const json_t *host, *master, *my_pool, *their_pool; /* records */
    const json_t *tasks;       /* of the host; NULL: not asked */
    GwJoinHow how;
} Join;

/* All three are taken. */
static void block(const Join *join, const char *code, char *fact, char *why, const char *remedy)
{
    gw_findings_add(join->findings, GW_FINDING_BLOCKS, code, join->name, fact, why, g_strdup(remedy));
}

static const char *version(const json_t *host, const char *key)
{
    const char *value = gw_xapi_in_map(host, "software_version", key);
    return value ? value : "";
}

static void append_name(GString *names, const char *name)
{
    g_string_append_printf(names, "%s%s", names->len ? ", " : "", *name ? name : "(without a name)");
}

/* ---- which pools */

static void check_size(const Join *join)
{
    guint members = (guint)json_object_size(gw_xapi_table(join->their, "host"));
    if (g_strcmp0(gw_xapi_in_map(join->their_pool, "restrictions", "restrict_pool_size"), "true") == 0 && members >= RESTRICTED_SIZE)
        block(join, "licence", g_strdup_printf("the pool has %u hosts", members),
              g_strdup_printf("its licence allows %d", RESTRICTED_SIZE), "license the pool for more hosts");
}

static const json_t *management_of(const json_t *tables, const char *host)
{
    const char *ref;
    json_t *pif;
    json_object_foreach(gw_xapi_table(tables, "PIF"), ref, pif)
        if (gw_xapi_bool(pif, "management") && strcmp(gw_xapi_text(pif, "host"), host) == 0)
            return pif;
    return NULL;
}

static void check_management(const Join *join)
{
    const json_t *own = management_of(join->mine, gw_xapi_text(join->my_pool, "master"));
    const json_t *other = management_of(join->their, gw_xapi_text(join->their_pool, "master"));
    if (!own) {
        block(join, "management", g_strdup_printf("%s has no management interface yet", join->name),
              g_strdup("it is still booting"), "wait until it has booted");
        return;
    }
    if (strcmp(gw_xapi_text(own, "ip_configuration_mode"), "DHCP") == 0) /* XenServer's manual; xapi does not look */
        block(join, "management",
              g_strdup_printf("the management interface %s of %s has its address by DHCP", gw_xapi_text(own, "device"), join->name),
              g_strdup("the members of a pool know one another by address"), "give it a static address (xe pif-reconfigure-ip)");
    if (!other)
        return;
    if (gw_xapi_int(own, "VLAN") != gw_xapi_int(other, "VLAN"))
        block(join, "management-vlan",
              g_strdup_printf("%s is managed on VLAN %" G_GINT64_FORMAT " and the pool on %" G_GINT64_FORMAT " (-1: none)", join->name,
                              gw_xapi_int(own, "VLAN"), gw_xapi_int(other, "VLAN")),
              g_strdup("members are managed on one VLAN"), "put its management interface on the pool's VLAN");
    if (strcmp(gw_xapi_text(own, "primary_address_type"), gw_xapi_text(other, "primary_address_type")) != 0)
        block(join, "address-type",
              g_strdup_printf("%s is managed by %s and the pool by %s", join->name, gw_xapi_text(own, "primary_address_type"),
                              gw_xapi_text(other, "primary_address_type")),
              g_strdup("members have addresses of one type"), "change the type of its management address");
}

static void check_ha(const Join *join)
{
    static const char *const remedy = "disable high availability (xe pool-ha-disable) while hosts join";
    if (gw_xapi_bool(join->my_pool, "ha_enabled"))
        block(join, "ha", g_strdup_printf("%s has high availability enabled", join->name), g_strdup("nothing joins then"), remedy);
    if (gw_xapi_bool(join->their_pool, "ha_enabled"))
        block(join, "ha", g_strdup("the pool has high availability enabled"), g_strdup("nothing joins then"), remedy);
}

static void check_clustering(const Join *join)
{
    const json_t *const both[] = {join->mine, join->their};
    for (guint i = 0; i < G_N_ELEMENTS(both); i++)
        if (json_object_size(gw_xapi_table(both[i], "Cluster_host")))
            block(join, "clustering", i ? g_strdup("the pool has clustering enabled") : g_strdup_printf("%s has clustering enabled", join->name),
                  g_strdup("nothing joins then"), "disable clustering (xe cluster-pool-destroy)");
}

/* The pool's record of a host with the same UUID; NULL: none. */
static const json_t *twin_of(const Join *join)
{
    g_autofree char *ref = gw_xapi_find(join->their, "host", "uuid", gw_xapi_text(join->host, "uuid"));
    return ref ? gw_xapi_record(join->their, "host", ref) : NULL;
}

/* What a join that broke off has left: the next one uses it. */
static gboolean is_left_over(const Join *join, const json_t *twin)
{
    return twin && !gw_xapi_bool(gw_xapi_record(join->their, "host_metrics", gw_xapi_text(twin, "metrics")), "live");
}

static void check_places(const Join *join)
{
    guint members = (guint)json_object_size(gw_xapi_table(join->mine, "host"));
    if (members > 1)
        block(join, "other-pool", g_strdup_printf("%s is in a pool of %u hosts already", join->name, members),
              g_strdup("only a host that is alone joins another pool"), "eject it from that pool first");
    const json_t *twin = twin_of(join);
    if (twin && !is_left_over(join, twin)) /* Godwit's own: xapi would take its record for the other's */
        block(join, "duplicate-uuid",
              g_strdup_printf("%s has the UUID %s, as has %s of the pool", join->name, gw_xapi_text(join->host, "uuid"),
                              gw_xapi_text(twin, "name_label")),
              g_strdup("one is a clone of the other"), "install it anew");
}

/* ---- what it does just now */

static gboolean is_guest(const json_t *vm)
{
    return !gw_xapi_bool(vm, "is_control_domain") && !gw_xapi_bool(vm, "is_a_template") && !gw_xapi_bool(vm, "is_a_snapshot");
}

/* Stricter than xapi, which minds only those that run: the memory of a suspended one would be lost with its host's database. */
static void check_instances(const Join *join)
{
    static const char *const states[] = {"Running", "Paused", "Suspended"};
    static const char *const words[] = {"running", "paused", "suspended"};
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GString) names = g_string_new(NULL);
        const char *ref;
        json_t *vm;
        json_object_foreach(gw_xapi_table(join->mine, "VM"), ref, vm)
            if (is_guest(vm) && strcmp(gw_xapi_text(vm, "power_state"), states[i]) == 0)
                append_name(names, gw_xapi_text(vm, "name_label"));
        if (names->len)
            block(join, "instances", g_strdup_printf("instances of %s are %s: %s", join->name, words[i], names->str),
                  g_strdup("its toolstack restarts"), "shut them down, or move them away");
    }
}

static void check_operations(const Join *join)
{
    g_autoptr(GString) names = g_string_new(NULL);
    const char *ref;
    json_t *record;
    json_object_foreach(gw_xapi_table(join->mine, "VM"), ref, record)
        if (json_object_size(json_object_get(record, "current_operations")))
            append_name(names, gw_xapi_text(record, "name_label"));
    if (names->len)
        block(join, "operations", g_strdup_printf("something is being done to instances of %s: %s", join->name, names->str),
              g_strdup("its toolstack restarts"), "wait until that has ended");
    g_autoptr(GString) tasks = g_string_new(NULL);
    json_object_foreach((json_t *)join->tasks, ref, record) /* Godwit's own: the restart would break them off */
        if (strcmp(gw_xapi_text(record, "status"), "pending") == 0)
            append_name(tasks, gw_xapi_text(record, "name_label"));
    if (tasks->len)
        block(join, "tasks", g_strdup_printf("tasks are under way on %s: %s", join->name, tasks->str),
              g_strdup("its toolstack restarts"), "wait until they have ended, or cancel them");
    if (json_object_size(json_object_get(join->their_pool, "current_operations")))
        block(join, "operations", g_strdup("something is being done to the pool as a whole"), g_strdup("nothing joins then"),
              "wait until that has ended");
}

static void check_guidance(const Join *join)
{
    const json_t *const both[] = {join->host, join->master};
    for (guint i = 0; i < G_N_ELEMENTS(both); i++)
        if (json_array_size(gw_xapi_list(both[i], "pending_guidances")))
            block(join, "updates", g_strdup_printf("%s has updates that still demand a restart", i ? "the pool's master" : join->name),
                  g_strdup("nothing joins then"), "do what `xe host-param-get param-name=pending-guidances` tells");
}

/* ---- what it is */

static void compare(const Join *join, const char *code, const char *what, const char *own, const char *other, const char *remedy)
{
    if (strcmp(own, other) != 0)
        block(join, code, g_strdup_printf("%s of %s is '%s'", what, join->name, own), g_strdup_printf("that of the pool is '%s'", other), remedy);
}

static void compare_version(const Join *join, const char *code, const char *what, const char *key, const char *remedy)
{
    compare(join, code, what, version(join->host, key), version(join->master, key), remedy);
}

static const char *cpu(const json_t *host, const char *key)
{
    const char *value = gw_xapi_in_map(host, "cpu_info", key);
    return value ? value : "";
}

static void check_software(const Join *join)
{
    static const char *const remedy = "bring both to the same version";
    compare_version(join, "version", "the platform", "platform_version", remedy);
    compare_version(join, "version", "the product", "product_brand", remedy);
    compare_version(join, "version", "the database schema", "db_schema", remedy);
    compare_version(join, "network-backend", "the network backend", "network_backend", "switch one of them (xe-switch-network-backend)");
    for (guint i = 0; i < 2; i++) {
        const char *field = i ? "API_version_minor" : "API_version_major";
        if (gw_xapi_int(join->host, field) != gw_xapi_int(join->master, field))
            block(join, "version", g_strdup_printf("%s of %s is %" G_GINT64_FORMAT, field, join->name, gw_xapi_int(join->host, field)),
                  g_strdup_printf("that of the pool is %" G_GINT64_FORMAT, gw_xapi_int(join->master, field)), remedy);
    }
}

/* All that pool.join_force passes by. */
static void check_equal(const Join *join)
{
    static const char *const remedy = "bring both to the same version; --force passes by this";
    if (join->how == GW_JOIN_FORCE)
        return;
    compare_version(join, "homogeneous", "the version", "product_version", remedy);
    compare_version(join, "homogeneous", "the toolstack", "xapi", remedy);
    compare_version(join, "homogeneous", "the build", "git_id", remedy);
    compare_version(join, "homogeneous", "the Linux pack", "xs:linux", remedy);
    compare(join, "cpu-vendor", "the CPU vendor", cpu(join->host, "vendor"), cpu(join->master, "vendor"),
            "pool hosts of one vendor; with --force no instance migrates live between the two kinds");
}

static void check_features(const Join *join)
{
    const char *own = cpu(join->host, "features_hvm"), *other = cpu(join->their_pool, "features_hvm");
    if (*own && *other && strcmp(own, other) != 0 && strcmp(cpu(join->host, "vendor"), cpu(join->master, "vendor")) == 0)
        gw_findings_add(join->findings, GW_FINDING_WARNS, "cpu-features", join->name,
                        g_strdup_printf("the CPU of %s has other features than the pool offers to its guests", join->name),
                        g_strdup("the pool's level falls to what all have, and guests that run keep theirs until they are restarted"),
                        g_strdup("restart guests that are to migrate to it"));
}

static void check_configuration(const Join *join)
{
    compare(join, "external-auth", "external authentication", gw_xapi_text(join->host, "external_auth_type"),
            gw_xapi_text(join->master, "external_auth_type"), "give both the same (xe pool-enable-external-auth)");
    compare(join, "external-auth", "the authentication service", gw_xapi_text(join->host, "external_auth_service_name"),
            gw_xapi_text(join->master, "external_auth_service_name"), "give both the same (xe pool-enable-external-auth)");
    compare(join, "licence", "the edition", gw_xapi_text(join->host, "edition"), gw_xapi_text(join->master, "edition"),
            "license both for the same edition (xe host-apply-edition)");
    if (gw_xapi_bool(join->my_pool, "tls_verification_enabled") != gw_xapi_bool(join->their_pool, "tls_verification_enabled"))
        block(join, "tls",
              g_strdup_printf("verification of certificates is %s on %s", gw_xapi_bool(join->my_pool, "tls_verification_enabled") ? "on" : "off",
                              join->name),
              g_strdup("on the pool it is the other way round"), "enable it on both (xe pool-enable-tls-verification)");
    if (json_array_size(gw_xapi_list(join->host, "updates")) != json_array_size(gw_xapi_list(join->master, "updates")))
        block(join, "updates", g_strdup_printf("%s has %zu updates", join->name, json_array_size(gw_xapi_list(join->host, "updates"))),
              g_strdup_printf("the pool's master has %zu", json_array_size(gw_xapi_list(join->master, "updates"))),
              "apply the same updates to both");
}

/* ---- what it has */

static void check_storage(const Join *join)
{
    const char *ref;
    json_t *sr;
    json_object_foreach(gw_xapi_table(join->mine, "SR"), ref, sr)
        if (gw_xapi_bool(sr, "shared") && !gw_xapi_bool(sr, "is_tools_sr"))
            block(join, "shared-storage", g_strdup_printf("%s has the shared storage %s", join->name, gw_xapi_text(sr, "name_label")),
                  g_strdup("a joining host brings none"), "forget it there (xe sr-forget), and attach it again through the pool");
}

static void check_networks(const Join *join)
{
    static const struct {
        const char *field, *what;
    } kinds[] = {{"bond_master_of", "bonds"}, {"tunnel_access_PIF_of", "tunnels"}, {"sriov_logical_PIF_of", "SR-IOV networks"}};
    gboolean found[G_N_ELEMENTS(kinds)] = {0}, vlans = FALSE;
    const char *ref;
    json_t *pif;
    json_object_foreach(gw_xapi_table(join->mine, "PIF"), ref, pif) {
        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
            found[i] |= json_array_size(gw_xapi_list(pif, kinds[i].field)) > 0;
        vlans |= gw_xapi_int(pif, "VLAN") >= 0 && !gw_xapi_bool(pif, "management");
    }
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (found[i])
            block(join, "networks", g_strdup_printf("%s has %s", join->name, kinds[i].what), g_strdup("a joining host brings none"),
                  "remove them; the pool makes its own on it");
    if (vlans)
        block(join, "networks", g_strdup_printf("%s has VLANs besides that of its management", join->name),
              g_strdup("a joining host brings none"), "remove them; the pool makes its own on it");
}

/* By its own UUID, or by the one that Godwit goes on calling it after a move between pools. */
static gboolean is_in(const json_t *tables, const json_t *vm)
{
    char uuid[GW_UUID_SIZE];
    gw_xapi_uuid(vm, uuid);
    const char *ref;
    json_t *other;
    json_object_foreach(gw_xapi_table(tables, "VM"), ref, other)
        if (strcmp(gw_xapi_text(other, "uuid"), gw_xapi_text(vm, "uuid")) == 0 || (is_guest(other) && gw_xapi_is_called(other, uuid)))
            return TRUE;
    return FALSE;
}

/* Godwit's own: xapi would leave its record out without a word. */
static void check_duplicates(const Join *join)
{
    g_autoptr(GString) names = g_string_new(NULL);
    const char *ref;
    json_t *vm;
    if (is_left_over(join, twin_of(join)))
        return;
    json_object_foreach(gw_xapi_table(join->mine, "VM"), ref, vm)
        if (is_guest(vm) && is_in(join->their, vm))
            append_name(names, gw_xapi_text(vm, "name_label"));
    if (names->len)
        block(join, "duplicate-instances", g_strdup_printf("the pool has instances of the same UUID as %s: %s", join->name, names->str),
              g_strdup("one of the two would be lost"), "remove those that are not needed");
}

/* In xapi's order. */
static void (*const checks[])(const Join *) = {
    check_size,     check_management, check_ha,      check_clustering, check_places,        check_instances, check_operations, check_guidance,
    check_software, check_equal,      check_storage, check_networks,   check_configuration, check_duplicates, check_features,
};

/* Hosts that are too old for it know no such class. */
static void add_clusters(GwXapiPool *pool, json_t *tables)
{
    g_autoptr(GError) ignored = NULL;
    json_t *records = gw_xapi_call(pool, "Cluster_host.get_all_records", json_array(), 0, &ignored);
    if (records)
        json_object_set_new(tables, "Cluster_host", records);
}

/* A copy, since others may look at what is cached. */
static json_t *fresh_tables(GwXapiPool *pool, GError **error)
{
    gw_xapi_pool_has_read(pool);
    g_autoptr(json_t) shared = gw_xapi_all_tables(pool, error);
    json_t *tables = shared ? json_copy(shared) : NULL;
    if (tables)
        add_clusters(pool, tables);
    return tables;
}

gboolean gw_xapi_pool_qualify(GwHost *master, GwHost *host, GwJoinHow how, GPtrArray *findings, GError **error)
{
    g_autoptr(json_t) mine = fresh_tables(host->pool, error), their = mine ? fresh_tables(master->pool, error) : NULL;
    g_autofree char *ref = their ? gw_xapi_host_ref(host, mine, error) : NULL;
    g_autoptr(json_t) tasks = ref ? gw_xapi_call(host->pool, "task.get_all_records", json_array(), 0, error) : NULL;
    if (!tasks)
        return FALSE;
    Join join = {.findings = findings, .name = host->name, .mine = mine, .their = their, .tasks = tasks, .how = how};
    join.my_pool = gw_xapi_the_pool(mine);
    join.their_pool = gw_xapi_the_pool(their);
    join.host = gw_xapi_record(mine, "host", ref);
    join.master = gw_xapi_record(their, "host", gw_xapi_text(join.their_pool, "master"));
    for (guint i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i](&join);
    return TRUE;
}

/* ---- leaving */

typedef struct {
    GwPoolLosses *losses;
    const json_t *tables, *record;
    const char *ref;
} Leave;

static void hinder(const Leave *leave, const char *code, char *fact, const char *why, const char *remedy)
{
    gw_findings_add(leave->losses->findings, GW_FINDING_BLOCKS, code, NULL, fact, g_strdup(why), g_strdup(remedy));
}

static void check_leaving(const Leave *leave)
{
    const char *name = gw_xapi_text(leave->record, "name_label"), *vm;
    json_t *record;
    if (gw_xapi_bool(gw_xapi_the_pool(leave->tables), "ha_enabled"))
        hinder(leave, "ha", g_strdup("the pool has high availability enabled"), "nothing leaves then",
               "disable it (xe pool-ha-disable) while hosts leave");
    if (strcmp(gw_xapi_text(gw_xapi_the_pool(leave->tables), "master"), leave->ref) == 0)
        hinder(leave, "master", g_strdup_printf("%s is the pool's master", name), "a master does not leave its pool",
               "make another host the master (xe pool-designate-new-master)");
    json_object_foreach(gw_xapi_table(leave->tables, "VM"), vm, record)
        if (!gw_xapi_bool(record, "is_control_domain") && strcmp(gw_xapi_text(record, "resident_on"), leave->ref) == 0 &&
            strcmp(gw_xapi_text(record, "power_state"), "Halted") != 0)
            hinder(leave, "instances", g_strdup_printf("%s is on %s", gw_xapi_text(record, "name_label"), name), "it would be killed",
                   "move it away, or shut it down");
}

/* Drives and removable media are the machine's own, and hold nothing of the pool's. */
static gboolean goes_with(const Leave *leave, const json_t *sr)
{
    const json_t *pbds = gw_xapi_list(sr, "PBDs");
    const char *only = json_array_size(pbds) == 1 ? json_string_value(json_array_get(pbds, 0)) : NULL;
    return only && strcmp(gw_xapi_text(sr, "type"), "udev") != 0 &&
           strcmp(gw_xapi_text(gw_xapi_record(leave->tables, "PBD", only), "host"), leave->ref) == 0;
}

static void lose(const Leave *leave, const char *uuid, char *line /* taken; NULL: it is in another's line */)
{
    if (line)
        g_ptr_array_add(leave->losses->lines, line);
    g_ptr_array_add(leave->losses->things, g_strdup(uuid));
}

static void lose_storage(const Leave *leave, const char *sr_ref, const json_t *sr)
{
    guint count = 0;
    const char *ref;
    json_t *vdi;
    json_object_foreach(gw_xapi_table(leave->tables, "VDI"), ref, vdi) {
        if (strcmp(gw_xapi_text(vdi, "SR"), sr_ref) != 0)
            continue;
        lose(leave, gw_xapi_text(vdi, "uuid"), NULL);
        count++;
    }
    lose(leave, gw_xapi_text(sr, "uuid"),
         g_strdup_printf("storage %s (%s) with %u disk%s", gw_xapi_text(sr, "name_label"), gw_xapi_text(sr, "uuid"), count, count == 1 ? "" : "s"));
}

static const char *kind_of(const json_t *vm)
{
    return gw_xapi_bool(vm, "is_a_snapshot") ? "snapshot" : gw_xapi_bool(vm, "is_a_template") ? "template" : "instance";
}

static gboolean is_on(const Leave *leave, const json_t *vm)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VBDs"), i, ref) {
        const json_t *vbd = gw_xapi_record(leave->tables, "VBD", json_string_value(ref));
        const json_t *vdi = gw_xapi_record(leave->tables, "VDI", gw_xapi_text(vbd, "VDI"));
        const json_t *sr = gw_xapi_record(leave->tables, "SR", gw_xapi_text(vdi, "SR"));
        if (sr && goes_with(leave, sr))
            return TRUE;
    }
    return FALSE;
}

gboolean gw_xapi_pool_losses(GwHost *master, const char *uuid, GwPoolLosses *losses, GError **error)
{
    g_autoptr(json_t) tables = fresh_tables(master->pool, error);
    if (!tables)
        return FALSE;
    g_autofree char *host = gw_xapi_find(tables, "host", "uuid", uuid);
    if (!host) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "the pool has no host with the UUID %s", uuid);
        return FALSE;
    }
    Leave leave = {losses, tables, gw_xapi_record(tables, "host", host), host};
    check_leaving(&leave);
    const char *ref;
    json_t *record;
    json_object_foreach(gw_xapi_table(tables, "SR"), ref, record)
        if (goes_with(&leave, record))
            lose_storage(&leave, ref, record);
    json_object_foreach(gw_xapi_table(tables, "VM"), ref, record)
        if (!gw_xapi_bool(record, "is_control_domain") && is_on(&leave, record))
            lose(&leave, gw_xapi_text(record, "uuid"),
                 g_strdup_printf("the disk of %s %s (%s), whose record may stay in the pool without it", kind_of(record),
                                 gw_xapi_text(record, "name_label"), gw_xapi_text(record, "uuid")));
    return TRUE;
}
