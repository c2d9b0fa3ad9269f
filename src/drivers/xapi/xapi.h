/* XenServer and XCP-ng, through XAPI. See docs/xenserver.md. */
#ifndef GW_DRIVERS_XAPI_H
#define GW_DRIVERS_XAPI_H

#include "drivers/driver.h"

extern const GwDriver gw_xapi_driver;

#endif
