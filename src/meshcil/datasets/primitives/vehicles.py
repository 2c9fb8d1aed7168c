"""Large vehicles: aeroplane, boat, bus, car, train. Lengths are relative; shapes are normalised later."""

from collections.abc import Mapping
from typing import Any

from meshcil.datasets.primitives.solids import Part, box, ellipsoid, hull, mirrored, moved, panel, prism, tube, wheel

Proportions = Mapping[str, Any]


def _wing(p: Proportions, half: float, root: float, tip: float, y: float, z: float, rise: float) -> Part:
    """One half of a wing, from the fuselage's middle out to x = half, swept back by the class's sweep."""
    sweep = p["sweep"] * half
    corners = [(0, y, z), (half, y + sweep, z + rise), (half, y + sweep + tip, z + rise), (0, y + root, z)]
    return panel(corners, 0.018, "accent" if p["painted"] else "body")


def aeroplane(p: Proportions) -> list[Part]:
    """Fuselage, swept wings, tail, cockpit, and jet engines or a propeller."""
    r, half = p["radius"], p["span"] / 2
    profile = [(-0.5, -0.25, 0.12), (-0.47, -0.15, 0.5), (-0.4, -0.03, 0.85), (-0.3, 0, 1), (0.1, 0, 1)]
    profile += [(0.28, 0.15, 0.8), (0.42, 0.4, 0.42), (0.5, 0.55, 0.12)]
    parts = [hull([(y, z * r, w * r, w * r) for y, z, w in profile], "body")]
    parts.append(ellipsoid((0, -0.385, r * 0.55), (r * 0.62, 0.075, r * 0.5), "glass"))
    wing_z, root, tip = p["wing_z"] * r, p["root"], p["tip"]
    wing_y = p["wing_y"] - root / 2
    parts += mirrored([_wing(p, half, root, tip, wing_y, wing_z, p["dihedral"] * half)])
    if p["biplane"]:
        parts += mirrored([_wing(p, half, root, tip, wing_y, wing_z + 3.2 * r, 0.0)])
        parts += mirrored(
            [tube((half * 0.7, wing_y + 0.08, wing_z), (half * 0.7, wing_y + 0.08, wing_z + 3.2 * r), 0.008, "dark")]
        )
    fin = p["fin"]
    fin_base, fin_top = r * 0.3, r * 0.3 + fin
    corners = [(0, 0.28, fin_base), (0, 0.42, fin_top), (0, 0.52, fin_top), (0, 0.49, fin_base)]
    parts.append(panel(corners, 0.02, "accent", axis=0))
    tail_z = fin_top if p["t_tail"] else r * 0.45
    parts += mirrored(
        [
            panel(
                [(0, 0.36, tail_z), (p["tail"], 0.43, tail_z), (p["tail"], 0.5, tail_z), (0, 0.49, tail_z)],
                0.015,
                "accent",
            )
        ]
    )
    parts += mirrored(
        [box((r * 0.97, y, r * 0.2), (r * 0.14, 0.035, r * 0.3), "glass") for y in (-0.24, -0.14, -0.04, 0.06, 0.16)]
    )
    return parts + _engines(p, half, wing_z)


def _engines(p: Proportions, half: float, wing_z: float) -> list[Part]:
    parts = []
    for k in range(p["engines"]):
        x, y = half * (0.32 + 0.28 * k), p["wing_y"] - 0.1 + p["sweep"] * half * (0.32 + 0.28 * k)
        z, size = wing_z - 0.035, p["engine_radius"]
        parts += mirrored([tube((x, y - 0.07, z), (x, y + 0.05, z), size, "metal", detail=12)])
        parts += mirrored([tube((x, y - 0.075, z), (x, y - 0.06, z), size * 0.8, "dark", detail=12)])
    if p["propeller"]:
        parts.append(ellipsoid((0, -0.51, -0.2 * p["radius"]), (0.025, 0.04, 0.025), "signal"))
        parts += [box((0, -0.52, 0), (0.03, 0.012, 0.3), "dark"), box((0, -0.52, 0), (0.3, 0.012, 0.03), "dark")]
        parts += mirrored(
            [*wheel((0.1, -0.22, -0.15), 0.045, 0.03), tube((0.1, -0.22, -0.15), (0.03, -0.2, -0.03), 0.012, "metal")]
        )
    return parts


def _ship_hull(p: Proportions) -> list[Part]:
    """Pointed bow towards -y, flat stern, a waterline strip in the accent colour."""
    w, h = p["beam"] / 2, p["depth"]
    shape = [
        (-0.5, 0.03, 1.35),
        (-0.42, 0.3, 1.22),
        (-0.28, 0.68, 1.1),
        (-0.05, 1, 1),
        (0.3, 0.98, 1),
        (0.5, 0.8, 1.05),
    ]
    top = [(y, h * (rise - 0.35), w * width, h * 0.36) for y, width, rise in shape]
    low = [(y * 0.93 + 0.01, h * 0.22, w * width * 0.78, h * 0.3) for y, width, _ in shape]
    deck = [(y * 0.96, h * (rise + 0.0), w * width * 0.85, h * 0.05) for y, width, rise in shape]
    return [hull(top, "body", power=4), hull(low, "accent", power=3), hull(deck, "trim", power=4)]


def boat(p: Proportions) -> list[Part]:
    """Hull with any of: sails, cabin, wheelhouse, funnel, benches, a second hull."""
    h, w = p["depth"], p["beam"]
    parts = _ship_hull(p)
    if p["twin"]:
        offset = w * 1.1
        parts = mirrored([moved(q, (offset, 0.0, 0.0)) for q in parts])
        parts.append(box((0, 0.1, h * 1.05), (2 * offset, 0.6, h * 0.25), "trim"))
    if p["cabin"] > 0:
        y, size, top = p["cabin_y"], p["cabin"], h + p["cabin_height"]
        parts.append(prism((w * 0.62, size), (w * 0.52, size * 0.85), h * 0.95, top, "trim", y=y))
        parts.append(
            prism(
                (w * 0.655, size * 0.97),
                (w * 0.6, size * 0.9),
                h + 0.42 * (top - h),
                h + 0.78 * (top - h),
                "glass",
                y=y,
            )
        )
        parts.append(box((0, y + 0.01, top), (w * 0.6, size * 0.95, 0.018), "accent"))
    if p["funnel"] > 0:
        top = h + p["cabin_height"] + p["funnel"]
        parts.append(tube((0, p["cabin_y"] + 0.06, h), (0, p["cabin_y"] + 0.08, top), 0.04, "signal", detail=12))
    if p["mast"] > 0:
        parts += _sails(p, h)
    if p["benches"]:
        parts += [box((0, y, h * 1.06), (w * 0.9, 0.06, 0.03), "accent") for y in (-0.15, 0.08, 0.28)]
        parts += mirrored([tube((w * 0.4, 0.05, h * 1.15), (w * 1.1, 0.2, h * 0.5), 0.012, "metal")])
    return parts


def _sails(p: Proportions, deck: float) -> list[Part]:
    top = deck + p["mast"]
    parts = [tube((0, -0.05, deck * 0.9), (0, -0.05, top), 0.014, "dark")]
    parts.append(tube((0, -0.05, deck + 0.1), (0, 0.4, deck + 0.1), 0.01, "dark"))
    parts.append(
        panel([(0, -0.03, deck + 0.12), (0, 0.39, deck + 0.12), (0, -0.03, top - 0.02)], 0.012, "sail", axis=0)
    )
    if p["jib"]:
        parts.append(
            panel([(0, -0.47, deck + 0.1), (0, -0.08, deck + 0.12), (0, -0.06, top - 0.12)], 0.012, "accent", axis=0)
        )
    return parts


def bus(p: Proportions) -> list[Part]:
    """Box body with a window band on every side, windscreen, wheels, head and tail lights."""
    w, h, r = p["width"], p["height"], p["wheel"]
    low, high, half = r * 0.7, r * 0.7 + h, 0.5
    nose = p["bonnet"]
    parts = [
        hull([(-half + nose, (low + high) / 2, w / 2, h / 2), (half, (low + high) / 2, w / 2, h / 2)], "body", power=14)
    ]
    if nose > 0:
        parts.append(box((0, -half + nose / 2, low + h * 0.24), (w * 0.86, nose * 1.02, h * 0.48), "body"))
    length, middle, front = 1 - nose, nose / 2, -half + nose
    for floor in range(p["decks"]):
        z = low + h * ((0.64 if p["decks"] == 1 else 0.4) + 0.38 * floor)
        band = h * (0.3 if p["decks"] == 1 else 0.2)
        parts.append(box((0, middle + 0.02, z), (w * 1.012, length * 0.9, band), "glass"))
        pillars = [-0.36 + 0.18 * k for k in range(5)]
        parts += [box((0, middle + 0.02 + length * y, z), (w * 1.02, 0.018, band), "body") for y in pillars]
        parts.append(box((0, front, z), (w * 0.86, 0.02, band * 1.25), "glass"))
        parts.append(box((0, half, z + 0.1 * band), (w * 0.7, 0.016, band * 0.7), "glass"))
    parts.append(box((0, middle, low + h * 0.3), (w * 1.014, length * 0.98, h * 0.09), "accent"))
    parts.append(box((0, middle, high), (w * 0.8, length * 0.9, h * 0.05), "trim"))
    parts += mirrored([box((w * 0.34, -half, low + h * 0.16), (w * 0.18, 0.024, h * 0.09), "light")])
    parts += mirrored([box((w * 0.36, half, low + h * 0.2), (w * 0.14, 0.022, h * 0.14), "signal")])
    parts += [
        box((0, -half, low + h * 0.03), (w, 0.03, h * 0.06), "dark"),
        box((0, half, low + h * 0.03), (w, 0.03, h * 0.06), "dark"),
    ]
    parts.append(box((0, front - 0.004, high - h * 0.07), (w * 0.6, 0.016, h * 0.07), "dark"))
    for y in (-0.3, 0.3) if p["axles"] == 2 else (-0.32, 0.22, 0.36):
        parts += mirrored(wheel((w / 2 - 0.015, y, r), r, 0.05))
    return parts


def car(p: Proportions) -> list[Part]:
    """Lower body, glazed cabin with pillars and roof, wheels, lights, bumpers, mirrors."""
    w, h, r = p["width"] / 2, p["body"], p["wheel"]
    low = r * 0.75
    middle, tall = low + h / 2, h / 2
    outline = [
        (-0.5, 0.7, 0.86),
        (-0.46, 0.8, 0.95),
        (-0.2, 0.96, 1),
        (0.0, 1, 1),
        (0.3, 1, 1),
        (0.47, p["boot"], 0.96),
        (0.5, p["boot"] * 0.85, 0.88),
    ]
    parts = [hull([(y, middle - tall * (1 - f), w * x, tall * f) for y, f, x in outline], "body", power=6)]
    deck, roof = low + h * 0.97, low + h + p["cabin"]
    y0, y1, slope0, slope1 = p["screen"], p["rear"], p["rake"], p["rear_rake"]
    length, top = y1 - y0, y1 - y0 - slope0 - slope1
    shift = (slope0 - slope1) / 2
    cabin = [prism((2 * w * 0.93, length), (2 * w * 0.78, top), deck, roof, "glass", shift=shift)]
    cabin.append(
        prism((2 * w * 0.8, top * 1.03), (2 * w * 0.74, top * 0.95), roof - 0.012, roof + 0.016, "body", y=shift)
    )
    for k in range(p["pillars"]):
        y = -0.08 + shift * 0.6 + 0.2 * k
        cabin += mirrored([tube((w * 0.935, y, deck), (w * 0.785, y, roof), 0.014, "body", detail=6)])
    parts += [moved(q, (0.0, (y0 + y1) / 2, 0.0)) for q in cabin]
    if p["bed"]:
        parts.append(box((0, (y1 + 0.47) / 2, low + h), (2 * w * 0.8, 0.44 - y1, 0.03), "dark"))
    light_z = low + h * 0.55
    parts += mirrored([ellipsoid((w * 0.66, -0.485, light_z), (w * 0.2, 0.03, h * 0.13), "light")])
    parts += mirrored([box((w * 0.7, 0.492, light_z), (w * 0.34, 0.03, h * 0.18), "signal")])
    parts += [
        box((0, -0.49, low + h * 0.4), (w * 0.8, 0.03, h * 0.24), "dark"),
        box((0, -0.485, low + h * 0.1), (2 * w * 0.95, 0.05, h * 0.16), "trim"),
    ]
    parts += [
        box((0, 0.485, low + h * 0.1), (2 * w * 0.95, 0.05, h * 0.16), "trim"),
        box((0, 0, low), (2 * w * 0.9, 0.85, h * 0.1), "dark"),
    ]
    parts += mirrored([box((w * 1.04, y0 + slope0 * 0.7, deck + 0.025), (0.05, 0.025, 0.03), "body")])
    for y in (-0.31, 0.29):
        parts += mirrored(wheel((w - 0.02, y, r), r, 0.07))
    return parts


def _carriage(p: Proportions, y0: float, y1: float) -> list[Part]:
    w, low, h = p["width"] / 2, 0.05, p["height"]
    middle, length = (y0 + y1) / 2, y1 - y0
    parts = [hull([(y0, low + h / 2, w, h / 2), (y1, low + h / 2, w, h / 2)], "body", power=8)]
    parts.append(box((0, middle, low + h * 0.66), (2 * w * 1.02, length * 0.88, h * 0.22), "glass"))
    doors = [middle - length * 0.3, middle + length * 0.3]
    parts += [box((0, y, low + h * 0.5), (2 * w * 1.03, 0.035, h * 0.72), "accent") for y in doors]
    parts.append(box((0, middle, low + h * 0.24), (2 * w * 1.025, length * 0.97, h * 0.1), "accent"))
    for y in (middle - length * 0.33, middle + length * 0.33):
        parts.append(box((0, y, 0.03), (2 * w * 0.85, 0.11, 0.055), "dark"))
    parts.append(box((0, middle, low + h), (w * 0.9, length * 0.5, h * 0.1), "trim"))
    return parts


def train(p: Proportions) -> list[Part]:
    """A leading vehicle (streamlined, cab, or steam engine) and the carriages behind it."""
    w, h, low, nose = p["width"] / 2, p["height"], 0.05, p["nose"]
    count, gap = p["carriages"], 0.015
    front = -0.5 + nose
    length = (0.5 - front - gap * (count - 1)) / count
    starts = [front + k * (length + gap) for k in range(count)]
    if p["steam"]:
        parts = _steam_engine(p, front)
    else:
        parts = (
            []
            if nose == 0
            else [
                hull(
                    [
                        (-0.5, low + h * 0.28, w * 0.35, h * 0.22),
                        (-0.5 + nose * 0.4, low + h * 0.38, w * 0.78, h * 0.36),
                        (front, low + h / 2, w, h / 2),
                    ],
                    "accent" if p["painted"] else "body",
                    power=5,
                )
            ]
        )
        tip = -0.5 if nose == 0 else front - nose * 0.3
        z = low + h * (0.7 if nose < 0.08 else 0.74)
        parts.append(
            prism((2 * w * 0.82, 0.035), (2 * w * 0.7, 0.02), z - h * 0.14, z + h * 0.14, "dark", shift=0.02, y=tip)
        )
        reach = -0.5 if nose == 0 else -0.5 + nose * 0.35
        parts += mirrored([ellipsoid((w * 0.6, reach, low + h * 0.3), (w * 0.2, 0.02, h * 0.07), "light")])
    for start in starts:
        parts += _carriage(p, start, start + length)
    parts += [box((0, k - gap / 2, low + h * 0.45), (w * 1.5, gap * 1.2, h * 0.7), "dark") for k in starts[1:]]
    parts += mirrored([box((w * 0.6, 0.5, low + h * 0.3), (w * 0.3, 0.014, h * 0.1), "signal")])
    if p["pantograph"]:
        base = low + h * 1.05
        parts += [
            tube((0, -0.2, base), (0, -0.12, base + 0.06), 0.008, "dark"),
            box((0, -0.12, base + 0.06), (w * 1.3, 0.012, 0.012), "dark"),
        ]
    return parts


def _steam_engine(p: Proportions, front: float) -> list[Part]:
    w, h = p["width"] / 2, p["height"]
    z = 0.09 + h * 0.36
    parts = [tube((0, -0.47, z), (0, front - 0.1, z), w * 0.8, "accent", detail=16)]
    parts.append(tube((0, -0.485, z), (0, -0.468, z), w * 0.86, "dark", detail=16))
    parts.append(tube((0, -0.4, z), (0, -0.4, z + h * 0.78), w * 0.28, "dark", detail=10))
    parts.append(ellipsoid((0, -0.28, z + w * 0.8), (w * 0.35, 0.03, h * 0.18), "metal"))
    parts.append(box((0, front - 0.055, 0.06 + h * 0.52), (2 * w, 0.1, h * 1.02), "body"))
    parts.append(box((0, front - 0.055, 0.06 + h * 0.78), (2 * w * 1.03, 0.06, h * 0.3), "glass"))
    parts.append(box((0, front - 0.055, 0.06 + h * 1.06), (2 * w * 1.1, 0.13, h * 0.07), "dark"))
    parts.append(prism((2 * w, 0.06), (2 * w, 0.02), 0.01, 0.08, "signal", y=-0.48))
    parts.append(box((0, -0.33, 0.075), (2 * w * 0.8, 0.3, 0.03), "dark"))
    parts.append(ellipsoid((0, -0.49, z + h * 0.1), (w * 0.2, 0.02, w * 0.2), "light"))
    for y in (-0.42, -0.33, -0.24):
        parts += mirrored(wheel((w * 0.85, y, 0.05), 0.05, 0.03, hub="signal"))
    return parts
