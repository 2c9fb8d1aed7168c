"""Check that what the records say is still true of the files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.anchor import ANCHOR, FINAL, shown_experiments, unreached
from meshcil.lineage.files import file_facts, is_configuration, place_of, record_path
from meshcil.lineage.paths import REPORTS
from meshcil.lineage.reading import read_records, walk
from meshcil.lineage.schema import SUFFIX, FileFacts, Record
from meshcil.lineage.stages import STAGES


@dataclass(frozen=True)
class FoundRecords:
    """Records of a working folder, by whether the report rests on them; all of them where there is no report.

    Attributes:
        behind: sound records that the report rests on, by path, with those of `track`.
        others: those of experiments that it does not show, of steps that were asked for once, and so on.
        damaged: one finding for each record behind the report that cannot be used.
        damaged_others: the same of the others.
    """

    behind: dict[Path, Record]
    others: dict[Path, Record]
    damaged: tuple[str, ...]
    damaged_others: tuple[str, ...]


def find_records() -> FoundRecords:
    """All records of the working folder.

    Those of `track` for experiments that the present report does not show were made from an earlier report, which this
    one has replaced: they are left out.
    """
    records, findings = read_records()
    shown = shown_experiments(records)
    if shown is None:
        return FoundRecords(records, {}, tuple(findings), ())
    names = shown.split(",")
    present = {p: r for p, r in records.items() if r.stage != "track" or r.key.get("experiment") in names}
    others = {path: records[path] for path in unreached(records)}
    behind = {path: record for path, record in present.items() if path not in others}
    tracked = [Path(STAGES["track"].record.format(experiment=name)) for name in names]
    places = tuple(f"{path}: " for path in (*walk(records, [FINAL]), *tracked))
    damaged = tuple(finding for finding in findings if finding.startswith(places))
    return FoundRecords(behind, others, damaged, tuple(finding for finding in findings if finding not in damaged))


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


def check_foreign(records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Jobs whose interpreter took modules from elsewhere, as findings; variables of the loader, as a note."""
    foreign = {path: record.environment.foreign for path, record in records.items() if record.environment.foreign}
    modules = {path: [name for name in names if not name.startswith("LD_")] for path, names in foreign.items()}
    findings = [f"{path}: ran with modules from {', '.join(names)}" for path, names in modules.items() if names]
    loaded = sorted({name for names in foreign.values() for name in names if name.startswith("LD_")})
    return findings, [f"{len(foreign)} jobs ran with {', '.join(loaded)}"] if loaded else []


def check_times(records: Mapping[Path, Record]) -> list[str]:
    """A note on records whose times lie in the future: a clock is or was wrong, or they are made up."""
    now = datetime.now(UTC)
    late = [path for path, record in records.items() if datetime.fromisoformat(record.ended) > now]
    return [f"{len(late)} jobs end in the future, by the clock of this machine: {late[0]}"] if late else []


def check_strangers(records: Iterable[Record]) -> list[str]:
    """Files that lie among the pages, tables and figures of the report and that no job wrote.

    Hidden ones are no result, nor are drawings of `meshcil predict`.

    Args:
        records: all of the folder.
    """
    written = {entry.path for record in records for entry in record.outputs} | {ANCHOR.as_posix(), f"{ANCHOR}.sig"}
    found = [p for p in sorted(REPORTS.rglob("*")) if not p.is_dir() and not any(n.startswith(".") for n in p.parts)]
    others = [p for p in found if not p.name.endswith(SUFFIX) and p.as_posix() not in written]
    drawn = REPORTS / "predictions"
    return [f"{p}: was written by no job; move it out of {REPORTS}" for p in others if not p.is_relative_to(drawn)]


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
