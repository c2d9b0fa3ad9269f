#include "api/forecast_view.h"

#include "api/view.h"
#include "core/predict.h"

static json_t *interval_json(const GwInterval *interval)
{
    json_t *out = json_object();
    json_object_set_new(out, "low", gw_json_count(interval->low));
    json_object_set_new(out, "likely", gw_json_count(interval->likely));
    json_object_set_new(out, "high", gw_json_count(interval->high));
    return out;
}

static json_t *outlook_json(const GwOutlook *outlook)
{
    json_t *out = json_object();
    g_autofree char *text = gw_outlook_to_text(outlook);
    json_object_set_new(out, "ends", json_string(gw_ending_name(outlook->ending)));
    json_object_set_new(out, "basis", json_string(gw_basis_name(outlook->basis)));
    json_object_set_new(out, "forced_pause_ms", gw_json_count(outlook->forced_pause_ms));
    json_object_set_new(out, "passes", gw_json_count(outlook->passes));
    json_object_set_new(out, "total_ms", interval_json(&outlook->total_ms));
    json_object_set_new(out, "downtime_ms", interval_json(&outlook->downtime_ms));
    json_object_set_new(out, "bytes", interval_json(&outlook->bytes));
    json_object_set_new(out, "text", json_string(text));
    return out;
}

static json_t *made_from_json(const GwForecast *f)
{
    const struct {
        const char *name;
        guint64 value;
    } figures[] = {
        {"memory_bytes", f->memory_bytes}, {"disk_bytes", f->disk_bytes}, {"disk_write_bps", f->disk_write_bps},
        {"link_bps", f->link_bps},         {"write_bps", f->write_bps},   {"set_bytes", f->set_bytes},
        {"samples", f->samples},
    };
    json_t *out = json_object();
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(out, figures[i].name, gw_json_count(figures[i].value));
    json_object_set_new(out, "link_from", json_string(gw_link_from_name(f->link_from)));
    json_object_set_new(out, "link_seen_at", f->link_seen_us ? gw_json_time_micro((gint64)f->link_seen_us) : json_null());
    return out;
}

static json_t *actual_json(const GwForecast *f)
{
    if (!f->total_ms)
        return json_null();
    json_t *out = json_object();
    json_object_set_new(out, "total_ms", gw_json_count(f->total_ms));
    json_object_set_new(out, "downtime_ms", gw_json_count(f->downtime_ms));
    json_object_set_new(out, "bytes", gw_json_count(f->bytes));
    return out;
}

json_t *gw_json_forecast(const GwForecast *forecast)
{
    if (!forecast)
        return json_null();
    json_t *out = json_object();
    json_object_set_new(out, "before", outlook_json(&forecast->first));
    json_object_set_new(out, "now", outlook_json(&forecast->now));
    json_object_set_new(out, "made_from", made_from_json(forecast));
    json_object_set_new(out, "actual", actual_json(forecast));
    return out;
}
