"""From a prepared dataset to the images, labels and flags that a step trains on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from meshcil.config.run import RunConfig, RunKey
from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.datasets.prepared import DatasetInfo, PreparedRow, encode_png, write_info, write_split
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch
from meshcil.stages.resolve import resolve_run
from meshcil.training.setup import (
    build_method,
    choose_device,
    exemplar_pool,
    load_pool,
    read_exemplars,
    run_facts,
    training_data,
)
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG, SIZE

STEPS = (("chair", "aeroplane"), ("car", "bottle"))
LABELS = {"chair": 0, "aeroplane": 1, "car": 2, "bottle": 3}
# Classes take turns in the file, in another order than in the run.
FILE = [(f"{name}-{i}", name) for i in range(3) for name in ("aeroplane", "bottle", "car", "chair")]
CPU = torch.device("cpu")


def shade(position: int) -> int:
    """Grey of the image at a position in the file."""
    return 10 * position + 5


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A prepared dataset whose images tell their position in the file by their grey."""
    rows = [
        PreparedRow(
            name,
            class_name,
            encode_png(np.full((SIZE, SIZE, 3), shade(i), np.uint8)),
            azimuth=i / 10,
            elevation=i / 20,
            theta=i / 30,
            distance=5.0,
            padding=(0, 0, 0, 0),
            occlusion=0.0,
        )
        for i, (name, class_name) in enumerate(FILE)
    ]
    write_split(tmp_path / "train.parquet", rows)
    names = ("aeroplane", "bottle", "car", "chair")
    write_info(tmp_path, DatasetInfo("grey", names, (SIZE, SIZE), 120.0, 5.0, (), {"train": 12}, {}))
    bounds = {name: [[-0.5, 0.5], [-0.3, 0.3], [-0.2, 0.1 * (i + 2)]] for i, name in enumerate(names)}
    write_json_atomic(tmp_path / "cuboids.json", bounds)
    return tmp_path


def run_of(method: str, budget: str = "total-8") -> RunConfig:
    key = RunKey(dataset="primitives3d-tiny", protocol="2-2", method=method, budget=budget, seed=3)
    return resolve_run(key, CONFIG).model_copy(update={"steps": STEPS})


def assert_images(pool: ImagePool, ids: list[str]) -> None:
    """The pool holds exactly these images of the file, in this order, each with its own label, pixels and pose."""
    place = [[name for name, _ in FILE].index(name) for name in ids]
    assert list(pool.ids) == ids
    assert pool.labels.tolist() == [LABELS[FILE[i][1]] for i in place]
    assert pool.images[:, 0, 0, 0].tolist() == [shade(i) for i in place]
    torch.testing.assert_close(pool.poses, torch.tensor([[i / 10, i / 20, i / 30] for i in place]))


def in_file(*classes: str) -> list[str]:
    return [name for name, class_name in FILE if class_name in classes]


KEPT = {"chair": ["chair-2", "chair-0"], "aeroplane": ["aeroplane-1"]}


def test_the_first_step_trains_on_its_own_images(data: Path) -> None:
    run = run_of("inemo-smoke")
    found = training_data(run, data, 0, build_method(run, data, CPU), exemplar_pool(run, data, {}))
    assert_images(found.pool, in_file("chair", "aeroplane"))
    assert found.replayed.tolist() == [False] * 6


def test_a_later_step_trains_on_new_images_then_exemplars_which_are_flagged(data: Path) -> None:
    run = run_of("inemo-smoke")
    found = training_data(run, data, 1, build_method(run, data, CPU), exemplar_pool(run, data, KEPT))
    assert_images(found.pool, [*in_file("car", "bottle"), "chair-2", "chair-0", "aeroplane-1"])
    assert found.replayed.tolist() == [False] * 6 + [True] * 3


def test_without_exemplars_a_later_step_has_new_images_only(data: Path) -> None:
    run = run_of("finetune", "none")
    found = training_data(run, data, 1, build_method(run, data, CPU), exemplar_pool(run, data, {}))
    assert_images(found.pool, in_file("car", "bottle"))
    assert found.replayed.tolist() == [False] * 6


@pytest.mark.parametrize("kept", [{}, KEPT], ids=["no exemplars", "exemplars"])
def test_joint_trains_once_on_every_image_of_all_seen_classes(kept: dict[str, list[str]], data: Path) -> None:
    run = run_of("joint", "none")
    method = build_method(run, data, CPU)
    exemplars = exemplar_pool(run, data, kept)
    for step, classes in enumerate((STEPS[0], STEPS[0] + STEPS[1])):
        found = training_data(run, data, step, method, exemplars)
        assert_images(found.pool, in_file(*classes))
        assert found.replayed.tolist() == [False] * 3 * len(classes)


def test_the_flags_of_a_batch_are_those_of_its_images(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("inemo-smoke")
    method = build_method(run, data, CPU)
    method.begin_step(1)
    batches: list[Batch] = []
    real = method.losses

    def spy(batch: Batch) -> dict[str, torch.Tensor]:
        batches.append(batch)
        return real(batch)

    monkeypatch.setattr(method, "losses", spy)
    train_step(method, training_data(run, data, 1, method, exemplar_pool(run, data, KEPT)), data / "checkpoint")
    assert all(torch.equal(batch.replayed, batch.labels < 2) for batch in batches)
    assert any(bool(batch.replayed.any()) for batch in batches)
    assert any(not bool(batch.replayed.all()) for batch in batches)


def test_exemplars_keep_their_stored_order_across_classes(data: Path) -> None:
    stored = {"chair": ["chair-1"], "bottle": ["bottle-2", "bottle-1"], "aeroplane": ["aeroplane-0"]}
    path = data / "exemplars.json"
    write_json_atomic(path, {"classes": [[name, ids] for name, ids in stored.items()]})
    read = read_exemplars(path)
    assert list(read.items()) == list(stored.items()) and read_exemplars(None) == {}
    assert_images(exemplar_pool(run_of("inemo-smoke"), data, read), ["chair-1", "bottle-2", "bottle-1", "aeroplane-0"])


@pytest.mark.parametrize(
    "content", [[], {}, {"classes": {"car": ["a"]}}, {"classes": [["car", "a"]]}, {"classes": [["car", [1]]]}]
)
def test_a_file_that_holds_no_exemplars_is_named(content: object, tmp_path: Path) -> None:
    write_json_atomic(tmp_path / "exemplars.json", content)
    with pytest.raises(InputError, match=r"exemplars\.json: does not hold exemplar ids by class"):
        read_exemplars(tmp_path / "exemplars.json")


def test_no_exemplars_are_an_empty_pool_of_the_datasets_image_size(data: Path) -> None:
    found = exemplar_pool(run_of("inemo-smoke"), data, {"chair": []})
    assert len(found) == 0 and found.images.shape == (0, 3, 64, 64)


def test_a_class_without_images_is_named(data: Path) -> None:
    run = run_of("inemo-smoke")
    with pytest.raises(InputError, match="has no image of sofa"):
        load_pool(run, data / "train.parquet", ["chair", "sofa"])


def test_cuboids_follow_the_order_in_which_classes_arrive(data: Path) -> None:
    found = run_facts(run_of("inemo-smoke"), data)
    assert found.classes == ("chair", "aeroplane", "car", "bottle")
    assert found.step_sizes == (2, 2) and found.seed == 3
    assert (found.image_size, found.focal, found.distance) == ((SIZE, SIZE), 120.0, 5.0)
    torch.testing.assert_close(found.bounds[:, 2, 1], torch.tensor([0.5, 0.2, 0.4, 0.3]))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Pretend that there are ``count`` GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("count", "name"), [(0, "cuda"), (0, "cuda:0"), (0, "foo"), (0, ""), (0, "cpu:x"), (2, "cuda:2"), (2, "cuda:-1")]
)
def test_a_device_that_is_not_there_is_refused(count: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, count)
    usable = "auto, cpu" if count == 0 else "auto, cpu, cuda, cuda:0, cuda:1"
    with pytest.raises(InputError, match=f"device '{name}': is unknown or not available. Available: {usable}$"):
        choose_device(name, torch.get_num_threads())


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (1, "auto", "cuda"),
        (1, "cpu", "cpu"),
        (1, "cuda", "cuda"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_devices_by_name(count: int, name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, count)
    assert str(choose_device(name, torch.get_num_threads())) == expected
