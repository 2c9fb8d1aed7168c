"""Draw the contact sheet of a prepared dataset."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.core.artifacts import write_text_atomic
from meshcil.lineage.code import stage_modules, templates
from meshcil.lineage.record import record_job
from meshcil.reporting.contact_sheet import contact_sheet
from meshcil.stages.command import execute


def main(
    data: Annotated[Path, typer.Option(help="Folder of a prepared dataset.")],
    out: Annotated[Path, typer.Option(help="SVG file.")],
) -> None:
    """Draw images of every class under every test set."""
    with record_job(
        "contact_sheet",
        inputs=[data, templates()],
        outputs=[out],
        settings={},
        modules=stage_modules("contact_sheet"),
        key={"dataset": data.name},
        name=data.name,
    ):
        write_text_atomic(out, contact_sheet(data))


if __name__ == "__main__":
    execute(main)
