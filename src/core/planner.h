/* Turns facts that no check objects to into a plan: which disks travel, with which flags, for how long at most. Pure. */
#ifndef GW_CORE_PLANNER_H
#define GW_CORE_PLANNER_H

#include "core/checks.h"

/* What becomes of a disk. Meaningless when doubtful. */
GwDiskFate gw_planner_fate(const GwDisk *disk, const GwDiskFacts *facts);
/* Whether it is not known where the disk's bytes are, so that no fate is safe. */
gboolean gw_planner_fate_is_doubtful(const GwDisk *disk, const GwDiskFacts *facts);

GwPlan *gw_planner_make(const GwMoveFacts *facts, const GwMoveWish *wish, const GwPlanSettings *settings,
                        const char *dest_address);

/* How a probe guest goes to dest_address: as a live migration whose disks are shared, with the same flags and addresses. */
GwPlan *gw_planner_probe(const GwPlanSettings *settings, const char *dest_address);

#endif
