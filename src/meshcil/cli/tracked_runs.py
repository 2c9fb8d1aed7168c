"""`meshcil status --runs`: what the local MLflow database says of runs, without starting MLflow."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from meshcil.config.run import ANY_BUDGET
from meshcil.core.errors import InputError
from meshcil.lineage.reading import record_files
from meshcil.tracking.stored import DATABASE, StoredRun, stored_runs

HEADLINES = {
    "average": "clean/average_incremental_accuracy",
    "last": "clean/last_accuracy",
    "forgetting": "clean/forgetting_before_last",
    "pose 30°": "clean/pose_accuracy_pi6",
}
"""Column -> metric, shown in percent; a run without it leaves a blank."""


def show_runs() -> None:
    """Print the runs in the database, the newest first: state, age, headline metrics.

    Raises:
        InputError: when there is no database, or it is damaged.
    """
    if not DATABASE.is_file():
        if not record_files():
            raise InputError(DATABASE, "does not exist; nothing has been run here", "Run `make reproduce`")
        raise InputError(DATABASE, "does not exist", "`meshcil track --rebuild` makes it from the records")
    Console(width=None if Console().is_terminal else 160).print(run_table(stored_runs(), time.time()))


def run_table(runs: Sequence[StoredRun], now: float) -> Table:
    """Table of runs, but for the first steps that they share; ``now`` in seconds since 1970."""
    table = Table("experiment", "run", "state", "ended", box=None)
    for name in HEADLINES:
        table.add_column(f"{name} [%]".replace("[", r"\["), justify="right")
    for run in (run for run in runs if f"/{ANY_BUDGET}/" not in run.name):
        values = [run.metrics.get(metric) for metric in HEADLINES.values()]
        shown = ["" if value is None else f"{100 * value:.2f}" for value in values]
        table.add_row(run.experiment, run.name, run.state.lower(), age(run.ended, now), *shown)
    return table


def age(ended: int | None, now: float) -> str:
    """How long ago, for people."""
    if ended is None:
        return "not yet"
    seconds = max(0, round(now - ended / 1000))
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
