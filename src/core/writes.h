/* What a guest is expected to write while it is copied: from what was sampled now and what its last move has shown. Pure; for core/predict.c. */
#ifndef GW_CORE_WRITES_H
#define GW_CORE_WRITES_H

#include "core/predict.h"

typedef enum { GW_SHADE_BETTER, GW_SHADE_LIKELY, GW_SHADE_WORSE, GW_SHADE_COUNT } GwShade;

typedef struct {
    GwWritten seen[GW_WROTE_BEFORE + 2]; /* likely */
    guint count;
    gboolean remembers;  /* some are of an earlier move */
    gboolean of_windows; /* the curves are what is written, not what passes leave of it */
    GwDirtyCurve curves[GW_SHADE_COUNT];
} GwWrites;

/* at as of gw_predict. */
GwWrites gw_writes_of(const GwPredictInput *input, const GwCopyPoint *at);
/* Of the windows the shortest, and the one in which most was written. */
void gw_writes_expect(const GwWrites *writes, GwShade shade, double delta_part, GwExpected *ret_expected);

#endif
