#include "cli/findings.h"

#include "cli/text.h"

#include <string.h>

static void print_part(const char *lead, const json_t *finding, const char *field)
{
    if (!gw_json_peek(finding, field))
        return;
    g_autofree char *clean = gw_text_clean(gw_json_peek(finding, field));
    printf("%s%s\n", lead, clean);
}

void gw_findings_print(const GwCli *cli, const json_t *findings)
{
    size_t index;
    json_t *finding;
    json_array_foreach(findings, index, finding)
    {
        gboolean warns = g_strcmp0(gw_json_peek(finding, "severity"), "warning") == 0;
        const char *colour = !cli->out.colour ? "" : warns ? "\033[33m" : "\033[31m";
        g_autofree char *code = gw_text_clean(gw_json_peek(finding, "code"));
        printf("  - %s%s%s ", colour, warns ? "warning:" : "blocks:", *colour ? "\033[0m" : "");
        print_part("", finding, "fact");
        print_part("      why:    ", finding, "why");
        print_part("      remedy: ", finding, "remedy");
        printf("      code:   %s\n", code);
    }
}
