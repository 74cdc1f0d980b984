"""The plots of the bench's pages as SVG: bars and lines in one style."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

INCHES_WIDE = 8.0
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "backdrop",  # makes the file reproducible
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": "#ddd",
}


@dataclass(frozen=True)
class Bar:
    """One bar: a name, and consecutive parts. `label` is shown after them."""

    name: str
    parts: Sequence[float]
    label: str


def draw_bars(title: str, lines: Sequence[Bar], keys: Sequence[str] = (), *, max_value: float = 0.0) -> str:
    """Draws horizontal bars. `keys` names the parts. `max_value` is the value at the right edge (0: largest bar)."""
    with mpl.rc_context(STYLE):
        figure, axes = _create_figure(title, 0.7 + 0.27 * len(lines) + 0.25 * bool(keys))
        names = [line.name for line in lines]
        starts = [0.0] * len(lines)
        for n in range(len(lines[0].parts)):
            widths = [line.parts[n] for line in lines]
            axes.barh(names, widths, left=starts, label=keys[n] if keys else "")
            starts = [start + width for start, width in zip(starts, widths, strict=True)]
        for name, end, line in zip(names, starts, lines, strict=True):
            axes.annotate(line.label, (end, name), xytext=(4, 0), textcoords="offset points", va="center")
        axes.margins(y=0.02)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.1 * (max_value or max(starts)))
        axes.grid(axis="x")
        if keys:
            figure.legend(loc="outside lower center", ncols=len(keys), frameon=False)
        return _save_svg(figure)


def draw_lines(title: str, series: Mapping[str, Sequence[float]], ticks: Sequence[str]) -> str:
    """Draws lines over the same ticks, starting at 0. Different dashes keep overlapping lines apart."""
    with mpl.rc_context(STYLE):
        figure, axes = _create_figure(title, 2.8)
        for n, (name, values) in enumerate(series.items()):
            axes.plot(ticks, values, label=name, marker="o", markersize=3, linestyle=("-", "--", "-.", ":")[n % 4])
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        figure.legend(loc="outside right upper", frameon=False)
        return _save_svg(figure)


def _create_figure(title: str, inches_high: float) -> tuple[Figure, Axes]:
    figure = Figure((INCHES_WIDE, inches_high), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _save_svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
