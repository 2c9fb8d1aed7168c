"""Judge the claims of the papers by the scores of the chosen experiments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from meshcil.config.claims import claim_files, load_claims
from meshcil.core.artifacts import write_text_atomic
from meshcil.lineage.code import stage_modules
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.reporting.claims import claims_table
from meshcil.reporting.scores import read_scores
from meshcil.reporting.table import from_texts
from meshcil.stages.command import execute

_IN_LATEX = ("statement", "data", "difference", "low", "high", "seeds", "verdict")
"""Columns of the LaTeX table: a paper names its sources itself."""


def main(
    config: Annotated[Path, typer.Option(help="Folder with claims.")],
    scores: Annotated[list[Path], typer.Option(help="Collected scores of each experiment.")],
    out: Annotated[Path, typer.Option(help="CSV file.")],
) -> None:
    """Write the verdict on every claim, on every dataset that it was measured on, as CSV, and as LaTeX beside it."""
    with record_job(
        "claims",
        inputs=[*scores, *claim_files(config)],
        outputs=[out, out.with_suffix(".tex")],
        settings={"claims": [block.model_dump(mode="json") for block in load_claims(config)]},
        modules=stage_modules("claims"),
        key={"experiments": ",".join(path.stem for path in scores)},
    ):
        table = _judged(config, scores)
        write_text_atomic(out, _csv(table))
        write_text_atomic(out.with_suffix(".tex"), from_texts(table[list(_IN_LATEX)]).latex())


def _judged(config: Path, scores: Sequence[Path]) -> pd.DataFrame:
    return claims_table(load_claims(config), [read_scores(path) for path in scores])


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, lineterminator="\n")


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what the scores give."""
    config = next((path.parents[1] for path in places(record.inputs, ".yaml")), Path("config"))
    return unequal(record, _csv(_judged(config, places(record.inputs, ".csv"))))


if __name__ == "__main__":
    execute(main)
