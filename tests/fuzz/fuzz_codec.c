/* What is stored may be damaged or written by another version: it is read or refused, and what is read is written and
 * read again as the same. */
#include "store/store.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_instance(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance = gw_codec_instance_from_text(text, &error);
    if (!instance != (error != NULL))
        abort();
    if (!instance)
        return;
    g_autofree char *again = gw_codec_instance_to_text(instance);
    g_autoptr(GwInstance) back = gw_codec_instance_from_text(again, NULL);
    if (!back || !gw_instance_equal(instance, back))
        abort();
}

static void try_plan(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwPlan) plan = gw_codec_plan_from_text(text, &error);
    if (!plan != (error != NULL))
        abort();
    if (!plan)
        return;
    g_autofree char *again = gw_codec_plan_to_text(plan);
    g_autoptr(GwPlan) back = gw_codec_plan_from_text(again, NULL);
    g_autofree char *third = back ? gw_codec_plan_to_text(back) : NULL;
    if (g_strcmp0(again, third) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    try_instance(text);
    try_plan(text);
    return 0;
}
