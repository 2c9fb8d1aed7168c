"""One line per method: the area under its performance-memory curve, and accuracy per MB at its ends (MEMO)."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from meshcil.evaluation.metrics import accuracy_per_megabyte, area_under_memory_curve
from meshcil.reporting.scores import RUN, SOURCES, clean, joined
from meshcil.reporting.table import MIB, Column, Table, assemble

_ACCURACY = {"A": "average_incremental_accuracy", "L": "last_accuracy"}
_COLUMNS = {
    "from": ("MiB", False),
    "to": ("MiB", False),
    "AUC-A": ("", True),
    "AUC-A per MB": ("%", True),
    "AUC-L": ("", True),
    "AUC-L per MB": ("%", True),
    "APM-S": ("", True),
    "APM-E": ("", True),
}
"""Unit, and whether it has a spread over seeds."""
_ROW = [*RUN, "seed", "points", "name", "value", SOURCES]


def build(scores: pd.DataFrame) -> Table:
    """Rows: methods; `budget` is the number of points.

    Methods with one label are one curve: in MEMO's sweep DER and MEMO have another network at each point; the row is
    named after that of the last. A seed's curve is measured first, then mean and spread over seeds are taken.

    `from` and `to`: first and last point of the method's curve. `AUC-A`, `AUC-L`: area under average incremental and
    last accuracy as fractions over MB; not comparable between methods whose curves span different ranges, hence
    `AUC-A per MB`: divided by the width, a mean accuracy. `APM-S`, `APM-E`: average accuracy in percent per MB at the
    first and at the last point. A method with one point has no area. MB are 2^20 bytes.
    """
    found: list[dict[str, Any]] = []
    for (label, seed), curve in _points(scores).groupby(["label", "seed"], sort=False):
        ordered = curve.sort_values("megabytes").drop_duplicates("megabytes")
        names = dict.fromkeys(RUN, "") | {"method": ordered["method"].iloc[-1], "label": label, "seed": seed}
        found += [{**names, "points": len(ordered), **measured} for measured in _measures(ordered)]
    rows = pd.DataFrame(found, columns=_ROW)
    points = rows.groupby(["method", "label"])["points"].transform("max")
    rows["budget"] = points.astype(str) + " points"
    parts = {name: rows[rows["name"] == name] for name in _COLUMNS}
    return assemble(rows, {name: Column(part, *_COLUMNS[name]) for name, part in parts.items() if len(part)})


def _points(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of average and last accuracy (``name`` A, L) with the budget in ``megabytes``."""
    parts = [clean(scores, metric).assign(name=name) for name, metric in _ACCURACY.items()]
    keys = [*RUN, "seed"]
    table = parts[0].merge(parts[1][[*keys, "value", SOURCES]], on=keys, suffixes=(" A", " L"))
    size = table["budget"].str.extract(r"bytes-(\d+)$")[0].astype(float)
    return table.assign(megabytes=size / MIB).dropna(subset="megabytes")


def _measures(curve: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Areas and ratios of one curve, by rising memory."""
    memory = curve["megabytes"].to_numpy(dtype=float)
    for name, place in (("from", 0), ("to", -1)):
        yield {"name": name, "value": memory[place], SOURCES: ()}
    for name in _ACCURACY if len(memory) > 1 else ():
        area = area_under_memory_curve(memory, curve[f"value {name}"].to_numpy(dtype=float))
        sources = joined(curve[f"{SOURCES} {name}"])
        yield {"name": f"AUC-{name}", "value": area, SOURCES: sources}
        yield {"name": f"AUC-{name} per MB", "value": 100 * area / (memory[-1] - memory[0]), SOURCES: sources}
    for name, place in (("APM-S", 0), ("APM-E", -1)):
        accuracy = 100 * curve["value A"].iloc[place]
        sources = curve[f"{SOURCES} A"].iloc[place]
        yield {"name": name, "value": accuracy_per_megabyte(accuracy, memory[place]), SOURCES: sources}
