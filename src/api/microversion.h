/* Microversions (nova/api/openstack/wsgi.py): which one a request asks for, and what the answer says of it. */
#ifndef GW_API_MICROVERSION_H
#define GW_API_MICROVERSION_H

#include "api/request.h"

/* Sets request->minor. FALSE with a fault answered: 400 for what is no version, 406 for one that is not spoken. */
gboolean gw_microversion_take(GwRequest *request);
/* The headers of every answer below /v2.1, also of faults. */
void gw_microversion_tell(GwRequest *request);

#endif
