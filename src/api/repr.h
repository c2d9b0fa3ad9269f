/* Values as Python writes them, because Nova's messages quote them so: {'host': None, 'force': True}. */
#ifndef GW_API_REPR_H
#define GW_API_REPR_H

#include <glib.h>
#include <jansson.h>

/* repr(value). Owned by the caller. NULL is written like null. */
char *gw_json_repr(json_t *value);
/* str(value): the same, but a string stands for itself. */
char *gw_json_str(json_t *value);

#endif
