"""Curves on logarithmic axes as an SVG text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 900, 520
LEFT, TOP, RIGHT, BOTTOM = 70, 40, 360, 60
COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
    "#e377c2", "#7f7f7f", "#bcbd22", "#17becf", "#000000", "#4060ff",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (x, y), all above zero."""

    name: str
    points: tuple[tuple[float, float], ...]


def log_log(curves: Sequence[Curve], *, title: str, x_label: str, y_label: str) -> str:
    """An image with a grid line at each power of ten, and a dashed line that is linear, through the first curve."""
    return "\n".join([*_parts(curves, title, x_label, y_label), "</svg>", ""])


def _parts(curves: Sequence[Curve], title: str, x_label: str, y_label: str) -> Iterator[str]:
    x_low, x_high = _decades([x for curve in curves for x, _ in curve.points])
    y_low, y_high = _decades([y for curve in curves for _, y in curve.points])

    def x_at(value: float) -> float:
        return LEFT + (math.log10(value) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y_at(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    yield f'<text x="{LEFT}" y="24" font-size="16">{escape(title)}</text>'
    for power in range(x_low, x_high + 1):
        x = x_at(10**power)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_power(power)}</text>'
    for power in range(y_low, y_high + 1):
        y = y_at(10**power)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_power(power)}</text>'
    yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>'
    yield f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    (x0, y0), *_, (x1, _) = curves[0].points
    yield _line([(x_at(x0), y_at(y0)), (x_at(x1), y_at(y0 * x1 / x0))], "#999", 'stroke-dasharray="6 4"')
    for index, curve in enumerate(curves):
        color = COLORS[index % len(COLORS)]
        yield _line([(x_at(x), y_at(y)) for x, y in curve.points], color, 'stroke-width="1.5"')
        y = TOP + 12 + 20 * index
        yield f'<rect x="{WIDTH - RIGHT + 24}" y="{y - 9}" width="14" height="4" fill="{color}"/>'
        yield f'<text x="{WIDTH - RIGHT + 46}" y="{y}">{escape(curve.name)}</text>'
    y = TOP + 12 + 20 * len(curves)
    yield f'<text x="{WIDTH - RIGHT + 24}" y="{y}" fill="#777">dashed: linear</text>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _power(power: int) -> str:
    return f'10<tspan dy="-5" font-size="10">{power}</tspan>'


def _line(points: Sequence[tuple[float, float]], color: str, more: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" {more}/>'
