"""Files that a score is computed from: predictions, ledgers, or what a study wrote."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from meshcil.config.gates import aligner_of, parse_view
from meshcil.reporting.facts import Record
from meshcil.reporting.origin import OVER_STEPS


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
    """The jobs that scored, by what they scored.

    Args:
        records: of all jobs behind a page, by path.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._jobs: dict[tuple[str, ...], Record] = {}
        self._digests: dict[str, str] = {}
        for record in records:
            key = record["key"]
            if record["stage"] in ("score", "score_aligned"):
                self._jobs[*_run(key), str(key.get("aligner", ""))] = record
            elif record["stage"] == "study":
                self._jobs[str(key["study"]), str(key["seed"])] = record
            self._digests |= {parent["path"]: parent["sha256"] for parent in record["parents"]}

    def evidence(self, score: Mapping[str, Any]) -> list[Evidence]:
        """Files that a score is computed from; none where no job is known that made it.

        Args:
            score: a row of the scores.
        """
        record = self._jobs.get((*_run(score), aligner_of(score["test_set"])))
        if record is not None:
            return list(_inputs(record, score))
        study = self._jobs.get((str(score["method"]), str(score["seed"])))
        if study is None:
            return []
        # Its scores and the answers that most of them are computed from lie beside its record.
        made = PurePosixPath(study["outputs"][0]["path"]).with_name("study.record.json").as_posix()
        return [Evidence(e["path"], e["sha256"], made, self._digests.get(made, "")) for e in study["outputs"]]


def _run(names: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(names[name]) for name in ("dataset", "protocol", "method", "budget", "seed"))


def _inputs(record: Record, score: Mapping[str, Any]) -> Iterator[Evidence]:
    """Inputs of a run's scoring, plain or through an aligner, that hold what a score is computed from."""
    parents = {parent["path"]: parent["sha256"] for parent in record["parents"]}
    first = 0 if score["metric"] in OVER_STEPS else score["step"]
    wanted = _wanted(record, score["test_set"])
    for entry in record["inputs"]:
        path = PurePosixPath(entry["path"])
        job = wanted.get(path.name)
        steps = [int(part[4:]) for part in path.parts if re.fullmatch(r"step\d+", part)]
        if job is not None and steps and first <= steps[-1] <= score["step"]:
            made = path.with_name(f"{job}.record.json").as_posix()
            yield Evidence(entry["path"], entry["sha256"], made, parents.get(made, ""))


def _wanted(record: Record, test_set: str) -> Mapping[str, str]:
    """File names -> the job, as its record is named, that wrote them."""
    view, aligner = parse_view(test_set), aligner_of(test_set)
    if view is not None:
        # After the first step nothing is old, and the plain predictions stand for those of every gate.
        plain = _suites(record, view.test_set)
        return {**plain, f"predictions-{view.gate}.parquet": f"predict_aligned-{aligner}"}
    if aligner:
        return {"ledger.csv": f"align-{aligner}"}
    return _suites(record, test_set) if test_set else {"ledger.csv": "select"}


def _suites(record: Record, test_set: str) -> dict[str, str]:
    suites: Mapping[str, Sequence[str]] = record["settings"]["values"]["dataset"]["suites"]
    return {f"predictions-{name}.parquet": f"predict-{name}" for name, sets in suites.items() if test_set in sets}
