"""Colours, and the look that stays with a method.

Colours are of the Okabe-Ito set, which people with the common colour-vision deficiencies can tell apart; each
method also has a marker of its own. `INK`, `PAPER` and the palette stand as they are in the SVG files; the
report replaces them by CSS variables, so that figures follow the reader's light or dark setting.
"""

from collections.abc import Iterable
from dataclasses import dataclass

INK = "#24292f"
PAPER = "#ffffff"
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, GREY = "#e69f00", "#56b4e9", "#6e7781"

CSS_VARIABLES = {
    INK: "--ink",
    PAPER: "--panel",
    BLUE: "--blue",
    VERMILION: "--vermilion",
    GREEN: "--green",
    PURPLE: "--purple",
    ORANGE: "--orange",
    SKY: "--sky",
    GREY: "--grey",
}
"""Name of each colour in the report's style sheet."""


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
