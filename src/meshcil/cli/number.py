"""Where one number of a table comes from: scores, and the jobs that matter to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meshcil.config.experiment import Artifact
from meshcil.config.run import RunKey
from meshcil.core.errors import InputError
from meshcil.lineage.schema import Record
from meshcil.lineage.trace import Chain, trace
from meshcil.reporting.layout import find_cell, read_table
from meshcil.reporting.origin import OVER_STEPS, origin
from meshcil.reporting.scores import read_scores


@dataclass(frozen=True)
class Source:
    """One score behind a number; ``last`` is the step it stands at, ``first`` the first step it covers."""

    run: RunKey
    first: int
    last: int
    test_set: str
    text: str

    def needs(self, record: Record) -> bool:
        """Whether a job of a run gives something that the score is computed from."""
        key = record.key
        if any(key.get(name) != value for name, value in self.run.model_dump().items()):
            return False
        if "step" not in key or not self.first <= int(key["step"]) <= self.last:
            return "step" not in key
        if record.stage == "predict":
            return self.test_set in record.settings.values["dataset"]["suites"].get(record.name, ())
        return self.test_set == ""


@dataclass(frozen=True)
class Number:
    """A cell of a table.

    Attributes:
        row: its name.
        column: its full name.
        text: what stands in the file.
        scores: file with the collected scores.
        sources: scores that it is computed from.
    """

    row: str
    column: str
    text: str
    scores: str
    sources: tuple[Source, ...]

    def matters(self, job: Record, parent: Record) -> bool:
        """Whether a parent of a job lies between the number and the data."""
        if job.stage in ("collect", "score"):
            return any(source.needs(parent) for source in self.sources)
        return True


def trace_number(path: Path, row: str, column: str) -> tuple[Number, Chain]:
    """A number of a table and the jobs behind it.

    Raises:
        InputError: when the file is no table of ours, lacks the cell, or a record on the way cannot be used.
    """
    chain = trace(path, lambda job, parent: False)
    record = chain.links[chain.root].record
    if record.stage != "table":
        raise InputError(path, "was not written by the `table` stage", "Leave out `--row` and `--column`")
    stored = read_table(path)
    position, name = find_cell(stored, row, column, str(path))
    scores = record.inputs[0].path
    artifact = Artifact.model_validate(record.settings.values)
    rows: Iterable[tuple] = ()
    if " published" not in name:
        _, _, found = origin(artifact, read_scores(Path(scores)), row, column, str(path))
        rows = found.to_dict("records")
    number = Number(row, name, str(stored.iloc[position][name]), scores, tuple(map(_source, rows)))
    return number, trace(path, number.matters)


def _source(score: dict) -> Source:
    run = RunKey(**{name: score[name] for name in RunKey.model_fields})
    step = int(score["step"])
    place = f"test set {score['test_set']}" if score["test_set"] else "ledger"
    part = "".join(f", {name.replace('_name', '')} {score[name]}" for name in ("task", "class_name") if score[name])
    text = (
        f"{score['metric']} {score['value']:.6g} ({run.path}, after step {step}, {place}{part}, n = {score['count']})"
    )
    return Source(run, 0 if score["metric"] in OVER_STEPS else step, step, score["test_set"], text)
