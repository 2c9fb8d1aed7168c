"""The optimiser loop: resume, learning rates, failures."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from meshcil.config.methods.inemo import ReleasedCode
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from meshcil.methods.base.images import ImagePool
from meshcil.methods.inemo import Learner
from meshcil.training.checkpoint import Interrupted, load_checkpoint
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import Progress, build_optimizer, learning_rate, train_step
from tests.methods.factory import build, facts, pool, settings


class Killed(Exception):
    """Stands for the death of the process."""


def _data(labels: list[int]) -> TrainingData:
    return TrainingData(pool(labels), torch.zeros(len(labels), dtype=torch.bool))


@pytest.mark.parametrize("kind", ["icarl", "inemo"])
def test_resume_after_any_epoch_is_bit_equal(kind: str, tmp_path: Path) -> None:
    data = _data([0, 1] * 8)

    def run(name: str, die_after: int | None) -> tuple[bytes, list[dict]]:
        method = build(kind, epochs=3)
        method.begin_step(0)

        def progress(row: dict) -> None:
            if row["epoch"] == die_after:
                raise Killed

        rows = train_step(method, data, tmp_path / f"{name}.checkpoint", progress)
        save_state(tmp_path / name, method.state())
        return (tmp_path / name).read_bytes(), rows

    undisturbed = run("whole", None)
    for epoch in (0, 1):
        with pytest.raises(Killed):
            run(f"killed{epoch}", epoch)
        assert run(f"killed{epoch}", None) == undisturbed


@pytest.mark.parametrize("kind", ["icarl", "inemo"])
def test_resume_within_and_after_an_epoch_is_bit_equal(kind: str, tmp_path: Path) -> None:
    data = _data([0, 1] * 8)

    def run(name: str, stop_after: int | None) -> tuple[bytes, list[dict]]:
        asked = iter(range(100))
        method = build(kind, epochs=2)
        method.begin_step(0)
        rows = train_step(method, data, tmp_path / f"{name}.checkpoint", stop=lambda: next(asked) == stop_after)
        save_state(tmp_path / name, method.state())
        return (tmp_path / name).read_bytes(), rows

    undisturbed = run("whole", None)
    batches = 2 * -(-len(data.pool) // settings(kind).training.batch_size)
    assert batches > 2
    for batch in (0, batches // 2, batches - 1):
        with pytest.raises(Interrupted, match="continues from there"):
            run(f"stopped{batch}", batch)
        assert run(f"stopped{batch}", None) == undisturbed


def growing(flag: str | None) -> Learner:
    """iNeMo whose three partitions are too few for the classes of the second step."""
    changes: dict[str, object] = {"partitions": 3, "partition_growth": "grow"}
    if flag is not None:
        changes["released_code"] = ReleasedCode(**{flag: True})
    return Learner(settings("inemo").model_copy(update=changes), facts(), torch.device("cpu"))


@pytest.mark.parametrize("flag", [None, "teacher_in_training_mode"])
def test_resume_within_a_later_step_of_inemo_is_bit_equal(flag: str | None, tmp_path: Path) -> None:
    """With a teacher, exemplars, and partitions that grew when the step began, in the order of the training stage."""
    method = growing(flag)
    method.begin_step(0)
    train_step(method, _data([0, 1] * 8), tmp_path / "first.checkpoint")
    save_state(tmp_path / "previous", method.state())
    exemplars, new = pool([0, 1] * 4, seed=1), pool([2, 3] * 8, seed=2)
    joined = ImagePool(
        new.ids + exemplars.ids,
        torch.cat([new.images, exemplars.images]),
        torch.cat([new.labels, exemplars.labels]),
        torch.cat([new.poses, exemplars.poses]),
    )
    data = TrainingData(joined, torch.arange(len(joined)) >= len(new))

    def run(name: str, stop_after: int | None) -> tuple[bytes, list[dict]]:
        asked = iter(range(100))
        method = growing(flag)
        method.load_state(load_state(tmp_path / "previous"))
        method.consolidate(exemplars)
        method.begin_step(1)
        assert method.teacher is not None and method.teacher.training is (flag is not None)
        rows = train_step(method, data, tmp_path / f"{name}.checkpoint", stop=lambda: next(asked) == stop_after)
        assert len(method.space.bank) == 6
        save_state(tmp_path / name, method.state())
        return (tmp_path / name).read_bytes(), rows

    undisturbed = run("whole", None)
    assert len(undisturbed[1]) == 2 and all(row["distillation"] > 0 for row in undisturbed[1])
    assert all(row["feature distillation"] > 0 for row in undisturbed[1])
    for batch in (0, 2, 4):  # within the first epoch, after it, within the second
        with pytest.raises(Interrupted, match="continues from there"):
            run(f"stopped{batch}", batch)
        assert run(f"stopped{batch}", None) == undisturbed


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_a_damaged_checkpoint_costs_one_epoch(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data, checkpoint, epochs = _data([0, 1] * 4), tmp_path / "checkpoint.safetensors", []

    def run(progress: Progress) -> list[dict]:
        method = build("icarl", epochs=4)
        method.begin_step(0)
        return train_step(method, data, checkpoint, progress)

    def die_after_two(row: dict) -> None:
        if row["epoch"] == 2:
            raise Killed

    with pytest.raises(Killed):
        run(die_after_two)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.previous.safetensors", "checkpoint.safetensors"]
    if damage == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    else:
        checkpoint.unlink()
    rows = run(epochs.append)
    assert [row["epoch"] for row in epochs] == [2, 3]
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert ("checkpoint left out" in capsys.readouterr().err) == (damage == "truncated")


def test_different_seeds_give_different_weights(tmp_path: Path) -> None:
    weights = []
    for seed in (0, 1):
        method = build("icarl", facts(seed=seed))
        method.begin_step(0)
        weights.append(torch.cat([p.detach().flatten() for p in method.network.parameters()]))
    assert not torch.equal(*weights)


def test_loss_that_is_not_finite_names_term_and_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = build("icarl")
    method.begin_step(0)
    monkeypatch.setattr(method, "losses", lambda batch: {"classification": torch.tensor(math.nan)})
    with pytest.raises(InputError, match=r"epoch 0, update 0: training diverged: .*`classification` is nan"):
        train_step(method, _data([0, 1] * 4), tmp_path / "checkpoint")


def test_a_divergent_training_ends_and_its_last_sound_state_is_kept(tmp_path: Path) -> None:
    """The loss is looked at before an update; a single one can leave nothing finite behind."""
    method = build("icarl", epochs=3)
    method.begin_step(0)

    def spoil(row: dict) -> None:
        if row["epoch"] == 1:
            method.network.load_state_dict({k: v * math.inf for k, v in method.network.state_dict().items()})

    with pytest.raises(InputError, match=r"epoch 2, update .*: training diverged"):
        train_step(method, _data([0, 1] * 8), tmp_path / "checkpoint", spoil)
    kept = load_checkpoint(tmp_path / "checkpoint")
    assert kept is not None and kept["epoch"] == 2
    method.load_state(kept["method"])
    assert all(bool(p.isfinite().all()) for p in method.network.parameters())
    wild = build("icarl", epochs=1, lr=1e38, batch_size=16)
    wild.begin_step(0)
    with pytest.raises(InputError, match=r"epoch 0, update 1: training diverged: `.*` is not finite. Lower `lr`"):
        train_step(wild, _data([0, 1] * 8), tmp_path / "wild")
    assert not (tmp_path / "wild").exists()


def test_schedules() -> None:
    cosine = settings("icarl", schedule="cosine").training
    assert learning_rate(cosine, 1.0, 0.0, 10) == 1.0
    assert learning_rate(cosine, 1.0, 5.0, 10) == pytest.approx(0.5)
    steps = settings("icarl", schedule="steps", milestones=(2, 4), gamma=0.1).training
    assert [learning_rate(steps, 1.0, e, 10) for e in (1.9, 2.0, 4.0)] == pytest.approx([1, 0.1, 0.01])
    constant = settings("icarl", schedule="constant", warmup_epochs=2.0).training
    assert learning_rate(constant, 1.0, 1.0, 10) == pytest.approx(0.5, abs=1e-2)
    assert learning_rate(constant, 1.0, 2.0, 10) == 1.0


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_optimisers_by_name(name: str, kind: type) -> None:
    method = build("icarl", optimizer=name, lr=0.25)
    method.begin_step(0)
    optimizer = build_optimizer(method.phases()[0], method)
    assert type(optimizer) is kind
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_later_steps_may_have_other_epochs_and_rates() -> None:
    method = build("icarl", first_epochs=7, epochs=3, lr=0.5, later_lr=0.125)
    method.begin_step(0)
    assert (method.phases()[0].epochs, method.phases()[0].lr) == (7, 0.5)
    method.begin_step(1)
    assert (method.phases()[0].epochs, method.phases()[0].lr) == (3, 0.125)


def test_a_batch_of_one_image_keeps_the_running_statistics(tmp_path: Path) -> None:
    """Its map has one cell, of which batch norm could take no variance."""
    method = build("replay", epochs=1)
    method.begin_step(0)
    whole = pool([0])
    data = TrainingData(replace(whole, images=whole.images[:, :, :16, :16]), torch.zeros(1, dtype=torch.bool))
    before = {name: value.clone() for name, value in method.network.named_buffers()}
    weights = method.network.head.weight.detach().clone()
    train_step(method, data, tmp_path / "checkpoint")
    assert all(torch.equal(value, before[name]) for name, value in method.network.named_buffers())
    assert not torch.equal(method.network.head.weight, weights)


def test_gradients_are_logged_by_block_and_cut_where_they_are_too_large(tmp_path: Path) -> None:
    method = build("replay", epochs=1, block_gradients=True, gradient_limit=1e-9, optimizer="sgd", momentum=0.0)
    method.begin_step(0)
    before = [p.detach().clone() for p in method.network.backbone.parameters()]
    [row] = train_step(method, _data([0, 1] * 4), tmp_path / "checkpoint")
    assert all(row[f"gradient_{block:02d}"] > 1e-6 for block in (1, 2, 3)) and "gradient_04" not in row
    after = method.network.backbone.parameters()
    decay = 2 * method.settings.training.weight_decay
    assert all(bool(((a - b).abs() <= 1e-8 + decay * b.abs()).all()) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize(("keep", "sizes"), [(False, [8, 8]), (True, [8, 8, 4])])
def test_the_last_partial_batch_is_kept_if_told_to(keep: bool, sizes: list[int], tmp_path: Path) -> None:
    method, taken = build("finetune", epochs=1, batch_size=8, keep_partial=keep), []
    real = method.losses
    method.losses = lambda batch: taken.append(len(batch.labels)) or real(batch)
    method.begin_step(0)
    train_step(method, TrainingData(pool([0, 1] * 10), torch.zeros(20, dtype=torch.bool)), tmp_path / "checkpoint")
    assert taken == sizes
