"""Check that what the records say is still true of the files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.anchor import FINAL, shown_experiments, unreached
from meshcil.lineage.files import file_facts, is_configuration, place_of, record_path
from meshcil.lineage.reading import read_records, walk
from meshcil.lineage.schema import FileFacts, Record


def audit() -> list[str]:
    """What differs between the records in the working folder and the files they name; empty when nothing does.

    Every record is checked against its schema, every output and input is hashed again, once, and every record of a
    producer is compared with what its consumers noted of it. Configuration files are left out: comments and layout
    may change, and the settings that a job used stand in its record. Records that a report does not rest on are left
    out too; see `divide`.
    """
    records, damaged = read_records()
    behind, _ = divide(current(records))
    others = beside_report(damaged, records)
    return [finding for finding in damaged if finding not in others] + check_files(behind)


def current(records: Mapping[Path, Record]) -> dict[Path, Record]:
    """Records without those of `track` for experiments that the present report does not show.

    They were made from an earlier report, which this one has replaced.
    """
    shown = shown_experiments(records)
    if shown is None:
        return dict(records)
    return {p: r for p, r in records.items() if r.stage != "track" or r.key.get("experiment") in shown.split(",")}


def divide(records: Mapping[Path, Record]) -> tuple[dict[Path, Record], dict[Path, Record]]:
    """Records that the report rests on, with those of `track`; and the others, which its numbers do not depend on.

    The others are of experiments that it does not show, of steps that were asked for once, and so on. Without a report
    there are none.
    """
    others = set(unreached(records))
    behind = {path: record for path, record in records.items() if path not in others}
    return behind, {path: record for path, record in records.items() if path in others}


def beside_report(damaged: Sequence[str], records: Mapping[Path, Record]) -> list[str]:
    """Those findings of `read_records` that are about records which the report does not rest on."""
    shown = shown_experiments(records)
    if shown is None:
        return []
    tracked = {record_path("track", Path("results/tracking/runs"), name) for name in shown.split(",")}
    names = tuple(f"{path}: " for path in (FINAL, *walk(records, [FINAL]), *tracked))
    return [finding for finding in damaged if not finding.startswith(names)]


def check_files(records: Mapping[Path, Record], digests: dict[str, str] | None = None) -> list[str]:
    """Compare inputs, outputs and parents with the files; each finding names the file first.

    Args:
        records: to be checked.
        digests: of the files that were hashed already, by place; gets those that are hashed here.
    """
    findings: list[str] = []
    digests = {} if digests is None else digests
    for path, record in records.items():
        findings += _check_place(path, record)
        for entry in (*record.inputs, *record.outputs):
            if not is_configuration(entry):
                findings += _compare(path, entry, digests)
        for parent in record.parents:
            findings += _check_parent(path, Path(parent.path), parent.sha256)
    return list(dict.fromkeys(findings))


def _check_place(path: Path, record: Record) -> list[str]:
    if not record.outputs:
        return [f"{path}: names no output"]
    place = record_path(record.stage, Path(record.outputs[0].path), record.name)
    return [] if place == path else [f"{path}: is the record that belongs to {place}"]


def _check_parent(path: Path, parent: Path, sha256: str) -> list[str]:
    try:
        found = sha256_file(parent)
    except FileNotFoundError:
        return [f"{parent}: is missing, and {path} was made from it"]
    except OSError as error:
        return [f"{parent}: cannot be read ({error.strerror})"]
    return [] if found == sha256 else [f"{parent}: is not the record that {path} was made from"]


def _compare(record: Path, entry: FileFacts, digests: dict[str, str]) -> list[str]:
    place = place_of(entry)
    if (name := place.as_posix()) not in digests:
        try:
            digests[name] = file_facts(place).sha256
        except InputError as error:
            digests[name] = f"unreadable: {error.cause}"
    found = digests[name]
    if found == entry.sha256:
        return []
    return [f"{entry.path}: {found if found.startswith('unreadable') else 'has changed'} since {record} was written"]
