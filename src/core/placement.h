/* Which hosts to try as a destination, in which order, and why not the others. Pure. */
#ifndef GW_CORE_PLACEMENT_H
#define GW_CORE_PLACEMENT_H

#include "core/host_limits.h"
#include "core/reasons.h"

typedef struct {
    GwLimited host; /* its name, aggregates, and what is on it */
    gboolean is_source;
    gboolean up;
    gboolean forced_down; /* an administrator says so, whatever it answers */
    gboolean enabled;
    gboolean same_kind; /* same hypervisor type as the source, or not known */
    const char *down_reason, *disabled_reason; /* or NULL */
    guint64 memory_free_mib;
    guint64 reserved_mib; /* kept back by the administrator or promised to moves under way */
} GwCandidate;

/* Adds to findings every reason of the administrator's against a host that answers: forced down, disabled, and those of
 * core/host_limits.h. What the host itself lacks is found by core/checks.h. */
void gw_placement_judge(const GwCandidate *candidate, const GwDemand *demand, GPtrArray *findings);
/* The same of a host that the request forces: as in Nova, only being forced down counts. */
void gw_placement_judge_forced(const GwCandidate *candidate, GPtrArray *findings);

/* Whether it is not even tried: by what was added to findings, or by *ret_failure, the rest of a sentence about it ("it does not answer"),
 * which the caller owns; NULL when there is none. */
gboolean gw_placement_leaves_out(const GwCandidate *candidate, const GwDemand *demand, GPtrArray *findings, char **ret_failure);

/* The names (of char *, owned by the array) to try, those that a soft group wishes first, then those with the most free memory,
 * ties by name. What is against every host that is
 * left out, except the source, is added to reasons. */
GPtrArray *gw_placement_order(const GwCandidate *candidates, guint count, const GwDemand *demand, GPtrArray *reasons);

#endif
