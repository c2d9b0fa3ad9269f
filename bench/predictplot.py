"""Predicted against actual as an SVG of two squares, time and pause; without a library, so that anyone can draw it again."""
import math

SIDE, GAP, EDGE = 330, 90, 60
COLOURS = ("#1f6fb2", "#c2562d", "#3a8a4d", "#7a4fa3", "#8a7a2d")


def square(title: str, unit: str, x0: int, points: list, low: float, high: float) -> list:
    """points: (actual, predicted, interval's low, interval's high, colour). Both axes logarithmic."""
    def at(value: float) -> float:
        return SIDE * (math.log(min(max(value, low), high)) - math.log(low)) / (math.log(high) - math.log(low))

    def x(value: float) -> float:
        return x0 + at(value)

    def y(value: float) -> float:
        return EDGE + SIDE - at(value)

    out = [f'<rect x="{x0}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
           f'<text x="{x0 + SIDE / 2}" y="{EDGE - 14}" text-anchor="middle" font-size="15">{title}</text>',
           f'<text x="{x0 + SIDE / 2}" y="{EDGE + SIDE + 42}" text-anchor="middle">actual, {unit}</text>',
           f'<text transform="translate({x0 - 44},{EDGE + SIDE / 2}) rotate(-90)" text-anchor="middle">predicted, {unit}</text>',
           f'<line x1="{x(low)}" y1="{y(low)}" x2="{x(high)}" y2="{y(high)}" stroke="#bbb"/>']
    tick = 10 ** math.floor(math.log10(low))
    while tick <= high:
        for part in (1, 2, 5):
            value = tick * part
            if low <= value <= high:
                label = f"{value:g}"
                out.append(f'<text x="{x(value)}" y="{EDGE + SIDE + 18}" text-anchor="middle">{label}</text>')
                out.append(f'<text x="{x0 - 6}" y="{y(value) + 4}" text-anchor="end">{label}</text>')
        tick *= 10
    for actual, predicted, least, most, colour in points:
        out.append(f'<line x1="{x(actual):.1f}" y1="{y(least):.1f}" x2="{x(actual):.1f}" y2="{y(most):.1f}" stroke="{colour}" stroke-opacity="0.35"/>')
        out.append(f'<circle cx="{x(actual):.1f}" cy="{y(predicted):.1f}" r="3.4" fill="{colour}"/>')
    return out


def bounds(points: list) -> tuple:
    values = [v for p in points for v in p[:2] if v > 0]
    return min(values) / 1.6, max(values) * 1.6


def draw(rows: list, path: str) -> None:
    links = sorted({r["link"] for r in rows})
    colour = {link: COLOURS[i % len(COLOURS)] for i, link in enumerate(links)}
    good = [r for r in rows if r["seconds"]]
    times = [(r["seconds"], r["predicted"], r["low"], r["high"], colour[r["link"]]) for r in good]
    pauses = [(max(r["pause"], 1), max(r["pause_predicted"], 1), max(r["pause_low"], 1), max(r["pause_high"], 1), colour[r["link"]]) for r in good]
    width, height = 2 * (EDGE + SIDE) + GAP, SIDE + 2 * EDGE + 46
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           *square("Time of a migration", "s", EDGE, times, *bounds(times)),
           *square("Pause of its guest", "ms", EDGE + SIDE + GAP, pauses, *bounds(pauses))]
    for i, link in enumerate(links):
        out.append(f'<circle cx="{EDGE + 6 + i * 200}" cy="{height - 18}" r="4" fill="{colour[link]}"/>')
        out.append(f'<text x="{EDGE + 16 + i * 200}" y="{height - 14}">{link}</text>')
    with open(path, "w") as f:
        f.write("\n".join([*out, "</svg>"]) + "\n")
