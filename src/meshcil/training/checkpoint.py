"""What an interrupted training step leaves for its continuation: the last two checkpoints."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from meshcil.methods.base.method import Method


class Interrupted(Exception):
    """Training was asked to stop, and saved where it was."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(f"interrupted; {checkpoint} was saved, and the same command continues from there")


def save_checkpoint(
    path: Path,
    method: Method,
    optimizer: torch.optim.Optimizer,
    phase: int,
    epoch: int,
    rows: Sequence[dict[str, Any]],
    chosen: Tensor | None,
    partial: dict[str, Any] | None = None,
) -> None:
    """Replace the checkpoint ``path``; the one before is kept under the name of `predecessor`.

    ``epoch`` is the one to go on with, ``rows`` are of the finished ones. ``chosen`` are the positions of the images of
    a balanced phase, ``partial`` is what an unfinished epoch needs to go on. Raises InputError when the file cannot be
    written.
    """
    state = {"method": method.state(), "optimizer": optimizer.state_dict(), "phase": phase, "epoch": epoch}
    if path.exists():
        path.replace(predecessor(path))
    save_state(path, state | {"rows": list(rows), "chosen": chosen, "partial": partial})


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The newest checkpoint that can be read; None when there is none.

    A file that a failing disk damaged costs one epoch, not the step.
    """
    for candidate in (path, predecessor(path)):
        if candidate.exists():
            try:
                return load_state(candidate)
            except InputError as error:
                print(f"checkpoint left out: {error.where} {error.cause}", file=sys.stderr, flush=True)
    return None


def remove_checkpoint(path: Path) -> None:
    """Delete the checkpoint ``path`` and its predecessor, which would be gone on from otherwise."""
    for file in (path, predecessor(path)):
        file.unlink(missing_ok=True)


def remove_checkpoints(folder: Path) -> None:
    """Delete all checkpoints in ``folder``, unfinished ones too; only when the job's record is there.

    Before, a kill would cost the whole job: its record is written some time after its outputs.
    """
    for pattern in ("checkpoint-*", ".checkpoint-*.tmp"):
        for leftover in folder.glob(pattern):
            leftover.unlink(missing_ok=True)


def predecessor(path: Path) -> Path:
    """Name of the checkpoint before ``path``."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")
