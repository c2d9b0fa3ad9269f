#include "daemon/ini.h"

#include <string.h>

typedef struct {
    GPtrArray *items;
    GwProblems *problems;
    char *section; /* NULL before the first */
    GwIniItem *item; /* that a continuation line goes on with, or NULL; owned by items */
    guint line;
} Parser;

static void item_free(gpointer data)
{
    GwIniItem *item = data;
    g_free(item->section);
    g_free(item->name);
    g_free(item->value);
    g_free(item);
}

void gw_problems_add(GwProblems *problems, guint line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_string_append_printf(problems->text, "%s%s:%u: %s", problems->text->len ? "\n" : "", problems->file, line, what);
}

static void parse_section(Parser *parser, const char *line)
{
    const char *end = strchr(line, ']');
    if (!end || end[1]) {
        gw_problems_add(parser->problems, parser->line, "'%s' is no section: write [NAME] alone on its line", line);
        return;
    }
    g_free(parser->section);
    parser->section = g_strstrip(g_strndup(line + 1, (gsize)(end - line - 1)));
    if (!*parser->section)
        gw_problems_add(parser->problems, parser->line, "the section has no name: write [DEFAULT]");
}

static void unquote(char *value)
{
    gsize length = strlen(value);
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        memmove(value, value + 1, length - 2);
        value[length - 2] = '\0';
    }
}

static void parse_assignment(Parser *parser, const char *line)
{
    const char *sign = strpbrk(line, "=:");
    if (!sign) {
        gw_problems_add(parser->problems, parser->line, "'%s' sets nothing: write name = value, or # before a comment",
                        line);
        return;
    }
    g_autofree char *name = g_strstrip(g_strndup(line, (gsize)(sign - line)));
    if (!*name) {
        gw_problems_add(parser->problems, parser->line, "'%s' has no name before its %c: write name = value", line,
                        *sign);
        return;
    }
    if (!parser->section) {
        gw_problems_add(parser->problems, parser->line, "%s: stands before any section: write [DEFAULT] above it",
                        name);
        return;
    }
    GwIniItem *item = g_new0(GwIniItem, 1);
    item->section = g_strdup(parser->section);
    item->name = g_steal_pointer(&name);
    item->value = g_strstrip(g_strdup(sign + 1));
    item->line = parser->line;
    unquote(item->value);
    g_ptr_array_add(parser->items, item);
    parser->item = item;
}

static void parse_continuation(Parser *parser, const char *line)
{
    if (!parser->item) {
        gw_problems_add(parser->problems, parser->line,
                        "'%s' begins with a blank but continues nothing: begin it in the first column", line);
        return;
    }
    char *joined = g_strconcat(parser->item->value, *parser->item->value ? " " : "", line, NULL);
    g_free(parser->item->value);
    parser->item->value = joined;
}

static void parse_line(Parser *parser, char *line)
{
    gboolean indented = *line == ' ' || *line == '\t';
    g_strstrip(line);
    if (*line == '#' || *line == ';')
        return;
    if (*line && indented) {
        parse_continuation(parser, line);
        return;
    }
    parser->item = NULL;
    if (*line == '[')
        parse_section(parser, line);
    else if (*line)
        parse_assignment(parser, line);
}

GPtrArray *gw_ini_parse(const char *text, GwProblems *problems)
{
    Parser parser = {.items = g_ptr_array_new_with_free_func(item_free), .problems = problems};
    g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text, "\n", -1);
    for (char **line = lines; *line; line++) {
        parser.line++;
        parse_line(&parser, *line);
    }
    g_free(parser.section);
    return parser.items;
}
