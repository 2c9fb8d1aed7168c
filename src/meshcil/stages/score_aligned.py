"""Score a run as seen through an aligner: every gate is a test set of its own."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from meshcil.config.gates import GATES, View, memory_view, parse_view
from meshcil.config.run import RunConfig, load_run
from meshcil.core.artifacts import write_text_atomic
from meshcil.evaluation.scoring import SCORE_COLUMNS, score_predictions
from meshcil.lineage.code import settings_modules
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.stages.command import execute
from meshcil.stages.score import ledger_measures, read_predictions, step_of


def main(
    run: Annotated[Path, typer.Option(help="run.json")],
    predictions: Annotated[list[Path], typer.Option(help="Plain ones of step 0, those of every gate of later steps.")],
    ledgers: Annotated[list[Path], typer.Option(help="Ledgers of steps 1, 2, ..., in folders step<k>/<aligner>.")],
    out: Annotated[Path, typer.Option(help="scores.csv, in the folder <aligner>")],
) -> None:
    """Write the scores of a run under every gate of an aligner."""
    config, name = load_run(run), out.parent.name
    with record_job(
        "score_aligned",
        inputs=[run, *predictions, *ledgers],
        outputs=[out],
        settings=config.model_dump(mode="json"),
        modules=settings_modules("score_aligned", config),
        key={**config.key.model_dump(), "aligner": name},
        name=name,
    ):
        write_text_atomic(out, aligned_scores_text(config, name, predictions, ledgers))


def aligned_scores_text(run: RunConfig, aligner: str, predictions: Sequence[Path], ledgers: Sequence[Path]) -> str:
    """Text of scores.csv. After the first step nothing is old: every gate leaves the plain predictions as they are.

    Raises InputError when a file is damaged, or a ledger is not in a folder of its step, and ValueError when
    predictions contradict each other or the run.
    """
    tables = [view for path in predictions for view in views(read_predictions(path), aligner)]
    measured = score_predictions(pd.concat(tables, ignore_index=True), run.steps)
    held = pd.DataFrame([row for path in ledgers for row in ledger_rows(path, aligner)], columns=list(SCORE_COLUMNS))
    return pd.concat([measured, held.astype(measured.dtypes)], ignore_index=True).to_csv(index=False)


def views(table: pd.DataFrame, aligner: str) -> list[pd.DataFrame]:
    """The table itself if it is of a gate; otherwise a copy for each gate, without poses: gates are about classes."""
    if all(parse_view(name) for name in table["test_set"].unique()):
        return [table]
    table = table.assign(**dict.fromkeys(("azimuth", "elevation", "theta", "pose_error"), math.nan))
    return [table.assign(test_set=[View(name, aligner, g).name for name in table["test_set"]]) for g in GATES]


def ledger_rows(path: Path, aligner: str) -> list[tuple]:
    """Bytes held with the aligner after a step, under the test set `memory:<aligner>`.

    Raises InputError when the file is not a ledger, or its folder's parent is not named after a step.
    """
    step = step_of(path, path.parent.parent)
    return [(step, memory_view(aligner), None, "", *row, 1) for row in ledger_measures(path).items()]


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what predictions and ledgers give."""
    run, aligner = load_run(places(record.inputs, ".json")[0]), str(record.key["aligner"])
    files = places(record.inputs, ".parquet"), places(record.inputs, ".csv")
    return unequal(record, aligned_scores_text(run, aligner, *files))


if __name__ == "__main__":
    execute(main)
