"""Command line of the project: `meshcil <command>`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from meshcil.lineage.audit import audit
from meshcil.stages.command import run
from meshcil.stages.plan import load_plan

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def about() -> None:
    """Class-incremental learning reproduced and audited (iNeMo, MEMO, ELI)."""


@app.command()
def check(
    experiments: Annotated[str, typer.Argument(help="Names in config/experiments, separated by commas.")],
    config: Annotated[Path, typer.Option(help="Folder with the configuration.")] = Path("config"),
) -> None:
    """Read experiments and everything they name, resolve every run, and say how much there is to train."""
    names = experiments.split(",")
    plan = load_plan(names, config)
    steps = sum(len(run.steps) for run in plan.runs.values())
    print(f"{experiments}: {len(plan.runs)} runs, {steps} training steps")


@app.command(name="audit")
def audit_files() -> None:
    """Check that no input or output of any job in this folder was altered since it ran."""
    findings = audit()
    for finding in findings:
        print(finding)
    print(f"{len(findings)} differences" if findings else "OK: every file is what its records say")
    if findings:
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the `meshcil` command."""
    run(app, sys.argv[1:])


if __name__ == "__main__":
    main()
