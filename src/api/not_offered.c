/* What Nova does to servers and Godwit does not: each is refused with what to do instead (docs/api.md has the list). */
#include "api/handlers.h"
#include "api/server_actions.h"

#include <string.h>

static const char console[] = "Unavailable console type %s: Godwit has no console proxy. Open the guest's console on its host, with "
                              "`virt-viewer` or `virsh console`";

/* until: the last microversion that has the action; 0: all. */
static const struct {
    const char *action, *what;
    guint until;
} not_offered[] = {
    {"os-getVNCConsole", "novnc", 5},
    {"os-getSPICEConsole", "spice-html5", 5},
    {"os-getRDPConsole", "rdp-html5", 5},
    {"os-getSerialConsole", "serial", 5},
    {"os-getConsoleOutput", "the console's output is where the guest's definition sends it, on its host", 0},
    {"createImage", "copy the disk on its host", 0},
    {"createBackup", "copy the disk on its host", 0},
    {"rebuild", "delete the server, and make it anew", 0},
    {"rescue", "attach its disk to another guest", 0},
    {"unrescue", "it is not rescued", 0},
    {"shelve", "stop it, or move it to a host with room", 0},
    {"shelveOffload", "it is not shelved", 0},
    {"unshelve", "it is not shelved", 0},
    {"restore", "a deleted server is gone", 0},
    {"changePassword", "change it in the guest", 0},
    {"trigger_crash_dump", "use `virsh dump` on its host", 0},
    {"os-resetNetwork", "nothing is injected into guests", 37},
    {"injectNetworkInfo", "nothing is injected into guests", 37},
    {"addSecurityGroup", "filters of the network belong to the host", 0},
    {"removeSecurityGroup", "filters of the network belong to the host", 0},
    {"addFixedIp", "addresses belong to the guest", 43},
    {"removeFixedIp", "addresses belong to the guest", 43},
    {"addFloatingIp", "addresses belong to the guest", 43},
    {"removeFloatingIp", "addresses belong to the guest", 43},
};

gboolean gw_server_not_offered(GwRequest *request, const char *action)
{
    for (guint i = 0; i < G_N_ELEMENTS(not_offered); i++) {
        guint until = not_offered[i].until;
        if (strcmp(not_offered[i].action, action) != 0)
            continue;
        if (until && request->minor > until)
            gw_reply_fault(request, 404, "API version 2.%u is not supported on this method.", request->minor);
        else if (until == 5)
            gw_reply_fault(request, 400, console, not_offered[i].what);
        else
            gw_reply_fault(request, 400, "Godwit does not offer '%s': %s", action, not_offered[i].what);
        return TRUE;
    }
    return FALSE;
}

void gw_server_remote_consoles(GwRequest *request)
{
    json_t *type = json_object_get(json_object_get(request->json, "remote_console"), "type");
    gw_reply_fault(request, 400, console, json_is_string(type) ? json_string_value(type) : "");
}
