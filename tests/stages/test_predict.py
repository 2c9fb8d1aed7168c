"""What the predict stage writes of methods with meshes is what figures of images read."""

from pathlib import Path

import numpy
import pandas as pd
import pytest
import torch

from meshcil.config.run import RunConfig
from meshcil.datasets.prepared import PreparedSplit
from meshcil.methods.base.method import Method, Prediction
from meshcil.methods.icarl import Learner
from meshcil.reporting.shown import cells
from meshcil.stages import predict as stage
from meshcil.stages.predict import mesh_columns
from tests.stages.conftest import PER_CLASS
from tests.stages.test_chain import resolved


def test_maps_are_read_as_they_were_found() -> None:
    generator = torch.Generator().manual_seed(0)
    covered = torch.rand(2, 5, 7, generator=generator) < 0.6
    occluded = covered & (torch.rand(2, 5, 7, generator=generator) < 0.5)
    found = Prediction(
        scores=torch.zeros(2, 3),
        labels=torch.zeros(2, dtype=torch.int64),
        poses=torch.zeros(2, 3),
        distance=torch.tensor([4.5, 5.5]),
        covered=covered,
        occluded=occluded,
        fit=torch.tensor([0.25, 0.5]),
    )
    frame = pd.DataFrame({"sample_id": ["a", "b"]}).assign(**mesh_columns(found))
    assert frame["distance"].tolist() == [4.5, 5.5] and frame["fit"].tolist() == [0.25, 0.5]
    for i in range(2):
        seen, hidden = cells(frame.iloc[i])
        assert numpy.array_equal(seen, covered[i].numpy()) and numpy.array_equal(hidden, occluded[i].numpy())


def test_a_method_without_meshes_adds_nothing() -> None:
    assert mesh_columns(Prediction(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), None)) == {}


def test_of_plain_images_those_of_later_classes_are_asked_about_after_all_others(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def answer(run: RunConfig, method: Method, table: PreparedSplit, *names: object) -> None:
        asked.append(sorted(set(table.class_names)))

    monkeypatch.setattr(stage, "predict_table", answer)
    monkeypatch.setattr(stage, "prediction_frame", lambda *given: pd.DataFrame({"sample_id": given[2].ids}))
    run, method = resolved("icarl"), object.__new__(Learner)
    known, later = sorted(run.steps[0]), sorted(run.steps[1])
    for test_set, step, expected in (
        ("clean", 0, [known, later]),
        ("L1", 0, [known]),
        ("clean", 1, [sorted(run.classes)]),
    ):
        asked.clear()
        frame = stage.predict_split(run, method, data / "train.parquet", test_set, step)
        assert asked == expected and len(frame) == PER_CLASS * sum(map(len, expected))
