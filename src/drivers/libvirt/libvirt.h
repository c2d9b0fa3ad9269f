/* The libvirt driver: QEMU/KVM hosts by their libvirt URI, e.g. qemu+tls://HostB/system. */
#ifndef GW_DRIVERS_LIBVIRT_LIBVIRT_H
#define GW_DRIVERS_LIBVIRT_LIBVIRT_H

#include "drivers/driver.h"

extern const GwDriver gw_libvirt_driver;

#endif
