/* Deltas (QEMU's xbzrle): from its second pass on a copy keeps the pages that it sends in a cache, and of a page that it finds there it sends the
 * differences alone. What that makes of passes. Pure; for core/ladder.c and core/predict.c. */
#ifndef GW_CORE_DELTAS_H
#define GW_CORE_DELTAS_H

#include "core/migration.h"

/* All zero: no deltas are sent. */
typedef struct {
    double room;   /* of the cache, bytes */
    double part;   /* of a page: what its differences take */
    double set;    /* bytes of the pages that the guest writes at all, as far as anybody knows */
    double cached; /* of those that are in the cache */
} GwDeltas;

enum { GW_DELTAS_PASS = 2 }; /* the first whose pages are kept */

/* As the plan has it; part: as far as anybody knows, 0: not at all, and taken for 1; set: 0: not at all, and taken for what is sent. */
void gw_deltas_begin(GwDeltas *deltas, const GwPlan *plan, double part, double set);
/* What pages of so many bytes take on the wire in that pass. */
double gw_deltas_cost(const GwDeltas *deltas, guint64 pass, double bytes);
/* They have been sent in that pass. */
void gw_deltas_note(GwDeltas *deltas, guint64 pass, double bytes);

#endif
