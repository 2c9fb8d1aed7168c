"""Instances of the twelve Pascal3D+ categories: a subtype, its proportions varied, normalised, coloured."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from meshcil.datasets.primitives import cycles, household, vehicles
from meshcil.datasets.primitives.solids import Part
from meshcil.datasets.primitives.subtypes import DEFAULTS, KNOWN, UNUSUAL, Table

BUILDERS: dict[str, Callable[[vehicles.Proportions], list[Part]]] = {
    "aeroplane": vehicles.aeroplane,
    "bicycle": cycles.bicycle,
    "boat": vehicles.boat,
    "bottle": household.bottle,
    "bus": vehicles.bus,
    "car": vehicles.car,
    "chair": household.chair,
    "diningtable": household.diningtable,
    "motorbike": cycles.motorbike,
    "sofa": household.sofa,
    "train": vehicles.train,
    "tvmonitor": household.tvmonitor,
}
CLASSES = tuple(BUILDERS)
SUBTYPES = tuple(f"{name}-{subtype}" for name in CLASSES for group in (KNOWN, UNUSUAL) for subtype in group[name])
"""Subtypes that may be classes of their own, `<class>-<subtype>`."""


@dataclass(frozen=True)
class Shape:
    """A triangle mesh whose faces know their material."""

    vertices: Float[np.ndarray, "V 3"]  # CAD axes, centred on the origin, largest extent 1, float64 [V, 3]
    faces: Int[np.ndarray, "F 3"]  # int64 [F, 3]
    roles: tuple[str, ...]  # names of the materials
    face_roles: Int[np.ndarray, " F"]  # index into ``roles`` of each face, int64 [F]


def _merge(parts: list[Part]) -> Shape:
    roles = tuple(sorted({part.role for part in parts}))
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([part.vertices for part in parts])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return Shape(
        vertices=(vertices - (low + high) / 2) / (high - low).max(),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)]),
        roles=roles,
        face_roles=np.concatenate([np.full(len(part.faces), roles.index(part.role)) for part in parts]),
    )


def _vary(table: Table, amount: float, rng: np.random.Generator) -> Table:
    """Every float multiplied by a factor within ``1 +- amount``; structure untouched."""
    return {
        key: value * rng.uniform(1 - amount, 1 + amount) if isinstance(value, float) else value
        for key, value in table.items()
    }


def cad_tables(class_name: str, rng: np.random.Generator) -> list[Table]:
    """Proportions of the CAD models of a class, one per known subtype; of a subtype, the one it has."""
    family, _, subtype = class_name.partition("-")
    known = KNOWN[family] if not subtype else {subtype: (KNOWN[family] | UNUSUAL[family])[subtype]}
    return [_vary(DEFAULTS[family] | table, 0.05, rng) for table in known.values()]


def build(class_name: str, table: Table) -> Shape:
    """The normalised shape with exactly these proportions."""
    return _merge(BUILDERS[class_name.partition("-")[0]](table))


def known_instance(class_name: str, tables: list[Table], rng: np.random.Generator) -> tuple[Shape, int]:
    """An object close to one of the class's CAD models, and the model's index from 1, as annotations count them."""
    index = int(rng.integers(len(tables)))
    return build(class_name, _vary(tables[index], 0.1, rng)), index + 1


def unusual_instance(class_name: str, rng: np.random.Generator) -> Shape:
    """An object of a subtype that training never shows; of a subtype, one of odd proportions."""
    family, _, subtype = class_name.partition("-")
    if subtype:
        return build(family, _vary(DEFAULTS[family] | (KNOWN[family] | UNUSUAL[family])[subtype], 0.3, rng))
    names = list(UNUSUAL[class_name])
    table = UNUSUAL[class_name][names[int(rng.integers(len(names)))]]
    return build(class_name, _vary(DEFAULTS[class_name] | table, 0.1, rng))


def _hsv(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def palette(shape: Shape, rng: np.random.Generator) -> Float[np.ndarray, "R 3"]:
    """A colour per material, RGB in [0, 1]; hues are free, so colour does not tell the class."""
    hue = rng.uniform()
    vivid, bright = rng.beta(1.4, 1.2), rng.uniform(0.3, 0.95)
    other = hue + rng.uniform(0.25, 0.75)
    grey = rng.uniform(0.35, 0.9)
    colours = {
        "body": _hsv(hue, vivid, bright),
        "upper": _hsv(hue, vivid * 0.8, bright * rng.uniform(0.6, 1.1)),
        "accent": _hsv(other, rng.beta(1.4, 1.2), (bright + rng.uniform(0.35, 0.65)) % 1.0 * 0.75 + 0.2),
        "trim": (grey, grey * rng.uniform(0.92, 1.0), grey * rng.uniform(0.85, 1.0)),
        "legs": _hsv(rng.uniform(), rng.uniform(0.0, 0.7), rng.uniform(0.15, 0.8)),
        "glass": _hsv(rng.uniform(0.5, 0.65), rng.uniform(0.1, 0.5), rng.uniform(0.12, 0.4)),
        "dark": (0.06 + 0.1 * rng.uniform(),) * 3,
        "metal": (0.5 + 0.35 * rng.uniform(),) * 3,
        "light": _hsv(rng.uniform(0.1, 0.17), rng.uniform(0.05, 0.35), 1.0),
        "signal": _hsv(rng.uniform(-0.03, 0.03), rng.uniform(0.75, 0.95), rng.uniform(0.65, 0.9)),
        "sail": _hsv(rng.uniform(), rng.uniform(0.0, 0.25), rng.uniform(0.85, 1.0)),
        "label": _hsv(rng.uniform(), rng.uniform(0.0, 0.5), rng.uniform(0.75, 1.0)),
        "frame": _hsv(rng.uniform(), rng.beta(1.0, 2.5), rng.uniform(0.1, 0.9)),
        "screen": _hsv(rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.1, 0.6)),
        "picture": _hsv(rng.uniform(), rng.uniform(0.3, 0.9), rng.uniform(0.5, 1.0)),
    }
    return np.array([colours[role] for role in shape.roles])
