"""`meshcil trace`: the jobs behind a file or a number, as a tree, as JSON or as a page."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from meshcil.config.claims import ClaimsSettings
from meshcil.config.experiment import Artifact
from meshcil.config.run import RunKey
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.schema import FileFacts, Record
from meshcil.lineage.trace import Chain, Link, link_facts, shared_facts, shown_settings, trace
from meshcil.lineage.versions import dvc_md5, dvc_versions
from meshcil.reporting.graph import Node, graph_page
from meshcil.reporting.kinds import build_table
from meshcil.reporting.provenance import Score, rests_on
from meshcil.reporting.scores import read_scores
from meshcil.reporting.table import read_table
from meshcil.tracking.stored import tracked_runs

_UNLIMITED = 10_000


@dataclass(frozen=True)
class Number:
    """A cell of a table.

    Attributes:
        row: its name.
        column: its full name.
        text: what stands in the file.
        scores: file with the collected scores.
        sources: rows of it that the number is computed from.
    """

    row: str
    column: str
    text: str
    scores: str
    sources: tuple[Score, ...]

    def matters(self, job: Record, parent: Record) -> bool:
        """Whether a parent of a job lies between the number and the data."""
        return job.stage in ("table", "claims") or any(rests_on(score, job, parent) for score in self.sources)


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
    position = stored.find_row(row, str(path))
    name, part = stored.keys[position], stored.find_column(column, str(path))
    if record.stage == "claims":
        found = _behind_claim(record, stored.names.loc[position])
    else:
        found = _behind_cell(record, name, part.heading)
    files = ", ".join(entry.path for entry in _scores(record))
    number = Number(name, part.heading, part.cells[position], files, found)
    return number, trace(path, number.matters)


def _scores(record: Record) -> list[FileFacts]:
    return [entry for entry in record.inputs if Path(entry.path).suffix == ".csv"]


def _behind_cell(record: Record, row: str, column: str) -> tuple[Score, ...]:
    """Scores behind a cell of a table; none behind what a paper states."""
    scores = read_scores(Path(_scores(record)[0].path))
    rows = build_table(Artifact.model_validate(record.settings.values), scores).origins().get((row, column), ())
    return tuple(scores.loc[list(rows)].to_dict("records"))


def _behind_claim(record: Record, cell: pd.Series) -> tuple[Score, ...]:
    """Scores behind the difference of a claim, its interval and its verdict."""
    # Judging takes scipy, for which no other trace should wait.
    from meshcil.reporting.claims import behind, joined
    from meshcil.reporting.lookup import Lookup

    scores = joined([read_scores(Path(entry.path)) for entry in _scores(record)])
    blocks = map(ClaimsSettings.model_validate, record.settings.values["claims"])
    claim = next(claim for block in blocks for claim in block.claims if claim.name == cell["claim"])
    return tuple(behind(claim, Lookup(scores)).get(cell["data"], scores[:0]).to_dict("records"))


def _described(score: Score) -> str:
    place = f"test set {score['test_set']}" if score["test_set"] else "ledger"
    part = "".join(f", {name.replace('_name', '')} {score[name]}" for name in ("task", "class_name") if score[name])
    where = f"{_run(score).path}, after step {score['step']}, {place}{part}, n = {score['count']}"
    return f"{score['metric']} {score['value']:.6g} ({where})"


def _run(score: Score) -> RunKey:
    return RunKey(**{name: score[name] for name in RunKey.model_fields})


@dataclass(frozen=True)
class Trace:
    """A chain with what MLflow and DVC know of its jobs.

    Attributes:
        chain: jobs behind the file.
        number: the cell, if one was asked for.
        runs: record -> id of its run in MLflow.
        versions: output -> md5 in dvc.lock.
    """

    chain: Chain
    number: Number | None
    runs: dict[str, str]
    versions: dict[str, str]

    def outside(self, link: Link) -> dict[str, str]:
        """Names of a job outside of the records: its run in MLflow, its first output's md5 in DVC."""
        md5 = dvc_md5(link.record.outputs[0].path, self.versions) if link.record.outputs else None
        found = {"MLflow run": self.runs.get(link.path), "DVC md5": md5}
        return {name: text for name, text in found.items() if text}


def find_trace(path: Path, row: str | None, column: str | None) -> Trace:
    """Trace a file, or a number of a table when row and column are given.

    Raises:
        InputError: see `meshcil.lineage.trace.trace` and `trace_number`.
    """
    if (row is None) != (column is None):
        raise InputError("--row, --column", "name a number only together", "Give both, or none")
    if row is None or column is None:
        return Trace(trace(path), None, tracked_runs(), dvc_versions())
    number, chain = trace_number(path, row, column)
    return Trace(chain, number, tracked_runs(), dvc_versions())


def as_tree(found: Trace) -> Tree:
    """Tree from the number, or the file, to the data; a job that feeds several is explained once."""
    chain, number = found.chain, found.number
    name = escape(chain.file) if number is None else f"{escape(f'{number.row}, {number.column}')} = {number.text}"
    tree = Tree(f"[bold]{name}[/bold]{_mark(chain.altered)}")
    if number is not None:
        scores = tree.add(f"computed from {escape(number.scores)}" if number.sources else "not computed from scores")
        for score in number.sources:
            scores.add(escape(_described(score)))
    shared = shared_facts(list(chain.links.values()))
    jobs = tree.add(f"[bold]all {len(chain.links)} jobs[/bold]: {_listed(shared)}")
    _grow(jobs, chain.root, found, shared, set())
    return tree


def _grow(tree: Tree, path: str, found: Trace, shared: dict[str, str], seen: set[str]) -> None:
    link = found.chain.links[path]
    if path in seen:
        tree.add(f"{escape(link.title)} [dim](above)[/dim]")
        return
    seen.add(path)
    branch = tree.add(f"[bold]{escape(link.title)}[/bold]{_mark(link.altered)}\n{_describe(link, found, shared)}")
    _add_settings(branch, shown_settings(link.record))
    for parent in link.parents:
        _grow(branch, parent, found, shared, seen)


def _describe(link: Link, found: Trace, shared: dict[str, str]) -> str:
    own = {name: text for name, text in link_facts(link.record).items() if name not in shared and text != "none"}
    lines = [f"record {escape(link.path)} {link.sha256[:12]}"]
    lines += [f"wrote {escape(entry.path)} {entry.sha256[:12]}" for entry in link.record.outputs[:2]]
    lines += [_listed(own | found.outside(link))]
    return "[dim]" + "\n".join(lines) + "[/dim]"


def _add_settings(branch: Tree, settings: dict[str, str]) -> None:
    """Settings as a branch of their own, those of one part (`method.training`) in a line."""
    parts: dict[str, dict[str, str]] = {}
    for name, text in settings.items():
        part, _, last = name.rpartition(".")
        parts.setdefault(part, {})[last] = text
    top = branch.add("[dim]settings[/dim]") if parts else branch
    for part, values in parts.items():
        top.add(f"[dim]{escape(f'{part}: ' if part else '')}{_listed(values)}[/dim]")


def _listed(facts: dict[str, str]) -> str:
    return escape("; ".join(f"{name} {text}" for name, text in facts.items()))


def _mark(altered: bool) -> str:
    return " [red]altered since it was recorded[/red]" if altered else ""


def as_json(found: Trace) -> dict[str, Any]:
    """Everything about the chain as JSON values."""
    chain, number = found.chain, found.number
    cell = None
    if number is not None:
        sources = [{**_run(score).model_dump(), "score": _described(score)} for score in number.sources]
        cell = {"row": number.row, "column": number.column, "text": number.text}
        cell |= {"scores": number.scores, "sources": sources}
    jobs = [
        {
            "record": link.path,
            "sha256": link.sha256,
            "altered": link.altered,
            "title": link.title,
            "parents": list(link.parents),
            "mlflow_run": found.runs.get(link.path),
            "dvc_md5": found.outside(link).get("DVC md5"),
            "content": link.record.model_dump(mode="json"),
        }
        for link in chain.links.values()
    ]
    return {"file": chain.file, "sha256": chain.sha256, "altered": chain.altered, "number": cell, "jobs": jobs}


def write_page(found: Trace, path: Path) -> None:
    """Write a page with the graph of jobs.

    Raises:
        InputError: when it cannot be written.
    """
    chain, number = found.chain, found.number
    title = chain.file if number is None else f"{number.row}, {number.column} = {number.text}"
    lead = [f"{chain.file}, sha256 {chain.sha256}{', altered since it was recorded' if chain.altered else ''}"]
    lead += [f"Computed from {_described(score)} in {number.scores}" for score in number.sources] if number else []
    shared = shared_facts(list(chain.links.values()))
    nodes = [_node(link, found, shared) for link in chain.links.values()]
    write_text_atomic(path, graph_page(title, lead, shared, nodes))


def _node(link: Link, found: Trace, shared: dict[str, str]) -> Node:
    facts = {"record": f"{link.path}, sha256 {link.sha256}"}
    facts |= {f"wrote {entry.path}": entry.sha256 for entry in link.record.outputs}
    facts |= {name: text for name, text in link_facts(link.record).items() if name not in shared}
    facts |= found.outside(link)
    return Node(link.path, link.title, link.altered, facts, shown_settings(link.record), link.parents)


def show(found: Trace, *, machine: bool) -> None:
    """Print a trace, as JSON for machines or as a tree."""
    if machine:
        print(json.dumps(as_json(found), indent=1, sort_keys=True))
    else:
        # Into a file or a pipe, each fact stays on its line.
        width = None if Console().is_terminal else _UNLIMITED
        Console(width=width, highlight=False).print(as_tree(found))
