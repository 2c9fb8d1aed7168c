"""Layout of a job's record (`{stage}.record.json`), as validated models; JSON Schema in workflow/schemas/lineage."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = 1
SUFFIX = ".record.json"
"""How the name of a record's file ends."""


Bytes = Annotated[int, Field(ge=0, lt=2**60)]
Seconds = Annotated[float, Field(ge=0, lt=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, lt=2**20)]
# What reaches the file system or git is no more than it says.
Place = Annotated[str, Field(pattern=r"^[^\x00]+$")]
Module = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class Facts(BaseModel):
    """A block of a record: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FileFacts(Facts):
    """A file or folder as the job saw it."""

    path: Place
    """Relative to `base`, with `/`."""
    base: Literal["work", "repository", "packages", "absolute"]
    """What `path` is relative to: the working folder, the checkout of this project, the installed packages, or
    nothing."""
    kind: Literal["file", "folder"]
    """A folder's digest covers the names and digests of all files below it except records."""
    sha256: str
    """Digest of the content."""
    size: Bytes
    """Bytes."""


class ParentFacts(Facts):
    """The record of the job that wrote an input."""

    path: Place
    """Relative to the working folder."""
    sha256: str
    """Digest of that record: the link of the chain."""


class CodeFacts(Facts):
    """The code that ran."""

    digest: str
    """Digest of the import closure (`meshcil.core.code_digest`)."""
    modules: dict[Module, str]
    """Module -> digest of its syntax tree without comments and docstrings."""
    outside: tuple[str, ...]
    """Modules that were loaded although the closure lacks them; empty when the rerun rules are right."""
    raw: str = ""
    """Digest of the modules' files as they are, which no version of Python reads differently."""


class SourceFacts(Facts):
    """The checkout the code came from."""

    commit: Commit | None
    """Git commit; none without git."""
    dirty: bool | None
    """Whether tracked files, or new ones where code and settings live, differ from the commit; generated ones aside."""
    diff_sha256: str | None
    """Digest of `git diff HEAD` and of the new files."""
    tree_sha256: str | None
    """Digest of the source folder, only without git."""
    lock_sha256: str | None
    """Digest of requirements.lock."""


class EnvironmentFacts(Facts):
    """Where the job ran."""

    python: str
    """Version of the interpreter."""
    packages_sha256: str
    """Digest of the sorted `name-version` list of installed distributions."""
    platform: str
    """Operating system and processor."""
    instructions: str = ""
    """Instructions of the processor that decide how networks are computed (`avx2 avx512f avx512_bf16 amx_bf16`); other
    ones give other last digits, and `precision: mixed` follows them."""
    device: str
    """`cpu`, or the accelerator's name."""
    cores: Count | None
    """Processor cores of the machine."""
    threads: Count
    """Threads the job was allowed."""
    host: str
    """Name of the machine."""
    slurm_job_id: str | None
    """Slurm job, if any."""
    foreign: tuple[str, ...] = ()
    """What else could change the interpreter: variables of the loader (`LD_PRELOAD=...`), and folders of modules that
    are neither Python's, the environment's nor the checkout's."""


class SettingsFacts(Facts):
    """The resolved configuration the job used."""

    sha256: str
    """Digest of the values in canonical JSON."""
    values: dict[str, Any]
    """The values themselves."""


class Record(Facts):
    """One job: what it read, wrote and was."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this layout."""
    stage: str
    """Stage of the pipeline."""
    name: str
    """Which of several jobs that write to one folder (suite, table, figure, dataset, experiment); may be empty."""
    key: dict[str, str | int]
    """Names that identify the job: dataset, protocol, method, budget, seed, step, ..."""
    seed: int | None
    """Seed of the random draws; none for stages without any."""
    argv: tuple[str, ...]
    """Command line."""
    pipeline: str | None
    """Id of the pipeline invocation that started the job (MESHCIL_PIPELINE_ID)."""
    started: str
    """UTC, ISO 8601."""
    ended: str
    """UTC, ISO 8601."""
    seconds: Seconds
    """Duration by a clock that cannot step back."""
    processor_seconds: Seconds | None = None
    """Processor time of the job and the processes that it started."""
    peak_bytes: Bytes | None = None
    """Largest memory of one of its processes."""
    exit_code: Literal[0]
    """A failed job leaves no record."""
    log: str | None = None
    """Digest of the last line of the log (`meshcil.lineage.log`) as the job ended."""
    settings: SettingsFacts
    """Resolved configuration."""
    code: CodeFacts
    """Code."""
    source: SourceFacts
    """Checkout."""
    environment: EnvironmentFacts
    """Machine and packages."""
    inputs: tuple[FileFacts, ...]
    """What was read; hashed before and after."""
    outputs: tuple[FileFacts, ...]
    """What was written."""
    parents: tuple[ParentFacts, ...]
    """Records of the jobs that wrote the inputs."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Record":
        times = [datetime.fromisoformat(text) for text in (self.started, self.ended)]
        if any(time.utcoffset() is None for time in times):
            raise ValueError("times must say their zone")
        if times[1] < times[0]:
            raise ValueError(f"it ended ({self.ended}) before it started ({self.started})")
        return self


def schema_text() -> str:
    """JSON Schema of a record."""
    return json.dumps(Record.model_json_schema(), indent=1, sort_keys=True) + "\n"


def schema_path(repository: Path) -> Path:
    """Where the JSON Schema of a record is kept."""
    return repository / "workflow" / "schemas" / "lineage" / "record.schema.json"


if __name__ == "__main__":
    target = schema_path(Path(__file__).resolve().parents[3])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(schema_text(), encoding="utf-8")
