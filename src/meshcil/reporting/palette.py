"""Colours, and the look that stays with a method.

Colours are of the Okabe-Ito set, which people with the common colour-vision deficiencies can tell apart; each
family of methods also has a marker of its own. Text is never in these colours, some of which are too pale for it.
`INK`, `PAPER` and the palette stand as they are in the SVG files; the report replaces them by CSS variables, so that
figures follow the reader's light or dark setting.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from zlib import crc32

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
    marker: str | tuple[int, int, int]
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


_RECIPES = ("cifar", "digits", "embedded", "imagenet", "paper", "pretrained", "smoke", "study")
"""Parts of a name that say how a method was trained, not which one it is."""
_VARIANTS = ("*", (4, 1, 0), (6, 1, 0), (8, 1, 0), (3, 1, 0))


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Look of each method of one figure.

    It follows from the method's name: a family (`inemo`, `inemo-study`) has its own, a variant (`icarl-wide`) the
    family's colour with a star for a marker. Of two methods with one look the second is dotted, and names without a
    family get what is left, in order.

    Args:
        methods: names of method settings, in order.
    """
    found: dict[str, Look] = {}
    # A method that is called like its family comes before others of its look.
    for name in sorted(dict.fromkeys(methods), key=lambda name: name not in LOOKS):
        look = _look(name)
        found[name] = replace(look, dashes=":") if look and look in found.values() else look or Look("", "")
    for name in found:
        if not found[name].colour:
            free = [look for look in LOOKS.values() if look not in found.values()]
            found[name] = free[0] if free else _again(len(found))
    return found


def _look(name: str) -> Look | None:
    family, *rest = name.split("-")
    variant = "-".join(part for part in rest if part not in _RECIPES)
    if family not in LOOKS or not variant:
        return LOOKS.get(family)
    return Look(LOOKS[family].colour, _VARIANTS[crc32(variant.encode()) % len(_VARIANTS)], "--")


def _again(index: int) -> Look:
    # With more methods than looks, these repeat with dots; labels still tell them apart.
    known = list(LOOKS.values())[index % len(LOOKS)]
    return Look(known.colour, known.marker, ":")
