/* Request bodies: which fields an object may and must have, in Nova's words when it does not. */
#ifndef GW_API_BODY_H
#define GW_API_BODY_H

#include "api/request.h"

typedef enum {
    GW_BODY_TEXT,            /* not empty */
    GW_BODY_TEXT_255,        /* 1 to 255 characters */
    GW_BODY_NAME,            /* the same, printable, no blanks around it */
    GW_BODY_ZONE,            /* such a name without ':', or null */
    GW_BODY_HOST,            /* a host name, or null */
    GW_BODY_HOST_NAME,       /* a host name */
    GW_BODY_BOOLEAN,         /* also Nova's strings for it */
    GW_BODY_BOOLEAN_OR_AUTO, /* or "auto" */
    GW_BODY_COUNT,           /* a whole number from 0 on */
    GW_BODY_HOST_NAMES,      /* a list of host names, not empty */
    GW_BODY_OBJECT,
    GW_BODY_ANY, /* its handler looks at it */
    GW_BODY_TEXT_OR_NULL, /* may be empty */
    GW_BODY_LIST,
    GW_BODY_TEXT_LIST, /* a list of texts, none of them empty; or null */
} GwBodyKind;

typedef enum { GW_BODY_OPTIONAL, GW_BODY_REQUIRED } GwBodyNeed;

typedef struct {
    const char *name;
    GwBodyKind kind;
    GwBodyNeed need;
    guint since, until; /* microversions 2.since to 2.until; 0: no bound */
} GwBodyRule;

/* FALSE: a 400 has been answered. what: the name of the object itself, for its own faults. */
gboolean gw_body_check(GwRequest *request, const char *what, json_t *object, const GwBodyRule *rules, gsize count);
#define GW_BODY_CHECK(request, what, object, rules) gw_body_check(request, what, object, rules, G_N_ELEMENTS(rules))

/* Of fields that were checked; FALSE and NULL when absent. */
gboolean gw_body_is_true(json_t *object, const char *name);
const char *gw_body_text(json_t *object, const char *name);

/* A live move's policy by its name in `policy`; NULL when it is absent. FALSE: a 400 has been answered. (move_body.c) */
gboolean gw_body_policy(GwRequest *request, const char *what, json_t *body, const GwPolicy **ret_policy);
/* Likewise its own options by their names in `options`, as a move's request takes them; owned, NULL when there are none. */
gboolean gw_body_options(GwRequest *request, const char *what, json_t *body, char **ret_options);

/* The one key of an action body, and its value; NULL with a 400 answered when there is not exactly one. */
const char *gw_body_action(GwRequest *request, json_t **ret_value);

#endif
