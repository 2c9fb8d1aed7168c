"""Where the numbers of the page come from: scores, and the predictions or ledgers that these are computed from."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from meshcil.config.experiment import ExperimentSettings
from meshcil.reporting.facts import Record
from meshcil.reporting.origin import OVER_STEPS, origins
from meshcil.reporting.scores import RUN, read_scores

_FILTER = [*RUN, "step", "test_set", "task", "class_name", "metric"]


@dataclass(frozen=True)
class Evidence:
    """A file that a score was computed from, and the record of the job that wrote it, as the score's job saw them."""

    path: str
    sha256: str
    record: str
    record_sha256: str

    @property
    def name(self) -> str:
        """Short name: folder of the step and file."""
        return "/".join(PurePosixPath(self.path).parts[-2:])


@dataclass(frozen=True)
class Origin:
    """What one or more cells of the page show: one measurement of a run, over its seeds.

    Attributes:
        anchor: id of its place on the page.
        scores: file with the scores.
        filter: column of that file -> value; picks the rows.
        values: seed -> value, count of images, steps or tasks.
        evidence: files behind the values.
    """

    anchor: str
    scores: str
    filter: dict[str, str | int]
    values: dict[str, tuple[float, int]]
    evidence: tuple[Evidence, ...]

    @property
    def title(self) -> str:
        """The measurement in words."""
        names = {"test_set": "test set", "task": "classes of task", "class_name": "class"}
        parts = [f"{text} {self.filter[name]}" for name, text in names.items() if self.filter[name] != ""]
        return ", ".join([str(self.filter["metric"]), f"after step {self.filter['step']}", *parts])


@dataclass
class Provenance:
    """Origins, and the anchor of each cell: file below the page's folder -> (row, column) -> anchor."""

    origins: list[Origin] = field(default_factory=list)
    anchors: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)

    def text(self) -> str:
        """JSON for machines: every number of every table, and what it was made from."""
        numbers: dict[str, dict[str, dict[str, str]]] = {}
        for file, cells in self.anchors.items():
            for (row, column), anchor in cells.items():
                numbers.setdefault(file, {}).setdefault(row, {})[column] = anchor
        found = {origin.anchor: {k: v for k, v in asdict(origin).items() if k != "anchor"} for origin in self.origins}
        return json.dumps({"numbers": numbers, "origins": found}, indent=1, sort_keys=True) + "\n"


# Their numbers are differences and intervals over many measurements: `meshcil trace` follows one of them at a time.
_COMPARISONS = ("alignment", "alignment-answer", "detection", "intransigence")


def provenance(
    experiments: Mapping[str, ExperimentSettings], folder: Path, records: Mapping[Path, Record], work: Path
) -> Provenance:
    """Origins of all numbers of the experiments' tables.

    Args:
        experiments: settings by name.
        folder: with the collected scores.
        records: of the jobs, by path.
        work: folder that the paths inside the records are relative to.

    Raises:
        InputError: when scores cannot be read, or do not suit a table.
    """
    found = Provenance()
    known: dict[tuple, str] = {}
    scored = {_run(r["key"]): r for r in records.values() if r["stage"] == "score"}
    for name, settings in experiments.items():
        path = folder / f"{name}.csv"
        if not path.is_file():
            continue
        scores = read_scores(path)
        place = Path(os.path.relpath(path, work)).as_posix()
        for table in settings.tables:
            if table.kind in _COMPARISONS:
                continue
            cells = found.anchors.setdefault(f"tables/{table.name}.csv", {})
            for cell, rows in origins(table, scores, f"table {table.name}").items():
                rows_key = (name, *rows.index)
                if rows_key not in known:
                    known[rows_key] = f"from-{len(known) + 1}"
                    found.origins += _origin(known[rows_key], place, rows, scored)
                cells[cell] = known[rows_key]
    return found


def _run(names: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(names[name]) for name in ("dataset", "protocol", "method", "budget", "seed"))


def _origin(anchor: str, scores: str, rows: pd.DataFrame, scored: Mapping[tuple, Record]) -> list[Origin]:
    """The origin at an anchor; one for each measurement where a number is made from several."""
    found = []
    for number, (_, group) in enumerate(rows.groupby(_FILTER, sort=False, dropna=False)):
        chosen = {name: group[name].iloc[0] for name in _FILTER}
        chosen["step"] = int(chosen["step"])
        values = {str(r["seed"]): (float(r["value"]), int(r["count"] or 0)) for r in group.to_dict("records")}
        evidence = [e for seed in group["seed"] for e in _evidence(scored.get(_run({**chosen, "seed": seed})), chosen)]
        found.append(Origin(f"{anchor}.{number}" if number else anchor, scores, chosen, values, tuple(evidence)))
    return found


def _evidence(record: Record | None, score: Mapping[str, Any]) -> Sequence[Evidence]:
    """Inputs of a run's scoring that hold what a score is computed from."""
    if record is None:
        return []
    parents = {parent["path"]: parent["sha256"] for parent in record["parents"]}
    suites = record["settings"]["values"]["dataset"]["suites"]
    first = 0 if score["metric"] in OVER_STEPS else score["step"]
    wanted = {"ledger.csv"} if not score["test_set"] else set()
    wanted |= {f"predictions-{name}.parquet" for name, sets in suites.items() if score["test_set"] in sets}
    found = []
    for entry in record["inputs"]:
        path = PurePosixPath(entry["path"])
        step = path.parent.name.removeprefix("step")
        if path.name in wanted and step.isdecimal() and first <= int(step) <= score["step"]:
            job = path.stem.replace("predictions-", "predict-") if score["test_set"] else "select"
            made = path.with_name(f"{job}.record.json").as_posix()
            found.append(Evidence(entry["path"], entry["sha256"], made, parents.get(made, "")))
    return found
