"""Bars and lines as SVG, in a few lines of our own: what the pages of the bench show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, BAR, GAP, LABEL, MARGIN = 760, 18, 8, 210, 10
COLORS = ("#3b6ea8", "#c98a2b", "#6b9e5b", "#a8545b", "#7d6aa8", "#8a8a8a")
FONT = 'font-family="sans-serif" font-size="12"'
TITLE = 24


@dataclass(frozen=True)
class Bar:
    """One line of a plot: a name, and parts that follow each other; `told` stands behind them."""

    name: str
    parts: Sequence[float]
    told: str


def bars(title: str, lines: Sequence[Bar], keys: Sequence[str] = (), *, most: float = 0.0) -> str:
    """Horizontal bars; `keys` names the parts, `most` is the value at the right edge (the largest bar's if 0)."""
    top = TITLE + (TITLE if keys else 0)
    height = top + len(lines) * (BAR + GAP) + MARGIN
    room = WIDTH - LABEL - 130
    scale = room / (most or max((sum(line.parts) for line in lines), default=1.0) or 1.0)
    body = [_text(MARGIN, 16, title, bold=True), *_legend(keys)]
    for n, line in enumerate(lines):
        y, x = top + n * (BAR + GAP), float(LABEL)
        body.append(_text(MARGIN, y + 13, line.name))
        for part, color in zip(line.parts, _colors(len(line.parts)), strict=True):
            body.append(f'<rect x="{x:.1f}" y="{y}" width="{part * scale:.1f}" height="{BAR}" fill="{color}"/>')
            x += part * scale
        body.append(_text(x + 6, y + 13, line.told))
    return _svg(height, body)


def lines(title: str, series: Mapping[str, Sequence[float]], ticks: Sequence[str]) -> str:
    """Lines over the same ticks, from 0 to the highest value."""
    height, left, right, top, bottom = 260, 60, WIDTH - 170, 40, 225
    most = max((value for values in series.values() for value in values), default=1.0) or 1.0
    step = (right - left) / max(len(ticks) - 1, 1)
    body = [_text(MARGIN, 16, title, bold=True), _text(MARGIN, top + 4, f"{most:.3g}"), _text(MARGIN, bottom + 4, "0")]
    body.append(f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#888"/>')
    body += [_text(left + n * step - 8, bottom + 18, tick) for n, tick in enumerate(ticks)]
    for n, (name, values) in enumerate(series.items()):
        at = [(left + k * step, bottom - value / most * (bottom - top)) for k, value in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        color = COLORS[n % len(COLORS)]
        body.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        body.append(_text(right + 10, top + 14 + n * 18, name, color=color))
    return _svg(height, body)


def _colors(number: int) -> Sequence[str]:
    return [COLORS[n % len(COLORS)] for n in range(number)]


def _legend(keys: Sequence[str]) -> list[str]:
    found, x = list[str](), float(LABEL)
    for key, color in zip(keys, _colors(len(keys)), strict=True):
        found.append(f'<rect x="{x:.0f}" y="{TITLE + 2}" width="10" height="10" fill="{color}"/>')
        found.append(_text(x + 14, TITLE + 12, key))
        x += 30 + 7 * len(key)
    return found


def _text(x: float, y: float, text: str, *, bold: bool = False, color: str = "#333") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}"{weight}>{escape(text)}</text>'


def _svg(height: int, body: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}>', ground, *body, "</svg>"]) + "\n"
