#include "core/forecast.h"

const char *gw_ending_name(GwEnding ending)
{
    switch (ending) {
    case GW_ENDING_ITSELF:
        return "by-itself";
    case GW_ENDING_POSTCOPY:
        return "post-copy";
    case GW_ENDING_PAUSE:
        return "pause";
    case GW_ENDING_NOT:
    case GW_ENDING_COUNT:
        break;
    }
    return "no";
}

const char *gw_basis_name(GwBasis basis)
{
    switch (basis) {
    case GW_BASIS_SIZES:
        return "sizes";
    case GW_BASIS_EARLIER:
        return "earlier";
    case GW_BASIS_SAMPLED:
        return "sampled";
    case GW_BASIS_OBSERVED:
    case GW_BASIS_COUNT:
        break;
    }
    return "observed";
}

const char *gw_link_from_name(GwLinkFrom from)
{
    switch (from) {
    case GW_LINK_ASSUMED:
        return "assumed";
    case GW_LINK_OTHERS:
        return "others";
    case GW_LINK_MOVES:
        return "moves";
    case GW_LINK_PROBE:
    case GW_LINK_COUNT:
        break;
    }
    return "probe";
}

gboolean gw_interval_has(const GwInterval *interval, guint64 value)
{
    return interval->low <= value && value <= interval->high;
}
