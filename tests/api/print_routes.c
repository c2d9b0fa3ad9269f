/* The table of routes, one row per line: METHOD PATH SINCE UNTIL ROLE, for the tests that hold it against what is said of it. */
#include "api/routes.h"

#include <stdio.h>

int main(void)
{
    static const char *const roots[] = {"/", "/v2.1/", "/godwit/v1/"};
    static const char *const roles[] = {"none", "known", "reader", "member", "admin"};
    for (gsize i = 0; i < gw_route_count; i++) {
        const GwRoute *route = &gw_routes[i];
        printf("%s %s%s %u %u %s\n", route->method, roots[route->root], route->path, route->since, route->until,
               roles[route->role]);
    }
    return 0;
}
