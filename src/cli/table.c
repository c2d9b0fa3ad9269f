#include "cli/table.h"

#include "cli/text.h"

struct GwTable {
    const char *const *headings;
    guint columns;
    GPtrArray *cells; /* of char *, row after row */
};

GwTable *gw_table_new(const char *const *headings)
{
    GwTable *table = g_new0(GwTable, 1);
    table->headings = headings;
    table->columns = g_strv_length((GStrv)headings);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void gw_table_free(GwTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void gw_table_add(GwTable *table, const char *cell)
{
    g_ptr_array_add(table->cells, gw_text_clean(cell));
}

void gw_table_take(GwTable *table, char *cell)
{
    gw_table_add(table, cell);
    g_free(cell);
}

void gw_table_add_int(GwTable *table, gint64 cell)
{
    g_ptr_array_add(table->cells, g_strdup_printf("%" G_GINT64_FORMAT, cell));
}

guint gw_table_rows(const GwTable *table)
{
    return table->cells->len / table->columns;
}

static guint column_width(const GwTable *table, guint column)
{
    guint width = gw_text_width(table->headings[column]);
    for (guint i = column; i < table->cells->len; i += table->columns)
        width = MAX(width, gw_text_width(table->cells->pdata[i]));
    return width;
}

static void print_rule(const guint *widths, guint columns, FILE *stream)
{
    for (guint i = 0; i < columns; i++) {
        g_autofree char *dashes = g_strnfill(widths[i] + 2, '-');
        fprintf(stream, "+%s", dashes);
    }
    fputs("+\n", stream);
}

static void print_row(const char *const *cells, const guint *widths, guint columns, FILE *stream)
{
    for (guint i = 0; i < columns; i++)
        fprintf(stream, "| %s%*s ", cells[i], (int)(widths[i] - gw_text_width(cells[i])), "");
    fputs("|\n", stream);
}

void gw_table_print(const GwTable *table, FILE *stream)
{
    g_autofree guint *widths = g_new(guint, table->columns);
    for (guint i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i);
    print_rule(widths, table->columns, stream);
    print_row(table->headings, widths, table->columns, stream);
    print_rule(widths, table->columns, stream);
    for (guint row = 0; row < gw_table_rows(table); row++)
        print_row((const char *const *)table->cells->pdata + row * table->columns, widths, table->columns, stream);
    print_rule(widths, table->columns, stream);
}
