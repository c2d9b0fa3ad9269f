/* What may be changed of a host's row by hand. */
#include "engine/internal.h"

void gw_host_edit_apply(GwHostRow *row, const GwHostEdit *edit)
{
    if (edit->enabled != GW_SWITCH_KEEP) {
        g_free(row->disabled_reason);
        row->enabled = edit->enabled == GW_SWITCH_ON;
        row->disabled_reason = row->enabled ? NULL : g_strdup(edit->disabled_reason);
    }
    if (edit->forced_down != GW_SWITCH_KEEP)
        row->forced_down = edit->forced_down == GW_SWITCH_ON;
}

gboolean gw_host_edit_check(const GwHostRow *row, const GwHostEdit *edit, GError **error)
{
    if (!edit->only_reason || row->enabled || g_strcmp0(row->disabled_reason, edit->only_reason) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s was disabled meanwhile: %s", row->name,
                row->disabled_reason ? row->disabled_reason : "no reason was given");
    return FALSE;
}
