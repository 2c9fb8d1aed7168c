"""Two-wheelers: bicycle and motorbike."""

import numpy as np

from meshcil.datasets.primitives.solids import Part, box, ellipsoid, hull, mirrored, prism, ring, shifted, tube, wheel
from meshcil.datasets.primitives.vehicles import Proportions


def _spoked(y: float, radius: float, tyre: float) -> list[Part]:
    parts = [
        ring((0, y, radius), radius - tyre, tyre, "dark"),
        ring((0, y, radius), radius - 2.4 * tyre, tyre * 0.6, "metal"),
    ]
    for angle in np.arange(4) * np.pi / 4:
        dy, dz = (radius - 2 * tyre) * np.cos(angle), (radius - 2 * tyre) * np.sin(angle)
        parts.append(tube((0, y - dy, radius - dz), (0, y + dy, radius + dz), 0.004, "metal", detail=4))
    return parts


def bicycle(p: Proportions) -> list[Part]:
    """Spoked wheels, diamond or step-through frame, fork, handlebar, saddle, chain ring, pedals."""
    front_r, rear_r, tyre, pipe = p["front_wheel"], p["rear_wheel"], p["tyre"], p["pipe"]
    front, rear = -0.5 + front_r, 0.5 - rear_r
    crank_z = p["crank"]
    crank = np.array([0, rear - p["stay"], crank_z])
    saddle = np.array([0, crank[1] + 0.1, p["saddle"]])
    head_top = np.array([0, front + 0.12, p["head"]])
    head_low = shifted(head_top, 0, -0.03, -0.09)
    middle = crank + (saddle - crank) * 0.8
    top = crank + (saddle - crank) * (0.4 if p["step_through"] else 0.8)
    hub_front, hub_rear = np.array([0, front, front_r]), np.array([0, rear, rear_r])
    parts = _spoked(front, front_r, tyre) + _spoked(rear, rear_r, tyre)
    frame = [(crank, middle), (top, head_top), (crank, head_low), (head_low, head_top)]
    parts += [tube(a, b, pipe, "body") for a, b in frame]
    side = np.array([0.022, 0, 0])
    parts += mirrored(
        [
            tube(a + side, b + side, pipe * 0.7, "body", detail=6)
            for a, b in [(crank, hub_rear), (middle, hub_rear), (head_low, hub_front)]
        ]
    )
    parts.append(tube(middle, saddle, pipe * 0.8, "metal"))
    parts.append(ellipsoid(shifted(saddle, 0, 0.02, 0.015), (0.045, 0.085, 0.02), "accent"))
    parts += _handlebar(p, head_top)
    parts += [tube(crank - side * 0.8, crank + side * 1.6, 0.05, "metal", detail=12)]
    parts += [
        tube(shifted(crank, 0.04, 0, 0), shifted(crank, 0.05, -0.05, -0.06), 0.008, "metal"),
        box(shifted(crank, 0.07, -0.05, -0.065), (0.06, 0.04, 0.012), "dark"),
    ]
    parts += [
        tube(shifted(crank, -0.04, 0, 0), shifted(crank, -0.05, 0.05, 0.06), 0.008, "metal"),
        box(shifted(crank, -0.07, 0.05, 0.065), (0.06, 0.04, 0.012), "dark"),
    ]
    if p["tandem"]:
        rear_saddle = shifted(saddle, 0, 0.2, 0)
        parts += [
            ellipsoid(rear_saddle, (0.045, 0.07, 0.02), "accent"),
            tube(rear_saddle, shifted(crank, 0, 0.12, 0.05), pipe, "body"),
        ]
    return parts


def _handlebar(p: Proportions, head: np.ndarray) -> list[Part]:
    stem = shifted(head, 0, -0.015, p["stem"])
    reach = p["bar"]
    parts = [
        tube(head, stem, p["pipe"] * 0.8, "metal"),
        tube(shifted(stem, -reach, 0, 0), shifted(stem, reach, 0, 0), 0.011, "metal"),
    ]
    if p["drop"]:
        parts += mirrored(
            [
                tube(shifted(stem, reach, 0, 0), shifted(stem, reach, -0.07, -0.02), 0.012, "dark"),
                tube(shifted(stem, reach, -0.07, -0.02), shifted(stem, reach, -0.03, -0.09), 0.012, "dark"),
            ]
        )
    else:
        parts += mirrored([tube(shifted(stem, reach, 0, 0), shifted(stem, reach, 0.07, 0.01), 0.015, "dark")])
    if p["basket"]:
        parts.append(prism((0.14, 0.1), (0.2, 0.15), stem[2] - 0.13, stem[2] - 0.01, "accent", y=stem[1] - 0.12))
    parts.append(ellipsoid(shifted(head, 0, -0.05, -0.02), (0.025, 0.025, 0.025), "light"))
    return parts


def motorbike(p: Proportions) -> list[Part]:
    """Two thick wheels, engine, tank, seat, fork, handlebar, headlight, exhaust, tail light."""
    r, tyre, seat = p["wheel"], p["tyre"], p["seat"]
    front, rear = -0.5 + r, 0.5 - r
    head = np.array([0.0, front + p["fork"], p["head"]])
    parts = wheel((0, front, r), r, tyre) + wheel((0, rear, r), r, tyre * 1.2) + _steering(p, front, head)
    parts.append(ellipsoid((0, head[1] + 0.17, p["tank"]), (0.075, 0.15, 0.075), "body"))
    parts.append(box((0, rear - 0.12, seat), (0.12, 0.3, 0.05), "dark"))
    parts.append(prism((0.09, 0.2), (0.13, 0.1), seat + 0.015, seat + 0.06, "dark", y=rear + 0.02))
    parts.append(box((0, -0.02, r * 1.05), (0.15, 0.24, 0.16), "metal"))
    parts += mirrored([ellipsoid((0.08, -0.05, r * 1.05), (0.05, 0.07, 0.07), "trim")])
    parts.append(tube((0, rear, r), (0, rear - 0.2, seat - 0.03), 0.022, "body"))
    parts.append(tube(shifted(head, 0, 0, -0.06), (0, 0.02, r * 0.8), 0.024, "body"))
    parts += mirrored([tube((0.1, -0.05, r * 0.6), (0.11, rear + 0.12, r * p["exhaust"]), 0.026, "metal", detail=10)])
    parts.append(box((0, rear + 0.1, seat + 0.03), (0.08, 0.04, 0.04), "signal"))
    return parts + _panels(p, front, rear, head)


def _steering(p: Proportions, front: float, head: np.ndarray) -> list[Part]:
    """Fork, handlebar, headlight and front fender."""
    r, tyre, low = p["wheel"], p["tyre"], 2 * p["wheel"] * p["fender"]
    side = np.array([tyre * 0.7, 0, 0])
    elbow, grip = shifted(head, p["bar"], 0.05, p["rise"]), shifted(head, p["bar"] + 0.03, 0.11, p["rise"])
    arm = [tube(head, elbow, 0.014, "metal"), tube(elbow, grip, 0.018, "dark")]
    return [
        *mirrored([tube(np.array([0, front, r]) + side, head + side, 0.018, "metal"), *arm]),
        ellipsoid(shifted(head, 0, -0.05, -0.05), (0.055, 0.05, 0.055), "light"),
        prism((tyre * 1.3, 0.2), (tyre * 1.1, 0.14), low, low + 0.03, "body", y=front),
    ]


def _panels(p: Proportions, front: float, rear: float, head: np.ndarray) -> list[Part]:
    """What tells the kinds apart: fairing with windscreen, scooter body, a third wheel."""
    parts: list[Part] = []
    r, top = p["wheel"], p["head"]
    if p["fairing"]:
        nose = [(head[1] - 0.12, top - 0.12, 0.03, 0.06), (head[1] - 0.02, top - 0.1, 0.1, 0.14)]
        parts.append(hull([*nose, (0.06, r * 1.2, 0.12, 0.14)], "body", power=3))
        parts.append(prism((0.14, 0.08), (0.08, 0.03), top - 0.01, top + 0.12, "glass", shift=0.05, y=head[1] - 0.06))
    if p["scooter"]:
        parts.append(prism((0.22, 0.04), (0.26, 0.03), r * 0.8, top - 0.05, "body", shift=0.1, y=front + 0.12))
        parts.append(box((0, -0.05, r * 0.75), (0.2, 0.36, 0.04), "trim"))
        parts.append(ellipsoid((0, rear - 0.05, r * 1.35), (0.12, 0.2, 0.12), "body"))
    if p["trike"]:
        parts += mirrored(wheel((0.2, rear, r), r, p["tyre"]))
    return parts
