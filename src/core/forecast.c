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

gboolean gw_interval_has(const GwInterval *interval, guint64 value)
{
    return interval->low <= value && value <= interval->high;
}
