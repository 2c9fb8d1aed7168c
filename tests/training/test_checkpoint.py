"""Checkpoints of a training step: what is left of one that was removed."""

from pathlib import Path

from meshcil.training.checkpoint import load_checkpoint, remove_checkpoint, save_checkpoint
from meshcil.training.trainer import build_optimizer
from tests.methods.factory import build


def test_nothing_is_left_to_go_on_from_when_a_checkpoint_is_removed(tmp_path: Path) -> None:
    method = build("icarl")
    method.begin_step(0)
    finished, other = (tmp_path / f"checkpoint-{step}.safetensors" for step in (0, 1))
    for epoch in (1, 2):
        for path in (finished, other):
            save_checkpoint(path, method, build_optimizer(method.phases()[0], method), 0, epoch, [], None)
    remove_checkpoint(finished)
    remove_checkpoint(finished)
    assert load_checkpoint(finished) is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-1.previous.safetensors", other.name]
