"""Records for tests that need only a few of their fields."""

from pathlib import Path
from typing import Any

from meshcil.core.hashing import sha256_json
from meshcil.lineage.schema import Record

_ENVIRONMENT = {"python": "3.11.7", "packages_sha256": "0" * 64, "platform": "Linux", "device": "cpu", "cores": 2}
_ENVIRONMENT |= {"threads": 1, "host": "h", "slurm_job_id": None}
_SOURCE = {"commit": None, "dirty": None, "diff_sha256": None, "tree_sha256": None, "lock_sha256": None}
_TIMES = {"started": "2026-11-20T12:00:00.000+00:00", "ended": "2026-11-20T12:00:01.000+00:00", "seconds": 1.0}
_TIMES |= {"processor_seconds": 1.0, "peak_bytes": 1}


def record(stage: str, environment: dict[str, Any] | None = None, **changes: Any) -> Record:
    """A sound record of a job without inputs and outputs, but for ``changes``."""
    content = {"stage": stage, "name": "", "key": {}, "seed": None, "argv": (), "pipeline": None, "exit_code": 0}
    content |= {"settings": {"sha256": sha256_json({}), "values": {}}, "inputs": (), "outputs": (), "parents": ()}
    content |= {"code": {"digest": "0", "modules": {}, "outside": ()}, "source": _SOURCE, **_TIMES}
    return Record.model_validate({**content, "environment": _ENVIRONMENT | (environment or {}), **changes})


def write_record(path: Path | str, stage: str, environment: dict[str, Any] | None = None, **changes: Any) -> None:
    """Write a record; see `record`."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(record(stage, environment, **changes).model_dump_json())
