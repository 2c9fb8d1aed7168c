"""Precision, autocast and inference mode: refused or without influence."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from meshcil.inference import classify, estimate_pose, infer
from meshcil.rendering import rasterize
from tests.inference.scenes import Scene, make_scene


def inferred(scene: Scene) -> Tensor:
    arguments = (scene.bank, scene.valid, scene.background, scene.camera)
    return infer(scene.feature_map, scene.meshes, *arguments, steps=5).pose


def estimated(scene: Scene) -> Tensor:
    meshes = [scene.meshes[c] for c in scene.label]
    features = scene.bank[scene.label]
    return estimate_pose(scene.feature_map, meshes, features, scene.background, scene.camera, steps=5)[0]


def classified(scene: Scene, form: str = "render-and-compare") -> Tensor:
    options = {"classifier": form, "meshes": scene.meshes, "camera": scene.camera}
    return classify(scene.feature_map, scene.bank, scene.valid, scene.background, **options)


def scored(scene: Scene) -> Tensor:
    return classified(scene, "per-cell")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("answer", [inferred, estimated, classified, scored])
def test_half_precision_is_refused(answer: Callable[[Scene], Tensor], dtype: torch.dtype) -> None:
    scene = make_scene(images=1)
    for name in ("feature_map", "bank", "background"):
        object.__setattr__(scene, name, getattr(scene, name).to(dtype))
    with pytest.raises(ValueError, match="feature_map must have dtype float32 or float64"):
        answer(scene)


@pytest.mark.parametrize("answer", [inferred, estimated, classified, scored])
def test_autocast_changes_nothing(answer: Callable[[Scene], Tensor]) -> None:
    scene = make_scene(images=2, dtype=torch.float32)
    expected = answer(scene)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = answer(scene)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("answer", [inferred, estimated, classified, scored])
def test_inference_mode_changes_nothing_and_spoils_nothing(answer: Callable[[Scene], Tensor], images: int) -> None:
    """A map size that no other test has, so that everything that is kept is made in inference mode."""
    size = {"inferred": 17, "estimated": 19, "classified": 21, "scored": 23}[answer.__name__] + 8 * (images - 1)
    with torch.inference_mode():
        scene = make_scene(images=images, size=size)
        found = answer(scene)
    torch.testing.assert_close(answer(make_scene(images=images, size=size)), found, rtol=0, atol=0)
    pose = torch.tensor([[0.3, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    rasterize(scene.meshes[0], pose, scene.camera).zbuf.sum().backward()
    assert pose.grad.isfinite().all() and pose.grad.any()


@pytest.mark.parametrize("answer", [inferred, estimated])
def test_poses_are_refined_without_gradients_and_carry_none(answer: Callable[[Scene], Tensor]) -> None:
    scene = make_scene(images=2)
    expected = answer(scene)
    with torch.no_grad():
        assert torch.equal(answer(scene), expected)
    scene.feature_map.requires_grad_()
    assert not answer(scene).requires_grad
    assert not torch.equal(expected, estimate_pose_start(scene))


def estimate_pose_start(scene: Scene) -> Tensor:
    """The poses before refinement."""
    meshes = [scene.meshes[c] for c in scene.label]
    features = scene.bank[scene.label]
    return estimate_pose(scene.feature_map, meshes, features, scene.background, scene.camera, steps=0)[0]
