"""The start grid and its search, against rendered features."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from meshcil.geometry import pose_error
from meshcil.inference import infer, render_loss, start_poses
from meshcil.inference.similarity import best_similarity, map_columns, relative_similarity
from meshcil.inference.start_search import ByteCache, start_grid
from tests.inference.scenes import make_scene, objective


def test_grid_parity() -> None:
    degrees = start_poses(torch.float64).rad2deg()
    assert degrees.shape == (144, 3)
    torch.testing.assert_close(degrees[0], torch.tensor([0.0, -30, -30], dtype=torch.float64))
    torch.testing.assert_close(degrees[-1], torch.tensor([330.0, 60, 30], dtype=torch.float64))
    index = (degrees - torch.tensor([90.0, 0, 0])).norm(dim=1).argmin()
    assert int(index) == 40
    assert len({tuple(row) for row in degrees.round().tolist()}) == 144


def test_the_fine_grid_covers_the_same_range_more_closely() -> None:
    paper, fine = (start_poses(torch.float64, starts=name).rad2deg() for name in ("paper", "fine"))
    assert len({tuple(row) for row in fine.round().tolist()}) == 36 * 6 * 3
    assert torch.equal(fine.amin(0), paper.amin(0)) and torch.equal(fine[:, 1:].amax(0), paper[:, 1:].amax(0))


def test_an_object_between_coarse_poses_is_found_nearer_on_the_fine_grid() -> None:
    scene = make_scene(seed=0, images=3)
    errors = {
        starts: pose_error(
            infer(
                scene.feature_map,
                scene.meshes,
                scene.bank,
                scene.valid,
                scene.background,
                scene.camera,
                steps=0,
                starts=starts,
            ).pose,
            scene.pose,
        ).mean()
        for starts in ("paper", "fine")
    }
    assert errors["fine"] < errors["paper"]


def test_render_loss_parity() -> None:
    o = torch.tensor([[0.8, 0.1], [0.2, 0.9]]).flatten()
    b = torch.tensor([[0.3, 0.4], [0.5, 0.1]]).flatten()
    assert float(render_loss(o, b)) == pytest.approx(0.675)
    assert float(render_loss(torch.ones(4), torch.zeros(4))) == 0
    assert float(render_loss(torch.zeros(4), torch.zeros(4))) == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gain_is_one_minus_the_loss_of_rendered_features(sign: float) -> None:
    """With the sign turned, many cells have a background below 0, where an empty rendering is the better one."""
    scene = make_scene(images=2)
    columns = map_columns(sign * scene.feature_map)
    background = best_similarity(columns, scene.background[:2])
    flipped = replace(scene, feature_map=sign * scene.feature_map, background=scene.background[:2])
    poses = start_poses(torch.float64)
    for c, mesh in enumerate(scene.meshes):
        features = scene.bank[c, : len(mesh.vertices)]
        grid = start_grid(mesh, scene.camera, 5.0, torch.float64, torch.device("cpu"))
        gain = grid.gain(relative_similarity(columns, background, features), background)
        for s in (0, 17, 58, 101, 143):
            for image in range(2):
                expected = 1 - objective(flipped, image, c, poses[s], 5.0)
                assert float(gain[s, image]) == pytest.approx(float(expected), abs=1e-12)
    assert bool((background < 0).any())


def test_the_grid_is_kept_per_mesh_camera_and_distance() -> None:
    scene = make_scene(images=1)
    arguments = (scene.camera, 5.0, torch.float64, torch.device("cpu"))
    first = start_grid(scene.meshes[0], *arguments)
    assert start_grid(scene.meshes[0], *arguments) is first
    assert start_grid(scene.meshes[1], *arguments) is not first
    nearer = start_grid(scene.meshes[0], scene.camera, 4.0, torch.float64, torch.device("cpu"))
    assert len(nearer.cell) > len(first.cell)
    assert math.isclose(float(first.weight.sum()), len(first.cell))


def test_the_least_recently_used_goes_first_and_the_bound_holds() -> None:
    made: list[str] = []

    def value(name: str, size: int) -> Callable[[], bytes]:
        return lambda: (made.append(name), name.encode() * size)[1]

    cache = ByteCache[bytes](10, len)
    assert cache.get("a", value("a", 4)) == b"aaaa"
    cache.get("b", value("b", 4))
    cache.get("a", value("a", 4))
    cache.get("c", value("c", 5))
    assert (made, cache.held_bytes) == (["a", "b", "c"], 9)
    cache.get("a", value("a", 4))
    assert made == ["a", "b", "c"]
    cache.get("b", value("b", 4))
    assert made == ["a", "b", "c", "b"]
    assert cache.held_bytes == 8


def test_what_exceeds_the_bound_is_made_but_not_kept() -> None:
    cache = ByteCache[bytes](3, len)
    small = cache.get("small", lambda: b"ab")
    assert cache.get("large", lambda: b"abcd") == b"abcd"
    assert cache.held_bytes == 2
    assert cache.get("small", lambda: b"other") is small
    assert cache.get("large", lambda: b"efgh") == b"efgh"
