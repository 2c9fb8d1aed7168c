"""AFC written a second time, from its formulas (Kang et al., CVPR 2022; public code cvlab-yonsei/AFC 94cecc9).

It trains beside a run of ours on the same batches: its losses, its importance, its optimiser steps and its earlier
network are its own. Layers, and the weights that an update starts from, are ours.
"""

import copy

import torch
from torch import Tensor, nn

from meshcil.methods.afc import Learner
from meshcil.methods.base.method import Batch, Method
from tests.peers import lockstep

ENDS = (-5, -3, -2, -1)
"""Layers of a ResNet-14 that end a stage, and the last but one, counted from the end."""
PROXIES, WEIGHT, RATE, BALANCED_RATE, MOMENTUM, DECAY = 10, 4.0, 0.05, 0.05, 0.9, 5e-4


class Peer:
    """The second AFC; `follow` is called with every batch before ours updates on it.

    Attributes:
        losses: before each update, by step.
        apart: how far the weights are from ours after each update, as a share of its way. Each begins from ours: where
            all pixels of a channel are small the distillation has a large gradient, which soon shows any rounding.
        importance: of the channels of each output, by step.
    """

    def __init__(self) -> None:
        self.step, self.phase = -1, ""
        self.losses: list[list[float]] = []
        self.apart: list[float] = []
        self.importance: list[list[Tensor]] = []
        self.network: nn.Module
        self.method: Learner

    def follow(self, method: Method, batch: Batch) -> None:
        """One update."""
        assert isinstance(method, Learner)
        if method.step != self.step:
            self.begin(method)
        else:
            self.compare()
        if batch.phase != self.phase:
            self.phase, self.momenta = batch.phase, {}
        self.network = copy.deepcopy(method.network)
        self.start = lockstep.weights(method)
        loss = self.loss(batch)
        self.losses[-1].append(float(loss.detach()))
        part = self.network if self.phase == "train" else self.network.head
        chosen = {name: p for name, p in part.named_parameters() if p.requires_grad}
        rate = RATE if self.phase == "train" else BALANCED_RATE
        gradients = torch.autograd.grad(loss, list(chosen.values()))
        with torch.no_grad():
            for (name, p), gradient in zip(chosen.items(), gradients, strict=True):
                step = gradient + DECAY * p
                self.momenta[name] = MOMENTUM * self.momenta[name] + step if name in self.momenta else step
                p -= rate * self.momenta[name]

    def begin(self, method: Learner) -> None:
        """Close the step before; what it has learned teaches the next."""
        if self.step >= 0:
            self.end()
            self.teacher = self.network.eval()
        self.method, self.step, self.phase = method, method.step, ""
        self.kept = method.exemplars
        self.losses.append([])

    def compare(self) -> None:
        """Note how far the last update has led from ours."""
        ours = lockstep.weights(self.method)
        self.apart.append(float((lockstep.weights(self) - ours).norm() / (ours - self.start).norm()))

    def loss(self, batch: Batch) -> Tensor:
        """Classification and distillation of a batch; on the balanced set the classifier alone learns."""
        train = self.phase == "train"
        self.network.train(train)
        maps = outputs(self.network.backbone, batch.images)
        features = maps[-1].mean(dim=(2, 3))
        found = self.classification(features if train else features.detach(), batch.labels)
        if not train or self.step == 0:
            return found
        with torch.no_grad():
            taught = outputs(self.teacher.backbone, batch.images)
        seen, new = self.method.seen, self.method.seen - self.method.old
        terms = []
        for own, old, weight in zip(maps, taught, self.importance[-1], strict=True):
            apart = torch.linalg.vector_norm(direction(own) - direction(old), dim=2)
            terms.append((apart * weight).sum() / apart.numel())
        return found + WEIGHT * (seen / new) ** 0.5 * sum(terms) / len(terms)

    def classification(self, features: Tensor, labels: Tensor) -> Tensor:
        """The public code's form: the margin cancels, the true class is set to zero behind the largest score."""
        head = self.network.head
        rows = torch.cat([head.frozen, head.weight])
        cosines = (features / features.norm(dim=1, keepdim=True)) @ (rows / rows.norm(dim=1, keepdim=True)).T
        groups = cosines.view(len(features), -1, PROXIES)
        shares = groups.exp() / groups.exp().sum(dim=2, keepdim=True)
        scores = head.scale * (shares * groups).sum(dim=2)
        total = 0.0
        for row, label in zip(scores, labels.tolist(), strict=True):
            top = row[int(row.argmax())]
            others = sum((row[j] - top).exp() for j in range(len(row)) if j != label)
            total = total - (row[label] - top) + (1 + others).log()
        return total / len(labels)

    def end(self) -> None:
        """Squared gradients of each image's loss, summed over pixels, averaged over images; divided by their mean."""
        train = lockstep.images(0)
        new = lockstep.of_classes(train, self.method.facts.seen(self.step - 1), self.method.facts.seen(self.step))
        if self.step == len(lockstep.STEPS) - 1:
            self.compare()
        self.network.eval()
        totals: list[Tensor | float] = [0.0] * len(ENDS)
        for pool in (new, *([self.kept] if self.kept is not None else [])):
            for image, label in zip(pool.batches(1, torch.device("cpu")), pool.labels, strict=True):
                maps = outputs(self.network.backbone, image)
                loss = self.classification(maps[-1].mean(dim=(2, 3)), label[None])
                for i, gradient in enumerate(torch.autograd.grad(loss, maps)):
                    totals[i] = totals[i] + (gradient[0] ** 2).sum(dim=(1, 2))
        self.importance.append([total / total.mean() for total in totals])


def outputs(backbone: nn.Module, images: Tensor) -> list[Tensor]:
    """Maps of the layers in `ENDS`."""
    maps = []
    for layer in backbone.layers:
        maps.append(layer(maps[-1] if maps else images))
    return [maps[i] for i in ENDS]


def direction(stage: Tensor) -> Tensor:
    """Squares of each channel's pixels, divided by their length; zero where all are."""
    squares = stage.flatten(2) ** 2
    return squares / torch.linalg.vector_norm(squares, dim=2, keepdim=True).clamp(min=1e-12)
