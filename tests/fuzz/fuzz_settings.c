/* godwit.conf is written by people: whatever it holds, it is read or refused with a message, and nothing else. */
#include "daemon/settings.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwSettings) settings = gw_settings_parse(text, "godwit.conf", &error);
    if (!settings != (error != NULL))
        abort();
    if (error && (!*error->message || !g_str_has_prefix(error->message, "godwit.conf:")))
        abort();
    /* What is read is whole: main uses every text without looking. */
    if (settings && !(settings->state_path[0] == '/' && settings->instances_path[0] == '/' && settings->api_listen[0] &&
                      settings->vncserver_listen && settings->live_migration_uri &&
                      (!gw_settings_database_path(settings) || gw_settings_database_path(settings)[0] == '/')))
        abort();
    return 0;
}
