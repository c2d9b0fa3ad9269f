/* Which servers a list shows: filters, order, page (nova/api/openstack/compute/schemas/servers.py, query_params). */
#ifndef GW_API_SERVER_QUERY_H
#define GW_API_SERVER_QUERY_H

#include "api/request.h"

/* Of all those that the request asks for, of GwInstanceView *, owned. NULL: a fault has been answered. */
GPtrArray *gw_server_query_page(GwRequest *request, const GwViewList *all);

#endif
