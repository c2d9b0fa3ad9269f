/* Telling those who listen what happens to migrations: each change of state, each pass, each tenth of the disks. */
#include "engine/internal.h"

void gw_engine_listen(GwEngine *engine, GwEngineHeard heard, gpointer data)
{
    g_mutex_lock(&engine->heard_lock);
    engine->heard = heard;
    engine->heard_data = data;
    g_mutex_unlock(&engine->heard_lock);
}

/* What is worth telling, as one number. */
static guint64 picture_of(const GwMigration *row)
{
    const GwProgress *p = &row->progress;
    guint64 tenth = p->disk_total ? (p->disk_total - MIN(p->disk_remaining, p->disk_total)) * 10 / p->disk_total : 0;
    return 1 + ((guint64)row->state | tenth << 8 | (guint64)row->rung << 12 | p->iteration << 16);
}

void gw_heard_tell(GwActive *active, const GwMigration *row)
{
    guint64 picture = picture_of(row);
    if (picture == active->told)
        return;
    active->told = picture;
    GwEngine *engine = active->engine;
    g_mutex_lock(&engine->heard_lock);
    if (engine->heard)
        engine->heard(engine->heard_data, row);
    g_mutex_unlock(&engine->heard_lock);
}
