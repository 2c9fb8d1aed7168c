"""What an experiment measured, kept beside the code, and what that says about the claims of the papers.

`docs/results/<experiment>/scores.csv` holds the scores that claims and tables read, by run and seed. `provenance.json`
says how they were made, by which runs, and has the digest of every table. So experiments of different days and machines
come together in one page (`reproducibility.py`), which this repository alone is enough to write, a claim with new terms
is judged anew, and every table can be computed again.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from meshcil.config.claims import PROVENANCE, SCORES, ClaimsSettings, load_claims
from meshcil.config.experiment import Artifact, load_experiment
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.evaluation.contrast import LEAST, UNMEASURED
from meshcil.lineage.files import record_path
from meshcil.lineage.paths import COLLECTED
from meshcil.lineage.reading import Records, walk
from meshcil.lineage.schema import Record
from meshcil.reporting.claims import COLUMNS, behind, claims_table
from meshcil.reporting.facts import made_by
from meshcil.reporting.kinds import build_table
from meshcil.reporting.lookup import Lookup
from meshcil.reporting.provenance import SCORING
from meshcil.reporting.published import add_published, published_path
from meshcil.reporting.scores import COLUMNS as SCORE_COLUMNS
from meshcil.reporting.scores import keep, last_step, overall, read_scores

_FACTS = {"measured", "date", "commits", "runs", "tables"}
_RUN = ("dataset", "protocol", "method", "budget", "aligner", "study")


@dataclass(frozen=True)
class Kept:
    """Results of one experiment.

    Attributes:
        name: of the experiment.
        scores: rows of its scores that claims and tables read, and those over all images after the last step.
        date: day of the last job.
    """

    name: str
    scores: pd.DataFrame
    date: str


def kept_files(name: str, config: Path, reports: Path) -> dict[str, bytes]:
    """Content of the two files, by name, from the collected scores of an experiment and the records behind them.

    Args:
        name: of the experiment.
        config: folder with `experiments`, `claims` and `published`.
        reports: folder of the report, inside the working folder that the records speak of.

    Raises:
        InputError: when the scores, a table or a record cannot be read, or the scores do not give a table.
    """
    work = reports.parent
    path = work / COLLECTED.format(experiment=name)
    scores, records = read_scores(path), experiment_records(name, work)
    runs = _runs(records, work)
    if not runs:
        raise InputError(path, "has no record of a run behind it", _again(name))
    tables, kept, facts = load_experiment(name, config).tables, worth_keeping(load_claims(config), scores), {}
    for table in tables:
        file = reports / "tables" / f"{table.name}.csv"
        record = record_path("table", file, table.name)
        if file.read_text(encoding="utf-8") != table_text(table, scores, config):
            raise InputError(file, "does not hold what the scores give", _again(name))
        kept = with_read(table, scores, kept, config)
        facts[table.name] = {"sha256": sha256_file(file), "record_sha256": sha256_file(record), "recomputable": True}
    commits = sorted({record.source.commit or "no git" for record in records.values()})
    date = max(record.ended for record in records.values())[:10]
    made = {"measured": made_by(list(records.values())), "date": date, "commits": commits, "runs": runs}
    return {
        SCORES: scores.loc[kept.sort_values()].to_csv(index=False, lineterminator="\n").encode(),
        PROVENANCE: (json.dumps(made | {"tables": facts}, indent=1, sort_keys=True) + "\n").encode(),
    }


def worth_keeping(claims: Sequence[ClaimsSettings], scores: pd.DataFrame) -> pd.Index:
    """Rows that a claim reads, and those over all images after the last step, which a later claim may read."""
    found = Lookup(scores)
    read = [rows.index for block in claims for claim in block.claims for rows in behind(claim, found).values()]
    last = last_step(scores)
    return _union(overall(last, *last["metric"].unique()).index, read).sort_values()


def with_read(table: Artifact, scores: pd.DataFrame, kept: pd.Index, config: Path) -> pd.Index:
    """``kept``, and what further rows a table needs, by kinds of rows, to be the one that all scores give."""
    whole = table_text(table, scores, config)

    def gives(rows: pd.Index) -> bool:
        try:
            return table_text(table, scores.loc[rows.sort_values()], config) == whole
        except InputError:
            return False

    rest = keep(scores, table.select, table.name).drop(kept, errors="ignore")
    last = rest.index.isin(last_step(scores).index)
    kinds = rest.groupby(["metric", "test_set", rest["class_name"] != "", rest["task"] != "", last])
    return _union(kept, _needed([rows.index for _, rows in kinds], kept, gives)).sort_values()


def _needed(parts: list[pd.Index], kept: pd.Index, gives: Callable[[pd.Index], bool]) -> list[pd.Index]:
    """Parts that ``kept`` needs beside it, none of which could be left out: QuickXplain (Junker, AAAI 2004)."""
    if gives(kept):
        return []
    if len(parts) <= 1:
        return parts
    first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    needed = _needed(first, _union(kept, second), gives)
    return needed + _needed(second, _union(kept, needed), gives)


def _union(rows: pd.Index, parts: Sequence[pd.Index]) -> pd.Index:
    for part in parts:
        rows = rows.union(part)
    return rows


def table_text(table: Artifact, scores: pd.DataFrame, config: Path) -> str:
    """A table as CSV. Raises InputError when its settings do not suit the scores."""
    return add_published(build_table(table, scores), published_path(config, table.name)).csv()


def experiment_records(name: str, work: Path) -> dict[Path, Record]:
    """Records of all jobs that the collected scores of an experiment rest on, by their path in ``work``.

    Raises InputError when a record cannot be read.
    """
    records = Records(work)
    return {
        path: records[path]
        for path in walk(records, [record_path("collect", Path(COLLECTED.format(experiment=name)), name)])
    }


def read_kept(results: Path) -> list[Kept]:
    """Kept results of all experiments, by name.

    Args:
        results: folder with one folder per experiment.

    Raises:
        InputError: when the folder or a file is missing, or a file is damaged.
    """
    if not results.is_dir():
        raise InputError(results, "is not a folder with kept results", "Name the checkout that holds docs/results")
    found = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        facts = read_json(folder / PROVENANCE)
        if not isinstance(facts, dict) or facts.keys() != _FACTS:
            raise InputError(folder / PROVENANCE, "does not say how results were measured", _again(folder.name))
        try:
            scores = read_scores(folder / SCORES)
        except InputError as error:
            raise InputError(error.where, error.cause, _again(folder.name)) from error
        found.append(Kept(folder.name, scores, facts["date"]))
    return found


def together(claims: Sequence[ClaimsSettings], kept: Sequence[Kept]) -> pd.DataFrame:
    """One row per claim and data, as `claims_table` has them, with the further column ``experiment``.

    Where several experiments measured a claim on the same data, the one with most seeds speaks, among those the one
    with most rivals, among those the last. A difference over too few seeds for a verdict is left out where the same
    claim has a verdict on other data.

    Args:
        claims: of all sources; a claim that no experiment measured has one row too.
        kept: results of the experiments.
    """
    parts = [claims_table(claims, [one.scores]).assign(experiment=one.name, date=one.date) for one in kept]
    nothing = claims_table(claims, [pd.DataFrame(columns=SCORE_COLUMNS)]).assign(experiment="", date="")
    rows = pd.concat([*parts, nothing], ignore_index=True)
    rank = pd.DataFrame({"seeds": pd.to_numeric(rows["seeds"]), "rivals": rows["rivals"].str.count(",")})
    rank["date"] = rows["date"]
    order = rank.sort_values(list(rank), ascending=False, kind="stable").index
    rows = rows.loc[order].drop_duplicates(["claim", "data"]).sort_index()
    enough = pd.to_numeric(rows["seeds"]) >= LEAST
    rows = rows[enough | (rows["verdict"] == UNMEASURED) | ~rows["claim"].isin(rows.loc[enough, "claim"])]
    measured = set(rows.loc[rows["verdict"] != UNMEASURED, "claim"])
    rows = rows[(rows["verdict"] != UNMEASURED) | ~rows["claim"].isin(measured)]
    place = {claim.name: i for i, claim in enumerate(claim for block in claims for claim in block.claims)}
    rows = rows.sort_values("claim", key=lambda names: names.map(place), kind="stable")
    rows.loc[rows["verdict"] == UNMEASURED, "experiment"] = ""
    return rows[[*COLUMNS, "experiment"]].reset_index(drop=True)


def kept_claims(claims: Sequence[ClaimsSettings], results: Path, shown: Collection[str] = ()) -> pd.DataFrame:
    """Verdicts on the claims by kept scores, for the page of other runs.

    Args:
        claims: of all sources.
        results: folder of kept results; need not exist.
        shown: see `meshcil.config.claims.kept_claim_files`.

    Returns:
        Rows as `together` gives them, without claims that no experiment measured.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    kept = [one for one in (read_kept(results) if results.is_dir() else []) if one.name not in shown]
    rows = together(claims, kept)
    return rows[rows["verdict"] != UNMEASURED].reset_index(drop=True)


def _runs(records: dict[Path, Record], work: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, record in records.items():
        if record.stage in (*SCORING, "study"):
            name = "/".join(str(record.key[part]) for part in _RUN if part in record.key)
            found.setdefault(name, {})[str(record.key["seed"])] = sha256_file(work / path)
    return found


def _again(name: str) -> str:
    return f"Run `make reproduce EXPERIMENT={name}`, then `meshcil export results {name}`"
