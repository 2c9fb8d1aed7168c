"""Any model of timm: its levels merged to one map, or its own pooled features. Weights come from a local file.

Meshes compare features cell by cell, so their map needs detail and context: levels are merged at the finest one's
stride, each by a 1x1 convolution, enlarged and added, followed by one block (feature pyramid; Lin et al. 2017).
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.models.backbones.resnet10 import ResidualBlock
from meshcil.models.chain import Backbone, ChainBackbone
from meshcil.models.trunks import (
    Entry,
    Frozen,
    Pretrained,
    Stages,
    chain_of,
    create,
    fold_batch_norm,
    pads_unevenly,
    read_tensors,
)

Tensors = Mapping[str, Tensor]


class TimmPooled(Backbone):
    """A model's own pooled features as a map of one cell: the class token of a ViT, the mean of a ResNet's last map."""

    def __init__(self, model: str, frozen: int, zoom: float, *, fold: bool, tensors: Tensors | None = None) -> None:
        super().__init__()
        self.made_of = {"model": model, "frozen": frozen, "zoom": zoom, "fold": fold}
        entry, network = Entry(zoom), create(model)
        if tensors is not None:
            read_tensors(network, tensors, entry)
        self.stride = network.feature_info[-1]["reduction"]
        if frozen not in (0, self.stride):
            raise ValueError(f"frozen: without `levels`, it is 0 or {self.stride}, the deepest stride, not {frozen}")
        example = torch.zeros(1, 3, 2 * self.stride, 2 * self.stride)
        if fold or frozen:
            fold_batch_norm(network, example)
        with torch.no_grad():
            self.channels = network(example).shape[1]
        self.layers = Frozen(nn.Sequential(entry, network)) if frozen else Pretrained(entry, network)
        self.to(memory_format=torch.channels_last)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Start from the model's weights."""
        self.load_state_dict(TimmPooled(**self.made_of, tensors=tensors).state_dict())

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C 1 1"]:
        """Pooled features."""
        return self.layers(images)[:, :, None, None]


class TimmLevel(ChainBackbone):
    """One level of a convolutional model as it is: a chain, which methods may cut (MEMO) or double (AANet)."""

    def __init__(
        self, model: str, level: int, frozen: int, zoom: float, *, fold: bool, tensors: Tensors | None = None
    ) -> None:
        super().__init__()
        self.made_of = {"model": model, "level": level, "frozen": frozen, "zoom": zoom, "fold": fold}
        layers, levels = _trunk(model, (level,), frozen, fold=fold, tensors=tensors, entry=Entry(zoom))
        end, self.channels = levels[level]
        self.stride = round(level / zoom)
        still = levels[frozen][0] + 1 if frozen else 0
        fixed = [Frozen(nn.Sequential(*layers[:still]))] if frozen else []
        self.layers = nn.Sequential(*fixed, *(Pretrained(layer) for layer in layers[still : end + 1]))
        self.to(memory_format=torch.channels_last)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Start from the model's weights."""
        self.load_state_dict(TimmLevel(**self.made_of, tensors=tensors).state_dict())


class TimmPyramid(Backbone):
    """Several levels of a convolutional model, given by their strides, merged at the stride of the finest one.

    Through the stride ``frozen`` the trunk keeps its weights; 0 for none of it. Images are enlarged ``zoom`` times.
    ``fold`` makes the batch norms of what trains part of its convolutions. Raises ValueError when the model is unknown
    or not a chain of convolutions, a stride is none of its levels', or the weights are of another model.
    """

    def __init__(
        self,
        model: str,
        levels: Sequence[int],
        width: int,
        frozen: int,
        zoom: float,
        *,
        fold: bool,
        tensors: Tensors | None = None,
    ) -> None:
        super().__init__()
        self.made_of = {"model": model, "levels": levels, "width": width, "frozen": frozen, "zoom": zoom, "fold": fold}
        self.strides, self.channels = tuple(sorted(levels)), width
        finest = self.strides[0]
        self.stride = round(finest / zoom)
        entry = Entry(zoom)
        layers, found = _trunk(model, self.strides, frozen, fold=fold, tensors=tensors, entry=entry)
        # Cell i of stride s sees what is around pixel s i + s - 1 where convolutions pad unevenly, elsewhere s i.
        # It stands for s i + (s - 1) / 2.
        self.late = pads_unevenly(layers)
        entry.shift = finest // 2 if self.late else -(finest // 2)
        ends = [found[stride][0] for stride in self.strides]
        cut = found[frozen][0] + 1 if frozen else 0
        parts, given = [], []
        for kind, start, stop in ((Frozen, 0, cut), (Pretrained, cut, max(ends) + 1)):
            if start < stop:
                stages = Stages(layers[start:stop], [end - start for end in ends if start <= end < stop])
                parts.append(kind(stages))
                given += [start + end for end in stages.ends]
        self.trunk = nn.Sequential(*parts)
        self.picked = [given.index(end) for end in ends]
        self.lateral = nn.ModuleList(nn.Conv2d(found[stride][1], width, 1) for stride in self.strides)
        self.merge = ResidualBlock(width)
        self.to(memory_format=torch.channels_last)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Start the trunk from the model's weights."""
        self.trunk.load_state_dict(TimmPyramid(**self.made_of, tensors=tensors).trunk.state_dict())

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Map at the finest level's stride."""
        maps, signal = [], images
        for part in self.trunk:
            maps += part(signal)
            signal = maps[-1]
        fine, *coarse = [lateral(maps[i]) for i, lateral in zip(self.picked, self.lateral, strict=True)]
        for stride, level in zip(self.strides[1:], coarse, strict=True):
            fine = fine + _enlarge(level, stride // self.strides[0], fine, late=self.late)
        return self.merge(fine)


def _trunk(
    model: str, levels: Sequence[int], frozen: int, *, fold: bool, tensors: Tensors | None, entry: Entry
) -> tuple[list[nn.Module], dict[int, tuple[int, int]]]:
    """Entry and layers of a model with folded batch norms, and where its levels end there."""
    network = create(model)
    if tensors is not None:
        read_tensors(network, tensors, entry)
    layers, found = chain_of(network)
    if unknown := sorted({*levels, frozen} - {0, *found}):
        raise ValueError(f"levels, frozen: {model} has the strides {', '.join(map(str, found))}, not {unknown[0]}")
    count = len(layers) if fold else found[frozen][0] + 1 if frozen else 0
    if count:
        size = 2 * max(found)
        fold_batch_norm(whole := nn.Sequential(*layers[:count]), torch.zeros(1, 3, size, size))
        layers[:count] = whole
    return [entry, *layers], {stride: (end + 1, channels) for stride, (end, channels) in found.items()}


def _enlarge(level: Float[Tensor, "B C h w"], times: int, like: Tensor, *, late: bool) -> Float[Tensor, "B C H W"]:
    """Interpolate between cells where they lie: i over fine cell ``times * i``, late over ``times * i + times - 1``."""
    padded = functional.pad(level, (1, 0, 1, 0) if late else (0, 1, 0, 1), mode="replicate")
    size = [times * n + 1 for n in level.shape[-2:]]
    wide = functional.interpolate(padded, size=size, mode="bilinear", align_corners=True)
    height, width = like.shape[-2:]
    return wide[..., 1 : height + 1, 1 : width + 1] if late else wide[..., :height, :width]


def build(
    model: str, levels: Sequence[int], width: int, frozen: int, zoom: float, batch_norm: str = "folded"
) -> Backbone:
    """The backbone for these settings."""
    fold = batch_norm == "folded"
    if not levels:
        return TimmPooled(model, frozen, zoom, fold=fold)
    if len(levels) == 1:
        return TimmLevel(model, levels[0], frozen, zoom, fold=fold)
    return TimmPyramid(model, levels, width, frozen, zoom, fold=fold)
