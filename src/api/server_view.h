/* One server as the Compute API shows it, at the request's microversion. */
#ifndef GW_API_SERVER_VIEW_H
#define GW_API_SERVER_VIEW_H

#include "api/view.h"

json_t *gw_server_brief(GwRequest *request, const GwInstanceView *view); /* GET /servers */
json_t *gw_server_detail(GwRequest *request, const GwInstanceView *view); /* GET /servers/detail */
json_t *gw_server_show(GwRequest *request, const GwInstanceView *view);   /* GET /servers/{id} */

/* What one that Godwit made was given; empty for an adopted one. */
json_t *gw_server_metadata_json(const GwInstanceView *view);
json_t *gw_server_tags_json(const GwInstanceView *view);

#endif
