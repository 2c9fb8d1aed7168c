"""Class scores: parity values, references cell by cell, blocks, refusals."""

import pytest
import torch

from meshcil.inference import classify, start_poses
from meshcil.inference.classification import per_cell_scores
from tests.inference.scenes import Scene, make_scene, objective

FORMS = ["per-cell", "mean", "render-and-compare"]


def scores(scene: Scene, form: str, **changes: object) -> torch.Tensor:
    arguments = {
        "feature_map": scene.feature_map,
        "bank": scene.bank,
        "valid": scene.valid,
        "background": scene.background,
        "classifier": form,
        "meshes": scene.meshes,
        "camera": scene.camera,
    }
    return classify(**(arguments | changes))


def test_per_cell_parity() -> None:
    best = torch.tensor([[0.9, 0.5], [0.8, 0.95], [0.1, 0.2]])[..., None]
    found = per_cell_scores(best, torch.tensor([0.3, 0.6])[:, None])
    torch.testing.assert_close(found, torch.tensor([[-0.30, -0.20, -0.95]]))
    assert int(found.argmax()) == 1


def test_per_cell_parity_through_features() -> None:
    """The same values as dot products: two cells, three classes, one background feature."""
    values = torch.tensor([[0.9, 0.5], [0.8, 0.95], [0.1, 0.2], [0.3, 0.6]])
    feature_map = values.view(1, 4, 1, 2)
    basis = torch.eye(4)
    bank = torch.stack((basis[:3], torch.full((3, 4), 9.0)), 1)
    valid = torch.tensor([[True, False]] * 3)
    found = classify(feature_map, bank, valid, basis[3:])
    torch.testing.assert_close(found, torch.tensor([[-0.30, -0.20, -0.95]]))


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("form", ["per-cell", "mean"])
def test_cell_forms_equal_a_plain_reference(form: str, classes: int) -> None:
    scene = make_scene(images=4)
    found = scores(scene, form, bank=scene.bank[:classes], valid=scene.valid[:classes], meshes=None, camera=None)
    features = scene.feature_map.flatten(2).mT
    for image, cells in enumerate(features):
        b = (cells @ scene.background.T).amax(1)
        m = torch.stack([(cells @ scene.bank[c][scene.valid[c]].T).amax(1) for c in range(classes)])
        if form == "mean":
            expected = (m - b).relu().mean(1)
        else:
            two = m.sort(0, descending=True).values
            gap = two[0] - (two[1] if classes > 1 else -1.0)
            expected = (m - b - (1 - gap)).amax(1)
        torch.testing.assert_close(found[image], expected)


def test_render_and_compare_is_the_best_start_pose() -> None:
    scene = make_scene(images=2)
    found = scores(scene, "render-and-compare")
    for image in range(2):
        for c in range(3):
            best = max(1 - float(objective(scene, image, c, pose, 5.0)) for pose in start_poses(torch.float64))
            assert float(found[image, c]) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_classes_are_found(form: str) -> None:
    scene = make_scene(images=9, dtype=torch.float32)
    assert torch.equal(scores(scene, form).argmax(1), scene.label)


@pytest.mark.parametrize("form", FORMS)
def test_blocks_change_nothing(form: str) -> None:
    scene = make_scene(images=5)
    whole = scores(scene, form)
    torch.testing.assert_close(scores(scene, form, max_bytes=1), whole, rtol=0, atol=1e-12)
    two = 2 * scene.bank.shape[1] * 16 * 16 * 8
    torch.testing.assert_close(scores(scene, form, max_bytes=two), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_padding_is_never_a_candidate(form: str) -> None:
    scene = make_scene(images=3)
    bank = scene.bank.clone()
    # A padded vertex that matches every image perfectly.
    bank[0, ~scene.valid[0]] = scene.feature_map[2].flatten(1).mean(1) * 100
    torch.testing.assert_close(scores(scene, form, bank=bank), scores(scene, form))


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("feature_map", torch.full((1, 24, 16, 16), float("nan"), dtype=torch.float64), "feature_map must be finite"),
        ("feature_map", torch.zeros(24, 16, 16, dtype=torch.float64), "feature_map must have shape"),
        ("feature_map", torch.zeros(0, 24, 16, 16, dtype=torch.float64), "feature_map must not be empty"),
        ("bank", torch.zeros(0, 5, 24, dtype=torch.float64), "valid must have shape|bank must not be empty"),
        ("bank", torch.zeros(3, 5, 23, dtype=torch.float64), "bank must have shape"),
        ("bank", torch.full((3, 88, 24), float("inf"), dtype=torch.float64), "must"),
        ("valid", torch.zeros(3, 4, dtype=torch.bool), "valid must have shape"),
        ("valid", torch.zeros(3, 88, dtype=torch.int64), "valid must have a dtype"),
        ("background", torch.zeros(0, 24, dtype=torch.float64), "background must not be empty"),
        ("background", torch.zeros(4, 24), "background must have dtype"),
        ("background", None, "background must be a tensor"),
        ("classifier", "nearest", "classifier must be one of per-cell, mean, render-and-compare"),
        ("max_bytes", 0, "max_bytes must"),
    ],
)
def test_impossible_arguments_are_refused(argument: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores(make_scene(images=1), "per-cell", **{argument: value})


def test_a_class_without_vertices_is_refused() -> None:
    scene = make_scene(images=1)
    valid = scene.valid.clone()
    valid[1] = False
    with pytest.raises(ValueError, match="valid must mark at least one vertex"):
        scores(scene, "per-cell", valid=valid)
    empty = {"bank": scene.bank[:0], "valid": scene.valid[:0]}
    with pytest.raises(ValueError, match="bank must not be empty"):
        scores(scene, "per-cell", **empty)


def test_tensors_on_two_devices_are_refused() -> None:
    scene = make_scene(images=1)
    with pytest.raises(ValueError, match="background must be on device"):
        scores(scene, "per-cell", background=scene.background.to("meta"))


def test_render_and_compare_needs_fitting_meshes_and_camera() -> None:
    scene = make_scene(images=1)
    with pytest.raises(ValueError, match="meshes must"):
        scores(scene, "render-and-compare", meshes=None)
    with pytest.raises(ValueError, match="meshes must"):
        scores(scene, "render-and-compare", meshes=scene.meshes[:2])
    with pytest.raises(ValueError, match="camera must"):
        scores(scene, "render-and-compare", camera=scene.camera.window(slice(0, 8), slice(0, 16)))
    with pytest.raises(ValueError, match="bank must have a row per vertex"):
        scores(scene, "render-and-compare", bank=scene.bank[:, :20], valid=scene.valid[:, :20])
