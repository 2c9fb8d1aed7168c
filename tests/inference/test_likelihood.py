"""The likelihood of a start pose against its formula, cell by cell."""

import math

import pytest
import torch

from meshcil.inference import estimate_pose, start_poses
from meshcil.inference.prediction import infer
from meshcil.inference.similarity import best_similarity, map_columns, relative_similarity
from meshcil.inference.start_search import PoseLikelihood, likelihood_gain, soft_background, start_grid
from meshcil.rendering import rasterize
from tests.inference.scenes import make_scene

FORM = PoseLikelihood(kappa=14.0, background_weight=5e-3, floor=5.0)


def expected(scene, image: int, c: int, pose: torch.Tensor, form: PoseLikelihood) -> float:
    """Sum over cells of the log-likelihood, none below the floor, less what all cells at the floor would give."""
    cells = scene.feature_map[image].flatten(1).T
    features = scene.bank[c, : len(scene.meshes[c].vertices)]
    vertices = (form.kappa * cells @ features.T).exp().sum(1)
    clutter = form.background_weight * (form.kappa * cells @ scene.background.T).exp().sum(1)
    seen = rasterize(scene.meshes[c], pose[None], scene.camera)
    corners, weight = seen.pix_to_verts[0].flatten(0, 1), seen.bary_coords[0].flatten(0, 1)
    rendered = (features[corners.clamp(min=0)] * weight[..., None]).sum(1)
    explained = torch.where(corners[:, 0] >= 0, (form.kappa * (cells * rendered).sum(1)).exp(), clutter)
    return float(((explained / (vertices + clutter)).log().clamp(min=-form.floor) + form.floor).sum())


@pytest.mark.parametrize("form", [FORM, PoseLikelihood(3.0, 0.0, 2.0)], ids=["published", "no background"])
def test_the_gain_is_the_log_likelihood(form: PoseLikelihood) -> None:
    scene = make_scene(images=2)
    columns = map_columns(scene.feature_map)
    best, soft = best_similarity(columns, scene.background), soft_background(columns, scene.background, form)
    poses = start_poses(torch.float64)
    for c, mesh in enumerate(scene.meshes):
        table = relative_similarity(columns, best, scene.bank[c, : len(mesh.vertices)])
        before = table.clone()
        grid = start_grid(mesh, scene.camera, 5.0, torch.float64, torch.device("cpu"))
        gain = likelihood_gain(grid, table, best, soft, form) * len(best) * form.kappa
        torch.testing.assert_close(table, before)
        for s in (0, 40, 101):
            for image in range(2):
                assert float(gain[s, image]) == pytest.approx(expected(scene, image, c, poses[s], form), abs=1e-8)


def test_soft_background_is_between_the_best_and_the_sum() -> None:
    scene = make_scene(images=1)
    columns = map_columns(scene.feature_map)
    best = best_similarity(columns, scene.background)
    soft = soft_background(columns, scene.background, PoseLikelihood(14.0, 1.0))
    assert bool((soft >= best - 1e-12).all())
    assert bool((soft <= best + math.log(len(scene.background)) / 14.0 + 1e-12).all())


def test_poses_are_found_by_likelihood_too() -> None:
    scene = make_scene(images=2)
    common = scene.feature_map, scene.meshes, scene.bank, scene.valid, scene.background, scene.camera
    plain, likely = infer(*common, steps=0), infer(*common, steps=0, likelihood=FORM)
    assert torch.equal(plain.scores, likely.scores) and torch.equal(plain.label, likely.label)
    meshes = [scene.meshes[c] for c in likely.label.tolist()]
    features = scene.bank[likely.label]
    pose, _ = estimate_pose(
        scene.feature_map, meshes, features, scene.background, scene.camera, steps=0, likelihood=FORM
    )
    torch.testing.assert_close(pose, likely.pose)
    compared = infer(*common, steps=0, classifier="render-and-compare", likelihood=FORM)
    same = compared.label == likely.label
    torch.testing.assert_close(compared.pose[same], likely.pose[same])


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="kappa, floor and background_weight"):
        PoseLikelihood(0.0, 5e-3)
