"""Draw one figure of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import yaml_files
from meshcil.config.experiment import Artifact, load_experiment
from meshcil.core.artifacts import write_bytes_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.code import artifact_modules, templates
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.reporting.scores import keep, read_scores
from meshcil.reporting.shown import read_shown
from meshcil.reporting.style import FigureFiles, draw_figure
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with experiments.")],
    experiment: Annotated[str, typer.Option(help="File name in experiments.")],
    name: Annotated[str, typer.Option(help="Name of the figure in the experiment.")],
    out: Annotated[Path, typer.Option(help="SVG file; the PDF lies beside it.")],
    scores: Annotated[Path | None, typer.Option(help="Collected scores of the experiment.")] = None,
    data: Annotated[Path | None, typer.Option(help="A figure of test images: dataset.json of the data.")] = None,
    predictions: Annotated[list[Path] | None, typer.Option(help="And the predictions to show.")] = None,
) -> None:
    """Draw one figure of an experiment as SVG and as PDF, from scores, or from test images and their predictions."""
    source = config / "experiments" / f"{experiment}.yaml"
    figures = {figure.name: figure for figure in load_experiment(experiment, config).figures}
    if name not in figures:
        raise InputError(source, f"has no figure `{name}`", f"Known: {', '.join(figures) or 'none'}")
    figure = figures[name]
    inputs = [scores] if figure.run is None else [data, *(predictions or [None])]
    files = [path for path in inputs if path is not None]
    if len(files) < len(inputs):
        wanted = "--scores" if figure.run is None else "--data and --predictions"
        raise InputError(f"figure {name}", f"lacks {wanted}", "Give the files that it is drawn from")
    paper = out.with_suffix(".pdf")
    # Pictures are filled into a template, figures of scores are drawn without.
    filled = [] if figure.run is None else [templates()]
    with record_job(
        "figure",
        inputs=[*(path.parent if path == data else path for path in files), *yaml_files(source), *filled],
        outputs=[out, paper],
        settings=figure.model_dump(mode="json"),
        modules=artifact_modules("figure", figure),
        key={"experiment": experiment, "figure": name},
        name=name,
    ):
        made = (
            _drawn(figure, files[0])
            if figure.run is None
            else draw_figure(figure, read_shown(files[0].parent, files[1:]))
        )
        write_bytes_atomic(out, made.svg)
        write_bytes_atomic(paper, made.pdf)


def _drawn(figure: Artifact, scores: Path) -> FigureFiles:
    return draw_figure(figure, keep(read_scores(scores), figure.select, f"figure {figure.name}"))


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what the scores give; a figure of test images is not drawn again."""
    figure = Artifact.model_validate(record.settings.values)
    if figure.run is not None:
        return []
    made = _drawn(figure, places(record.inputs, ".csv")[0])
    return unequal(record, made.svg, made.pdf)


if __name__ == "__main__":
    execute(main)
