"""Write the report of one or more experiments."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import yaml_files
from meshcil.config.experiment import load_experiment
from meshcil.core.artifacts import write_text_atomic
from meshcil.lineage.code import stage_module
from meshcil.lineage.record import record_job
from meshcil.reporting.gather import Places, gather, read_records, record_files, sources
from meshcil.reporting.html import render
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with experiments.")],
    experiments: Annotated[list[str], typer.Option(help="File names in experiments, in the page's order.")],
    out: Annotated[Path, typer.Option(help="HTML file; tables and figures lie beside it.")],
    results: Annotated[Path, typer.Option(help="Folder with runs and experiments.")] = Path("results"),
    data: Annotated[Path, typer.Option(help="Folder with raw and prepared datasets.")] = Path("data"),
) -> None:
    """Write the page, and the run time per stage as `runtime.csv` beside it."""
    settings = {name: load_experiment(name, config) for name in experiments}
    files = [file for name in experiments for file in yaml_files(config / "experiments" / f"{name}.yaml")]
    places = Places(out.parent, results / "runs", results / "experiments", data)
    records = record_files(settings, places)
    times = out.parent / "runtime.csv"
    with record_job(
        "report",
        inputs=[*files, *sources(settings, places), *records],
        outputs=[out, times],
        settings={name: value.model_dump(mode="json") for name, value in settings.items()},
        modules=(stage_module("report"),),
        key={"experiments": ",".join(experiments)},
    ):
        report, runtime = gather(settings, places, read_records(records))
        write_text_atomic(times, runtime)
        write_text_atomic(out, render(report))


if __name__ == "__main__":
    execute(main)
