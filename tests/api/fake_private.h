/* What the files of the engine of memory share. */
#ifndef GW_TESTS_API_FAKE_PRIVATE_H
#define GW_TESTS_API_FAKE_PRIVATE_H

#include "fake_aggregates.h"
#include "fake_engine.h"

struct GwEngine {
    GMutex lock;
    GPtrArray *views;      /* of GwInstanceView *, newest first */
    GPtrArray *hosts;      /* of char *: names */
    GHashTable *disabled;  /* name -> reason */
    GHashTable *forced_down; /* set of names */
    FakeAggregates *aggregates;
    GPtrArray *migrations; /* of GwMigration *, newest first */
    GPtrArray *actions;    /* of GwActionRow *, newest first */
    GPtrArray *waiting;    /* of FakeWaiting * */
    GThreadPool *pool;
    gint64 next_id;
    volatile guint64 serial;
};

/* 2026-01-02T03:04:05.000678Z */
enum { MICROS = 678 };
static const gint64 fake_epoch_us = G_GINT64_CONSTANT(1767323045) * G_USEC_PER_SEC + MICROS;

/* A call that ends later; one of done and checked is told. */
typedef struct {
    GwDone done;
    GwChecked checked;
    gpointer data;
    gint64 id;
    GError *error;
    guint delay_ms;
} FakeWaiting;

/* Ends as the name of the host says: soon, late, never, at once, well or badly. */
void fake_later(GwEngine *engine, const char *host, FakeWaiting waiting);
gboolean fake_ends_badly(const char *host);
extern gint fake_silent_asked; /* atomic */

void fake_add_action(GwEngine *engine, const char *uuid, const char *request_id, const char *action); /* [locked] */
GwInstanceView *fake_find_view(GwEngine *engine, const char *uuid, guint *ret_index);                 /* [locked] */
gboolean fake_find_host(GwEngine *engine, const char *name, guint *ret_index);                        /* [locked] */

#endif
