"""Everything that is inferred from an image at once: class, pose, and which cells are occluded."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from meshcil.core.arguments import checked
from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.inference.classification import class_values, require_bank, require_meshes, score_cells, search_classes
from meshcil.inference.likelihood import PoseLikelihood, soft_background
from meshcil.inference.refinement import REFINEMENT_BYTES
from meshcil.inference.render_and_compare import Group, StartLikelihood, estimate_groups
from meshcil.inference.similarity import best_similarity, images_per_block, map_columns, own_modes


@dataclass(frozen=True, eq=False)
class Inference:
    """Predictions for a batch of images.

    Attributes:
        scores: of each class, as ``classify``.
        label: the class with the largest score.
        pose: (azimuth in [0, 2 pi), elevation, theta) of the predicted class's mesh, in radians.
        distance: of the camera from the origin, in CAD units.
        pose_score: mean over all cells of max(o, b) - b at this pose (``estimate_pose``).
        covered: cells that see the mesh at this pose.
        occlusion: those of them that the background explains better.
    """

    scores: Float[Tensor, "B C"]
    label: Int[Tensor, " B"]
    pose: Float[Tensor, "B 3"]
    distance: Float[Tensor, " B"]
    pose_score: Float[Tensor, " B"]
    covered: Bool[Tensor, "B H W"]
    occlusion: Bool[Tensor, "B H W"]


@checked
def infer(
    feature_map: Float[Tensor, "B D H W"],
    meshes: Sequence[Mesh],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    background: Float[Tensor, "G D"],
    camera: Camera,
    *,
    distance: Real = 5.0,
    classifier: str = "per-cell",
    steps: int = 30,
    likelihood: PoseLikelihood | None = None,
    starts: str = "paper",
    max_bytes: int = 2**29,
) -> Inference:
    """Classify each image and estimate the pose of the predicted class (iNeMo).

    Args:
        feature_map: unit features of the cells.
        meshes: one per class, in the bank's order. Give the same objects in every call: the fragments of their start
            poses are kept.
        bank: unit features of the vertices, padded to V per class. Only the classes to choose from.
        valid: which vertices are no padding.
        background: unit features of the background.
        camera: of the map.
        distance: of the camera at the start.
        classifier: the form of the class score (``classify``).
        steps: of pose refinement.
        likelihood: chooses the start pose; None for the published score.
        starts: name of the start poses, `paper` or `fine` (`start_search.STARTS`).
        max_bytes: bound of the memory that grows with the images: they are worked on in blocks, one at least.

    Returns:
        The predictions.

    Raises:
        ValueError: as ``classify``.
    """
    require_bank(feature_map, bank, valid, background, classifier)
    require_meshes(meshes, camera, feature_map, bank)
    values = max(bank.shape[1], class_values(bank))
    block = images_per_block(feature_map, values, max_bytes, fixed=REFINEMENT_BYTES)
    fixed = (meshes, bank, valid, background, camera, float(distance), classifier, steps, likelihood, starts)
    parts = [_infer_block(images, *fixed) for images in feature_map.split(block)]
    return Inference(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Inference)))


def _infer_block(
    feature_map: Tensor,
    meshes: Sequence[Mesh],
    bank: Tensor,
    valid: Tensor,
    background: Tensor,
    camera: Camera,
    distance: float,
    classifier: str,
    steps: int,
    likelihood: PoseLikelihood | None,
    starts: str,
) -> Inference:
    with own_modes(feature_map.device):
        columns = map_columns(feature_map)
        best = best_similarity(columns, background)
        start = None
        if classifier == "render-and-compare":
            search = search_classes(columns, best, bank, meshes, camera, distance, starts)
            scores, start = search.gain, search.pose
        else:
            scores = score_cells(columns, best, bank, valid, classifier)
        label = scores.argmax(1)
        groups = []
        for c in label.unique().tolist():
            images = (label == c).nonzero()[:, 0]
            groups.append(Group(images, meshes[c], bank[c], None if start is None else start[images, c]))
        soft = None if likelihood is None else soft_background(columns, background, likelihood)
        chosen = None if soft is None else StartLikelihood(likelihood, soft)
        found = estimate_groups(columns, best, groups, camera, distance, steps, chosen, starts)
    size = (len(feature_map), *camera.image_size)
    covered, occlusion = found.covered.view(size), found.occluded.view(size)
    return Inference(scores, label, found.pose, found.distance, found.score, covered, occlusion)
