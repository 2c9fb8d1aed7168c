"""Where one number of a table comes from: scores, and the jobs that matter to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from meshcil.config.claims import ClaimsSettings
from meshcil.config.experiment import Artifact
from meshcil.config.gates import aligner_of, parse_view
from meshcil.config.run import RunKey
from meshcil.core.errors import InputError
from meshcil.core.naming import known_names
from meshcil.lineage.schema import FileFacts, Record
from meshcil.lineage.trace import Chain, trace
from meshcil.reporting.layout import find_cell, key_columns, read_table, row_keys
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
        """Whether a job gives something that the score is computed from."""
        key, aligner = record.key, aligner_of(self.test_set)
        if record.stage == "study":
            return (key["study"], key["seed"]) == (self.run.method, self.run.seed)
        if any(key.get(name) != value for name, value in self.run.model_dump().items()):
            return False
        if (record.stage == "score" and aligner) or key.get("aligner", aligner) != aligner:
            return False
        if "step" not in key or not self.first <= int(key["step"]) <= self.last:
            return "step" not in key
        return self._reads(record)

    def _reads(self, record: Record) -> bool:
        """Whether the score is computed from what a job of one of its steps wrote: predictions or a ledger."""
        view = parse_view(self.test_set)
        if record.stage == "predict":
            tested = view.test_set if view else self.test_set
            return tested in record.settings.values["dataset"]["suites"].get(record.name, ())
        if record.stage == "predict_aligned":
            return view is not None
        return view is None and (not self.test_set or record.stage == "align")


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
        if job.stage in ("collect", "score", "score_aligned"):
            return any(source.needs(parent) for source in self.sources)
        return True


def trace_number(path: Path, row: str, column: str) -> tuple[Number, Chain]:
    """A number of a table, or of the table of claims, and the jobs behind it.

    Raises:
        InputError: when the file is no table of ours, lacks the cell, or a record on the way cannot be used.
    """
    chain = trace(path, lambda job, parent: False)
    record = chain.links[chain.root].record
    if record.stage not in ("table", "claims"):
        raise InputError(path, "was not written by the `table` stage", "Leave out `--row` and `--column`")
    stored = read_table(path)
    row = find_row(stored, row, str(path))
    position, name = find_cell(stored, row, column, str(path))
    cell = stored.iloc[position]
    rows = _behind_claim(record, cell) if record.stage == "claims" else _behind_cell(record, row, name, path)
    files = ", ".join(entry.path for entry in _scores(record))
    number = Number(row, name, str(cell[name]), files, tuple(map(_source, rows.to_dict("records"))))
    return number, trace(path, number.matters)


def find_row(table: pd.DataFrame, row: str, where: str) -> str:
    """Name of the one row that ``row`` fits, as `meshcil.reporting.layout.row_keys` has it.

    A row is called by that name, or by what stands in its first columns, as many as one likes, with `/` between them
    (`inemo`, `inemo/total-96`); its label may stand for the first.

    Args:
        table: with text cells.
        row: what was asked for.
        where: the file, for the message.

    Raises:
        InputError: when no row fits, or several do; names those.
    """
    keys = row_keys(table)
    fitting = [key for key in keys if key == row] or [
        key for key, names in zip(keys, _row_names(table), strict=True) if row in names
    ]
    if len(fitting) != 1:
        remedy = f"It fits: {', '.join(fitting)}" if fitting else known_names(row, keys, "Rows")
        raise InputError(where, f"has no single row `{row}`", remedy)
    return fitting[0]


def _row_names(table: pd.DataFrame) -> Iterator[set[str]]:
    """What each row may be called: its first columns, one or more."""
    columns = key_columns(table)
    heads = [name for name in (*columns[:1], "label") if name in table.columns]
    for _, cells in table.iterrows():
        others = [cells[name] for name in columns[1:]]
        yield {"/".join([cells[head], *others[:number]]) for head in heads for number in range(len(others) + 1)}


def _scores(record: Record) -> list[FileFacts]:
    return [entry for entry in record.inputs if Path(entry.path).suffix == ".csv"]


def _behind_cell(record: Record, row: str, name: str, path: Path) -> pd.DataFrame:
    """Scores behind a cell of a table; none behind what a paper states."""
    scores = read_scores(Path(_scores(record)[0].path))
    artifact = Artifact.model_validate(record.settings.values)
    return scores[:0] if " published" in name else origin(artifact, scores, row, name, str(path))[2]


def _behind_claim(record: Record, cell: pd.Series) -> pd.DataFrame:
    """Scores behind the difference of a claim, its interval and its verdict."""
    # Judging takes scipy, for which no other trace should wait.
    from meshcil.reporting.claims import behind, joined

    scores = joined([read_scores(Path(entry.path)) for entry in _scores(record)])
    blocks = map(ClaimsSettings.model_validate, record.settings.values["claims"])
    claim = next(claim for block in blocks for claim in block.claims if claim.name == cell["claim"])
    return behind(claim, scores).get(cell["data"], scores[:0])


def _source(score: dict) -> Source:
    run = RunKey(**{name: score[name] for name in RunKey.model_fields})
    step = int(score["step"])
    place = f"test set {score['test_set']}" if score["test_set"] else "ledger"
    part = "".join(f", {name.replace('_name', '')} {score[name]}" for name in ("task", "class_name") if score[name])
    text = (
        f"{score['metric']} {score['value']:.6g} ({run.path}, after step {step}, {place}{part}, n = {score['count']})"
    )
    return Source(run, 0 if score["metric"] in OVER_STEPS else step, step, score["test_set"], text)
