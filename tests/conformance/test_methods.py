"""Every method found in `meshcil.methods` keeps the promises of the base class."""

import json
import shutil
import struct
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from meshcil.core.artifacts import load_state, save_state
from meshcil.core.naming import available, load_object
from meshcil.memory.ledger import Ledger
from meshcil.methods.base.classifier import IncrementalClassifier
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Batch, Method
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import EpochRow, Progress, train_step
from tests.conformance.runs import FACTS, TEST, Run, predicted, short, train, train_run
from tests.methods.factory import DEVICE, build, facts, pool
from tests.unwritten import filled_with_nan

METHODS = available("meshcil.methods")
FLOOR = "finetune"
REBUILT = {"class means", "cuboid bounds"}
"""Ledger rows that the exemplars or the dataset give back, so that no state holds them."""


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def finetuned(folder: Path) -> Run:
    (folder / FLOOR).mkdir()
    return train_run(FLOOR, folder / FLOOR)


@pytest.fixture(scope="module", params=METHODS)
def run(request: pytest.FixtureRequest, folder: Path, finetuned: Run) -> Run:
    """Each method's run; the tests below are grouped by it, so that it trains once."""
    if request.param == FLOOR:
        return finetuned
    (folder / request.param).mkdir()
    return train_run(request.param, folder / request.param)


def test_learns_and_beats_chance(run: Run) -> None:
    assert run.accuracy[0] >= 0.75
    assert all(accuracy > 1.4 / (2 * step + 2) for step, accuracy in enumerate(run.accuracy))


def test_forgets_less_than_finetune_where_it_stores_anything(run: Run, finetuned: Run) -> None:
    assert finetuned.first[2] <= 0.25
    if stores(run) or run.method.trains_on_all_data:
        assert run.first[2] >= finetuned.first[2] + 0.25


def stores(run: Run) -> bool:
    """Whether the method keeps anything of old classes besides the network: exemplars, statistics."""
    return run.method.settings.replay != "never" or any(r.carry and not r.deploy for r in run.method.ledger_rows())


def test_what_stores_something_is_known() -> None:
    """So that the test above does not pass over a method by mistake."""
    without = {kind for kind in METHODS if build(kind).settings.replay == "never"}
    assert without == {"acil", "aper", "fecam", "fetril", "finetune", "joint", "lwf", "ranpac", "simplecil"}


def test_sees_the_step_s_images_and_stored_ones_only(run: Run) -> None:
    everything = run.method.trains_on_all_data
    for step, seen in enumerate(run.seen):
        old, new = FACTS.seen(step - 1), FACTS.seen(step)
        assert max(seen.labels) < new
        assert seen.replayed <= set(range(old))
        assert everything or seen.labels - seen.replayed == set(range(old, new))


def test_answers_have_the_promised_form(run: Run) -> None:
    method = run.method
    prediction = method.predict(next(TEST.batches(8, method.device)))
    assert prediction.scores.shape == (8, method.seen) == (8, 6)
    assert prediction.labels.max() < 6 and bool(prediction.scores.isfinite().all())
    if prediction.poses is not None:
        assert prediction.poses.shape == (8, 3) and bool(prediction.poses.isfinite().all())
    assert all(answer.shape == (8,) for answer in prediction.heads.values())
    # The exemplars of the last step were consolidated, so that every image classifier has both heads.
    assert set(prediction.heads) == ({"linear", "nearest_mean"} if isinstance(method, IncrementalClassifier) else set())


def test_latents_lead_to_the_same_classes_as_images(run: Run) -> None:
    images = next(TEST.batches(8, run.method.device))
    latents = run.method.latents(images)
    assert latents.shape[0] == 8 and not latents.requires_grad
    assert torch.equal(run.method.latent_logits(latents).argmax(dim=1), run.method.predict(images).labels)


def test_state_survives_the_disk(run: Run) -> None:
    again = short(run.method.settings.kind)
    again.load_state(load_state(run.states[2]))
    again.consolidate(run.exemplars[2])
    assert again.ledger_rows() == run.method.ledger_rows()
    assert torch.equal(predicted(again), predicted(run.method))


def test_ledger_is_what_lies_on_the_disk(run: Run) -> None:
    for step, path in enumerate(run.states):
        method = short(run.method.settings.kind)
        method.load_state(load_state(path))
        ledger = Ledger(tuple(method.ledger_rows()))
        counted = sum(row.bytes for row in ledger.rows if row.carry and row.name not in REBUILT)
        assert counted == stored_bytes(path)
        parameters = sum(p.numel() for p in method.network.parameters())
        assert 0 < ledger.total("paper") <= 4 * parameters
        totals = ledger.add(method.training_rows()).totals()
        assert totals["paper"] <= totals["deploy"] <= totals["carry"] < totals["peak"], step


@pytest.mark.parametrize("kind", METHODS)
def test_the_teacher_stands_still_and_the_ledger_counts_it(kind: str) -> None:
    """Counted after the step, as the selection does it: from the state, which holds no teacher."""
    method = short(kind)
    for step in range(3):
        method.begin_step(step)
        teacher = getattr(method, "teacher", None)
        assert (teacher is not None) == (method.has_teacher and step > 0)
        if teacher is not None:
            assert not any(module.training for module in teacher.modules())
            assert not any(parameter.requires_grad for parameter in teacher.parameters())
        loaded = short(kind)
        loaded.load_state(method.state())
        counted = [row.bytes for row in loaded.training_rows() if row.name == "teacher"]
        assert counted == ([] if teacher is None else [tensor_bytes(*teacher.state_dict().values())])


def stored_bytes(path: Path) -> int:
    """Bytes of the tensors in a safetensors file: its length without the header."""
    content = path.read_bytes()
    [length] = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    sizes = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    assert max(sizes) == len(content) - 8 - length
    return max(sizes)


def test_a_killed_step_resumes_bit_equal(run: Run, tmp_path: Path) -> None:
    kind = run.method.settings.kind

    def second_step(folder: Path, dies_after: int | None) -> tuple[bytes, int]:
        folder.mkdir(exist_ok=True)
        rows: list[EpochRow] = []

        def progress(row: EpochRow) -> None:
            rows.append(row)
            if len(rows) == dies_after:
                raise Killed

        _continue(kind, run, folder, progress)
        return (folder / "second.safetensors").read_bytes(), len(rows)

    whole, count = second_step(tmp_path / "whole", None)
    assert count >= 2
    # After the first epoch, and within the balanced phase where there is one.
    for epochs in {1, min(count, 3)}:
        killed = tmp_path / f"killed{epochs}"
        with pytest.raises(Killed):
            second_step(killed, epochs)
        assert second_step(killed, None)[0] == whole
        shutil.rmtree(killed)


def test_nothing_is_read_that_was_never_written(run: Run, tmp_path: Path) -> None:

    def second_step(folder: Path) -> tuple[bytes, bytes]:
        folder.mkdir()
        method = _continue(run.method.settings.kind, run, folder, lambda row: None)
        answer = method.predict(next(TEST.batches(len(TEST), method.device)))
        save_state(folder / "answer", {f.name: getattr(answer, f.name) for f in fields(answer)})
        return (folder / "second.safetensors").read_bytes(), (folder / "answer").read_bytes()

    expected = second_step(tmp_path / "plain")
    with filled_with_nan():
        assert second_step(tmp_path / "filled") == expected


def _continue(kind: str, run: Run, folder: Path, progress: Progress) -> Method:
    method = short(kind)
    method.load_state(load_state(run.states[0]))
    train(method, 1, folder, run.exemplars[0], progress)
    save_state(folder / "second.safetensors", method.state())
    return method


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("kind", METHODS)
def test_a_step_may_have_one_class_with_one_image(kind: str, first: int, tmp_path: Path) -> None:
    """A batch of one image: batch norm then keeps its running statistics. The first step may be the one, too."""
    method = build(kind, facts((first, 1)), epochs=1)
    for step, labels in enumerate((list(range(first)), [first])):
        method.begin_step(step)
        data = TrainingData(pool(labels), torch.zeros(len(labels), dtype=torch.bool))
        rows = train_step(method, data, tmp_path / f"checkpoint{step}")
        assert rows and all(row["step"] == step for row in rows)
        seen = list(range(first + step))
        method.consolidate(pool(seen))
        scores = method.predict(next(pool(seen, seed=7).batches(len(seen), method.device))).scores
        assert scores.shape == (len(seen), len(seen)) and bool(scores.isfinite().all())


@pytest.mark.parametrize("kind", METHODS)
def test_loss_terms_are_finite_scalars_that_reach_the_network(kind: str) -> None:
    method = build(kind)
    method.begin_step(0)
    data = pool([0, 1, 0, 1])
    generator = torch.Generator().manual_seed(0)
    images = next(data.batches(4, method.device))
    labels, poses, replayed = (t.to(method.device) for t in (data.labels, data.poses, torch.zeros(4).bool()))
    terms = method.losses(Batch(images, labels, poses, replayed, generator))
    total = torch.stack(list(terms.values())).sum()
    assert total.ndim == 0 and bool(total.isfinite())
    total.backward()
    moved = [p.grad is not None and bool(p.grad.any()) for p in method.network.parameters() if p.requires_grad]
    assert sum(moved) > 0.8 * len(moved)


def test_too_few_partitions_is_a_clear_error() -> None:
    settings = build("inemo").settings.model_copy(update={"partitions": 3})
    learner = load_object("meshcil.methods", "inemo", "Learner")
    with pytest.raises(ValueError, match="partitions: is 3, fewer than the run's 4 classes"):
        learner(settings, facts(), DEVICE)
