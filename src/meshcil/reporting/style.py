"""The look of every figure: one set of matplotlib settings, SVG that is the same for equal scores."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from meshcil.config.experiment import Artifact
from meshcil.reporting.drawing import TOLD
from meshcil.reporting.kinds import make
from meshcil.reporting.palette import INK, PAPER

WIDTH, HEIGHT = 5.0, 3.4
"""Inches; small, so that the text stays readable where the figure is scaled down to a telephone."""

RC: dict[str, Any] = {
    # A label or class may hold any sign: none starts a formula.
    "text.parse_math": False,
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
    # Images stay as they are instead of being merged at the resolution of the screen.
    "image.composite_image": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    # Compressors differ between machines; the audit draws figures again and compares their bytes.
    "pdf.compression": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "meshcil",
}


@contextmanager
def look() -> Iterator[None]:
    """These settings on top of matplotlib's own: a user's matplotlibrc changes no byte of a figure."""
    with rc_context():
        rcdefaults()
        rcParams.update(RC)
        yield


def pdf_bytes(figure: Figure) -> bytes:
    """PDF of a figure with its fonts inside: no date, equal figures give equal bytes."""
    stream = io.BytesIO()
    with look():
        figure.savefig(stream, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return stream.getvalue()


def svg_bytes(figure: Figure) -> bytes:
    """SVG of a figure: text stays text, no date, equal figures give equal bytes."""
    stream = io.BytesIO()
    with look():
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(stream, format="svg", metadata=metadata)
    told = [line for line in figure.findobj(Line2D) if str(line.get_gid() or "").startswith(TOLD)]
    text = stream.getvalue().decode()
    for line in told:
        text = _with_titles(text, str(line.get_gid()), str(line.get_label())[1:].split("\n"))
    return text.encode()


def _with_titles(svg: str, group: str, texts: list[str]) -> str:
    """The drawing with a text at each marker of a group, which browsers show where the pointer rests."""
    begin = svg.find(f'<g id="{group}">')
    end = svg.find('<g id="', begin + 1)
    found = iter(texts)
    titled = re.sub(
        r"(<use [^>]*)/>", lambda use: f"{use[1]}><title>{escape(next(found, ''))}</title></use>", svg[begin:end]
    )
    return svg[:begin] + titled + svg[end:] if begin >= 0 else svg


@dataclass(frozen=True)
class FigureFiles:
    """A figure as it is stored.

    Attributes:
        svg: for the page.
        pdf: for papers.
    """

    svg: bytes
    pdf: bytes


def draw_figure(figure: Artifact, source: Any) -> FigureFiles:
    """Draw a figure of an experiment.

    Args:
        figure: its settings.
        source: chosen scores (`meshcil.reporting.scores.keep`), or what is shown of a run (`meshcil.reporting.shown`).

    Raises:
        InputError: when the settings do not suit the source.
    """
    with look():
        return figure_files(make(figure.folder, "draw", figure, source))


def figure_files(drawn: Figure | FigureFiles) -> FigureFiles:
    """Files of what a kind of figure or picture drew."""
    return drawn if isinstance(drawn, FigureFiles) else FigureFiles(svg_bytes(drawn), pdf_bytes(drawn))
