#include "core/dirty.h"

#include <math.h>

#define STRAIGHT 1e4 /* a working set of so many times the memory: the curve is a line, until all of the memory is written */

double gw_dirty_curve_at(const GwDirtyCurve *curve, double seconds)
{
    if (curve->write_bps <= 0 || curve->set_bytes <= 0)
        return 0;
    return curve->set_bytes * -expm1(-curve->write_bps * seconds / curve->set_bytes);
}

double gw_dirty_curve_mean(const GwDirtyCurve *curve, double seconds)
{
    if (curve->write_bps <= 0 || curve->set_bytes <= 0 || seconds <= 0)
        return 0;
    double times = curve->write_bps * seconds / curve->set_bytes;
    /* of so little time the difference below is lost in rounding */
    return times < 1e-4 ? curve->write_bps * seconds / 2 : curve->set_bytes * (1 + expm1(-times) / times);
}

/* With one window w: u = U(w). With w and 3w: u3/u1 = 1 + x + x², x = e^(−write·w/set), so both follow (docs/prediction.md). */
GwDirtyCurve gw_dirty_curve_fit(const GwLoad *load, double memory_bytes)
{
    const double least = 0.05; /* of x: a set that is full within the window says no more than that */
    double seconds = GW_LOAD_SHORT_MS / 1000.0, u1 = (double)load->short_bytes;
    if (load->how == GW_LOAD_SIZES || u1 <= 0)
        return (GwDirtyCurve){0};
    double u3 = load->how == GW_LOAD_FULL ? (double)load->long_bytes : 0;
    double ratio = u3 > 0 ? CLAMP(u3 / u1, 1, 3) : 0;
    if (ratio <= 0) /* one window: over the whole memory */
        return gw_dirty_curve_through(&(GwDirtyCurve){u1 / seconds, memory_bytes}, seconds, u1);
    double x = CLAMP((sqrt(4 * ratio - 3) - 1) / 2, least, 1);
    double set = x < 0.999 ? MIN(u1 / (1 - x), memory_bytes) : memory_bytes * STRAIGHT; /* nothing was written twice */
    return gw_dirty_curve_through(&(GwDirtyCurve){u1 / seconds, set}, seconds, u1);
}

GwDirtyCurve gw_dirty_curve_through(const GwDirtyCurve *curve, double seconds, double bytes)
{
    const double full = 0.95;
    if (bytes <= 0 || seconds <= 0)
        return (GwDirtyCurve){0, curve->set_bytes};
    double set = MAX(curve->set_bytes, bytes / full);
    return (GwDirtyCurve){-set / seconds * log1p(-bytes / set), set};
}

/* ---- through many points */

/* The writing rate that, over such a set, comes nearest to what was seen, and how far off it is: the sum of squares of logarithms. A point
 * that is all of the set tells only that it was full by then. */
static double rate_for(const GwWritten *seen, guint count, double set)
{
    const double full = 0.9;
    double sum = 0, least = 0;
    guint n = 0;
    for (guint i = 0; i < count; i++) {
        double part = (double)seen[i].bytes / set, seconds = (double)seen[i].ms / 1000;
        if (!seen[i].ms || !seen[i].bytes)
            continue;
        double rate = -set / seconds * log1p(-MIN(part, full));
        if (part > full) {
            least = MAX(least, rate);
            continue;
        }
        sum += log(rate);
        n++;
    }
    return n ? exp(sum / n) : least;
}

static double off_by(const GwWritten *seen, guint count, const GwDirtyCurve *curve)
{
    double sum = 0;
    for (guint i = 0; i < count; i++)
        if (seen[i].ms && seen[i].bytes) {
            double off = log((double)seen[i].bytes / gw_dirty_curve_at(curve, (double)seen[i].ms / 1000));
            sum += off * off;
        }
    return sum;
}

/* Sets are tried from hardly more than what was seen up to more than the memory, in steps that grow. */
GwDirtyCurve gw_dirty_curve_among(const GwWritten *seen, guint count, double memory_bytes)
{
    double most = 0, least_off = G_MAXDOUBLE;
    guint points = 0;
    guint64 alone = 0;
    for (guint i = 0; i < count; i++)
        if (seen[i].ms) {
            most = MAX(most, (double)seen[i].bytes);
            alone = seen[i].ms;
            points++;
        }
    GwDirtyCurve best = {0, MAX(most, 1)};
    if (points == 1) /* says nothing of the set: it may be all, or the beginning */
        return gw_dirty_curve_through(&(GwDirtyCurve){0, MIN(most * 2, memory_bytes)}, (double)alone / 1000, most);
    for (double more = 0.02; most > 0; more *= 1.3) {
        double set = most * (1 + more) < memory_bytes ? most * (1 + more) : memory_bytes * STRAIGHT;
        GwDirtyCurve curve = {rate_for(seen, count, set), set};
        double off = curve.write_bps > 0 ? off_by(seen, count, &curve) : G_MAXDOUBLE;
        if (off < least_off - 1e-6) {
            least_off = off;
            best = curve;
        }
        if (set > memory_bytes)
            break;
    }
    return best;
}
