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
from meshcil.inference.refinement import REFINEMENT_BYTES
from meshcil.inference.render_and_compare import Group, estimate_groups
from meshcil.inference.similarity import best_similarity, images_per_block, map_columns, own_modes
from meshcil.inference.start_search import PoseLikelihood, soft_background


@dataclass(frozen=True, eq=False)
class Inference:
    """Predictions for a batch of images."""

    scores: Float[Tensor, "B C"]  # of each class, as ``classify``
    label: Int[Tensor, " B"]  # the class with the largest score
    pose: Float[Tensor, "B 3"]  # (azimuth in [0, 2 pi), elevation, theta) of the predicted class's mesh, in radians
    distance: Float[Tensor, " B"]  # of the camera from the origin, in CAD units
    pose_score: Float[Tensor, " B"]  # mean over all cells of max(o, b) - b at this pose (``estimate_pose``)
    covered: Bool[Tensor, "B H W"]  # cells that see the mesh at this pose
    occlusion: Bool[Tensor, "B H W"]  # those of them that the background explains better


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
    """Classify each image and estimate the pose of the predicted class (iNeMo); arguments as for ``classify``.

    Give the same mesh objects in every call: the fragments of their start poses are kept. ``distance`` is that of the
    camera at the start, ``steps`` those of pose refinement. ``likelihood`` chooses the start pose among ``starts``
    (`start_search.STARTS`), None for the published score.
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
            scores, start = search_classes(columns, best, bank, meshes, camera, distance, starts)
        else:
            scores = score_cells(columns, best, bank, valid, classifier)
        label = scores.argmax(1)
        groups = []
        for c in label.unique().tolist():
            images = (label == c).nonzero()[:, 0]
            groups.append(Group(images, meshes[c], bank[c], None if start is None else start[images, c]))
        chosen = None if likelihood is None else (likelihood, soft_background(columns, background, likelihood))
        found = estimate_groups(columns, best, groups, camera, distance, steps, chosen, starts)
    size = (len(feature_map), *camera.image_size)
    covered, occlusion = found.covered.view(size), found.occluded.view(size)
    return Inference(scores, label, found.pose, found.distance, found.score, covered, occlusion)
