"""Draw one figure of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import yaml_files
from meshcil.config.experiment import load_experiment
from meshcil.core.artifacts import write_bytes_atomic
from meshcil.core.errors import InputError
from meshcil.core.naming import load_object
from meshcil.lineage.code import artifact_modules
from meshcil.lineage.record import record_job
from meshcil.reporting.scores import keep, read_scores
from meshcil.reporting.style import svg_bytes
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with experiments.")],
    experiment: Annotated[str, typer.Option(help="File name in experiments.")],
    name: Annotated[str, typer.Option(help="Name of the figure in the experiment.")],
    scores: Annotated[Path, typer.Option(help="Collected scores of the experiment.")],
    out: Annotated[Path, typer.Option(help="SVG file.")],
) -> None:
    """Draw one figure of an experiment as SVG."""
    source = config / "experiments" / f"{experiment}.yaml"
    figures = {figure.name: figure for figure in load_experiment(experiment, config).figures}
    if name not in figures:
        raise InputError(source, f"has no figure `{name}`", f"Known: {', '.join(figures) or 'none'}")
    figure = figures[name]
    with record_job(
        "figure",
        inputs=[scores, *yaml_files(source)],
        outputs=[out],
        settings=figure.model_dump(mode="json"),
        modules=artifact_modules("figure", figure.kind),
        key={"experiment": experiment, "figure": name},
        name=name,
    ):
        rows = keep(read_scores(scores), figure.select, f"figure {name}")
        draw = load_object("meshcil.reporting.figures", figure.kind, "draw")
        write_bytes_atomic(out, svg_bytes(draw(rows, figure.options)))


if __name__ == "__main__":
    execute(main)
