"""The closed-form ray cast against fragments recorded from PyTorch3D's rasteriser."""

from pathlib import Path

import numpy as np
import pytest
import torch

from meshcil.geometry import Camera, CuboidMesh
from meshcil.rendering import rasterize

GOLDENS = np.load(Path(__file__).parents[1] / "data" / "pytorch3d_fragments.npz")


def golden(case: int, name: str) -> np.ndarray:
    return GOLDENS[f"{case:02d}/{name}"]


def mesh_of(case: int) -> CuboidMesh:
    return CuboidMesh.from_bounds(torch.from_numpy(golden(case, "bounds")), int(golden(case, "target_vertices")))


@pytest.mark.parametrize("case", range(12))
def test_grid(case: int) -> None:
    mesh = mesh_of(case)
    np.testing.assert_allclose(mesh.vertices.numpy(), golden(case, "vertices"), atol=1e-7)
    np.testing.assert_array_equal(mesh.faces.numpy(), golden(case, "faces"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", range(12))
def test_fragments(case: int, dtype: torch.dtype) -> None:
    mesh = mesh_of(case)
    cx, cy = golden(case, "center").tolist()
    height, width = golden(case, "size").tolist()
    camera = Camera(float(golden(case, "focal")), (cx, cy), (height, width))
    pose = torch.tensor([[golden(case, n).item() for n in ("azimuth", "elevation", "theta")]], dtype=dtype)
    fragments = rasterize(mesh, pose, camera, float(golden(case, "distance")))

    expected = torch.from_numpy(golden(case, "pix_to_face")).long()
    same = fragments.pix_to_face[0] == expected
    assert same.double().mean() >= 0.999
    seen = same & (expected >= 0)
    assert seen.sum() > 100
    bary = torch.from_numpy(golden(case, "bary_coords")).to(dtype)
    depth = torch.from_numpy(golden(case, "zbuf")).to(dtype)
    torch.testing.assert_close(fragments.bary_coords[0][seen], bary[seen], atol=1e-3, rtol=0)
    torch.testing.assert_close(fragments.zbuf[0][seen], depth[seen], atol=0, rtol=1e-4)
    torch.testing.assert_close(fragments.pix_to_verts[0][seen], mesh.faces[expected[seen]])
    empty = same & (expected < 0)
    assert (fragments.bary_coords[0][empty] == -1).all() and (fragments.zbuf[0][empty] == -1).all()
    assert (fragments.pix_to_verts[0][empty] == -1).all()
