/* The sample configuration, generated, so that it names what is read. */
#include "daemon/options.h"
#include "daemon/settings.h"

#include <string.h>

enum { WIDTH = 78 };

static void print_comment(FILE *file, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize column = 0;
    for (char **word = words; *word; word++) {
        gsize length = strlen(*word);
        if (column && column + 1 + length > WIDTH) {
            fputc('\n', file);
            column = 0;
        }
        column += (gsize)fprintf(file, "%s%s", column ? " " : "# ", *word);
    }
    fputc('\n', file);
}

static void print_option(FILE *file, const GwOption *option)
{
    g_autofree char *summary = gw_option_summary(option);
    print_comment(file, option->help);
    print_comment(file, summary);
    fprintf(file, "#%s =%s%s\n\n", option->name, *option->initial ? " " : "", option->initial);
}

void gw_settings_sample(FILE *file)
{
    print_comment(file, "Godwit's configuration, in the language of nova.conf. What is commented out is the default.");
    const char *section = "";
    for (guint i = 0; i < gw_option_count; i++) {
        const GwOption *option = &gw_options[i];
        if (strcmp(section, option->section) != 0)
            fprintf(file, "\n[%s]\n\n", option->section);
        section = option->section;
        print_option(file, option);
    }
}
