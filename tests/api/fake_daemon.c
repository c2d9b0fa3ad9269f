/* The API over an engine of memory, for the tests: prints its port, serves until its standard input ends. */
#include "api/api.h"
#include "fake_engine.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    gint more = 0, threads = 2, wait_s = 2, request_s = 2, max_limit = 0;
    g_autoptr(GError) error = NULL;
    GOptionEntry options[] = {
        {"more", 0, 0, G_OPTION_ARG_INT, &more, "plain instances beside the fixed ones", "N"},
        {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "threads of the API", "N"},
        {"wait", 0, 0, G_OPTION_ARG_INT, &wait_s, "longest wait for a host", "SECONDS"},
        {"request", 0, 0, G_OPTION_ARG_INT, &request_s, "longest time to send a request", "SECONDS"},
        {"max-limit", 0, 0, G_OPTION_ARG_INT, &max_limit, "most rows of a page", "N"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    g_option_context_free(context);
    GwEngine *engine = fake_engine_new((guint)more);
    GwApiSettings settings = {.listen = "127.0.0.1", .threads = (guint)threads, .wait_s = (guint)wait_s,
                              .request_s = (guint)request_s, .max_limit = (guint)max_limit};
    GwApi *api = gw_api_start(engine, &settings, &error);
    if (!api) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    printf("%u\n", gw_api_port(api));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    gw_api_stop(api);
    fake_engine_free(engine); /* ends what the API no longer waits for */
    return 0;
}
