"""Where the paper and the released code of iNeMo differ: one entry per difference (docs/known-defects.md)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from meshcil.config.methods.inemo import ReleasedCode, Settings
from meshcil.geometry.poses import pose_error, transposed_pose_error
from meshcil.memory.released import select_by_azimuth, update_store
from meshcil.memory.selection import select
from meshcil.memory.store import ExemplarStore
from meshcil.methods.base.method import RunFacts
from meshcil.models.etf import partition_latent_space, scatter_latent_space, share_latent_space
from meshcil.models.neural_mesh import Fill

Rank = Callable[..., list[int]]
Update = Callable[[ExemplarStore, Mapping[str, Sequence[str]], int], ExemplarStore]


@dataclass(frozen=True)
class MeshRules:
    """The paper's rules, or the released code's where a flag says so."""

    fill: Fill  # what the partitions hold at the start (D1)
    kappa_distillation: float  # kappa3 (D2)
    background_weight: float  # w_B in the contrastive denominator (D3)
    # classes an image is compared with, from those seen and the partitions there are (D4)
    candidates: Callable[[int, int], int]
    distilled: Callable[[RunFacts, int], int]  # classes that distillation covers at a step, the first ones (D5)
    update: Update  # exemplars after a step (D8, D9)
    rank: Rank  # exemplars of one class, best first (D10)
    teacher_trains: bool  # the teacher normalises by batch statistics (D11)
    pose_error: Callable[[Tensor, Tensor], Tensor]  # radians between two poses (D13)
    padding: bool  # padded vertices count like others outside of the contrastive loss (D14)


def mesh_rules(settings: Settings) -> MeshRules:
    """The rules that the settings choose."""
    block, flags = settings.losses, settings.released_code
    partition = share_latent_space if flags.shared_partition else partition_latent_space
    released_weight = block.background_weight**block.kappa_contrastive
    return MeshRules(
        fill=partition if settings.etf else scatter_latent_space,
        kappa_distillation=block.distillation_weight if flags.distillation_temperature else block.kappa_distillation,
        background_weight=released_weight if flags.scaled_background_weight else block.background_weight,
        candidates=_all_partitions if flags.all_partitions_compete else _seen,
        distilled=_first_classes if flags.first_classes_distilled else _earlier_classes,
        update=_update(flags),
        rank=_released_rank if flags.azimuth_selection and settings.exemplars == "pose-aware" else _rank(settings),
        teacher_trains=flags.teacher_in_training_mode,
        pose_error=transposed_pose_error if flags.transposed_pose_error else pose_error,
        padding=flags.padding_counts,
    )


def _seen(seen: int, _partitions: int) -> int:
    return seen


def _all_partitions(_seen: int, partitions: int) -> int:
    return partitions


def _earlier_classes(facts: RunFacts, step: int) -> int:
    return facts.seen(step - 1)


def _first_classes(facts: RunFacts, step: int) -> int:
    return min(facts.step_sizes[step], facts.seen(step - 1))


def _update(flags: ReleasedCode) -> Update:
    if flags.growing_memory:
        return partial(update_store, reduction="unchanged")
    if flags.empty_reduction:
        return partial(update_store, reduction="lost")
    if flags.azimuth_selection:
        return partial(update_store, reduction="thinned")
    return ExemplarStore.update


def _rank(settings: Settings) -> Rank:
    return lambda count, *, seed, **arrays: select(settings.exemplars, count, seed=seed, **arrays)


def _released_rank(count: int, *, seed: int, azimuth: NDArray[np.float64]) -> list[int]:
    return select_by_azimuth(azimuth, count, seed)
