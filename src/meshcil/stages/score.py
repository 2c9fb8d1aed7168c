"""Score a run: its predictions and ledgers to one tidy table."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import typer

from meshcil.config.run import RunConfig, load_run
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.errors import InputError
from meshcil.evaluation.scoring import SCORE_COLUMNS, score_predictions
from meshcil.lineage.code import settings_modules
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.memory.ledger import COUNTS
from meshcil.stages.command import execute


def main(
    run: Annotated[Path, typer.Option(help="run.json")],
    predictions: Annotated[list[Path], typer.Option(help="Prediction files of all steps.")],
    ledgers: Annotated[list[Path], typer.Option(help="Ledgers of all steps, in folders step0, step1, ...")],
    out: Annotated[Path, typer.Option(help="scores.csv")],
    checks: Annotated[list[Path], typer.Option(help="Checks of all steps, in folders step0, step1, ...")] = [],  # noqa: B006
) -> None:
    """Write the scores of a run."""
    config = load_run(run)
    with record_job(
        "score",
        inputs=[run, *predictions, *ledgers, *checks],
        outputs=[out],
        settings=config.model_dump(mode="json"),
        modules=settings_modules("score", config),
        key=config.key.model_dump(),
    ):
        write_text_atomic(out, scores_text(config, predictions, ledgers, checks))


def scores_text(
    run: RunConfig, predictions: Sequence[Path], ledgers: Sequence[Path], checks: Sequence[Path] = ()
) -> str:
    """Text of scores.csv: equal files in equal order give equal text.

    Raises InputError when a file is damaged, and ValueError when predictions contradict each other or the run.
    """
    measured = score_predictions(pd.concat(map(read_predictions, predictions), ignore_index=True), run.steps)
    rows = [row for path in ledgers for row in ledger_scores(path)] + [
        row for path in checks for row in check_scores(path)
    ]
    held = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    return pd.concat([measured, held.astype(measured.dtypes)], ignore_index=True).to_csv(index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a prediction file. Raises InputError when it is damaged."""
    try:
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            path, f"is truncated or not a Parquet file ({error})", "Delete it and predict again"
        ) from error


def ledger_scores(path: Path) -> Sequence[tuple]:
    """Bytes held after a step by each way of counting, and the number of exemplars, as rows of scores.

    Raises InputError when the file is not a ledger, or its folder is not named after a step.
    """
    step = step_of(path, path.parent)
    return [(step, "", None, "", *row, 1) for row in ledger_measures(path).items()]


def check_scores(path: Path) -> Sequence[tuple]:
    """What training found out about the method's mechanisms in a step, as rows of scores.

    Raises InputError when the file is not a table of checks, or its folder is not named after a step.
    """
    try:
        table = pd.read_csv(path)
        rows = list(zip(table["check"].astype(str), table["value"].astype(float), strict=True))
    except (KeyError, ValueError) as error:
        raise InputError(path, f"is not a table of checks ({error})", "Delete it and train the step again") from error
    return [(step_of(path, path.parent), "", None, "", name, value, 1) for name, value in rows]


def step_of(path: Path, folder: Path) -> int:
    """Step that a file is of, by the name of one of its folders. Raises InputError when that is not named so."""
    step = re.fullmatch(r"step(\d+)", folder.name)
    if step is None:
        raise InputError(path, "is not in a folder step<number>", "Give files where their stage wrote them")
    return int(step[1])


def ledger_measures(path: Path) -> dict[str, int]:
    """Bytes by each way of counting, and the number of exemplars, of one ledger.

    Raises InputError when the file is not a ledger.
    """
    try:
        table = pd.read_csv(path)
        values = {f"{count}_bytes": int(table.loc[table[count], "bytes"].sum()) for count in COUNTS}
        return {**values, "exemplars": int(table["exemplars"].iloc[0])}
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(path, f"is not a ledger ({error})", "Delete it and select exemplars again") from error


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what predictions and ledgers give."""
    run = load_run(places(record.inputs, ".json")[0])
    ledgers, checks = places(record.inputs, "ledger.csv"), places(record.inputs, "checks.csv")
    return unequal(record, scores_text(run, places(record.inputs, ".parquet"), ledgers, checks))


if __name__ == "__main__":
    execute(main)
