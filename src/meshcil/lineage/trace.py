"""Walk the records from a file back to the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.files import file_facts
from meshcil.lineage.reading import Choice, Records, find_parents, flat, parents_of, walk
from meshcil.lineage.schema import SUFFIX, Record
from meshcil.lineage.stages import STAGES


@dataclass(frozen=True)
class Link:
    """One job of a chain.

    Attributes:
        path: of its record, relative to the working folder.
        sha256: of the record as it is now.
        record: its content.
        parents: paths of the records of the jobs that wrote its inputs, as far as they matter.
        altered: whether a consumer noted another digest of the record.
    """

    path: str
    sha256: str
    record: Record
    parents: tuple[str, ...]
    altered: bool

    @property
    def title(self) -> str:
        """Stage, and what tells the job from others of its stage."""
        key = self.record.key
        run = [str(key[name]) for name in ("dataset", "protocol", "method", "budget") if name in key]
        seed = [f"seed {key['seed']}"] if "seed" in key else []
        step = [f"step {key['step']}"] if "step" in key else []
        names = [self.record.name] if self.record.name not in ("", *run) else []
        return " ".join([self.record.stage, *step, *names, *(["/".join(run)] if run else []), *seed])


@dataclass(frozen=True)
class Chain:
    """Jobs behind a file.

    Attributes:
        file: that was traced, relative to the working folder.
        sha256: of the file as it is now.
        altered: whether the job that wrote it noted another digest.
        root: path of the record of that job.
        links: jobs by the path of their record, in the order of a walk from the file to the data.
    """

    file: str
    sha256: str
    altered: bool
    root: str
    links: Mapping[str, Link]


def trace(path: Path, choose: Choice | None = None) -> Chain:
    """The jobs behind a file of the working folder, or behind a record.

    Args:
        path: of the file.
        choose: leaves out parents that do not matter; by default none.

    Raises:
        InputError: when the file, or a record on the way, is missing or cannot be used.
    """
    file = file_facts(path)
    root = file.path if file.path.endswith(SUFFIX) else next((p.path for p in find_parents([file])), None)
    if root is None:
        remedy = "Trace a file that a stage wrote, from the folder in which the pipeline ran"
        raise InputError(path, "has no record", remedy)
    records = Records()
    links: dict[str, Link] = {}
    noted: dict[Path, str] = {}
    for place in walk(records, [Path(root)], choose):
        parents = parents_of(records, place, choose)
        digest = sha256_file(place)
        altered = noted.get(place, digest) != digest
        links[place.as_posix()] = Link(
            place.as_posix(), digest, records[place], tuple(parent.as_posix() for parent in parents), altered
        )
        for parent in records[place].parents:
            noted.setdefault(Path(parent.path), parent.sha256)
    written = {entry.path: entry.sha256 for entry in links[root].record.outputs}
    return Chain(file.path, file.sha256, written.get(file.path, file.sha256) != file.sha256, root, links)


def link_facts(record: Record) -> dict[str, str]:
    """How a job was made, as text by name: code, environment, machine, time."""
    source, environment = record.source, record.environment
    commit = source.commit[:12] if source.commit else f"no git; source {source.tree_sha256 or 'unknown'}"
    state = {None: "", False: ", clean", True: f", with uncommitted changes (diff {str(source.diff_sha256)[:12]})"}
    facts = {
        "commit": commit + state[source.dirty],
        "lock": (source.lock_sha256 or "none")[:12],
        "packages": environment.packages_sha256[:12],
        "python": environment.python,
        "platform": environment.platform,
        "instructions": environment.instructions or "not recorded",
        "host": environment.host,
        "device": environment.device,
        "cores": str(environment.cores),
        "threads": str(environment.threads),
        "pipeline": record.pipeline or "none",
        "slurm job": environment.slurm_job_id or "none",
        "seed": "none" if record.seed is None else str(record.seed),
        "code": record.code.digest,
        "settings": record.settings.sha256[:12],
        "time": f"{record.started[:19].replace('T', ' ')} UTC, {record.seconds:.1f} s",
    }
    return facts


def shared_facts(links: Sequence[Link]) -> dict[str, str]:
    """Facts in which all jobs agree."""
    all_facts = [link_facts(link.record) for link in links]
    first = all_facts[0]
    return {k: v for k, v in first.items() if k != "code" and all(facts[k] == v for facts in all_facts)}


def _shown(stage: str) -> tuple[str, ...]:
    return STAGES[stage].shown if stage in STAGES else ()


def shown_settings(record: Record) -> dict[str, str]:
    """Settings that matter to a job as `a.b` -> text; those of a run stand at its `resolve` job."""
    values = record.settings.values
    chosen = {name: values[name] for name in _shown(record.stage) if name in values}
    skipped = ("description", "label")
    found = {name: _text(value) for name, value in flat(chosen) if value != {}}
    return {name: text for name, text in found.items() if name.rpartition(".")[2] not in skipped}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join("+".join(map(str, part)) if isinstance(part, list | tuple) else str(part) for part in value)
    return str(value)
