"""Lines over a logarithmic x axis as an SVG, without a library, so that anyone can draw it again."""
import math
from typing import Optional

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 560, 340, 70, 44, 20, 74
COLOURS = ("#1f6fb2", "#c2562d", "#3a8a4d", "#7a4fa3")


class Axis:
    """Values to places; logarithmic, or linear with so many steps."""

    def __init__(self, low: float, high: float, start: float, end: float, steps: int = 0):
        self.low, self.high, self.start, self.end, self.steps = low, high, start, end, steps

    def at(self, value: float) -> float:
        low, high, value = (v if self.steps else math.log10(v) for v in (self.low, self.high, min(max(value, self.low), self.high)))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> list:
        if self.steps:
            return [self.low + (self.high - self.low) * i / self.steps for i in range(self.steps + 1)]
        return [10.0 ** n for n in range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)]


def label(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def draw(path: str, title: str, x_name: str, y_name: str, series: dict, y: Optional[tuple] = None, mark: Optional[tuple] = None) -> None:
    """series: name -> [(x, y, whether it is only a lower bound)]. y: (low, high, steps) for a linear axis, else logarithmic around the
    values. mark: (y, text), a line of its own."""
    points = [p for line in series.values() for p in line]
    xs = [p[0] for p in points]
    across = Axis(min(xs) / 1.3, max(xs) * 1.3, LEFT, WIDTH - RIGHT)
    ys = [p[1] for p in points]
    up = Axis(*(y[:2] if y else (min(ys) / 2, max(ys) * 2)), HEIGHT - BOTTOM, TOP, y[2] if y else 0)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{WIDTH / 2}" y="22" text-anchor="middle" font-size="15">{title}</text>',
           f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" stroke="#888"/>',
           f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 36}" text-anchor="middle">{x_name}</text>',
           f'<text transform="translate(16,{(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{y_name}</text>']
    for value in across.ticks():
        out.append(f'<line x1="{across.at(value):.1f}" y1="{TOP}" x2="{across.at(value):.1f}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>')
        out.append(f'<text x="{across.at(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{label(value)}</text>')
    for value in up.ticks():
        out.append(f'<line x1="{LEFT}" y1="{up.at(value):.1f}" x2="{WIDTH - RIGHT}" y2="{up.at(value):.1f}" stroke="#eee"/>')
        out.append(f'<text x="{LEFT - 6}" y="{up.at(value) + 4:.1f}" text-anchor="end">{label(round(value, 6))}</text>')
    if mark:
        out.append(f'<line x1="{LEFT}" y1="{up.at(mark[0]):.1f}" x2="{WIDTH - RIGHT}" y2="{up.at(mark[0]):.1f}" stroke="#b33" stroke-dasharray="5 4"/>')
        out.append(f'<text x="{WIDTH - RIGHT - 4}" y="{up.at(mark[0]) - 5:.1f}" text-anchor="end" fill="#b33">{mark[1]}</text>')
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        known = " ".join(f"{across.at(a):.1f},{up.at(b):.1f}" for a, b, bound in line if not bound)
        out.append(f'<polyline points="{known}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        for a, b, bound in line:
            px, py = across.at(a), up.at(b)
            out.append(f'<path d="M{px - 4:.1f} {py:.1f}h8l-4 -9z" fill="{colour}"/>' if bound else f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.4" fill="{colour}"/>')
        out.append(f'<circle cx="{LEFT + 6 + i * 220}" cy="{HEIGHT - 16}" r="4" fill="{colour}"/>')
        out.append(f'<text x="{LEFT + 16 + i * 220}" y="{HEIGHT - 12}">{name}</text>')
    with open(path, "w") as f:
        f.write("\n".join([*out, "</svg>"]) + "\n")
