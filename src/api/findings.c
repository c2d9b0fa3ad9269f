#include "api/findings.h"

#include "api/view.h"

static json_t *finding_json(const GwFinding *finding)
{
    json_t *out = json_object();
    json_object_set_new(out, "severity", json_string(gw_severity_name(finding->severity)));
    json_object_set_new(out, "code", json_string(finding->code));
    json_object_set_new(out, "host", gw_json_text(finding->host));
    json_object_set_new(out, "fact", gw_json_text(finding->fact));
    json_object_set_new(out, "why", gw_json_text(finding->why));
    json_object_set_new(out, "remedy", gw_json_text(finding->remedy));
    json_object_set_new(out, "commands", gw_json_text(finding->commands));
    return out;
}

json_t *gw_json_findings(const GPtrArray *findings)
{
    json_t *list = json_array();
    for (guint i = 0; i < findings->len; i++)
        json_array_append_new(list, finding_json(findings->pdata[i]));
    return list;
}
