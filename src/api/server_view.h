/* One server as the Compute API shows it. */
#ifndef GW_API_SERVER_VIEW_H
#define GW_API_SERVER_VIEW_H

#include "api/request.h"

/* The whole server at the request's microversion. */
json_t *gw_server_view(GwRequest *request, const GwInstanceView *view);
/* id, name and links only. */
json_t *gw_server_brief(GwRequest *request, const GwInstanceView *view);
/* "ACTIVE", "MIGRATING", "VERIFY_RESIZE", … (nova/api/openstack/common.py, _STATE_MAP). */
const char *gw_server_status(const GwInstanceView *view);

#endif
