/* The check engine: facts in, a complete list of findings out. Pure. */
#ifndef GW_CORE_CHECKS_H
#define GW_CORE_CHECKS_H

#include "core/host.h"
#include "core/instance.h"
#include "core/ladder.h"
#include "core/transfer.h"

typedef enum { GW_FACT_UNKNOWN, GW_FACT_NO, GW_FACT_YES } GwFact;

/* What is known of one disk with respect to a destination. */
typedef struct {
    char *target;
    GwFact shared;        /* the destination reaches the same bytes at the same path: proved, not guessed */
    GwFact folder;        /* the disk's folder exists on the destination (a pool there is active or could be made) */
    GwFact taken;         /* something that is not the same bytes is already at that path on the destination */
    GwFact backing_shared; /* the whole backing chain is reachable on the destination; UNKNOWN when there is none */
    GwFact medium;        /* a read-only medium that is not proved to be shared: the destination has it at its path; NO: it can be sent */
    GwFact pool;          /* disk->pool is present on the destination (active or startable); UNKNOWN when no pool */
    char *dest_path;      /* where a copy would go; NULL: the same path */
    char *dest_pool_path; /* folder whose free space a copy uses, or NULL */
    guint64 available_bytes; /* free there; 0 when unknown */
    char *place;          /* where it is, or where its copy goes, for people; NULL: its path tells it */
    char *problem;        /* any other obstacle in the driver's words, or NULL */
    char *live_problem, *live_rule; /* likewise, to its being copied while its guest runs, and by which rule; both or none */
} GwDiskFacts;

/* Everything that a driver can find out about moving one instance to one destination. */
typedef struct {
    GwInstance *instance;    /* fresh; reference */
    GwHostFacts *source, *dest; /* references; source NULL: it is down (evacuation) */
    char *source_name, *dest_name; /* Godwit's names of the hosts */
    GPtrArray *disks;        /* of GwDiskFacts *, one per disk of instance, same order */
    GwFact uuid_taken;       /* an instance of this UUID is already on the destination */
    char *look_at_taken, *undefine_taken; /* the commands to look at it and to undefine it there, for people; or NULL */
    GwFact name_taken;       /* another one with this name is */
    GPtrArray *missing_files;    /* of char *: files of instance->files (ISO, kernel, …) not found on the destination */
    GPtrArray *missing_networks; /* of char *: "bridge br-x", "network default": needed and absent there */
    GPtrArray *obstacles;    /* of char *: the hypervisor's own refusals (snapshots, block jobs, blocked-reasons) */
    GPtrArray *live_obstacles, *cold_obstacles; /* of char *: likewise, to a move of that kind only */
    gboolean new_uuid;       /* a cold move gives it another one on the destination */
    char *rigid;             /* what in its definition keeps it from another shape ("<numa>"), or NULL */
    char *cpu_problem;       /* why the destination's CPU cannot run it, or NULL */
    char *live_calls, *cold_calls; /* what the driver calls for a move of that kind, for people; NULL: libvirt's flags tell it */
    char *definition;        /* goes into GwPlan.definition */
} GwMoveFacts;

GwMoveFacts *gw_move_facts_new(void); /* arrays present and empty */
void gw_move_facts_free(GwMoveFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMoveFacts, gw_move_facts_free)
GwDiskFacts *gw_move_facts_add_disk(GwMoveFacts *facts);

typedef enum { GW_FINDING_WARNS, GW_FINDING_BLOCKS } GwSeverity;

typedef struct {
    GwSeverity severity;
    const char *code; /* stable word for programs and documents: "memory", "disk-space", "bridge-missing", … */
    char *host;       /* Godwit's name, or NULL when it concerns no one host */
    char *fact;       /* what was found: "HostC has 412 MiB free" */
    char *why;        /* why it matters: "vm1 needs 512 MiB" */
    char *remedy;     /* what to do: "free memory on HostC, or name another host" */
    char *commands;   /* shell commands that would do it, one per line, or NULL; Godwit prints them and runs none */
} GwFinding;

void gw_finding_free(GwFinding *finding);
GPtrArray *gw_findings_new(void); /* of GwFinding *, owned */
/* The new finding, owned by findings; `commands` may be added to it. */
GwFinding *gw_findings_add(GPtrArray *findings, GwSeverity severity, const char *code, const char *host, char *fact /* taken */,
                           char *why /* taken */, char *remedy /* taken */);
const char *gw_severity_name(GwSeverity severity); /* "warning", "blocks" */
gboolean gw_findings_block(const GPtrArray *findings);
/* Every blocking finding as sentences, "fact (why); remedy: remedy." one after another, led by the host's name where the fact does
 * not tell it; "" for none. */
char *gw_findings_to_text(const GPtrArray *findings);

/* What the user asked for. */
typedef struct {
    GwMoveKind kind;
    GwBlockMode block;
    guint64 reserved_memory_mib; /* promised on the destination to moves under way */
    const GwFlavor *flavor;      /* resize: the shape that it gets there; NULL: its own */
    gboolean disk_over_commit;   /* compare free space with allocated, not with full, sizes */
    GwTraffic traffic;           /* what is known of the guest and the link; live moves */
} GwMoveWish;

/* Settings that shape a plan; the daemon fills them from godwit.conf. Strings borrowed. */
typedef struct {
    guint64 live_flags, block_flags;
    guint64 bandwidth_mibps;
    guint64 completion_timeout_s; /* per GiB of memory and copied disk, as in Nova; 0: none */
    const GwPolicy *policy;       /* NULL: the hypervisor's own limits, and an abort at the timeout */
    guint pause_ms;               /* live_migration_downtime; 0: the policy's */
    GwTimeoutAction timeout_action;
    gboolean permit_post_copy, permit_auto_converge;
    guint pause_steps;            /* live_migration_downtime_steps; 0, 1: the pause holds from the start */
    guint pause_delay_s;          /* live_migration_downtime_delay: of each step, per GiB as the timeout */
    GwTransferSettings transfer;
    const char *uri_template;     /* live_migration_uri, one %s */
    const char *inbound;          /* live_migration_inbound_addr (core/inbound.h); NULL or "": the destination's own address */
    const char *vncserver_listen; /* NULL: keep the instance's */
} GwPlanSettings;

/* Decides the method and every detail of a move, and finds every reason against it. Always returns the findings;
 * *ret_plan is set only when none of them blocks. dest_address replaces %s. */
GPtrArray *gw_checks_plan(const GwMoveFacts *facts, const GwMoveWish *wish, const GwPlanSettings *settings,
                          const char *dest_address, GwPlan **ret_plan);

#endif
