"""Colours, and the look that stays with a method.

Colours are of the Okabe-Ito set, which people with the common colour-vision deficiencies can tell apart; each
family of methods also has a marker of its own. Text is never in these colours, some of which are too pale for it.
`INK`, `PAPER` and the palette stand as they are in the SVG files; the report replaces them by CSS variables, so that
figures follow the reader's light or dark setting.
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
    "memo": Look(PURPLE, "^"),
    "der": Look(ORANGE, "P"),
    "wa": Look(GREEN, "p"),
    "replay": Look(SKY, "X"),
    "joint": Look(INK, "D", "--"),
    "finetune": Look(GREY, "v"),
    "lwf": Look(SKY, "<", "-."),
    "lucir": Look(PURPLE, ">", "-."),
    "aanet": Look(GREEN, "8", "-."),
    "podnet": Look(ORANGE, "h", "-."),
    "afc": Look(VERMILION, "d", "-."),
    "fetril": Look(BLUE, "H", "-."),
}
"""By family, which is the first part of a method's name: the same in every experiment, whatever stands beside it."""


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Look of each method of one figure.

    The first method of a family has the family's look. Further ones (`inemo-study-random` beside `inemo-study`) and
    names without a family get what is left, in order; the same name always gets the same look among the same methods.

    Args:
        methods: names of method settings, in order.
    """
    names = list(dict.fromkeys(methods))
    found: dict[str, Look] = {}
    # A method that is called like its family comes before its variants.
    for name in sorted(names, key=lambda n: (n not in LOOKS, names.index(n))):
        wanted = LOOKS.get(name.split("-")[0])
        if wanted is not None and wanted not in found.values():
            found[name] = wanted
    for name in names:
        if name not in found:
            free = [look for look in LOOKS.values() if look not in found.values()]
            found[name] = free[0] if free else _again(len(found))
    return found


def _again(index: int) -> Look:
    # With more methods than looks, these repeat with dots; labels still tell them apart.
    known = list(LOOKS.values())[index % len(LOOKS)]
    return Look(known.colour, known.marker, ":")
