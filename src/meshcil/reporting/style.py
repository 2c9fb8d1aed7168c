"""The look of every figure: colours and markers fixed per method, one set of matplotlib settings, stable SVG.

Colours are of the Okabe-Ito set, which people with the common colour-vision deficiencies can tell apart; each
method also has a marker of its own. `INK` and `PAPER` and the palette stand as they are in the SVG file; the
report replaces them by CSS variables, so that figures follow the reader's light or dark setting.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

INK = "#24292f"
PAPER = "#ffffff"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6e7781")
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY = PALETTE

WIDTH, HEIGHT = 5.0, 3.4
"""Inches; small, so that the text stays readable where the figure is scaled down to a telephone."""

RC: dict[str, Any] = {
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.facecolor": PAPER,
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.14,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "meshcil",
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one series."""

    colour: str
    marker: str
    dashes: str = "-"


LOOKS = {
    "inemo": Look(BLUE, "o"),
    "icarl": Look(VERMILION, "s"),
    "joint": Look(GREEN, "D", "--"),
    "finetune": Look(GREY, "v"),
    "memo": Look(PURPLE, "^"),
    "der": Look(ORANGE, "P"),
    "lwf": Look(SKY, "X"),
}
"""By method name; a variant such as `inemo-no-etf` has its method's look unless that is taken."""


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Look of each method of one figure; the same name always gets the same look among the same methods.

    Args:
        methods: names of method settings, in order.
    """
    found: dict[str, Look] = {}
    spare = list(LOOKS.values())
    names = list(dict.fromkeys(methods))
    for name in sorted(names, key=lambda n: (n not in LOOKS, names.index(n))):
        wanted = LOOKS.get(name) or LOOKS.get(name.split("-")[0])
        free = [look for look in spare if look not in found.values()]
        found[name] = wanted if wanted in free else _cycle(free, len(found))
    return found


def _cycle(free: list[Look], index: int) -> Look:
    # With more methods than colours, colours repeat with dots; labels and markers still tell them apart.
    if free:
        return free[-1]
    again = list(LOOKS.values())[index % len(LOOKS)]
    return Look(again.colour, again.marker, ":")


def svg_bytes(figure: Figure) -> bytes:
    """SVG of a figure: text stays text, no date, equal figures give equal bytes."""
    stream = io.BytesIO()
    with rc_context(RC):
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(stream, format="svg", metadata=metadata)
    return stream.getvalue()
