"""One line per method: the area under its performance-memory curve, and accuracy per MB at its ends (MEMO)."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.evaluation.memory_curve import accuracy_per_megabyte, area_under_memory_curve
from meshcil.reporting.layout import MIB, spread
from meshcil.reporting.scores import RUN, clean, last_step, overall

_ACCURACY = {"A": "average_incremental_accuracy", "L": "last_accuracy"}


class Options(Settings):
    """Settings of this kind of table."""

    memory: Literal["carry", "paper", "budget"] = "budget"
    """What a point of the curve costs: the budget in bytes, or what was held after the last step, by ledger."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: methods; `budget` is the number of points.

    Methods with one label are one curve: in MEMO's sweep DER and MEMO have another network at each point; the row is
    named after that of the last. A seed's curve is measured first, then mean and spread over seeds are taken.

    `from` and `to`: first and last point of the method's curve. `AUC-A`, `AUC-L`: area under average incremental and
    last accuracy as fractions over MB; not comparable between methods whose curves span different ranges, hence
    `AUC-A per MB`: divided by the width, a mean accuracy. `APM-S`, `APM-E`: average accuracy in percent per MB at the
    first and at the last point. A method with one point has no area. MB are 2^20 bytes.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `sweep` table")
    points = curve_points(scores, settings.memory)
    rows = []
    for (label, seed), curve in points.groupby(["label", "seed"], sort=False):
        ordered = curve.sort_values("megabytes").drop_duplicates("megabytes")
        rows.append({"method": ordered["method"].iloc[-1], "label": label, "seed": seed, **measures(ordered)})
    if not rows:
        return pd.DataFrame(columns=["method", "label", "budget", "seeds"])
    return _over_seeds(pd.DataFrame(rows))


def curve_points(scores: pd.DataFrame, memory: str) -> pd.DataFrame:
    """One row per run: its names, ``megabytes``, and average and last accuracy (``A``, ``L``) as fractions."""
    keys = [*RUN, "seed"]
    table = clean(scores, _ACCURACY["A"])[[*keys, "value"]].rename(columns={"value": "A"})
    last = clean(scores, _ACCURACY["L"])[[*keys, "value"]].rename(columns={"value": "L"})
    table = table.merge(last, on=keys)
    if memory == "budget":
        size = table["budget"].str.extract(r"bytes-(\d+)$")[0].astype(float)
        return table.assign(megabytes=size / MIB).dropna(subset="megabytes")
    held = last_step(overall(scores, f"{memory}_bytes"))[[*keys, "value"]]
    return table.merge(held.assign(megabytes=held["value"] / MIB)[[*keys, "megabytes"]], on=keys)


def measures(curve: pd.DataFrame) -> dict[str, float]:
    """Areas and ratios of one curve, by rising memory."""
    memory = curve["megabytes"].to_numpy(dtype=float)
    found = {"points": float(len(memory)), "from [MiB]": memory[0], "to [MiB]": memory[-1]}
    if len(memory) > 1:
        for name in _ACCURACY:
            area = area_under_memory_curve(memory, curve[name].to_numpy(dtype=float))
            found |= {f"AUC-{name}": area, f"AUC-{name} per MB [%]": 100 * area / (memory[-1] - memory[0])}
    ends = {"APM-S": 0, "APM-E": -1}
    return found | {name: accuracy_per_megabyte(100 * curve["A"].iloc[i], memory[i]) for name, i in ends.items()}


def _over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in table.columns if name not in ("method", "label", "seed", "points")]
    grouped = table.groupby(["method", "label"], sort=False)
    points = grouped["points"].max().astype(int).astype(str).rename("budget") + " points"
    result = pd.concat([points, grouped["seed"].nunique().rename("seeds")], axis=1)
    for name in names:
        result[name] = grouped[name].mean()
        if name.startswith("A") and result["seeds"].max() > 1:
            result[spread(name)] = grouped[name].std()
    return result.reset_index()
