#include "core/sight.h"

char *gw_sight_halt_fact(const GwSight *sight, const char *instance, const char *host)
{
    g_autofree char *disk = *sight->halted_disk ? g_strdup_printf("its disk %s", sight->halted_disk) : g_strdup("one of its disks");
    switch (sight->halt) {
    case GW_HALT_NONE:
        break;
    case GW_HALT_NO_ROOM:
        return g_strdup_printf("%s stands still on %s: the storage of %s is full", instance, host, disk);
    case GW_HALT_IO_ERROR:
        return g_strdup_printf("%s stands still on %s: %s could not be read or written", instance, host, disk);
    }
    return NULL;
}

char *gw_sight_halt_words(const GwSight *sight, const char *instance, const char *host)
{
    g_autofree char *fact = gw_sight_halt_fact(sight, instance, host);
    const char *remedy = sight->halt == GW_HALT_NO_ROOM ? "make room there" : "mend the storage";
    return fact ? g_strdup_printf("%s; %s, then let it run on with `godwit unpause %s`", fact, remedy, instance) : NULL;
}
