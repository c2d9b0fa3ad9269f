/* Findings of the check engine as JSON. */
#ifndef GW_API_FINDINGS_H
#define GW_API_FINDINGS_H

#include "api/request.h"

json_t *gw_json_findings(const GPtrArray *findings);

#endif
