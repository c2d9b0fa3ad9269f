#include "cli/report.h"

#include "base/json.h"
#include "cli/text.h"

static void print_people(const GwCli *cli, GwExit code, const char *sentence, GStrv reasons, const char *now)
{
    FILE *stream = cli->err.stream;
    gboolean listed = reasons[0] != NULL;
    g_auto(GStrv) lines = g_strsplit(sentence, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *clean = gw_text_clean(lines[i]);
        const char *label = i > 0 || code == GW_EXIT_DETACHED ? "" : cli->err.colour ? "\033[31mError:\033[0m " : "Error: ";
        fprintf(stream, "%s%s%s\n", label, clean, listed && !lines[i + 1] ? ":" : "");
    }
    for (guint i = 0; reasons[i]; i++) {
        g_autofree char *clean = gw_text_clean(reasons[i]);
        fprintf(stream, "  - %s\n", clean);
    }
    if (now) {
        g_autofree char *clean = gw_text_clean(now);
        fprintf(stream, "%s\n", clean);
    }
}

static void print_json(const GwCli *cli, GwExit code, const char *sentence, GStrv reasons, const char *now)
{
    g_autofree char *valid = g_utf8_make_valid(sentence, -1);
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; reasons[i]; i++) {
        g_autofree char *reason = g_utf8_make_valid(reasons[i], -1);
        json_array_append_new(list, json_string(reason));
    }
    g_autoptr(json_t) value = json_pack("{s:{s:i, s:s, s:O, s:s?}}", "error", "exit_status", (int)code, "message",
                                        valid, "reasons", list, "now", now);
    json_dumpf(value, cli->err.stream, JSON_INDENT(2));
    fputc('\n', cli->err.stream);
}

/* Whoever asked by name reads names. A UUID in a command stays: that may be one of virsh's, or of xe's. */
static char *call_by_name(const GwCli *cli, const char *text)
{
    static const char *const nouns[] = {"nstance", "erver"}; /* in small letters and capitals */
    g_autoptr(GString) called = g_string_new(text);
    GHashTableIter iter;
    gpointer uuid, name;
    if (cli->names)
        g_hash_table_iter_init(&iter, cli->names);
    while (cli->names && g_hash_table_iter_next(&iter, &uuid, &name)) {
        for (guint i = 0; i < G_N_ELEMENTS(nouns); i++) {
            g_autofree char *by_uuid = g_strdup_printf("%s %s", nouns[i], (const char *)uuid);
            g_autofree char *by_name = g_strdup_printf("%s %s", nouns[i], (const char *)name);
            g_string_replace(called, by_uuid, by_name, 0);
        }
    }
    return g_string_free(g_steal_pointer(&called), FALSE);
}

static void print(const GwCli *cli, GwExit code, const char *sentence, GStrv reasons, const char *now)
{
    g_autofree char *called = call_by_name(cli, sentence);
    g_auto(GStrv) called_reasons = g_new0(char *, g_strv_length(reasons) + 1);
    for (guint i = 0; reasons[i]; i++)
        called_reasons[i] = call_by_name(cli, reasons[i]);
    fflush(stdout); /* so that both streams in one file stay in order */
    if (cli->output == GW_OUTPUT_JSON)
        print_json(cli, code, called, called_reasons, now);
    else
        print_people(cli, code, called, called_reasons, now);
}

GwExit gw_report(const GwCli *cli, const GwReport *report)
{
    g_auto(GStrv) reasons = NULL;
    g_autofree char *head = gw_text_refusal(report->reasons ? report->reasons : "", &reasons);
    if (*head && !reasons[0]) { /* one sentence is a reason itself */
        g_strfreev(reasons);
        reasons = g_new0(char *, 2);
        reasons[0] = g_steal_pointer(&head);
    }
    print(cli, report->code, report->sentence, reasons, report->now);
    return report->code;
}

static GwExit code_of(const GError *error)
{
    if (error->domain != GW_ERROR)
        return GW_EXIT_FAILED;
    switch ((GwErrorCode)error->code) {
    case GW_ERROR_INVALID:
        return GW_EXIT_USAGE;
    case GW_ERROR_NOT_FOUND:
        return GW_EXIT_NOT_FOUND;
    case GW_ERROR_UNREACHABLE:
    case GW_ERROR_LOST:
        return GW_EXIT_UNREACHABLE;
    case GW_ERROR_ABORTED:
        return GW_EXIT_DETACHED;
    case GW_ERROR_CONFLICT:
    case GW_ERROR_REFUSED:
    case GW_ERROR_UNSUPPORTED:
    case GW_ERROR_DENIED:
    case GW_ERROR_FAILED:
    case GW_ERROR_STORE:
    case GW_ERROR_STALE:
    case GW_ERROR_INTERNAL:
        return GW_EXIT_FAILED;
    }
    return GW_EXIT_FAILED;
}

GwExit gw_report_error(const GwCli *cli, const GError *error, const char *now)
{
    GwExit code = code_of(error);
    g_auto(GStrv) reasons = NULL;
    /* what the command line lacks is told over several lines, none of which is a reason of the daemon */
    g_autofree char *sentence =
        code == GW_EXIT_USAGE ? g_strdup(error->message) : gw_text_refusal(error->message, &reasons);
    if (!reasons)
        reasons = g_new0(char *, 1);
    print(cli, code, sentence, reasons, now);
    return code;
}
