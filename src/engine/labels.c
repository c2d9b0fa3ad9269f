/* What an instance is called and labelled with: as people say (its card), else as it was made, else as its hypervisor says. */
#include "engine/engine.h"

const char *gw_instance_view_name(const GwInstanceView *view)
{
    return view->card && view->card->name ? view->card->name : view->server ? view->server->name : view->instance->name;
}

const char *gw_instance_view_description(const GwInstanceView *view)
{
    return view->card && view->card->has_description ? view->card->description : view->server ? view->server->description : NULL;
}

const GPtrArray *gw_instance_view_metadata(const GwInstanceView *view)
{
    return view->card && view->card->has_metadata ? view->card->metadata : view->server ? view->server->metadata : NULL;
}

const GPtrArray *gw_instance_view_tags(const GwInstanceView *view)
{
    return view->card && view->card->has_tags ? view->card->tags : view->server ? view->server->tags : NULL;
}
