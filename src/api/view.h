/* Bodies as tables: which field is shown from which microversion to which, and where its value comes from. */
#ifndef GW_API_VIEW_H
#define GW_API_VIEW_H

#include "api/request.h"

typedef struct {
    const char *name;
    json_t *(*get)(GwRequest *request, gconstpointer row); /* NULL: this row does not have the field */
    guint since, until; /* microversions 2.since to 2.until; 0: no bound */
} GwField;

json_t *gw_view(GwRequest *request, const GwField *fields, gsize count, gconstpointer row);
#define GW_VIEW(request, fields, row) gw_view(request, fields, G_N_ELEMENTS(fields), row)
/* One view per row. */
json_t *gw_view_list(GwRequest *request, const GwField *fields, gsize count, const GPtrArray *rows);
#define GW_VIEW_LIST(request, fields, rows) gw_view_list(request, fields, G_N_ELEMENTS(fields), rows)

/* Getters of fields that are the same for all that Godwit shows. */
json_t *gw_view_null(GwRequest *request, gconstpointer row);
json_t *gw_view_false(GwRequest *request, gconstpointer row);
json_t *gw_view_zero(GwRequest *request, gconstpointer row);
json_t *gw_view_empty_text(GwRequest *request, gconstpointer row);
json_t *gw_view_empty_list(GwRequest *request, gconstpointer row);
json_t *gw_view_empty_object(GwRequest *request, gconstpointer row);

json_t *gw_json_text(const char *text);    /* null for NULL; what is not UTF-8 is replaced */
json_t *gw_json_count(guint64 number);
json_t *gw_json_time_z(gint64 us);     /* "2026-11-23T04:05:06Z", null for 0 */
json_t *gw_json_time_micro(gint64 us); /* "2026-11-23T04:05:06.000000", null for 0 */
json_t *gw_json_links(GwRequest *request, const char *kind, const char *id); /* self and bookmark */
json_t *gw_json_bookmark(GwRequest *request, const char *kind, const char *id);
/* Nova hides a host's name from tenants behind a hash of it; "" for NULL (nova/utils.py, generate_hostid). */
json_t *gw_json_host_id(GwRequest *request, const char *host);

/* Godwit adopts instances that no flavor made: each shape is its own, with an id that says what it is, "2c-512m-10g".
 */
char *gw_flavor_id(const GwInstance *instance);
guint64 gw_flavor_disk_gib(const GwInstance *instance);

#endif
