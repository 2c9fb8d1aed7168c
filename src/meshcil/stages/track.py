"""Log the records of an experiment to the tracker."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.core.artifacts import write_json_atomic
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.lineage.anchor import FINAL
from meshcil.lineage.code import track_modules
from meshcil.lineage.reading import read_record
from meshcil.lineage.record import record_job
from meshcil.stages.command import execute
from meshcil.tracking.jobs import job_of

TRACKER = "mlflow"
"""Module of `meshcil.tracking`."""


def main(
    experiment: Annotated[str, typer.Option(help="Name of the experiment.")],
    records: Annotated[list[Path], typer.Option(help="Records of all its jobs.")],
    out: Annotated[Path, typer.Option(help="<experiment>.json: the tracker's id of each record.")],
) -> None:
    """Log every record that the tracker does not hold yet."""
    settings = {"experiment": experiment, "tracker": TRACKER}
    with record_job(
        "track",
        inputs=records,
        outputs=[out],
        settings=settings,
        modules=track_modules("track", settings),
        key={"experiment": experiment},
        name=experiment,
    ):
        jobs = [job_of(path, read_record(path), sha256_file(path)) for path in records]
        build = load_object("meshcil.tracking", TRACKER, "build")
        anchors = [sha256_file(path) for path in records if path.name == FINAL.name]
        runs = build().log(experiment, jobs, anchors[0] if anchors else None)
        write_json_atomic(out, {"experiment": experiment, "tracker": TRACKER, "runs": runs})


if __name__ == "__main__":
    execute(main)
