"""Things in a house: bottle, chair, diningtable, sofa, tvmonitor. Lengths are relative."""

from itertools import pairwise

import numpy as np

from meshcil.datasets.primitives.solids import Part, box, ellipsoid, hull, mirrored, moved, panel, prism, revolve, tube
from meshcil.datasets.primitives.vehicles import Proportions


def bottle(p: Proportions) -> list[Part]:
    """Body, shoulder, neck, cap; a label in front and a small one behind; handle or trigger on some."""
    r, waist, neck, s = p["radius"], p["waist"], p["neck"], p["stretch"]
    body, shoulder, top = p["body"], p["shoulder"], 1.0
    liquid = [(r * 0.9, 0), (r, 0.03), (r, body * 0.25), (r * waist, body * 0.55), (r, body)]
    parts = [revolve(liquid, "body", stretch=s)]
    curve = np.linspace(0, np.pi / 2, 5)
    upper = [(neck + (r - neck) * np.cos(a) ** p["slope"], body + (shoulder - body) * np.sin(a)) for a in curve]
    parts.append(revolve([*upper, (neck, top - p["cap"])], "upper", stretch=s))
    parts.append(revolve([(neck * 1.25, top - p["cap"]), (neck * 1.25, top)], "accent", stretch=s))
    low, high, bulge = body * p["label_low"], body * p["label_high"], r * 1.02
    parts.append(revolve([(bulge, low), (bulge, high)], "label", arc=(-1.25, 1.25), stretch=s))
    band = (high - low) * 0.22
    middle = (low + high) / 2
    parts.append(
        revolve([(bulge * 1.01, middle - band), (bulge * 1.01, middle + band)], "signal", arc=(-0.7, 0.7), stretch=s)
    )
    parts.append(revolve([(bulge, low * 1.2), (bulge, (low + high) / 2)], "trim", arc=(2.6, 3.7), stretch=s))
    if p["trigger"]:
        parts.append(box((0, -0.05, top + 0.02), (0.08, 0.24, 0.08), "accent"))
        parts.append(tube((0, -0.08, top), (0, -0.11, top - 0.14), 0.02, "accent"))
    if p["handle"]:
        parts.append(tube((0, r * 0.8, body), (0, r * 1.4, body * 0.9), 0.03, "accent"))
        parts.append(tube((0, r * 1.4, body * 0.9), (0, r * 1.35, body * 0.5), 0.03, "accent"))
        parts.append(tube((0, r * 1.35, body * 0.5), (0, r * 0.85, body * 0.4), 0.03, "accent"))
    return parts


def chair(p: Proportions) -> list[Part]:
    """Seat, back rest (panel, slats or spindles), legs (four, star base, sled), arm rests."""
    w, d, seat, back = p["width"], p["depth"], p["seat"], p["back"]
    parts = [box((0, 0, seat), (w, d, p["thick"]), "body")]
    if p["cushion"]:
        parts.append(box((0, -0.01, seat + p["thick"] * 0.75), (w * 0.88, d * 0.85, p["thick"] * 0.7), "accent"))
    parts += _back_rest(p, seat + back)
    parts += _legs(p)
    if p["arms"]:
        z = seat + back * 0.42
        parts += mirrored(
            [
                box((w / 2, -0.02, z), (0.06, d * 0.85, 0.035), "accent"),
                tube((w / 2, -d * 0.38, seat), (w / 2, -d * 0.38, z), 0.018, "dark"),
            ]
        )
    return parts


def _back_rest(p: Proportions, top: float) -> list[Part]:
    w, d, seat, lean = p["width"], p["depth"], p["seat"], p["lean"]
    y0, y1 = d / 2 - 0.025, d / 2 - 0.025 + lean
    low = seat + (top - seat) * 0.12

    def y_at(z: float) -> float:
        return y0 + (y1 - y0) * (z - seat) / (top - seat)

    if p["spindles"] == 0:
        slab = prism((w * 0.96, 0.05), (w * p["back_top"], 0.045), low - 0.05, top, "body", shift=y1 - y0, y=y0)
        pad = prism(
            (w * 0.76, 0.03),
            (w * p["back_top"] * 0.78, 0.03),
            low + 0.03,
            top - 0.05,
            "accent",
            shift=(y1 - y0) * 0.85,
            y=y0 - 0.03,
        )
        return [slab, pad] if p["cushion"] else [slab]
    posts = mirrored([tube((w / 2 - 0.025, y0, seat), (w / 2 - 0.025, y1, top), 0.024, "body")])
    if p["slats"]:
        heights = np.linspace(low + 0.04, top - 0.03, p["spindles"])
        return posts + [box((0, y_at(z), z), (w * 0.92, 0.025, 0.055), "accent") for z in heights]
    columns = np.linspace(-0.36, 0.36, p["spindles"]) * w
    bars = [tube((x, y0, seat), (x, y1, top - 0.03), 0.012, "accent", detail=6) for x in columns]
    return [*posts, *bars, box((0, y1, top - 0.02), (w * 0.96, 0.035, 0.08), "body")]


def _legs(p: Proportions) -> list[Part]:
    w, d, seat, r = p["width"] / 2 - 0.025, p["depth"] / 2 - 0.025, p["seat"], p["leg"]
    splay = p["splay"]
    match p["base"]:
        case "star":
            parts = [tube((0, 0, 0.1), (0, 0, seat), 0.03, "metal")]
            for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
                x, y = w * np.cos(angle) * 1.1, w * np.sin(angle) * 1.1
                parts += [
                    tube((0, 0, 0.11), (x, y, 0.06), 0.02, "dark"),
                    ellipsoid((x, y, 0.03), (0.035, 0.035, 0.03), "dark", 8),
                ]
            return parts
        case "sled":
            side = [tube((w, -d, seat), (w, -d, r), r, "metal"), tube((w, -d, r), (w, d, r), r, "metal")]
            return [*mirrored(side), tube((-w, d, r), (w, d, r), r, "metal")]
        case "tripod":
            feet = [(0, -d - splay), (w + splay, d), (-w - splay, d)]
            return [tube((0, 0, seat), (x, y, 0), r * 1.2, "legs") for x, y in feet]
        case "rocker":
            parts = mirrored([tube((w, y, 0.05), (w, y, seat), r, "legs") for y in (-d, d)])
            arc = [(w, y, 0.12 * (y / 0.4) ** 2) for y in np.linspace(-0.42, 0.42, 6)]
            return parts + mirrored([tube(a, b, 0.025, "accent") for a, b in pairwise(arc)])
        case _:
            legs = [tube((w, y, seat), (w + splay, y + np.sign(y) * splay, 0), r, "legs") for y in (-d, d)]
            if p["rungs"]:
                legs.append(tube((w, -d, seat * 0.4), (w, d, seat * 0.4), r * 0.7, "legs"))
            return mirrored(legs)


def diningtable(p: Proportions) -> list[Part]:
    """Top on legs, pedestal or trestles; a drawer and a place setting mark the front."""
    w, d, h, thick = p["width"] / 2, p["depth"] / 2, p["height"], p["thick"]
    if p["round"]:
        parts = [moved(revolve([(1.0, 0), (1.0, thick)], "body", stretch=d / w, detail=26), (0, 0, 0), (w, w, 1))]
        parts[0] = moved(parts[0], (0, 0, h - thick))
    else:
        parts = [box((0, 0, h - thick / 2), (2 * w, 2 * d, thick), "body")]
    inner_w, inner_d = w * p["inset"], d * p["inset"]
    match p["base"]:
        case "pedestal":
            parts.append(
                revolve([(0.13, 0), (0.13, 0.04), (0.05, 0.1), (0.05, h - thick - 0.08), (0.13, h - thick)], "legs")
            )
            parts += [
                box((0, 0, 0.02), (w * 1.1, 0.08, 0.04), "legs"),
                box((0, 0, 0.02), (0.08, d * 1.1, 0.04), "legs"),
            ]
        case "trestle":
            for x in (-inner_w, inner_w):
                parts += [
                    tube((x, -inner_d, 0), (x, inner_d * 0.3, h - thick), p["leg"], "legs"),
                    tube((x, inner_d, 0), (x, -inner_d * 0.3, h - thick), p["leg"], "legs"),
                ]
            parts.append(tube((-inner_w, 0, h * 0.45), (inner_w, 0, h * 0.45), p["leg"], "legs"))
        case "slab":
            parts += mirrored([box((inner_w, 0, (h - thick) / 2), (0.05, 2 * inner_d, h - thick), "legs")])
        case _:
            parts += mirrored(
                [
                    box((inner_w, y, (h - thick) / 2), (2 * p["leg"], 2 * p["leg"], h - thick), "legs")
                    for y in (-inner_d, inner_d)
                ]
            )
    if p["drawer"] and not p["round"]:
        parts.append(box((0, 0, h - thick - 0.05), (2 * inner_w * 0.95, 2 * inner_d * 0.95, 0.1), "legs"))
        parts.append(box((0, -inner_d * 0.95, h - thick - 0.05), (inner_w * 0.9, 0.04, 0.085), "accent"))
        parts.append(ellipsoid((0, -inner_d * 0.95 - 0.03, h - thick - 0.05), (0.025, 0.02, 0.02), "metal", 8))
    parts.append(box((0, -d * 0.55, h + 0.006), (w * 0.75, d * 0.55, 0.012), "accent"))
    plate = moved(revolve([(0.06, 0), (0.1, 0.025)], "light", detail=16), (0, -d * 0.55, h + 0.012))
    vase = moved(revolve([(0.03, 0), (0.05, 0.06), (0.025, 0.12)], "signal", detail=12), (0, d * 0.35, h))
    return [*parts, plate, vase] if p["vase"] else [*parts, plate]


def sofa(p: Proportions) -> list[Part]:
    """Base, back, arm rests, seat and back cushions, feet."""
    w, d, seat, back, arm = p["width"] / 2, p["depth"] / 2, p["seat"], p["back"], p["arm"]
    inner = w - arm
    parts = [box((0, 0, 0.05 + (seat - 0.05) * 0.4), (2 * w, 2 * d, (seat - 0.05) * 0.8), "body")]
    thick = p["back_thick"]
    parts.append(
        prism((2 * w, thick * 1.25), (2 * w * p["back_top"], thick), 0.06, back, "body", shift=0.03, y=d - thick / 2)
    )
    count = p["seats"]
    size = 2 * inner / count
    for k in range(count):
        x = -inner + size * (k + 0.5)
        parts.append(box((x, -thick * 0.45, seat), (size * 0.965, 2 * d - thick * 1.1, 0.09), "accent"))
        tall = back - seat - 0.02
        parts.append(
            prism(
                (size * 0.94, 0.1),
                (size * 0.86, 0.07),
                seat + 0.03,
                seat + 0.03 + tall * 0.85,
                "accent",
                shift=0.03,
                y=d - thick - 0.04,
            )
        )
    for sign in (-1, 1) if p["arms"] == 2 else (1,):
        x = sign * (w - arm / 2)
        parts.append(box((x, -0.01, p["arm_height"] / 2 + 0.03), (arm, 2 * d * 0.98, p["arm_height"] - 0.04), "body"))
        if p["rolled"]:
            z = p["arm_height"]
            parts.append(tube((x, -d * 1.02, z), (x, d * 0.9, z), arm * 0.62, "body", detail=14))
            parts.append(tube((x, -d * 1.04, z), (x, -d * 1.0, z), arm * 0.5, "accent", detail=14))
    if p["chaise"]:
        parts.append(box((-inner + size / 2, -d - 0.12, 0.05 + seat * 0.45), (size, 0.3, seat * 0.85), "body"))
        parts.append(box((-inner + size / 2, -d - 0.12, seat), (size * 0.95, 0.29, 0.08), "accent"))
    if p["pillows"]:
        parts += mirrored(
            [ellipsoid((inner * 0.78, d - thick - 0.13, seat + 0.12), (0.085, 0.045, 0.085), "signal", 10)]
        )
    feet = [(x, y) for x in (-w * 0.92, w * 0.92) for y in (-d * 0.88, d * 0.88)]
    return parts + [tube((x, y, 0), (x, y, 0.08), 0.022, "legs") for x, y in feet]


def tvmonitor(p: Proportions) -> list[Part]:
    """Screen with picture and bezel towards the front; stand, feet, tube housing behind, antenna."""
    w, h, thick, base = p["width"] / 2, p["height"], p["thick"], p["lift"]
    middle = base + h / 2
    parts = [box((0, 0, middle), (2 * w, thick, h), "frame"), *_screen(p, middle)]
    parts.append(box((0, thick / 2, middle), (1.2 * w, 0.03, h * 0.5), "trim"))
    if p["tube"] > 0:
        near = (thick / 2 - 0.01, middle, w * 0.95, h * 0.46)
        half = (thick / 2 + p["tube"] * 0.5, middle, w * 0.8, h * 0.4)
        far = (thick / 2 + p["tube"], middle - h * 0.05, w * 0.5, h * 0.25)
        parts.append(hull([near, half, far], "trim", power=6))
    if p["antenna"]:
        parts += mirrored([tube((0.02, 0.1, base + h), (0.26, 0.1, base + h + 0.32), 0.01, "metal")])
    return parts + _stand(p)


def _screen(p: Proportions, middle: float) -> list[Part]:
    front, bezel, chin = -p["thick"] / 2, p["bezel"], p["chin"]
    w, h, z = p["width"] - 2 * bezel, p["height"] - 2 * bezel - chin, middle + chin / 2
    parts = [
        box((0, front - 0.002, z), (w, 0.014, h), "screen"),
        box((-w * 0.16, front - 0.006, z - h * 0.12), (w * 0.42, 0.012, h * 0.5), "picture"),
        box((w * 0.25, front - 0.006, z + h * 0.22), (w * 0.3, 0.012, h * 0.26), "light"),
    ]
    if chin > 0.05:
        knobs = [(x * p["width"], front, p["lift"] + bezel + chin * 0.4) for x in (0.25, 0.34)]
        parts += [ellipsoid(place, (0.022, 0.016, 0.022), "metal", 8) for place in knobs]
    return parts


def _stand(p: Proportions) -> list[Part]:
    w, base = p["width"] / 2, p["lift"]
    match p["stand"]:
        case "neck":
            neck = box((0, 0.03, base / 2 + 0.02), (p["neck"], 0.04, base + 0.06), "metal")
            return [neck, box((0, 0.0, 0.012), (w * 0.8, 0.26, 0.024), "metal")]
        case "feet":
            corners = [(w * 0.7, y, z) for y, z in ((-0.12, 0), (0.12, 0), (0.02, base + 0.02), (-0.02, base + 0.02))]
            return mirrored([panel(corners, 0.03, "metal", axis=0)])
        case "legs":
            depths = (-0.03, p["tube"] * 0.8 + 0.08)
            return mirrored([tube((w * 0.6, y, base), (w * 0.8, y * 1.3, 0), 0.02, "legs") for y in depths])
        case _:
            return []
