"""What an experiment's results, kept beside the code, say about the claims of the papers.

`docs/results/<experiment>/verdicts.csv` holds a row per claim that the experiment measured and per data that it was
measured on, `provenance.json` how the scores were made and which runs they are of. So experiments of different days and
machines come together in one page (`reproducibility.py`), which this repository alone is enough to write.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from meshcil.config.claims import POINTS, Claim, ClaimsSettings
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_json
from meshcil.evaluation.contrast import UNMEASURED
from meshcil.reporting.claims import COLUMNS as JUDGED
from meshcil.reporting.claims import claims_table, matching
from meshcil.reporting.facts import Record, made_by
from meshcil.reporting.gather import producers
from meshcil.reporting.layout import read_table
from meshcil.reporting.scores import read_scores

VERDICTS, PROVENANCE = "verdicts.csv", "provenance.json"
COLUMNS = ["claim", "definition", "data", "rivals", "difference", "low", "high", "seeds", "verdict"]
"""Columns of the kept verdicts; words of the claims stand in `config/claims` alone."""
_RUN = ("dataset", "protocol", "method", "budget", "aligner", "study")


@dataclass(frozen=True)
class Kept:
    """Results of one experiment.

    Attributes:
        name: of the experiment.
        verdicts: columns `COLUMNS`, as text.
        methods: of its scores; studies too.
        measured: one sentence on date, commit, machine and cost.
        commits: of the jobs, whole; empty where they were not kept.
        runs: name of each run -> seed -> sha256 of the record of its scores.
    """

    name: str
    verdicts: pd.DataFrame
    methods: tuple[str, ...]
    measured: str
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
    scores = work / "results/experiments" / f"{name}.csv"
    values = read_scores(scores)
    methods = sorted(values["method"].unique())
    judged = claims_table(claims, [values])
    digests = {claim.name: definition(claim, methods) for block in claims for claim in block.claims}
    found = judged[judged["verdict"] != UNMEASURED].assign(definition=judged["claim"].map(digests))
    records = experiment_records(name, work)
    runs = _runs(records)
    if not runs:
        raise InputError(scores, "rests on no record of a run", _again(name))
    commits = sorted({record["source"]["commit"] or "no git" for record in records.values()})
    facts = {"measured": made_by(list(records.values())), "commits": commits, "methods": methods, "runs": runs}
    return {
        VERDICTS: found[COLUMNS].to_csv(index=False, lineterminator="\n").encode(),
        PROVENANCE: (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode(),
    }


def experiment_records(name: str, work: Path) -> dict[Path, Record]:
    """Records of all jobs that the collected scores of an experiment rest on.

    Raises:
        InputError: when a record cannot be read.
    """
    return producers([work / "results/experiments" / f"collect-{name}.record.json"], work)


def definition(claim: Claim, methods: Collection[str]) -> str:
    """Digest of what decides a claim where these methods were measured; a verdict stands as long as it is the same.

    Its words, and methods that only other experiments have, do not enter.
    """
    found = claim.model_dump(mode="json", include={"terms", "by"})
    found["unit"] = POINTS if claim.unit == POINTS else "number"
    for term in found["terms"]:
        if "method" in term["select"]:
            term["select"]["method"] = matching(methods, term["select"]["method"])
    return sha256_json(found)[:12]


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
        if not isinstance(facts, dict) or facts.keys() != {"measured", "commits", "methods", "runs"}:
            raise InputError(folder / PROVENANCE, "does not say how results were measured", _again(folder.name))
        verdicts = read_table(folder / VERDICTS)
        if list(verdicts.columns) != COLUMNS:
            raise InputError(folder / VERDICTS, f"has other columns than {', '.join(COLUMNS)}", _again(folder.name))
        methods, commits = tuple(facts["methods"]), tuple(facts["commits"])
        found.append(Kept(folder.name, verdicts, methods, facts["measured"], commits, facts["runs"]))
    return found


def together(claims: Sequence[ClaimsSettings], kept: Sequence[Kept], results: Path) -> pd.DataFrame:
    """One row per claim and data, as `claims_table` has them, with the further column ``experiment``.

    Where several experiments measured a claim on the same data, the one with most seeds speaks, and among those the
    one with most rivals.

    Args:
        claims: of all sources; a claim that no experiment measured has one row too.
        kept: results of the experiments.
        results: folder they are from, for the message.

    Raises:
        InputError: when a claim was judged by other terms than it has now.
    """
    methods = {one.name: one.methods for one in kept}
    parts = [one.verdicts.assign(experiment=one.name) for one in kept]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS, "experiment"])
    rank = pd.DataFrame({"seeds": pd.to_numeric(rows["seeds"]), "rivals": rows["rivals"].str.count(",")})
    order = rank.sort_values(["seeds", "rivals"], ascending=False, kind="stable").index
    rows = rows.loc[order].drop_duplicates(["claim", "data"]).sort_index()
    found = []
    for block in claims:
        for claim in block.claims:
            words = {"source": block.source, "url": block.url} | claim.model_dump(
                include={"statement", "where", "published", "unit"}
            )
            judged = rows[rows["claim"] == claim.name]
            present = [definition(claim, methods[name]) for name in judged["experiment"]]
            stale = judged[judged["definition"] != present]
            if len(stale):
                name = stale["experiment"].iloc[0]
                raise InputError(results / name / VERDICTS, f"judged `{claim.name}` by other terms", _again(name))
            unmeasured = {"claim": claim.name, "verdict": UNMEASURED}
            found += [words | row for row in judged.to_dict("records") or [unmeasured]]
    return pd.DataFrame(found, columns=[*JUDGED, "experiment"]).fillna("")


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
