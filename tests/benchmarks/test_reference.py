"""What the benchmarks compare with computes the same thing, and their page shows what was measured."""

from functools import partial
from types import ModuleType

import pytest
import torch

from benchmarks import (
    classification,
    feature_space,
    inference,
    measuring,
    pose_estimation,
    pose_step,
    scene,
    training_step,
    zbuffer,
)
from benchmarks.__main__ import names, page, replace_result
from meshcil.geometry import Camera, CuboidMesh, pose_error
from meshcil.inference import classify, estimate_pose
from meshcil.rendering import rasterize

CAMERA = Camera(90.0, (20.0, 16.0), (32, 40))


def test_the_dense_z_buffer_equals_the_ray_cast(monkeypatch) -> None:
    monkeypatch.setattr(zbuffer, "HAS_PYTORCH3D", False)
    mesh = CuboidMesh.from_bounds(torch.tensor([[-0.3, 0.4], [-0.5, 0.5], [-0.2, 0.6]], dtype=torch.float64), 150)
    generator = torch.Generator().manual_seed(0)
    for pose in torch.randn(4, 3, generator=generator, dtype=torch.float64):
        pose.requires_grad_()
        distance = torch.tensor(4.0, dtype=torch.float64)
        face, bary = zbuffer.fragments(mesh, pose, CAMERA, distance)
        found = rasterize(mesh, pose[None], CAMERA, distance[None])
        same = (face == found.pix_to_face.flatten()) & (face >= 0)
        assert (face != found.pix_to_face.flatten()).double().mean() <= 0.001
        assert same.sum() > 100
        torch.testing.assert_close(bary[same], found.bary_coords.view(-1, 3)[same], atol=1e-8, rtol=0)
        probe = torch.rand(int(same.sum()), 3, generator=generator, dtype=torch.float64)
        (slow,) = torch.autograd.grad((bary[same] * probe).sum(), pose)
        (fast,) = torch.autograd.grad((found.bary_coords.view(-1, 3)[same] * probe).sum(), pose)
        torch.testing.assert_close(fast, slow, atol=1e-7, rtol=1e-7)


def test_every_claim_is_run() -> None:
    assert {"classification", "inference", "pose_estimation", "pose_step"} <= set(names())
    assert not {"feature_space", "measuring", "scene", "zbuffer"} & set(names())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same benchmarks on a small map, once each."""
    camera = Camera(90.0, (12.0, 10.0), (20, 24))
    small = partial(scene.published_scene, camera=camera, vertices=60, dim=8, background=20)
    for module in (classification, pose_estimation, pose_step):
        monkeypatch.setattr(module, "published_scene", small)
        monkeypatch.setattr(module, "CAMERA", camera)
    for module in (classification, pose_estimation, inference):
        monkeypatch.setattr(module, "REPEATS", 1)
    for module in (pose_estimation, inference):
        monkeypatch.setattr(module, "STEPS", 1)
    monkeypatch.setattr(inference, "VERTICES", 30)
    monkeypatch.setattr(inference, "CLASSIFIERS", ("mean", "render-and-compare"))
    monkeypatch.setattr(classification, "square_product", partial(measuring.square_product, size=16))
    monkeypatch.setattr(inference, "CLASSES", 3)
    monkeypatch.setattr(inference, "IMAGES", 2)
    monkeypatch.setattr(inference, "SIDE", 8)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("module", [classification, inference, pose_estimation, pose_step])
def test_every_claim_compares_two_sides(module: ModuleType) -> None:
    for name, row in module.measure().items():
        assert any("speedup" in key or "share" in key for key in row), name
        assert all(value >= 0 for value in row.values() if not isinstance(value, str))
        assert all(value > 0 for key, value in row.items() if "seconds" in key or "speedup" in key)


def test_sides_are_measured_in_turn() -> None:
    calls: list[str] = []
    found = measuring.in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "a", "b", "b"] * 2 and set(found) == {"a", "b"}


@pytest.mark.parametrize("form", ["per-cell", "mean"])
def test_the_rendering_reference_gives_the_same_scores_and_poses(form: str) -> None:
    camera = Camera(90.0, (12.0, 10.0), (20, 24))
    small = scene.published_scene(2, "cpu", camera=camera, vertices=60, dim=8, background=20)
    bank = torch.stack((small.features, small.features.roll(1, 0), small.features.flip(0)))
    scores = classify(small.feature_map, bank, torch.ones(bank.shape[:2]).bool(), small.background, classifier=form)
    found, _ = estimate_pose(small.feature_map, small.mesh, small.features, small.background, camera, steps=5)
    model = feature_space.Model(small.mesh, small.features, camera)
    maps = feature_space.start_maps(model)
    for i, cells in enumerate(small.feature_map.flatten(2).mT):
        behind = (cells @ small.background.T).amax(1)
        torch.testing.assert_close(feature_space.class_scores(bank, cells, behind, form), scores[i])
        for render in (feature_space.by_ray_cast, feature_space.by_zbuffer):
            pose = feature_space.estimate(model, maps, cells, behind, render, 5)
            assert float(pose_error(pose, found[i]).rad2deg()) < 0.1


def test_the_page_shows_every_value() -> None:
    cases = {
        "cpu": {"speedup": 161.26, "extra_bytes": 2_000_000, "reference": {"seconds": 0.25}},
        "cuda": {"speedup": 2.5},
    }
    text = page({"pose_step": [{"machine": {"cores": 2}, "cases": cases}]})
    assert "| speedup | 161 | 2.5 |" in text
    assert "| extra bytes | 2.0 MB |  |" in text
    assert "| reference: seconds | 0.25 |  |" in text
    assert "cores 2" in text


def test_a_new_result_replaces_that_of_the_same_hardware() -> None:
    def result(processor: str, gpu: str, value: int) -> dict:
        return {"machine": {"processor": processor, "GPU": gpu}, "cases": {"case": {"value": value}}}

    results: list[dict] = []
    for new in (result("a", "none", 1), result("b", "none", 2), result("a", "some", 3), result("a", "none", 4)):
        results = replace_result(results, new)
    assert [found["cases"]["case"]["value"] for found in results] == [4, 2, 3]


def test_the_dense_training_step_has_the_same_losses() -> None:
    sizes = training_step.Sizes(4, 4, (48, 48), 180.0, 60, 16, 40, 1.5, 1)
    ours = training_step.stepper(sizes, "cpu", {})
    dense = training_step.stepper(sizes, "cpu", training_step.DENSE | {"observe_vertices": training_step.z_buffered})
    assert ours() == pytest.approx(dense(), rel=1e-5)
    # From here on rounding in bfloat16 drives the two apart.
    assert ours() == pytest.approx(dense(), rel=5e-3)
