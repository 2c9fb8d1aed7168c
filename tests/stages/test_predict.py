"""What the predict stage writes of methods with meshes is what figures of images read."""

import numpy
import pandas as pd
import torch

from meshcil.methods.base.method import Prediction
from meshcil.reporting.shown import cells
from meshcil.stages.predict import mesh_columns


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
