/* Everything that a pair of hosts can say about moving one instance, without changing anything that stays. */
#include "drivers/libvirt/internal.h"

#include "core/planner.h"

#include <string.h>

typedef struct {
    GwVirtCall *call;
    GwMoveFacts *facts;
    GHashTable *shared; /* folder → GwFact: proved once */
} Examination;

static GwFact prove_shared(Examination *e, const char *folder)
{
    gpointer known;
    GwVirtCall *call = e->call;
    if (g_hash_table_lookup_extended(e->shared, folder, NULL, &known))
        return (GwFact)GPOINTER_TO_UINT(known);
    GwFact shared = gw_virt_same_folder(call->host, call->conn, call->peer, call->peer_conn, folder);
    g_hash_table_insert(e->shared, g_strdup(folder), GUINT_TO_POINTER(shared));
    return shared;
}

static GwFact there(Examination *e, const char *path)
{
    return gw_virt_presence(e->call->peer, e->call->peer_conn, path);
}

/* ---- disks */

static char *folder_of(const char *path)
{
    return g_path_get_dirname(path);
}

/* Nearest backing file first. Active domains say so in their XML; of a stopped one the storage knows, level by level. */
static void read_chain(Examination *e, GwDisk *disk)
{
    if (disk->backing || disk->kind != GW_DISK_FILE || g_strcmp0(disk->format, "raw") == 0 || !disk->path)
        return;
    g_autofree char *folder_path = folder_of(disk->path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(e->call->host, e->call->conn, folder_path, NULL);
    g_autoptr(GStrvBuilder) chain = g_strv_builder_new();
    g_autofree char *path = g_strdup(disk->path);
    guint length = 0;
    while (folder && path && length < 200) { /* libvirt's own limit on chains */
        g_autofree char *name = g_path_get_basename(path);
        if (!gw_virt_folder_has(folder, name))
            break;
        g_autoptr(virStorageVol) volume = virStorageVolLookupByName(folder->pool, name);
        g_autofree char *xml = volume ? virStorageVolGetXMLDesc(volume, 0) : NULL;
        g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "volume", NULL) : NULL;
        g_free(path);
        path = doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "backingStore/path")) : NULL;
        if (path)
            g_strv_builder_add(chain, path);
        length += path != NULL;
    }
    disk->backing = length ? g_strv_builder_end(chain) : NULL;
}

static void read_sizes(virDomain *domain, GwDisk *disk)
{
    virDomainBlockInfo info;
    if (virDomainGetBlockInfo(domain, disk->target, &info, 0) != 0)
        return;
    disk->capacity_bytes = info.capacity;
    disk->allocation_bytes = info.allocation;
}

static GwFact chain_is_shared(Examination *e, const GwDisk *disk)
{
    if (!disk->backing)
        return GW_FACT_UNKNOWN;
    for (guint i = 0; disk->backing[i]; i++) {
        g_autofree char *folder = folder_of(disk->backing[i]);
        if (*disk->backing[i] == '/' && prove_shared(e, folder) != GW_FACT_YES)
            return GW_FACT_NO;
    }
    return GW_FACT_YES;
}

/* The folder's pool was asked a moment ago, with the other facts; a folder without one is opened for it. */
static guint64 space_there(Examination *e, const char *path)
{
    const GwPool *pool = gw_host_facts_pool_at(e->facts->dest, path);
    if (pool && pool->active)
        return pool->available_bytes;
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(e->call->peer, e->call->peer_conn, path, NULL);
    return folder ? gw_virt_folder_available(folder) : 0;
}

/* Where a copy would go: the same path; where the destination has no such folder, its instances_path. */
static void find_place(Examination *e, const GwDisk *disk, GwDiskFacts *facts)
{
    g_autofree char *folder = folder_of(disk->path);
    g_autofree char *name = g_path_get_basename(disk->path);
    const char *fallback = e->call->peer->instances_path;
    facts->folder = there(e, folder);
    if (facts->folder == GW_FACT_NO && gw_virt_folder_is_own(e->call->peer, folder, e->call->uuid) &&
        there(e, fallback) == GW_FACT_YES) { /* its own folder is made when the copy is */
        facts->folder = GW_FACT_YES;
        facts->taken = GW_FACT_NO;
        facts->available_bytes = space_there(e, fallback);
        facts->dest_pool_path = g_strdup(fallback);
        return;
    }
    if (facts->folder == GW_FACT_NO && fallback && *fallback && there(e, fallback) == GW_FACT_YES) {
        facts->folder = GW_FACT_YES;
        facts->dest_path = g_build_filename(fallback, name, NULL);
        g_free(folder);
        folder = g_strdup(fallback);
    }
    if (facts->folder == GW_FACT_NO)
        return;
    facts->taken = there(e, facts->dest_path ? facts->dest_path : disk->path);
    facts->available_bytes = space_there(e, folder);
    facts->dest_pool_path = g_steal_pointer(&folder);
}

/* Pools whose volumes are the same bytes on every host that starts them. */
static gboolean is_network_pool(const char *type)
{
    static const char *const types[] = {"iscsi", "iscsi-direct", "rbd", "scsi", "mpath", "sheepdog", "gluster", NULL};
    return type && g_strv_contains(types, type);
}

static void examine_device(Examination *e, const GwDisk *disk, GwDiskFacts *facts)
{
    const GwPool *here = disk->pool ? gw_host_facts_pool_named(e->facts->source, disk->pool) : NULL;
    const GwPool *there = disk->pool ? gw_host_facts_pool_named(e->facts->dest, disk->pool) : NULL;
    if (!here)
        return; /* of no pool: nobody can tell what the same path means elsewhere */
    facts->pool = there || is_network_pool(here->type) ? GW_FACT_YES : GW_FACT_NO;
    if (is_network_pool(here->type) && (!there || g_strcmp0(here->type, there->type) == 0))
        facts->shared = GW_FACT_YES;
}

/* A medium with a chain is no single file: it is left to libvirt, and to the check of the files that must be there. */
static void examine_medium(Examination *e, GwDisk *disk, GwDiskFacts *facts)
{
    g_autofree char *folder = folder_of(disk->path);
    read_chain(e, disk);
    if (disk->backing)
        return;
    facts->medium = gw_virt_medium_is_there(e->call, disk, &facts->problem);
    if (facts->medium != GW_FACT_NO)
        return;
    facts->folder = there(e, folder);
    facts->available_bytes = facts->folder == GW_FACT_YES ? space_there(e, folder) : 0;
    facts->dest_pool_path = g_steal_pointer(&folder);
}

static void examine_copied(Examination *e, virDomain *domain, GwDisk *disk, GwDiskFacts *facts)
{
    read_sizes(domain, disk);
    read_chain(e, disk);
    facts->backing_shared = chain_is_shared(e, disk);
    find_place(e, disk, facts);
}

static void examine_disk(Examination *e, virDomain *domain, GwDisk *disk)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(e->facts);
    facts->target = g_strdup(disk->target);
    if ((disk->flags & GW_DISK_EMPTY) || !disk->path)
        return;
    if (disk->kind == GW_DISK_NETWORK) {
        facts->shared = GW_FACT_YES;
        return;
    }
    if (disk->kind == GW_DISK_BLOCK) {
        examine_device(e, disk, facts);
        return;
    }
    if (disk->kind != GW_DISK_FILE || *disk->path != '/') {
        facts->problem = g_strdup_printf("its source %s is of a kind that Godwit cannot move", disk->path);
        return;
    }
    g_autofree char *folder = folder_of(disk->path);
    facts->shared = prove_shared(e, folder);
    if (facts->shared == GW_FACT_YES && !disk->capacity_bytes)
        read_sizes(domain, disk);
    if (facts->shared != GW_FACT_YES && (disk->flags & (GW_DISK_READONLY | GW_DISK_REMOVABLE)))
        examine_medium(e, disk, facts); /* also where no probe could be made: such folders are often read-only */
    else if (facts->shared == GW_FACT_NO)
        examine_copied(e, domain, disk, facts);
}


/* ---- the rest */

static gboolean is_sent(const GwMoveFacts *facts, const char *path)
{
    for (guint i = 0; i < facts->disks->len; i++)
        if (((const GwDiskFacts *)facts->disks->pdata[i])->medium == GW_FACT_NO &&
            g_strcmp0(((const GwDisk *)facts->instance->disks->pdata[i])->path, path) == 0)
            return TRUE;
    return FALSE;
}

/* A file that nobody can tell of is left to libvirt. */
static void examine_files(Examination *e)
{
    const GPtrArray *files = e->facts->instance->files;
    for (guint i = 0; i < files->len; i++)
        if (!is_sent(e->facts, files->pdata[i]) && there(e, files->pdata[i]) == GW_FACT_NO)
            g_ptr_array_add(e->facts->missing_files, g_strdup(files->pdata[i]));
}

static gboolean is_among(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

static void examine_nics(Examination *e)
{
    const GwHostFacts *dest = e->facts->dest;
    for (guint i = 0; i < e->facts->instance->nics->len; i++) {
        const GwNic *nic = e->facts->instance->nics->pdata[i];
        const char *kind = nic->kind == GW_NIC_BRIDGE ? "bridge" : nic->kind == GW_NIC_DIRECT ? "interface" : NULL;
        if (nic->kind == GW_NIC_NETWORK && !is_among(dest->networks, nic->source))
            g_ptr_array_add(e->facts->missing_networks, g_strdup_printf("network %s", nic->source));
        else if (kind && nic->source && dest->interfaces && !is_among(dest->interfaces, nic->source))
            g_ptr_array_add(e->facts->missing_networks, g_strdup_printf("%s %s", kind, nic->source));
    }
}

static void examine_names(Examination *e)
{
    const GwInstance *instance = e->facts->instance;
    g_autoptr(virDomain) same = virDomainLookupByUUIDString(e->call->peer_conn, instance->uuid);
    e->facts->uuid_taken = same ? GW_FACT_YES : gw_virt_last_is(VIR_ERR_NO_DOMAIN) ? GW_FACT_NO : GW_FACT_UNKNOWN;
    g_autoptr(virDomain) namesake = virDomainLookupByName(e->call->peer_conn, instance->name);
    e->facts->name_taken = namesake ? GW_FACT_YES : gw_virt_last_is(VIR_ERR_NO_DOMAIN) ? GW_FACT_NO : GW_FACT_UNKNOWN;
}

static void add_obstacle(Examination *e, const char *what)
{
    g_ptr_array_add(e->facts->obstacles, g_strdup_printf("%s %s", e->facts->instance->name, what));
}

static void examine_block_jobs(Examination *e, virDomain *domain)
{
    const GwInstance *instance = e->facts->instance;
    for (guint i = 0; instance->power != GW_POWER_SHUTDOWN && i < instance->disks->len; i++) {
        virDomainBlockJobInfo info;
        const GwDisk *disk = instance->disks->pdata[i];
        if (!(disk->flags & GW_DISK_EMPTY) && virDomainGetBlockJobInfo(domain, disk->target, &info, 0) == 1)
            g_ptr_array_add(e->facts->obstacles,
                            g_strdup_printf("disk %s of %s has an active block job", disk->target, instance->name));
    }
}

static void examine_obstacles(Examination *e, virDomain *domain)
{
    virDomainJobInfo job;
    int snapshots = virDomainSnapshotNum(domain, 0);
    if (snapshots > 0)
        g_ptr_array_add(e->facts->obstacles, g_strdup_printf("%s has %d snapshot%s, which libvirt does not migrate",
                                                             e->facts->instance->name, snapshots, snapshots == 1 ? "" : "s"));
    if (virDomainHasManagedSaveImage(domain, 0) == 1)
        add_obstacle(e, "has a managed save image, which would be left behind");
    if (virDomainGetJobInfo(domain, &job) == 0 && job.type != VIR_DOMAIN_JOB_NONE && job.type != VIR_DOMAIN_JOB_COMPLETED)
        add_obstacle(e, "is busy with another job (virsh domjobinfo)");
    examine_block_jobs(e, domain);
}

/* What the hosts' own programs cannot do. */
static void examine_programs(Examination *e)
{
    const GwInstance *instance = e->facts->instance;
    const struct {
        const char *name;
        const GwHostFacts *facts; /* NULL: it is down */
    } hosts[] = {{e->facts->source_name, e->facts->source}, {e->facts->dest_name, e->facts->dest}};
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        if (hosts[i].facts && hosts[i].facts->library_version < 9000000)
            g_ptr_array_add(e->facts->obstacles,
                            g_strdup_printf("%s has a libvirt older than 9.0.0, which Godwit needs", hosts[i].name));
    if (!gw_virt_caps_has_machine(e->call->peer, instance->arch, instance->machine))
        g_ptr_array_add(e->facts->obstacles,
                        g_strdup_printf("the QEMU of %s has no machine type %s, which %s was made with", e->facts->dest_name,
                                        instance->machine, instance->name));
}

/* The CPU that the guest sees, against what the destination's hypervisor can give; emulation gives what it says it does. */
static void examine_cpu(Examination *e, virDomain *domain)
{
    const GwInstance *instance = e->facts->instance;
    if (g_strcmp0(instance->virt_type, "kvm") != 0 || instance->power == GW_POWER_SHUTDOWN)
        return;
    g_autofree char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "domain", NULL) : NULL;
    xmlNode *cpu = doc ? gw_xml_child(xmlDocGetRootElement(doc), "cpu") : NULL;
    g_autofree char *text = cpu ? gw_xml_to_text(cpu) : NULL;
    if (!text || gw_xml_attr_is(cpu, "mode", "host-passthrough"))
        return;
    int result = virConnectCompareHypervisorCPU(e->call->peer_conn, NULL, instance->arch, instance->machine, "kvm", text,
                                                VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
    const virError *found = virGetLastError();
    if (result == VIR_CPU_COMPARE_ERROR && found && found->code == VIR_ERR_CPU_INCOMPATIBLE)
        e->facts->cpu_problem = g_strdup(found->message);
}

/* ---- what a guest keeps beside its disks: a live migration takes it along, and a cold one that copies disks, too, since it is one of a
 * guest that stands still. Where only the definition travels it would be left behind. */

static gboolean has_tpm(const xmlNode *domain)
{
    GW_XML_EACH(node, gw_xml_child(domain, "devices"), "tpm")
        if (gw_xml_attr_is(gw_xml_child(node, "backend"), "type", "emulator"))
            return TRUE;
    return FALSE;
}

/* is_there: whether the destination finds the file of the firmware's variables. */
static void examine_kept_state(Examination *e, const xmlNode *domain, GPtrArray *obstacles, GwFact (*is_there)(Examination *e, const char *path))
{
    g_autofree char *variables = gw_xml_text(gw_xml_at(domain, "os/nvram"));
    const char *name = e->facts->instance->name;
    if (has_tpm(domain))
        g_ptr_array_add(obstacles, g_strdup_printf("%s has a virtual TPM, whose secrets are on its host alone; a live migration takes them "
                                                   "along", name));
    if (variables && *variables == '/' && is_there(e, variables) != GW_FACT_YES)
        g_ptr_array_add(obstacles, g_strdup_printf("%s has its firmware's variables in %s, on its host alone; a live migration takes them along",
                                                   name, variables));
}

static GwFact is_in_shared_folder(Examination *e, const char *path)
{
    g_autofree char *folder = folder_of(path);
    return prove_shared(e, folder);
}

static gboolean copies_disks(const GwMoveFacts *facts)
{
    for (guint i = 0; i < facts->disks->len; i++)
        if (gw_planner_fate(facts->instance->disks->pdata[i], facts->disks->pdata[i]) == GW_FATE_COPY)
            return TRUE;
    return FALSE;
}

static void read_definition(Examination *e, virDomain *domain)
{
    gboolean active = virDomainIsActive(domain) == 1;
    g_autofree char *live =
        active ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE) : NULL;
    g_autofree char *inactive = e->facts->instance->persistent
                                    ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE)
                                    : NULL;
    g_autoptr(xmlDoc) doc = inactive ? gw_xml_parse(inactive, "domain", NULL) : NULL;
    if (doc && !copies_disks(e->facts))
        examine_kept_state(e, xmlDocGetRootElement(doc), e->facts->cold_obstacles, is_in_shared_folder);
    e->facts->rigid = doc ? g_strdup(gw_virt_rigid(xmlDocGetRootElement(doc))) : NULL;
    e->facts->definition = gw_virt_definition_pack(live, inactive);
}

/* ---- evacuation: the source is down */

gboolean gw_virt_definition(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    /* a transient instance has no other definition than what runs: it is defined from that */
    unsigned which = virDomainIsPersistent(domain) == 1 ? VIR_DOMAIN_XML_INACTIVE : VIR_DOMAIN_XML_MIGRATABLE;
    g_autofree char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | which);
    if (!xml)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "reading the definition of instance %s", call->uuid);
    call->result = gw_virt_definition_pack(NULL, xml);
    call->free_result = g_free;
    return TRUE;
}

/* Nobody can make a probe on the source. What is at the same path, in the size that the disk was last seen with, is taken for the
 * disk. (The engine knows what migrations had to copy, and believes no such file.) */
static GwFact is_same_disk(Examination *e, const GwDisk *disk, char **ret_problem)
{
    g_autofree char *folder_path = folder_of(disk->path);
    g_autofree char *name = g_path_get_basename(disk->path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(e->call->peer, e->call->peer_conn, folder_path, NULL);
    if (!folder || !gw_virt_folder_has(folder, name))
        return GW_FACT_NO;
    guint64 there = gw_virt_folder_capacity(folder, name);
    if (!disk->capacity_bytes || there == disk->capacity_bytes)
        return GW_FACT_YES;
    *ret_problem = g_strdup_printf("%s is there with %" G_GUINT64_FORMAT " bytes, and the instance's has %" G_GUINT64_FORMAT
                                   ": it is another file", disk->path, there, disk->capacity_bytes);
    return GW_FACT_NO;
}

static void examine_kept_disk(Examination *e, const GwDisk *disk)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(e->facts);
    facts->target = g_strdup(disk->target);
    if ((disk->flags & GW_DISK_EMPTY) || !disk->path)
        return;
    if (disk->kind == GW_DISK_NETWORK)
        facts->shared = GW_FACT_YES;
    else if (disk->kind == GW_DISK_FILE && *disk->path == '/')
        facts->shared = is_same_disk(e, disk, &facts->problem);
    else if (disk->kind == GW_DISK_BLOCK && disk->pool) {
        const GwPool *pool = gw_host_facts_pool_named(e->facts->dest, disk->pool);
        facts->pool = pool ? GW_FACT_YES : GW_FACT_NO;
        facts->shared = pool && is_network_pool(pool->type) ? GW_FACT_YES : GW_FACT_UNKNOWN;
    }
}

gboolean gw_virt_examine_evacuation(GwVirtCall *call, GError **error)
{
    g_autoptr(GwMoveFacts) facts = gw_move_facts_new();
    Examination e = {call, facts, NULL};
    facts->dest_name = g_strdup(call->peer->name);
    facts->instance = gw_instance_ref(call->instance);
    facts->dest = gw_virt_read_facts(call->peer, call->peer_conn, error);
    if (!facts->dest)
        return FALSE;
    for (guint i = 0; i < facts->instance->disks->len; i++)
        examine_kept_disk(&e, facts->instance->disks->pdata[i]);
    examine_files(&e);
    examine_nics(&e);
    examine_names(&e);
    examine_programs(&e);
    facts->definition = g_strdup(call->texts[0]);
    g_autoptr(xmlDoc) doc = gw_xml_parse(facts->definition, "godwit", NULL);
    if (doc)
        examine_kept_state(&e, gw_xml_at(xmlDocGetRootElement(doc), "inactive/domain"), facts->obstacles, there);
    call->result = g_steal_pointer(&facts);
    call->free_result = (GDestroyNotify)gw_move_facts_free;
    return TRUE;
}

/* ---- both hosts */

static gboolean read_both(Examination *e, virDomain *domain, GError **error)
{
    GwVirtCall *call = e->call;
    GwMoveFacts *facts = e->facts;
    facts->source_name = g_strdup(call->host->name);
    facts->dest_name = g_strdup(call->peer->name);
    return (facts->instance = gw_virt_read_instance(call->host, domain, error)) &&
           (facts->source = gw_virt_read_facts(call->host, call->conn, error)) &&
           (facts->dest = gw_virt_read_facts(call->peer, call->peer_conn, error));
}

gboolean gw_virt_examine(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    g_autoptr(GwMoveFacts) facts = gw_move_facts_new();
    g_autoptr(GHashTable) shared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Examination e = {call, facts, shared};
    if (!read_both(&e, domain, error))
        return FALSE;
    for (guint i = 0; i < facts->instance->disks->len; i++)
        examine_disk(&e, domain, facts->instance->disks->pdata[i]);
    examine_files(&e);
    examine_nics(&e);
    examine_names(&e);
    examine_obstacles(&e, domain);
    examine_programs(&e);
    examine_cpu(&e, domain);
    read_definition(&e, domain);
    call->result = g_steal_pointer(&facts);
    call->free_result = (GDestroyNotify)gw_move_facts_free;
    return TRUE;
}
