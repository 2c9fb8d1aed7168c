"""Pose estimation by render-and-compare: the best start pose, refined."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from meshcil.core.arguments import checked, reject
from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.inference.classification import require_camera, require_vertices
from meshcil.inference.refinement import REFINEMENT_BYTES, PackedSimilarity, compare, refine
from meshcil.inference.similarity import (
    best_similarity,
    images_per_block,
    map_columns,
    own_modes,
    relative_similarity,
    require_features,
)
from meshcil.inference.start_search import PoseLikelihood, likelihood_gain, soft_background, start_grid, start_poses


@dataclass(frozen=True, eq=False)
class Group:
    """Images of a batch that are explained by the same mesh and features."""

    images: Int[Tensor, " N"]  # their indices
    mesh: Mesh  # theirs
    features: Float[Tensor, "V D"]  # of the mesh's vertices
    start: Int[Tensor, " N"] | None = None  # index of each image's best start pose if it is known already


StartLikelihood = tuple[PoseLikelihood, Float[Tensor, "P B"]]
"""How the start poses of a batch are chosen: the form of the likelihood, and its ``soft_background``."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """Poses of a batch."""

    pose: Float[Tensor, "B 3"]  # (azimuth in [0, 2 pi), elevation, theta) in radians
    distance: Float[Tensor, " B"]  # of the camera from the origin
    score: Float[Tensor, " B"]  # mean over all cells of max(o, b) - b at this pose
    covered: Bool[Tensor, "B P"]  # cells that see the mesh at this pose, in row-major order
    occluded: Bool[Tensor, "B P"]  # those of them that the background explains better


@checked
def estimate_pose(
    feature_map: Float[Tensor, "B D H W"],
    mesh: Mesh | Sequence[Mesh],
    vertex_features: Float[Tensor, "*M V D"],
    background: Float[Tensor, "G D"],
    camera: Camera,
    *,
    distance: Real = 5.0,
    steps: int = 30,
    likelihood: PoseLikelihood | None = None,
    max_bytes: int = 2**29,
) -> tuple[Float[Tensor, "B 3"], Float[Tensor, " B"]]:
    """Estimate the pose of the object in each image (iNeMo; NeMo).

    The best of the 144 start poses, then Adam on the camera's position and the in-plane rotation; all images of a batch
    are refined together. There is one mesh with features ``[V, D]`` for all images, or a sequence with one per image
    and features ``[B, V, D]``, padded at the end. With 0 ``steps`` the result is the best start pose. ``likelihood``
    chooses the start pose; None for the published score. ``max_bytes`` is as for ``classify``.

    Poses have an azimuth in [0, 2 pi); their scores are the mean over all cells of max(o, b) - b, with o the rendered
    similarity (0 where nothing is rendered) and b that of the best background feature. Raises ValueError for an
    argument of the wrong shape, dtype or device, empty, or not finite.
    """
    require_features(feature_map, background, vertex_features=vertex_features)
    require_camera(camera, feature_map)
    meshes = [mesh] * len(feature_map) if isinstance(mesh, Mesh) else list(mesh)
    if len(meshes) != len(feature_map):
        reject("mesh", f"be one mesh or one per image ({len(feature_map)}), but there are {len(meshes)}")
    shared = isinstance(mesh, Mesh)
    if vertex_features.shape[:-2] != (() if shared else (len(feature_map),)):
        reject(
            "vertex_features", f"be [V, D] for one mesh and [B, V, D] for several, not {list(vertex_features.shape)}"
        )
    for each in {id(each): each for each in meshes}.values():
        require_vertices(each, vertex_features.shape[-2], "vertex_features")
    block = images_per_block(feature_map, vertex_features.shape[-2], max_bytes, fixed=REFINEMENT_BYTES)
    parts = []
    with own_modes(feature_map.device):
        for first in range(0, len(feature_map), block):
            images = torch.arange(first, min(first + block, len(feature_map)), device=feature_map.device)
            if shared:
                groups = [Group(images - first, mesh, vertex_features)]
            else:
                groups = [Group(i[None] - first, meshes[i], vertex_features[i]) for i in images]
            columns = map_columns(feature_map[first : first + block])
            best = best_similarity(columns, background)
            chosen = None if likelihood is None else (likelihood, soft_background(columns, background, likelihood))
            parts.append(estimate_groups(columns, best, groups, camera, float(distance), steps, chosen))
    return torch.cat([part.pose for part in parts]), torch.cat([part.score for part in parts])


def estimate_groups(
    columns: Float[Tensor, "D P B"],
    background: Float[Tensor, "P B"],
    groups: Sequence[Group],
    camera: Camera,
    distance: float,
    steps: int,
    likelihood: StartLikelihood | None = None,
    starts: str = "paper",
) -> Estimates:
    """Start search group by group, then refinement of all images together; to be called within ``own_modes``.

    Every image is in one group. ``likelihood`` chooses the start poses, also where a group knows its own; None for the
    published score. ``background`` is the best similarity of each cell of ``map_columns``.
    """
    similarity, pose = _start(columns, background, groups, camera, distance, likelihood, starts)
    by_image = {i: group.mesh for group in groups for i in group.images.tolist()}
    meshes = [by_image[i] for i in range(len(pose))]
    pose, distances = refine(similarity, meshes, pose, distance, camera, steps=steps)
    result = compare(similarity, meshes, pose, distances, camera)
    empty = torch.where(result.covered, 0.0, background.T.neg().clamp(min=0))
    score = (result.advantage.clamp(min=0) + empty).mean(1)
    numbers = (value.to(columns.dtype) for value in (pose, distances, score))
    return Estimates(*numbers, result.covered, result.covered & (result.advantage < 0))


def _start(
    columns: Tensor,
    background: Tensor,
    groups: Sequence[Group],
    camera: Camera,
    distance: float,
    likelihood: StartLikelihood | None,
    starts: str,
) -> tuple[PackedSimilarity, Float[Tensor, "B 3"]]:
    """Similarity tables of all groups in one buffer, and the best start pose of each image."""
    _, cells, images = columns.shape
    values = columns.new_empty(sum(len(g.mesh.vertices) * cells * len(g.images) for g in groups))
    base, width = (torch.zeros(images, dtype=torch.int64, device=columns.device) for _ in range(2))
    chosen = torch.zeros(images, dtype=torch.int64, device=columns.device)
    first = 0
    for group in groups:
        own, count = group.images, len(group.images)
        part = columns if count == images else columns[:, :, own]
        behind = background if count == images else background[:, own]
        features = group.features[: len(group.mesh.vertices)]
        table = relative_similarity(part, behind, features, out=values[first:])
        grid = start_grid(group.mesh, camera, distance, columns.dtype, columns.device, starts)
        if likelihood is not None:
            form, soft = likelihood
            soft = soft if count == images else soft[:, own]
            chosen[own] = likelihood_gain(grid, table, behind, soft, form).argmax(0)
        else:
            chosen[own] = grid.gain(table, behind).argmax(0) if group.start is None else group.start
        base[own] = first + torch.arange(count, device=columns.device)
        width[own] = count
        first += table.numel()
    poses = start_poses(columns.dtype, columns.device, starts)[chosen]
    return PackedSimilarity(values, base, cells * width, width), poses
