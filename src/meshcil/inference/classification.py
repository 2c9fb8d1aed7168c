"""Scores per class, in three forms that share the similarities of cells to vertices."""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from meshcil.core.arguments import checked, reject
from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.inference.similarity import (
    best_similarity,
    best_vertices,
    images_per_block,
    map_columns,
    own_modes,
    relative_similarity,
    require_features,
)
from meshcil.inference.start_search import start_grid

# Best and second best class, their margin, and a class with it.
_MARGINS = 6
CLASSIFIERS = ("per-cell", "mean", "render-and-compare")


@checked
def classify(
    feature_map: Float[Tensor, "B D H W"],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    background: Float[Tensor, "G D"],
    *,
    classifier: str = "per-cell",
    meshes: Sequence[Mesh] | None = None,
    camera: Camera | None = None,
    distance: Real = 5.0,
    max_bytes: int = 2**29,
) -> Float[Tensor, "B C"]:
    """Score the classes of an image by how well their vertices explain its cells; the largest is the prediction.

    With m_c(p) the similarity of cell p to the best vertex of class c and b(p) that to the best background feature:

    * "per-cell": max over p of m_c(p) - b(p) - (1 - (m_1(p) - m_2(p))), with m_1 and m_2 the two largest class values
      of the cell (iNeMo); m_2 = -1 if there is one class only.
    * "mean": mean over p of max(m_c(p) - b(p), 0).
    * "render-and-compare": the largest gain over the start poses (one minus the published start loss), so that the
      evidence of all cells must agree with one pose.

    All features have unit length. The bank holds only the classes to choose from, ``valid`` marks vertices that are no
    padding. "render-and-compare" needs one mesh per class in the bank's order, the map's camera and its ``distance``.
    ``max_bytes`` bounds the memory that grows with the images: they are worked on in blocks, one at least. Raises
    ValueError for an argument of the wrong shape, dtype or device, empty, not finite, or missing for the form.
    """
    require_bank(feature_map, bank, valid, background, classifier)
    if classifier == "render-and-compare":
        require_meshes(meshes, camera, feature_map, bank)
    values = class_values(bank) if classifier != "render-and-compare" else bank.shape[1]
    scores = []
    with own_modes(feature_map.device):
        for images in feature_map.split(images_per_block(feature_map, values, max_bytes)):
            columns = map_columns(images)
            best = best_similarity(columns, background)
            if classifier == "render-and-compare":
                scores.append(search_classes(columns, best, bank, meshes, camera, float(distance))[0])
            else:
                scores.append(score_cells(columns, best, bank, valid, classifier))
    return torch.cat(scores)


def score_cells(
    columns: Float[Tensor, "D P B"],
    background: Float[Tensor, "P B"],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    classifier: str,
) -> Float[Tensor, "B C"]:
    """The forms that look at cells one by one, "per-cell" and "mean"; see ``classify``.

    ``background`` is the best similarity of each cell of ``map_columns``.
    """
    if classifier == "mean":
        rows = zip(bank, valid, strict=True)
        every = (best_similarity(columns, features[own]) for features, own in rows)
        return torch.stack([best.sub_(background).clamp_(min=0).mean(0) for best in every], 1)
    return per_cell_scores(best_vertices(columns, bank, valid), background)


def class_values(bank: Float[Tensor, "C V D"]) -> int:
    """Most numbers that the forms which look at cells one by one hold per cell, beside the map."""
    return len(bank) + _MARGINS


def per_cell_scores(best: Float[Tensor, "C P B"], background: Float[Tensor, "P B"]) -> Float[Tensor, "B C"]:
    """The published score from the cells' similarities to each class's best vertex and to the best background."""
    # The two largest, class by class: a sort of all would hold copies of them.
    first, second = best[0], torch.full_like(best[0], -math.inf if len(best) > 1 else -1.0)
    for values in best[1:]:
        second = torch.maximum(second, torch.minimum(first, values))
        first = torch.maximum(first, values)
    margin = first - second - 1 - background
    return torch.stack([(values + margin).amax(0) for values in best], 1)


def search_classes(
    columns: Float[Tensor, "D P B"],
    background: Float[Tensor, "P B"],
    bank: Float[Tensor, "C V D"],
    meshes: Sequence[Mesh],
    camera: Camera,
    distance: float,
    starts: str = "paper",
) -> tuple[Float[Tensor, "B C"], Int[Tensor, "B C"]]:
    """Gain (``StartGrid.gain``) of each class's best start pose, and the pose's index among ``start_poses``."""
    table = columns.new_empty(bank.shape[1] * background.numel())
    gains, poses = [], []
    for features, mesh in zip(bank, meshes, strict=True):
        grid = start_grid(mesh, camera, distance, columns.dtype, columns.device, starts)
        similarity = relative_similarity(columns, background, features[: len(mesh.vertices)], out=table)
        gain, pose = grid.gain(similarity, background).max(0)
        gains.append(gain)
        poses.append(pose)
    return torch.stack(gains, 1), torch.stack(poses, 1)


def require_bank(feature_map: Tensor, bank: Tensor, valid: Tensor, background: Tensor, classifier: str) -> None:
    """Refuse features, banks and forms that cannot be classified with. Raises ValueError naming the argument."""
    require_features(feature_map, background, bank=bank)
    if not bool(valid.any(1).all()):
        reject("valid", "mark at least one vertex of every class")
    if classifier not in CLASSIFIERS:
        reject("classifier", f"be one of {', '.join(CLASSIFIERS)}, but it is {classifier!r}")


def require_meshes(meshes: Sequence[Mesh] | None, camera: Camera | None, feature_map: Tensor, bank: Tensor) -> None:
    """Refuse meshes and cameras that do not fit the map and the bank. Raises ValueError naming the argument."""
    if meshes is None or len(meshes) != len(bank):
        reject("meshes", f"be one mesh per class ({len(bank)})")
    for mesh in meshes:
        require_vertices(mesh, bank.shape[1], "bank")
    require_camera(camera, feature_map)


def require_vertices(mesh: Mesh, rows: int, argument: str) -> None:
    """Refuse a feature array with fewer rows than the mesh has vertices. Raises ValueError naming the array."""
    if len(mesh.vertices) > rows:
        reject(argument, f"have a row per vertex of the mesh ({len(mesh.vertices)}), but it has {rows}")


def require_camera(camera: Camera | None, feature_map: Tensor) -> None:
    """Refuse a camera of another map. Raises ValueError naming it."""
    if camera is None or camera.image_size != tuple(feature_map.shape[-2:]):
        size = None if camera is None else camera.image_size
        reject("camera", f"have the map's size {tuple(feature_map.shape[-2:])} as image_size, but it is {size}")
