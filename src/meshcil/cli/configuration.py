"""Check that the configuration files still give the settings that the jobs used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from meshcil.cli.recomputation import check_recomputed
from meshcil.config.aligners.base import load_aligner
from meshcil.config.claims import load_claims
from meshcil.config.experiment import load_experiment
from meshcil.config.run import RunKey, load_dataset
from meshcil.config.studies.base import load_study
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.files import is_configuration, place_of
from meshcil.lineage.schema import Record
from meshcil.stages.resolve import resolve_run


def check_configuration(records: Mapping[Path, Record]) -> list[str]:
    """Configuration files that changed, where that changes a setting; comments and layout may change."""
    findings: list[str] = []
    for path, record in records.items():
        changed = _changed(record)
        if not changed:
            continue
        names, when = ", ".join(changed), f"since {path} was written"
        missing = [name for name in changed if not (repository_root() / name).is_file()]
        read = _SETTINGS.get(record.stage)
        # What papers state stands in no record: it has changed if the table has.
        published = any(Path(name).parent.name == "published" for name in changed)
        if missing or read is None or (published and check_recomputed({path: record})):
            findings.append(f"{names}: {'is missing' if missing else 'has changed'} {when}")
            continue
        try:
            findings += [f"{names}: {difference} {when}" for difference in _differences(record, read(record))]
        except InputError as error:
            findings.append(f"{names}: cannot be used any more ({error.cause})")
    return list(dict.fromkeys(findings))


def _changed(record: Record) -> list[str]:
    files = [(place_of(entry), entry) for entry in record.inputs if is_configuration(entry)]
    return [e.path for file, e in files if e.kind == "file" and (not file.is_file() or sha256_file(file) != e.sha256)]


def _differences(record: Record, now: Any) -> list[str]:
    """The first setting that differs, as a clause; empty when none does."""
    before, after = _flat(record.settings.values), _flat(now)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            return [f"has changed (`{name}` was {before.get(name)!r}, is {after.get(name)!r})"]
    return []


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        parts = [_flat(part, f"{prefix}.{name}" if prefix else str(name)) for name, part in value.items()]
        return {name: leaf for part in parts for name, leaf in part.items()}
    return {prefix: value}


def _run(record: Record) -> Any:
    return resolve_run(RunKey.model_validate(record.key), _config(record)).model_dump(mode="json")


def _dataset(record: Record) -> Any:
    return load_dataset(str(record.key["dataset"]), _config(record)).model_dump(mode="json")


def _study(record: Record) -> Any:
    return load_study(_config(record) / "studies" / f"{record.key['study']}.yaml").model_dump(mode="json")


def _aligner(record: Record) -> Any:
    # The run's own settings come from its run.json, which is compared by its digest.
    settings = load_aligner(_config(record) / "aligners" / f"{record.key['aligner']}.yaml")
    return {**record.settings.values, "aligner": settings.model_dump(mode="json")}


def _artifact(record: Record) -> Any:
    settings = load_experiment(str(record.key["experiment"]), _config(record))
    artifacts = settings.tables if record.stage == "table" else settings.figures
    found = [artifact.model_dump(mode="json") for artifact in artifacts if artifact.name == record.name]
    return found[0] if found else {}


def _experiments(record: Record) -> Any:
    names = str(record.key["experiments"]).split(",")
    return {name: load_experiment(name, _config(record)).model_dump(mode="json") for name in names}


def _claims(record: Record) -> Any:
    return {"claims": [block.model_dump(mode="json") for block in load_claims(_config(record))]}


def _config(record: Record) -> Path:
    # config/<kind>/<name>.yaml
    return next(place_of(entry) for entry in record.inputs if is_configuration(entry)).parent.parent


_SETTINGS: Mapping[str, Callable[[Record], Any]] = {
    "generate": _dataset,
    "prepare": _dataset,
    "resolve": _run,
    "study": _study,
    "align": _aligner,
    "table": _artifact,
    "figure": _artifact,
    "report": _experiments,
    "claims": _claims,
}
