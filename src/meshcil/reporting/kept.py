"""What an experiment measured, kept beside the code, and what that says about the claims of the papers.

`docs/results/<experiment>/scores.csv` holds the scores that claims read, by run and seed, `provenance.json` how they
were made and by which runs. So experiments of different days and machines come together in one page
(`reproducibility.py`), which this repository alone is enough to write, and a claim with new terms is judged anew.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from meshcil.config.claims import PROVENANCE, SCORES, ClaimsSettings
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.evaluation.contrast import UNMEASURED
from meshcil.reporting.claims import COLUMNS, behind, claims_table
from meshcil.reporting.facts import Record, made_by
from meshcil.reporting.gather import producers
from meshcil.reporting.scores import COLUMNS as SCORE_COLUMNS
from meshcil.reporting.scores import last_step, overall, read_scores

_FACTS = {"measured", "date", "commits", "runs"}
_RUN = ("dataset", "protocol", "method", "budget", "aligner", "study")


@dataclass(frozen=True)
class Kept:
    """Results of one experiment.

    Attributes:
        name: of the experiment.
        scores: rows of its scores that claims read, and those over all images after the last step.
        measured: one sentence on date, commit, machine and cost.
        date: day of the last job.
        commits: of the jobs, whole; empty where they were not kept.
        runs: name of each run -> seed -> sha256 of the record of its scores.
    """

    name: str
    scores: pd.DataFrame
    measured: str
    date: str
    commits: tuple[str, ...]
    runs: dict[str, dict[str, str]]


def kept_files(name: str, claims: Sequence[ClaimsSettings], work: Path) -> dict[str, bytes]:
    """Content of the two files, by name, from the collected scores of an experiment and the records behind them.

    Args:
        name: of the experiment.
        claims: of all sources.
        work: folder that the paths inside the records are relative to.

    Raises:
        InputError: when the scores or a record cannot be read.
    """
    path = work / "results/experiments" / f"{name}.csv"
    records = experiment_records(name, work)
    runs = _runs(records)
    if not runs:
        raise InputError(path, "rests on no record of a run", _again(name))
    commits = sorted({record["source"]["commit"] or "no git" for record in records.values()})
    date = max(record["ended"] for record in records.values())[:10]
    facts = {"measured": made_by(list(records.values())), "date": date, "commits": commits, "runs": runs}
    return {
        SCORES: worth_keeping(claims, read_scores(path)).to_csv(index=False, lineterminator="\n").encode(),
        PROVENANCE: (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode(),
    }


def worth_keeping(claims: Sequence[ClaimsSettings], scores: pd.DataFrame) -> pd.DataFrame:
    """Rows that a claim reads, and those over all images after the last step, which a later claim may read."""
    read = [rows.index for block in claims for claim in block.claims for rows in behind(claim, scores).values()]
    last = last_step(scores)
    kept = overall(last, *last["metric"].unique()).index
    for index in read:
        kept = kept.union(index)
    return scores.loc[kept.sort_values()]


def experiment_records(name: str, work: Path) -> dict[Path, Record]:
    """Records of all jobs that the collected scores of an experiment rest on.

    Raises:
        InputError: when a record cannot be read.
    """
    return producers([work / "results/experiments" / f"collect-{name}.record.json"], work)


def read_kept(results: Path) -> list[Kept]:
    """Kept results of all experiments, by name.

    Args:
        results: folder with one folder per experiment.

    Raises:
        InputError: when the folder or a file is missing, or a file is damaged.
    """
    if not results.is_dir():
        raise InputError(results, "is no folder with kept results", "Name the checkout that holds docs/results")
    found = []
    for folder in sorted(path for path in results.iterdir() if path.is_dir()):
        facts = read_json(folder / PROVENANCE)
        if not isinstance(facts, dict) or facts.keys() != _FACTS:
            raise InputError(folder / PROVENANCE, "does not say how results were measured", _again(folder.name))
        try:
            scores = read_scores(folder / SCORES)
        except InputError as error:
            raise InputError(error.where, error.cause, _again(folder.name)) from error
        found.append(Kept(folder.name, scores, **facts | {"commits": tuple(facts["commits"])}))
    return found


def together(claims: Sequence[ClaimsSettings], kept: Sequence[Kept]) -> pd.DataFrame:
    """One row per claim and data, as `claims_table` has them, with the further column ``experiment``.

    Where several experiments measured a claim on the same data, the one with most seeds speaks, among those the one
    with most rivals, among those the last.

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
    measured = set(rows.loc[rows["verdict"] != UNMEASURED, "claim"])
    rows = rows[(rows["verdict"] != UNMEASURED) | ~rows["claim"].isin(measured)]
    place = {claim.name: i for i, claim in enumerate(claim for block in claims for claim in block.claims)}
    rows = rows.sort_values("claim", key=lambda names: names.map(place), kind="stable")
    rows.loc[rows["verdict"] == UNMEASURED, "experiment"] = ""
    return rows[[*COLUMNS, "experiment"]].reset_index(drop=True)


def _runs(records: dict[Path, Record]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, record in records.items():
        if record["stage"] in ("score", "score_aligned", "study"):
            key = record["key"]
            name = "/".join(str(key[part]) for part in _RUN if part in key)
            found.setdefault(name, {})[str(key["seed"])] = sha256_file(path)
    return found


def _again(name: str) -> str:
    return f"Run `make reproduce EXPERIMENT={name}`, then `meshcil export results {name}`"
