"""Collect the scores of all runs of an experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from meshcil.core.artifacts import read_json, write_json_atomic, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.code import stage_modules
from meshcil.lineage.recomputed import places, unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.stages.command import execute

HEADLINES = ("average_incremental_accuracy", "last_accuracy", "forgetting_before_last", "pose_accuracy_pi6")


def main(
    scores: Annotated[list[Path], typer.Option(help="scores.csv of each run.", default_factory=list)],
    runs: Annotated[list[Path], typer.Option(help="run.json of each run, in the same order.", default_factory=list)],
    out: Annotated[Path, typer.Option(help="<experiment>.csv")],
    metrics: Annotated[Path, typer.Option(help="Headline numbers for `dvc metrics` (JSON).")],
    studies: Annotated[list[Path], typer.Option(help="scores.csv of each study; it names itself.")] = [],  # noqa: B006
) -> None:
    """Write the scores of an experiment, each row with the names of its run."""
    if len(scores) != len(runs):
        raise InputError("--runs", f"names {len(runs)} runs for {len(scores)} scores", "Give one run.json per scores")
    with record_job(
        "collect",
        inputs=[*scores, *runs, *studies],
        outputs=[out, metrics],
        settings={"experiment": out.stem},
        modules=stage_modules("collect"),
        key={"experiment": out.stem},
        name=out.stem,
    ):
        table, numbers = collected(scores, runs, studies)
        write_text_atomic(out, table)
        write_json_atomic(metrics, numbers)


def collected(
    scores: Sequence[Path], runs: Sequence[Path], studies: Sequence[Path]
) -> tuple[str, dict[str, dict[str, float]]]:
    """Text of the experiment's scores, and the headline numbers by run. Raises InputError when a file is damaged."""
    pairs = [(read_json(run), read_scores(path)) for path, run in zip(scores, runs, strict=True)]
    named = [with_names(run, table) for run, table in pairs]
    table = pd.concat([*named, *map(read_scores, studies)], ignore_index=True)
    # Scores through an aligner have no plain test set, and so no headline.
    found = {run_path(run): numbers for run, part in pairs if (numbers := headlines(part))}
    return table.to_csv(index=False), found


def read_scores(path: Path) -> pd.DataFrame:
    """Scores of one run, every cell as the text that stands in the file.

    Raises InputError when the file is not a table of scores.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table["value"].astype(float)
        return table
    except (KeyError, ValueError) as error:
        raise InputError(path, f"is not a table of scores ({error})", "Delete it and score the run again") from error


def with_names(run: dict[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    """The table with the run's names in front."""
    key = run["key"]
    names = {**{k: key[k] for k in ("dataset", "protocol", "method")}, "label": run["method"]["label"]}
    names |= {"budget": key["budget"], "kind": run["method"]["kind"], "seed": key["seed"]}
    return pd.DataFrame(names, index=table.index).join(table)


def run_path(run: dict[str, Any]) -> str:
    """Folder of a run below results/runs."""
    key = run["key"]
    return f"{key['dataset']}/{key['protocol']}/{key['method']}/{key['budget']}/seed{key['seed']}"


def headlines(table: pd.DataFrame) -> dict[str, float]:
    """Values on the clean test set over all its images, after the last step."""
    rows = table[(table["test_set"] == "clean") & (table["task"] == "") & (table["class_name"] == "")]
    rows = rows[rows["metric"].isin(HEADLINES) & (rows["step"].astype(int) == rows["step"].astype(int).max())]
    return dict(zip(rows["metric"], rows["value"].astype(float), strict=True))


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what the scores of runs and studies give."""
    runs, scores = places(record.inputs, ".json"), places(record.inputs, ".csv")
    table, numbers = collected(scores[: len(runs)], runs, scores[len(runs) :])
    metrics = places(record.outputs)[1]
    return unequal(record, table) + ([metrics] if read_json(metrics) != numbers else [])


if __name__ == "__main__":
    execute(main)
