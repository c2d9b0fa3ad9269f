/* What is expected of a move, as JSON. */
#ifndef GW_API_FORECAST_VIEW_H
#define GW_API_FORECAST_VIEW_H

#include "core/forecast.h"

#include <jansson.h>

json_t *gw_json_forecast(const GwForecast *forecast); /* NULL gives null */

#endif
