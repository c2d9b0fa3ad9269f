/* What ways between hosts were measured to carry. Written as a note: what a power cut loses is measured again. */
#include "store/database.h"

gboolean gw_store_link_put(GwStore *store, const char *source, const char *dest, const GwLinkSeen *seen, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    if (session)
        session->changed = GW_CHANGED_LINKS;
    return session &&
           gw_session_run(session,
                          "INSERT INTO links (source_id, dest_id, bps, at_least, measured_us) "
                          "SELECT s.id, d.id, $3, $4, $5 FROM hosts s, hosts d WHERE s.name = $1 AND d.name = $2 "
                          "ON CONFLICT (source_id, dest_id) DO UPDATE SET bps = excluded.bps, at_least = excluded.at_least, "
                          "measured_us = excluded.measured_us WHERE links.measured_us < excluded.measured_us",
                          GW_PARAMS(gw_param_text(source), gw_param_text(dest), gw_param_integer((gint64)seen->rate.bps),
                                    gw_param_integer(seen->rate.at_least), gw_param_integer(seen->at_us)),
                          error) &&
           gw_session_commit(session, error);
}

gboolean gw_store_links(GwStore *store, GwLinkReader read, gpointer data, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session,
                                   "SELECT s.name, d.name, l.bps, l.at_least, l.measured_us FROM links l "
                                   "JOIN hosts s ON s.id = l.source_id JOIN hosts d ON d.id = l.dest_id",
                                   NULL, 0, error)
                : NULL;
    for (gboolean more = result != NULL; more;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwLinkSeen seen = {{(guint64)gw_result_integer(result, 2), gw_result_integer(result, 3) != 0}, gw_result_integer(result, 4)};
        read(data, gw_result_text(result, 0), gw_result_text(result, 1), &seen);
    }
    return result != NULL;
}
