"""Where a number comes from: scores, the files that these are computed from, and the jobs that wrote those."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from meshcil.config.claims import ClaimsSettings
from meshcil.config.experiment import ExperimentSettings
from meshcil.config.gates import aligner_of, parse_view
from meshcil.config.run import RunKey
from meshcil.lineage.schema import FileFacts, Record
from meshcil.reporting.claims import DIFFERENCE, behind, joined
from meshcil.reporting.kinds import build_table
from meshcil.reporting.lookup import Lookup
from meshcil.reporting.scores import RUN, read_scores
from meshcil.reporting.table import row_keys

Score = Mapping[str, Any]
"""A row of the scores."""
OVER_STEPS = ("average_incremental_accuracy", "forgetting_before_last", "forgetting_including_last")
"""Metrics over all steps up to the one they stand at."""
SCORING = ("score", "score_aligned")
CLAIMS = "tables/claims.csv"
_FILTER = [*RUN, "step", "test_set", "task", "class_name", "metric"]


def scored(job: Record, score: Score) -> bool:
    """Whether a job made a score: a study, or the scoring of a run, plain or through an aligner."""
    if job.stage == "study":
        return (job.key["study"], job.key["seed"]) == (score["method"], score["seed"])
    aligner = str(job.key.get("aligner", ""))
    return job.stage in SCORING and aligner == aligner_of(score["test_set"]) and _of_run(job, score)


def _of_run(job: Record, score: Score) -> bool:
    return all(job.key.get(name) == score[name] for name in RunKey.model_fields)


def files_behind(job: Record, score: Score) -> list[FileFacts]:
    """Files that a score is computed from: what a study wrote, or what a job of scoring read.

    Args:
        job: that made the score.
        score: a row of the scores.
    """
    if job.stage == "study":
        return list(job.outputs)
    first = 0 if score["metric"] in OVER_STEPS else score["step"]
    names = _file_names(score["test_set"], job.settings.values["dataset"]["suites"])
    found = []
    for entry in job.inputs:
        path = PurePosixPath(entry.path)
        steps = [int(part[4:]) for part in path.parts if re.fullmatch(r"step\d+", part)]
        if path.name in names and steps and first <= steps[-1] <= score["step"]:
            found.append(entry)
    return found


def _file_names(test_set: str, suites: Mapping[str, Iterable[str]]) -> set[str]:
    view = parse_view(test_set)
    if not test_set or (view is None and aligner_of(test_set)):
        return {"ledger.csv"}
    tested = view.test_set if view else test_set
    # After the first step nothing is old, and the plain predictions stand for those of every gate.
    names = {f"predictions-{suite}.parquet" for suite, sets in suites.items() if tested in sets}
    return names | ({f"predictions-{view.gate}.parquet"} if view else set())


def rests_on(score: Score, job: Record, parent: Record) -> bool:
    """Whether a score that a job made, or passed on, rests on what a parent of the job wrote."""
    if job.stage == "collect":
        return scored(parent, score) or (parent.stage == "resolve" and _of_run(parent, score))
    if job.stage in SCORING:
        files = {entry.path for entry in files_behind(job, score)}
        return "step" not in parent.key or any(entry.path in files for entry in parent.outputs)
    return True


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


class Scorings:
    """The jobs that scored.

    Args:
        records: of all jobs behind a page, by path.
    """

    def __init__(self, records: Mapping[Path, Record]) -> None:
        self._jobs = {path: record for path, record in records.items() if record.stage in (*SCORING, "study")}
        self._wrote = {entry.path: path.as_posix() for path, record in records.items() for entry in record.outputs}
        self._digests = {parent.path: parent.sha256 for record in records.values() for parent in record.parents}
        self._known: dict[tuple[Any, ...], Record | None] = {}

    def evidence(self, score: Score) -> list[Evidence]:
        """Files that a score is computed from; none where no job is known that made it."""
        key = (*(score[name] for name in RunKey.model_fields), aligner_of(score["test_set"]))
        if key not in self._known:
            self._known[key] = next((job for job in self._jobs.values() if scored(job, score)), None)
        job = self._known[key]
        found = []
        for entry in files_behind(job, score) if job else ():
            record = self._wrote.get(entry.path, "")
            found.append(Evidence(entry.path, entry.sha256, record, self._digests.get(record, "")))
        return found


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


@dataclass(frozen=True)
class Contrast:
    """What the number of a claim is computed from: measurements that have origins of their own.

    Attributes:
        anchor: id of its place on the page.
        name: of the claim and its data.
        parts: the measurements.
    """

    anchor: str
    name: str
    parts: tuple[Origin, ...]


@dataclass
class Provenance:
    """Origins, and the anchor of each cell: file below the page's folder -> (row, column) -> anchor."""

    origins: list[Origin] = field(default_factory=list)
    contrasts: list[Contrast] = field(default_factory=list)
    anchors: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)

    def text(self) -> str:
        """JSON for machines: every number of every table, and what it was made from."""
        numbers: dict[str, dict[str, dict[str, str]]] = {}
        for file, cells in self.anchors.items():
            for (row, column), anchor in cells.items():
                numbers.setdefault(file, {}).setdefault(row, {})[column] = anchor
        found: dict[str, Any] = {o.anchor: {k: v for k, v in asdict(o).items() if k != "anchor"} for o in self.origins}
        found |= {c.anchor: {"contrast_of": [part.anchor for part in c.parts]} for c in self.contrasts}
        return json.dumps({"numbers": numbers, "origins": found}, indent=1, sort_keys=True) + "\n"


def provenance(
    experiments: Mapping[str, ExperimentSettings], folder: Path, records: Mapping[Path, Record], work: Path
) -> Provenance:
    """Origins of all numbers of the experiments' tables, and of the claims.

    Args:
        experiments: settings by name.
        folder: with the collected scores.
        records: of the jobs, by path.
        work: folder that the paths inside the records are relative to.

    Raises:
        InputError: when scores cannot be read, or do not suit a table.
    """
    places = {name: folder / f"{name}.csv" for name in experiments}
    scores = {name: read_scores(path) for name, path in places.items() if path.is_file()}
    search = _Search({name: Path(os.path.relpath(places[name], work)).as_posix() for name in scores}, records)
    for name, table_scores in scores.items():
        for table in experiments[name].tables:
            cells = build_table(table, table_scores).origins().items()
            anchors = {cell: search.explain(name, table_scores.loc[list(rows)], rows)[0].anchor for cell, rows in cells}
            search.found.anchors[f"tables/{table.name}.csv"] = anchors
    judged = next((record for record in records.values() if record.stage == "claims"), None)
    if judged is not None and scores:
        _explain_claims([*map(ClaimsSettings.model_validate, judged.settings.values["claims"])], scores, search)
    return search.found


class _Search:
    """Origins found so far; rows that several cells share are explained once."""

    def __init__(self, files: Mapping[str, str], records: Mapping[Path, Record]) -> None:
        self.found = Provenance()
        self._files = files
        self._known: dict[tuple, list[Origin]] = {}
        self._scorings = Scorings(records)

    def explain(self, experiment: str, rows: pd.DataFrame, numbers: Iterable[int]) -> list[Origin]:
        """Origins of ``rows`` of an experiment's scores, which have these ``numbers`` there."""
        key = (experiment, *numbers)
        if key not in self._known:
            anchor = f"from-{len(self._known) + 1}"
            self._known[key] = _origin(anchor, self._files[experiment], rows, self._scorings)
            self.found.origins += self._known[key]
        return self._known[key]


def _explain_claims(blocks: Iterable[ClaimsSettings], scores: Mapping[str, pd.DataFrame], search: _Search) -> None:
    together = Lookup(joined([s.assign(experiment=name, number=range(len(s))) for name, s in scores.items()]))
    claims = [claim for block in blocks for claim in block.claims]
    # Also those that were not measured: the names of the others depend on them.
    found = [(claim.name, *pair) for claim in claims for pair in (behind(claim, together) or {"": None}).items()]
    names = row_keys(pd.DataFrame([row[:2] for row in found], columns=["claim", "data"]))
    anchors = search.found.anchors.setdefault(CLAIMS, {})
    for name, (_, _, rows) in zip(names, found, strict=True):
        if rows is None:
            continue
        parts: list[Origin] = []
        for (experiment, *_), group in rows.groupby(["experiment", *_FILTER], sort=False, dropna=False):
            parts += search.explain(experiment, group, group["number"])
        anchors[name, DIFFERENCE] = f"claim-{len(anchors) + 1}"
        search.found.contrasts.append(Contrast(anchors[name, DIFFERENCE], name, tuple(parts)))


def _origin(anchor: str, scores: str, rows: pd.DataFrame, scorings: Scorings) -> list[Origin]:
    """The origin at an anchor; one for each measurement where a number is made from several."""
    found = []
    for number, (_, group) in enumerate(rows.groupby(_FILTER, sort=False, dropna=False)):
        chosen = {name: group[name].iloc[0] for name in _FILTER}
        chosen["step"] = int(chosen["step"])
        values = {str(r["seed"]): (float(r["value"]), int(r["count"] or 0)) for r in group.to_dict("records")}
        evidence = [e for seed in group["seed"] for e in scorings.evidence({**chosen, "seed": seed})]
        found.append(Origin(f"{anchor}.{number}" if number else anchor, scores, chosen, values, tuple(evidence)))
    return found
