/* What a resize changes of an instance: its vCPUs, its memory, and the size of its root disk. Pure. */
#ifndef GW_CORE_SHAPE_H
#define GW_CORE_SHAPE_H

#include "core/checks.h"

/* The first disk that is its own to write; NULL when there is none. */
const GwDisk *gw_shape_root(const GwInstance *instance);
/* How large one of its disks will be. flavor NULL: as it is. Only a root disk that is a file grows: a volume belongs to whoever made it. */
guint64 gw_shape_disk_bytes(const GwInstance *instance, const GwDisk *disk, const GwFlavor *flavor);
/* What stands against the shape that the wish asks for; nothing when it asks for none. */
void gw_shape_check(const GwMoveFacts *facts, const GwFlavor *flavor, GPtrArray *findings);
/* Writes the shape into the plan; flavor NULL: nothing. */
void gw_shape_plan(GwPlan *plan, const GwInstance *instance, const GwFlavor *flavor);

#endif
