"""Values of the published camera and cuboids that no public function returns by itself (iNeMo, NeMo)."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from meshcil.geometry import CuboidMesh, camera_center, pose_matrix

angle = st.floats(-7, 7)


@given(angle, st.floats(-math.pi / 2, math.pi / 2), angle)
def test_the_translation_is_the_distance_along_the_axis_for_every_pose(a: float, e: float, t: float) -> None:
    """T = -R C, in the axes of the released code: x to the left, y up, z away from the viewer."""
    pose = torch.tensor([a, e, t], dtype=torch.float64)
    x, y, z = camera_center(pose)
    translation = -pose_matrix(pose) @ torch.stack((x, -z, y))
    away = translation * torch.tensor([-1, 1, -1])
    torch.testing.assert_close(away, torch.tensor([0, 0, 5], dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("extents", "edge"), [((1, 0.5, 0.3), 0.04358899), ((1, 1, 1), 0.07745967), ((0.4, 0.4, 1.0), 0.0438178)]
)
def test_cuboid_edge(extents: tuple[float, ...], edge: float) -> None:
    """k * k times as many vertices make edges a k-th as long, so that the counts tell the edge to many digits."""
    k = 10**6
    half = torch.tensor(extents, dtype=torch.float64) / 2
    mesh = CuboidMesh.from_bounds(torch.stack((-half, half), -1), 1000 * k * k)
    found = [k * extent / (count - 1) for extent, count in zip(extents, mesh.counts, strict=True)]
    assert found == pytest.approx([edge] * 3, abs=1e-8)
