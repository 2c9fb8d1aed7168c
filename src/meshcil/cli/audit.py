"""`meshcil audit`: everything that can be known without training again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshcil.cli.anchored import NOBODY, Trust, check_trust
from meshcil.cli.documents import check_documents
from meshcil.cli.logged import check_log
from meshcil.cli.planned import check_links, check_plan, check_surplus, check_truth, plan_of
from meshcil.cli.recomputation import NONE, Sample, check_sample, recomputing
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.anchor import FINAL, anchor, check_anchor, shown_experiments
from meshcil.lineage.audit import check_files, check_foreign, check_strangers, check_times, find_records
from meshcil.lineage.history import check_code, check_commits
from meshcil.lineage.installed import check_environment, check_installed, check_lock
from meshcil.lineage.plan import Plan
from meshcil.lineage.reading import read_record
from meshcil.lineage.schema import Record
from meshcil.lineage.stages import planned_jobs
from meshcil.lineage.tree import check_tree
from meshcil.lineage.versions import check_dvc
from meshcil.tracking.jobs import model_of, tags_of
from meshcil.tracking.stored import (
    DATABASE,
    RECORD_TAG,
    registered_records,
    stored_anchors,
    stored_tags,
    tracked_runs,
)

_Recompute = Callable[[Mapping[Path, Record]], list[str]]
_NAMED = 5
"""Altered things that the note on records beside the report names; the others it counts."""


@dataclass(frozen=True)
class Inspection:
    """Result of an audit.

    Attributes:
        findings: what differs, each with the file first; none on untouched files.
        notes: what could not be checked, and why; what differs without touching the report.
        jobs: records that the report rests on, or all before there is one.
        anchor: digest of the report's record; none without one.
        held: what vouches for the anchor from outside; empty where the folder is only consistent with itself.
    """

    findings: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: int
    anchor: str | None
    held: tuple[str, ...] = ()


def inspect(
    against: str | None = None, trust: Trust = NOBODY, sample: Sample = NONE, *, outside: bool = False
) -> Inspection:
    """Audit the working folder; see docs/audit.md for what each part can and cannot show.

    The plan decides which records the report rests on and what they may say (`meshcil.cli.planned`). A folder also
    holds other experiments, which may be edited and run again at any time: of differences there a note tells.

    Args:
        against: what the report's record is compared with; see `meshcil.lineage.anchor.check_anchor`.
        trust: what must have signed that, or stamped the anchor.
        sample: training steps to run again.
        outside: whether the working folder is another one than the checkout whose code this is: then no tool that
            follows settings of the folder, such as DVC, is asked.

    Raises:
        InputError: when ``against`` or ``trust`` cannot be understood.
    """
    found = find_records()
    plan, findings = _plan(found.behind)
    everything = found.behind | found.others
    planned = {} if plan is None else _planned(plan, everything)
    records = found.behind | planned
    others = {path: record for path, record in found.others.items() if path not in planned}
    findings += found.damaged
    notes: list[str] = []
    digests: dict[str, str] = {}
    mistrust, held = check_trust(against, trust)
    with recomputing(records | others) as recompute:
        parts = [
            (mistrust, []),
            *_checks(records, digests),
            _check(check_links),
            _check(check_anchor, against),
            _check(check_foreign, records),
            _check(check_strangers, everything.values()),
        ]
        if not outside:
            parts += [_check(check_dvc, records), _check(check_tree), _check(check_installed)]
            parts += [_check(check_documents, plan.experiments if plan else ())]
        if plan is not None:
            parts += [_check(check_plan, plan, records, [*found.damaged, *found.damaged_others])]
            parts += [_check(check_surplus, plan, everything), _check(check_truth, plan, records)]
            parts += [_check(check_log, planned_jobs(plan), records), _check(check_sample, plan, records, sample)]
        # Last, for the other processes work meanwhile.
        parts.append(_check(recompute, records))
        for more, remarks in parts:
            findings += more
            notes += remarks
        notes += _beside(others, [*found.damaged_others, *_differences_elsewhere(others, digests, recompute)], findings)
    notes += [*check_environment(records), *check_times(records)]
    digest = None
    with suppress(OSError):
        digest = anchor() if FINAL in records else None
    held = [against, *held] if against else held
    return Inspection(tuple(dict.fromkeys(findings)), tuple(notes), len(records), digest, tuple(held))


def show(found: Inspection) -> None:
    """Print an inspection, the strength of its verdict included; ends with exit code 1 when something differs."""
    for note in found.notes:
        print(f"note: {note}")
    for finding in found.findings:
        print(finding)
    if found.anchor:
        print(f"anchor: {found.anchor}")
    if found.findings:
        if any("does not exist" in finding or "is missing" in finding for finding in found.findings):
            print("What is missing is made again by `make reproduce EXPERIMENT=...`; published results, `make restore`")
        print(f"{len(found.findings)} differences")
        raise SystemExit(1)
    print(f"OK: {found.jobs} records, and every file, module, setting and table is what they say")
    if found.held:
        print(f"Strength: anchored ({'; '.join(found.held)})")
    else:
        print("Strength: consistent. Who wrote all of it anew, anchor included, would pass: compare with `--against`")


def _plan(records: Mapping[Path, Record]) -> tuple[Plan | None, list[str]]:
    """Plan of the experiments that the report shows; none before there is a report, or with a finding."""
    shown = shown_experiments(records)
    if shown is None:
        return None, []
    try:
        return plan_of(shown.split(",")), []
    except InputError as error:
        return None, [f"{error.where}: {error.cause}, and the report was made from it"]
    except OSError as error:
        return None, [f"{error.filename}: cannot be read ({error.strerror}), and the report was made from it"]


def _planned(plan: Plan, records: Mapping[Path, Record]) -> dict[Path, Record]:
    """Sound records of the plan's jobs; those in folders that are links too."""
    found = {}
    for path in planned_jobs(plan):
        # What is damaged or missing is named where it is looked for.
        with suppress(InputError):
            found[path] = records[path] if path in records else read_record(path)
    return found


def _checks(records: Mapping[Path, Record], digests: dict[str, str]) -> list[tuple[list[str], list[str]]]:
    """Findings and notes on any records."""
    return [
        _check(check_files, records, digests),
        _check(check_code, records),
        _check(check_lock, records),
        _check(check_commits, records),
        _check(check_tags, records),
    ]


def _differences_elsewhere(others: Mapping[Path, Record], digests: dict[str, str], recompute: _Recompute) -> list[str]:
    """What differs in records that the report does not rest on."""
    if not others:
        return []
    return [finding for found, _ in [*_checks(others, digests), _check(recompute, others)] for finding in found]


def _beside(others: Mapping[Path, Record], differences: Sequence[str], findings: Sequence[str]) -> list[str]:
    """Notes on records that the report does not rest on."""
    notes = []
    if others:
        first = next(iter(others))
        notes.append(f"{len(others)} records are not behind the report, so its anchor does not cover them: {first}")
    # What the report's own jobs used as well, such as a package, is a finding already.
    known = set(map(_thing, findings))
    own = [difference for difference in dict.fromkeys(differences) if _thing(difference) not in known]
    if own:
        things = list(dict.fromkeys(map(_thing, own)))
        more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
        what = ", ".join(things[:_NAMED]) + more
        notes.append(f"{len(own)} differences touch only records that are not behind the report: {what}")
    return notes


def _thing(finding: str) -> str:
    """What a finding says was altered."""
    return finding.partition(": ")[0]


def _check(check: Callable[..., Any], *arguments: Any) -> tuple[list[str], list[str]]:
    """Findings and notes of a check; a file that it cannot read is its finding."""
    try:
        found = check(*arguments)
    except OSError as error:
        return [f"{error.filename}: cannot be read ({error.strerror})"], []
    return found if isinstance(found, tuple) else (found, [])


def check_tags(records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Runs of the local MLflow database whose tags contradict their records, and notes."""
    try:
        runs = tracked_runs()
        if not runs:
            return [], ["nothing was logged to MLflow"]
        if not DATABASE.is_file():
            return [], [f"{DATABASE} is not here: `meshcil track --rebuild` makes it again from the records"]
        stored, anchors, models = stored_tags(), stored_anchors(), registered_records()
    except InputError as error:
        return [f"{error.where}: {error.cause}"], []
    findings = [f for name, run in runs.items() for f in _tag_differences(run, stored.get(run), Path(name), records)]
    findings += [f"{DATABASE}: the model of {path} is not registered" for path in _unregistered(runs, models, records)]
    shown = {str(record.key["experiment"]) for record in records.values() if record.stage == "track"}
    wrong = [name for name, digest in anchors.items() if name in shown and digest != anchor()]
    findings += [f"{DATABASE}: experiment {name} bears the anchor of another report" for name in wrong]
    return findings, []


def _unregistered(runs: Iterable[str], models: set[str], records: Mapping[Path, Record]) -> list[str]:
    tracked = {name: records[Path(name)] for name in runs if Path(name) in records}
    finished = [name for name, record in tracked.items() if model_of(record)]
    return [name for name in finished if sha256_file(Path(name)) not in models]


def _tag_differences(run: str, tags: Mapping[str, str] | None, path: Path, records: Mapping[Path, Record]) -> list[str]:
    if path not in records:
        return []
    if tags is None:
        return [f"{DATABASE}: run {run} of {path} is missing"]
    # A tag that is not there was not known yet when the run was logged; the record's digest always was.
    found = {RECORD_TAG: "none", **tags}
    expected = {RECORD_TAG: sha256_file(path), **tags_of(records[path])}
    return [
        f"{DATABASE}: tag {name} of run {run} is {found[name]!r}, but {path} says {value!r}"
        for name, value in expected.items()
        if name in found and found[name] != value
    ]
