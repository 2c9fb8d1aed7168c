"""Log the records of an experiment to the tracker."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from meshcil.core.artifacts import read_json, write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.lineage.code import track_modules
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.stages.command import execute
from meshcil.tracking.jobs import job_of


def main(
    experiment: Annotated[str, typer.Option(help="Name of the experiment.")],
    records: Annotated[list[Path], typer.Option(help="Records of all its jobs.")],
    out: Annotated[Path, typer.Option(help="<experiment>.json: the tracker's id of each record.")],
    tracker: Annotated[str, typer.Option(help="Module of meshcil.tracking: mlflow or null.")] = "mlflow",
) -> None:
    """Log every record that the tracker does not hold yet."""
    with record_job(
        "track",
        inputs=records,
        outputs=[out],
        settings={"experiment": experiment, "tracker": tracker},
        modules=track_modules(tracker),
        key={"experiment": experiment},
        name=experiment,
    ):
        jobs = [job_of(path, read_record(path), sha256_file(path)) for path in records]
        build = load_object("meshcil.tracking", tracker, "build")
        runs = build().log(experiment, jobs)
        write_json_atomic(out, {"experiment": experiment, "tracker": tracker, "runs": runs})


def read_record(path: Path) -> dict:
    """Content of a record.

    Raises:
        InputError: when it is damaged or of another version.
    """
    try:
        return Record.model_validate(read_json(path)).model_dump(mode="json")
    except ValidationError as error:
        cause = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors())
        raise InputError(path, f"is not a valid record ({cause})", "Run the stage that writes it again") from error


if __name__ == "__main__":
    execute(main)
