"""Command line of the project: `meshcil <command>`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from meshcil.stages.command import run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def about() -> None:
    """Class-incremental learning reproduced and audited (iNeMo, MEMO, ELI)."""


# Each command imports what it needs: a trace must not wait for the tables, nor a check for the records.


@app.command()
def check(
    experiments: Annotated[str, typer.Argument(help="Names in config/experiments, separated by commas.")],
    config: Annotated[Path, typer.Option(help="Folder with the configuration.")] = Path("config"),
) -> None:
    """Read experiments and everything they name, resolve every run, and say how much there is to train."""
    from meshcil.stages.plan import load_plan

    names = experiments.split(",")
    plan = load_plan(names, config)
    steps = sum(len(run.steps) for run in plan.runs.values())
    print(f"{experiments}: {len(plan.runs)} runs, {steps} training steps")


@app.command()
def audit(
    against: Annotated[
        str | None,
        typer.Option(help="Anchor to compare with: a digest, a file with one, a record, or a git revision."),
    ] = None,
) -> None:
    """Check that nothing between the data and the report was altered; exit code 1 when something was."""
    from meshcil.cli.inspection import inspect
    from meshcil.lineage.anchor import anchor

    result = inspect(against)
    for note in result.notes:
        print(f"note: {note}")
    for finding in result.findings:
        print(finding)
    if digest := anchor():
        print(f"anchor: {digest}")
    if result.findings:
        print(f"{len(result.findings)} differences")
        raise typer.Exit(1)
    print(f"OK: {result.jobs} records, and every file, module, setting and table is what they say")


def main() -> None:
    """Entry point of the `meshcil` command."""
    run(app, sys.argv[1:])
