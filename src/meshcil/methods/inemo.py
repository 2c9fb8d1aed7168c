"""iNeMo: incremental neural mesh models (Fischer et al., ECCV 2024)."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from meshcil.config.methods.inemo import Settings
from meshcil.core.errors import InputError
from meshcil.geometry.cameras import Camera
from meshcil.inference.classification import classify
from meshcil.inference.prediction import infer
from meshcil.inference.start_search import PoseLikelihood
from meshcil.losses.background_noise import noise
from meshcil.losses.contrastive import vertex_contrastive
from meshcil.losses.distillation import vertex_distillation
from meshcil.losses.etf_positional import positional
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, carried, deployed
from meshcil.memory.store import ExemplarStore
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.ledger import extractor_rows, tensor_bytes
from meshcil.methods.base.mesh_checks import drift_checks, gradient_checks, region_checks
from meshcil.methods.base.mesh_controls import draw_background, renamed, vertex_names
from meshcil.methods.base.mesh_rules import mesh_rules
from meshcil.methods.base.method import Batch, Method, Prediction, RunFacts
from meshcil.models.frames import turn
from meshcil.models.neural_mesh import (
    FeatureNetwork,
    LatentSpace,
    class_meshes,
    update_vertices,
    valid_rows,
    write_background,
)
from meshcil.rendering.visibility import VertexViews, hide, observe_vertices

_REFILL_BATCH = 64


class Learner(Method):
    """One cuboid of vertex features per class, compared with the image's features cell by cell."""

    has_teacher = True
    settings: Settings
    network: FeatureNetwork

    def __init__(self, settings: Settings, facts: RunFacts, device: torch.device) -> None:
        super().__init__(settings, facts, device)
        settings.check_classes(len(facts.classes))
        self.trains_on_all_data = settings.all_data
        self.rules = mesh_rules(settings)
        stride = self.network.backbone.stride
        height, width = (size // stride for size in facts.image_size)
        self.camera = Camera(facts.focal / stride, (width / 2, height / 2), (height, width))
        self.meshes = class_meshes(facts.bounds, settings.target_vertices)
        self.vertices = max(len(mesh.vertices) for mesh in self.meshes)
        self.likelihood = None
        if settings.inference.start_pose == "likelihood":
            self.likelihood = PoseLikelihood(settings.losses.kappa_contrastive, self.rules.background_weight)
        self.teacher: FeatureNetwork | None = None
        self._exemplars: ImagePool | None = None
        self._exemplar_ids: tuple[str, ...] = ()
        self.space = LatentSpace.create(
            settings.partitions,
            self.vertices,
            settings.dim,
            settings.background_columns,
            self.rules.fill,
            self.generator("latent space"),
        ).to(device)

    def build_network(self) -> nn.Module:
        """Backbone and projection."""
        # Channels last: the projection and the gathering of vertex features work cell by cell.
        return FeatureNetwork(self.build_backbone(), self.settings.dim).to(memory_format=torch.channels_last)

    def begin_step(self, step: int) -> None:
        """Freeze the network as it stands as teacher; the new classes' partitions are set aside, if need be now."""
        if self.facts.seen(step) > len(self.space.bank):
            self._grow(step)
        self._bank_before = self.space.bank[: self.facts.seen(step - 1)]
        self.teacher = copy.deepcopy(self.network).requires_grad_(False) if step > 0 else None
        if self.teacher is not None:
            self.teacher.train(self.rules.teacher_trains)
        self.step = step

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Contrastive, noise, positional and distillation terms (iNeMo, section 4.2)."""
        block = self.settings.losses
        with self.autocast():
            maps = self.network(batch.images)
        maps = maps.float()
        views = self._observe(batch)
        image, vertex = views.visible.nonzero(as_tuple=True)
        features = maps[image, :, views.row[image, vertex], views.column[image, vertex]]
        labels = batch.labels[image]
        names = vertex_names(self.settings.vertex_identity, batch.labels, self._members(self.seen), batch.generator)
        target = labels * self.vertices + names[image, vertex]
        clutter = self._background_features(maps, views, batch.generator)
        self._observed = (features.detach(), target, clutter.detach())
        terms = {
            "contrastive": vertex_contrastive(
                features,
                target,
                self.space.bank,
                self._valid(self.seen, unused=block.unused_partitions),
                self.space.background,
                kappa=block.kappa_contrastive,
                background_weight=self.rules.background_weight,
                excluded=renamed(self._neighbours(views, image, vertex), names[image]),
            ),
            "positional": block.positional_weight
            * positional(features, labels, self.space.centroids, kappa=block.kappa_positional),
        }
        if block.noise_weight > 0 and len(clutter):
            known = self._members(self.seen)
            terms["noise"] = block.noise_weight * noise(clutter, self.space.bank[: self.seen], known)
        return terms | self._distillation(batch, maps, views, features, (image, vertex))

    def _distillation(
        self,
        batch: Batch,
        maps: Float[Tensor, "B D h w"],
        views: VertexViews,
        features: Float[Tensor, "M D"],
        where: tuple[Int[Tensor, " M"], Int[Tensor, " M"]],
    ) -> dict[str, Float[Tensor, ""]]:
        block = self.settings.losses
        if self.teacher is None or (block.distillation_weight == 0 and block.feature_distillation_weight == 0):
            return {}
        with torch.no_grad(), self.autocast():
            taught = self.teacher(batch.images).float()
        image, vertex = where
        old = self.rules.distilled(self.facts, self.step)
        terms: dict[str, Float[Tensor, ""]] = {}
        if block.distillation_weight > 0:
            kappa = self.rules.kappa_distillation
            scale = kappa**-2 if block.distillation_scale == "inverse-square" else 1.0
            terms["distillation"] = (
                block.distillation_weight
                * scale
                * vertex_distillation(
                    features,
                    taught[image, :, views.row[image, vertex], views.column[image, vertex]],
                    self.space.bank[:old],
                    self._members(old),
                    kappa=kappa,
                )
            )
        if block.feature_distillation_weight > 0 and bool(batch.replayed.any()):
            kept = functional.cosine_similarity(maps[batch.replayed], taught[batch.replayed], dim=1)
            terms["feature distillation"] = block.feature_distillation_weight * (1 - kept).mean()
        return terms

    def after_batch(self, batch: Batch) -> None:
        """Move the vertex bank towards the batch's features and refresh the background bank (iNeMo, section 4)."""
        features, target, clutter = self._observed
        one = self.settings.vertex_identity == "class"
        counts = torch.bincount(target // self.vertices if one else batch.labels, minlength=len(self.space.bank))
        bank = update_vertices(self.space.bank, features, target, counts, momentum=self.settings.bank_momentum)
        bank = bank[:, :1].expand_as(bank).clone() if one else bank
        share = self.settings.background_updates
        if share < 1 and float(torch.rand((), generator=batch.generator)) >= share:
            clutter = clutter[:0]
        background, cursor = write_background(self.space.background, self.space.cursor, clutter)
        self.space = replace(self.space, bank=bank, background=background, cursor=cursor)

    def checks(self, images: ImagePool) -> dict[str, float]:
        """Whether regions are kept, features and bank stay, and how hard each loss pulls."""
        old, batch = len(self._bank_before), self._replay(images, self.generator("checks"))
        self.network.eval()
        terms = self.losses(replace(batch, replayed=batch.labels < old))
        features, target, _ = self._observed
        taught = None
        if self.teacher is not None:
            views = self._observe(batch)
            image, vertex = views.visible.nonzero(as_tuple=True)
            with torch.no_grad():
                taught = self.teacher(batch.images)[image, :, views.row[image, vertex], views.column[image, vertex]]
        members, bank = self._valid(self.seen, unused=False)[: self.seen], self.space.bank
        found = region_checks(features, target // self.vertices, bank, members, self.space.centroids, old)
        found |= drift_checks(features, taught, bank[:old], self._bank_before, members[:old])
        return found | gradient_checks(terms, [p for p in self.network.parameters() if p.requires_grad])

    @torch.no_grad()
    def consolidate(self, exemplars: ImagePool) -> None:
        """Refill the background bank from the exemplars (iNeMo, section 6, after each task)."""
        self._exemplars, self._exemplar_ids = exemplars, exemplars.ids
        if not len(exemplars) or not self.settings.background_refill:
            return
        self.network.eval()
        generator = self.generator("background refill")
        # Passes over the exemplars until the ring is full (more than one when there are few of them).
        passes = math.ceil(self.settings.background_columns / (self.settings.background_samples * len(exemplars)))
        background, cursor = self.space.background, self.space.cursor
        for part in exemplars.split(_REFILL_BATCH) * passes:
            batch = self._replay(part, generator)
            clutter = self._background_features(self.network(batch.images), self._observe(batch), generator)
            background, cursor = write_background(background, cursor, clutter)
        self.space = replace(self.space, background=background, cursor=cursor)

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "B 3 H W"]) -> Prediction:
        """Class by vertex similarities, pose by render-and-compare with the predicted class's mesh."""
        self.network.eval()
        block = self.settings.inference
        candidates = self.rules.candidates(self.seen, len(self.space.bank))
        answer = infer(
            self.network(images),
            self.meshes[:candidates],
            self.space.bank[:candidates],
            self._members(candidates),
            self.space.background,
            self.camera,
            distance=self.facts.distance,
            classifier=block.classifier,
            steps=block.refinement_steps,
            likelihood=self.likelihood,
            starts=block.start_grid,
        )
        return Prediction(
            answer.scores,
            answer.label,
            answer.pose,
            answer.distance,
            answer.covered,
            answer.occlusion,
            answer.pose_score,
        )

    @torch.no_grad()
    def scores(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """The configured class scores, without a pose."""
        self.network.eval()
        return self._classify(self.network(images))

    @torch.no_grad()
    def features(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean feature of the map."""
        self.network.eval()
        return self.network(images).mean(dim=(2, 3))

    @torch.no_grad()
    def latents(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B P D"]:
        """Unit features of all map cells, row by row, before they are matched with vertices."""
        self.network.eval()
        return self.network(images).flatten(2).transpose(1, 2)

    @torch.no_grad()
    def latent_logits(self, latents: Float[Tensor, "B P D"]) -> Float[Tensor, "B C"]:
        """The configured class score of the cells, brought back to unit length."""
        cells = functional.normalize(latents, dim=2).transpose(1, 2)
        return self._classify(cells.unflatten(2, self.camera.image_size))

    def rank_exemplars(self, count: int, *, seed: int, **arrays: NDArray[np.float64]) -> list[int]:
        """Images of one class, best first."""
        return self.rules.rank(count, seed=seed, **arrays)

    def update_exemplars(
        self, store: ExemplarStore, ranked: Mapping[str, Sequence[str]], per_class: int
    ) -> ExemplarStore:
        """The exemplars after the step."""
        return self.rules.update(store, ranked, per_class)

    def pose_error(self, true: Float[Tensor, "B 3"], found: Float[Tensor, "B 3"]) -> Float[Tensor, " B"]:
        """How far poses are from the true ones, in radians."""
        return self.rules.pose_error(true, found)

    def state(self) -> dict[str, Any]:
        """Step, network, latent space (banks, centroids, cursor), class order, exemplar ids.

        Draws follow from the run's seed and the step, so no generator is kept; the optimiser is made
        anew in each step, and is in the trainer's checkpoint within one.
        """
        kept = {"classes": list(self.facts.classes), "exemplars": list(self._exemplar_ids), "seed": self.facts.seed}
        return super().state() | kept | {"space": self.space.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`. Raises InputError for a run with other classes, class order, seed or size of the bank."""
        space = LatentSpace(**state["space"])
        for name, found, own in (
            ("classes", ", ".join(state["classes"]), ", ".join(self.facts.classes)),
            ("seed", state["seed"], self.facts.seed),
            ("vertices and dimensions", tuple(space.bank.shape[1:]), tuple(self.space.bank.shape[1:])),
            ("partitions", len(space.bank), self.settings.final_partitions(self.facts.seen(state["step"]))),
        ):
            if found != own:
                raise InputError("state", f"belongs to a run with {name} {found}, not {own}", "Give this run's file")
        super().load_state(state)
        self._exemplar_ids = tuple(state["exemplars"])
        self.space = space.to(self.device)

    def ledger_rows(self) -> list[LedgerRow]:
        """Network, vertex features and cuboid bounds of seen classes, background bank; partitions of later classes.

        Centroids and unused partitions follow from the seed, but the bank's unused part is stored, so it is counted
        as carried.
        """
        used = int(self._valid(self.seen, unused=False).sum())
        vertex_bytes = FLOAT_BYTES * self.settings.dim
        return [
            *extractor_rows("network", self.network),
            deployed("vertex features", used * vertex_bytes),
            deployed("cuboid bounds", tensor_bytes(self.facts.bounds[: self.seen])),
            deployed("background bank", tensor_bytes(self.space.background)),
            carried("unused partitions", (self.space.bank[..., 0].numel() - used) * vertex_bytes),
            carried("centroids", tensor_bytes(self.space.centroids)),
        ]

    def _replay(self, part: ImagePool, generator: torch.Generator) -> Batch:
        images = next(part.batches(len(part), self.device))
        replayed = torch.ones(len(part), dtype=torch.bool)
        return Batch(images, part.labels.to(self.device), part.poses.to(self.device), replayed, generator)

    def _grow(self, step: int) -> None:
        """Double the partitions until the classes of ``step`` have one each, and let the network follow (frames.py).

        Without exemplars only the banks turn.
        """
        seen, before = self.seen, self.space
        count = self.settings.final_partitions(self.facts.seen(step))
        follow = self.settings.partition_growth == "grow"
        self.space = before.grow(count, seen, self.rules.fill, self.generator("partition growth"), follow=follow)
        if follow and self._exemplars is not None and len(self._exemplars):
            self._refit(before.centroids, self._exemplars)

    @torch.no_grad()
    def _refit(self, centroids: Float[Tensor, "N D"], exemplars: ImagePool) -> None:
        """Re-fit the projection on exemplars: vertices turn with their class's centroid, the background stays."""
        self.network.eval()
        generator, count = self.generator("projection refit"), self.settings.background_samples
        cells, shifts = [], []
        for part in exemplars.split(_REFILL_BATCH):
            batch = self._replay(part, generator)
            views = self._observe(batch)
            inputs = self.network.backbone(batch.images)
            image, vertex = views.visible.nonzero(as_tuple=True)
            at_vertices = inputs[image, :, views.row[image, vertex], views.column[image, vertex]]
            label = batch.labels[image]
            outputs = functional.linear(
                at_vertices, self.network.projection.weight[:, :, 0, 0], self.network.projection.bias
            )
            turned = turn(outputs[:, None], centroids[label], self.space.centroids[label])[:, 0]
            clutter = draw_background(inputs, ~views.covered, count, "random", None, generator)
            cells += [at_vertices, clutter]
            shifts += [turned - outputs, torch.zeros(len(clutter), outputs.shape[1], device=self.device)]
        self.network.refit(torch.cat(cells), torch.cat(shifts))

    def _observe(self, batch: Batch) -> VertexViews:
        meshes = [self.meshes[label] for label in batch.labels.tolist()]
        views = observe_vertices(meshes, batch.poses, self.camera, self.facts.distance)
        return views if batch.hidden is None else hide(views, batch.hidden)

    def _valid(self, seen: int, *, unused: bool) -> Bool[Tensor, "N V"]:
        valid = valid_rows(self.meshes[:seen], len(self.space.bank), self.vertices, unused=unused)
        if self.settings.vertex_identity == "class":
            valid[:, 1:] = False
        return valid.to(self.device)

    def _members(self, classes: int) -> Bool[Tensor, "C V"]:
        """Which rows of the bank of the first ``classes`` classes are vertices."""
        members = self._valid(classes, unused=False)[:classes]
        return members.fill_(True) if self.rules.padding else members

    def _classify(self, maps: Float[Tensor, "B D h w"]) -> Float[Tensor, "B C"]:
        candidates = self.rules.candidates(self.seen, len(self.space.bank))
        return classify(
            maps,
            self.space.bank[:candidates],
            self._members(candidates),
            self.space.background,
            classifier=self.settings.inference.classifier,
            meshes=self.meshes[:candidates],
            camera=self.camera,
            distance=self.facts.distance,
        )

    def _neighbours(
        self, views: VertexViews, image: Int[Tensor, " M"], vertex: Int[Tensor, " M"]
    ) -> Bool[Tensor, "M V"]:
        """Vertices of the same mesh whose projections lie near: no negatives (iNeMo, theta-bar; NeMo)."""
        near = torch.cdist(views.uv, views.uv) <= self.settings.losses.neighbour_cells
        padding = self.vertices - near.shape[-1]
        return functional.pad(near[image, vertex], (0, padding))

    def _background_features(
        self, maps: Float[Tensor, "B D h w"], views: VertexViews, generator: torch.Generator
    ) -> Float[Tensor, "K D"]:
        """Features of drawn cells outside the rendered object; none from an image that it covers wholly."""
        sampling, count = self.settings.background_sampling, self.settings.background_samples
        known = self.space.bank[: self.seen][self._members(self.seen)] if sampling == "hard" else None
        return draw_background(maps, ~views.covered, count, sampling, known, generator)
