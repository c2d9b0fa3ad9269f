/* What was expected of live migrations, and what came: a value beside the row, in a table of its own as the plan is. */
#include "store/migrations.h"

#include "base/error.h"

static const char *const ending_words[] = {
    [GW_ENDING_ITSELF] = "by-itself",
    [GW_ENDING_POSTCOPY] = "post-copy",
    [GW_ENDING_PAUSE] = "pause",
    [GW_ENDING_NOT] = "no",
};
static const char *const basis_words[] = {
    [GW_BASIS_SIZES] = "sizes",
    [GW_BASIS_EARLIER] = "earlier",
    [GW_BASIS_SAMPLED] = "sampled",
    [GW_BASIS_OBSERVED] = "observed",
};
static const char *const link_words[] = {
    [GW_LINK_ASSUMED] = "assumed",
    [GW_LINK_OTHERS] = "others",
    [GW_LINK_MOVES] = "moves",
    [GW_LINK_PROBE] = "probe",
};
_Static_assert(G_N_ELEMENTS(link_words) == GW_LINK_COUNT, "a word for each");
_Static_assert(G_N_ELEMENTS(ending_words) == GW_ENDING_COUNT && G_N_ELEMENTS(basis_words) == GW_BASIS_COUNT, "a word for each");

#define NUMBER(member) GW_FIELD(GwForecast, INT64, member)
#define NUMBER_OF(outlook, member) GW_FIELD_NAMED(GwForecast, INT64, outlook.member, #outlook "_" #member)
#define INTERVAL_OF(outlook, member)                                                                                   \
    NUMBER_OF(outlook, member.low), NUMBER_OF(outlook, member.likely), NUMBER_OF(outlook, member.high)
#define WRITTEN(member) NUMBER_OF(member, ms), NUMBER_OF(member, bytes)
#define OUTLOOK(outlook)                                                                                               \
    GW_FIELD_WORDS(GwForecast, outlook.ending, #outlook "_ending", ending_words),                                      \
        GW_FIELD_WORDS(GwForecast, outlook.basis, #outlook "_basis", basis_words), NUMBER_OF(outlook, forced_pause_ms), \
        NUMBER_OF(outlook, passes), INTERVAL_OF(outlook, total_ms), INTERVAL_OF(outlook, downtime_ms),                 \
        INTERVAL_OF(outlook, bytes)

static const GwField fields[] = {
    GW_FIELD(GwForecast, UUID, uuid),
    OUTLOOK(first),
    OUTLOOK(now),
    NUMBER(memory_bytes),
    NUMBER(disk_bytes),
    NUMBER(disk_write_bps),
    NUMBER(link_bps),
    GW_FIELD_WORDS(GwForecast, link_from, "link_from", link_words),
    NUMBER(link_seen_us),
    NUMBER(write_bps),
    NUMBER(set_bytes),
    NUMBER(samples),
    NUMBER(copy_ms),
    NUMBER(rest_ms),
    NUMBER(sent_bytes),
    NUMBER(total_ms),
    NUMBER(downtime_ms),
    NUMBER(bytes),
    NUMBER(actual_bps),
    NUMBER(held_bps),
    NUMBER(first_pass_bytes),
    NUMBER(delta_of),
    NUMBER(delta_sent),
    WRITTEN(short_window),
    WRITTEN(long_window),
    WRITTEN(first_wrote),
    WRITTEN(later_wrote),
};

char *gw_codec_forecast_to_text(const GwForecast *forecast)
{
    return gw_fields_to_text(fields, G_N_ELEMENTS(fields), forecast);
}

GwForecast *gw_codec_forecast_from_text(const char *text, GError **error)
{
    g_autofree GwForecast *forecast = g_new0(GwForecast, 1);
    if (gw_fields_from_text(fields, G_N_ELEMENTS(fields), text, forecast, error))
        return g_steal_pointer(&forecast);
    gw_error_prefix(error, "stored forecast");
    return NULL;
}

gboolean gw_forecast_put(GwSession *session, const GwMigration *migration, GError **error)
{
    if (!migration->forecast)
        return TRUE;
    g_autofree char *text = gw_codec_forecast_to_text(migration->forecast);
    return gw_session_run(session,
                          "INSERT INTO forecasts (migration_id, value) VALUES ($1, $2) ON CONFLICT (migration_id) "
                          "DO UPDATE SET value = excluded.value WHERE forecasts.value <> excluded.value",
                          GW_PARAMS(gw_param_integer(migration->id), gw_param_text(text)), error);
}
