/* Examinations of hosts and of the ways between them: checkup.c. */
#ifndef GW_ENGINE_CHECKUPS_H
#define GW_ENGINE_CHECKUPS_H

#include "engine/internal.h"

typedef struct GwCheckups GwCheckups;
GwCheckups *gw_checkups_new(void);
void gw_checkups_free(GwCheckups *checkups);
void gw_checkups_tick(GwEngine *engine); /* begins one of the daemon's own when it is due */
void gw_checkups_lock(GwEngine *engine); /* of all checkups */
void gw_checkups_unlock(GwEngine *engine);
/* checkup_links.c: of all pairs whose probes arrived; lasts seconds for each pair. */
void gw_checkup_measure_links(GwEngine *engine, GwCheckup *checkup);

#endif
