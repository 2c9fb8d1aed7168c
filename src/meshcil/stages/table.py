"""Write one table of an experiment."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from meshcil.config.base import yaml_files
from meshcil.config.experiment import Artifact, load_experiment
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.code import artifact_modules
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.reporting.kinds import build_table
from meshcil.reporting.published import add_published, published_path
from meshcil.reporting.scores import read_scores
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with experiments.")],
    experiment: Annotated[str, typer.Option(help="File name in experiments.")],
    name: Annotated[str, typer.Option(help="Name of the table in the experiment.")],
    scores: Annotated[Path, typer.Option(help="Collected scores of the experiment.")],
    out: Annotated[Path, typer.Option(help="CSV file.")],
) -> None:
    """Write one table of an experiment as CSV, and as LaTeX beside it."""
    source = config / "experiments" / f"{experiment}.yaml"
    tables = {table.name: table for table in load_experiment(experiment, config).tables}
    if name not in tables:
        raise InputError(source, f"has no table `{name}`", f"Known: {', '.join(tables) or 'none'}")
    table, published = tables[name], published_path(config, name)
    with record_job(
        "table",
        inputs=[scores, *yaml_files(source), *([published] if published.is_file() else [])],
        outputs=[out, out.with_suffix(".tex")],
        settings=table.model_dump(mode="json"),
        modules=artifact_modules("table", table),
        key={"experiment": experiment, "table": name},
        name=name,
    ):
        text, latex = table_texts(table, read_scores(scores), published)
        write_text_atomic(out, text)
        write_text_atomic(out.with_suffix(".tex"), latex)


def table_texts(table: Artifact, scores: pd.DataFrame, published: Path) -> tuple[str, str]:
    """Texts of a table's CSV file and of its LaTeX file; the file ``published`` need not exist.

    Raises InputError when the settings do not suit the scores.
    """
    built = add_published(build_table(table, scores), published)
    return built.csv(), built.latex()


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what the scores give."""
    scores = places(record.inputs, ".csv")[0]
    published = next((p for p in places(record.inputs) if p.parent.name == "published"), Path("none"))
    return unequal(
        record, *table_texts(Artifact.model_validate(record.settings.values), read_scores(scores), published)
    )


if __name__ == "__main__":
    execute(main)
