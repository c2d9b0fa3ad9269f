/* Tables as nova prints them: every column as wide as its widest cell. */
#ifndef GW_CLI_TABLE_H
#define GW_CLI_TABLE_H

#include <glib.h>
#include <stdio.h>

typedef struct GwTable GwTable;

/* headings: NULL-terminated, outlive the table. */
GwTable *gw_table_new(const char *const *headings);
void gw_table_free(GwTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTable, gw_table_free)

/* The next cell of the row, left to right; a row ends with the last heading. Cleaned by gw_text_clean(): NULL is "-".
 */
void gw_table_add(GwTable *table, const char *cell);
void gw_table_take(GwTable *table, char *cell); /* frees it */
void gw_table_add_int(GwTable *table, gint64 cell);

guint gw_table_rows(const GwTable *table);
void gw_table_print(const GwTable *table, FILE *stream);

#endif
