"""Judge the claims of the papers by the scores of the chosen experiments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.claims import claim_files, load_claims
from meshcil.core.artifacts import write_text_atomic
from meshcil.lineage.code import stage_module
from meshcil.lineage.record import record_job
from meshcil.reporting.claims import claims_table
from meshcil.reporting.scores import read_scores
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with claims.")],
    scores: Annotated[list[Path], typer.Option(help="Collected scores of each experiment.")],
    out: Annotated[Path, typer.Option(help="CSV file.")],
) -> None:
    """Write the verdict on every claim, on every dataset that it was measured on."""
    with record_job(
        "claims",
        inputs=[*scores, *claim_files(config)],
        outputs=[out],
        settings={"claims": [block.model_dump(mode="json") for block in load_claims(config)]},
        modules=(stage_module("claims"),),
        key={"experiments": ",".join(path.stem for path in scores)},
    ):
        write_text_atomic(out, claims_text(config, scores))


def claims_text(config: Path, scores: Sequence[Path]) -> str:
    """Text of the CSV file.

    Raises:
        InputError: when claims or scores cannot be used.
    """
    table = claims_table(load_claims(config), [read_scores(path) for path in scores])
    return table.to_csv(index=False, lineterminator="\n")


if __name__ == "__main__":
    execute(main)
