"""Models of timm as trunks: read their weights, take them apart, fold batch norm, freeze a part."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

# What TensorFlow's release expects: (255 x - 127) / 128 for values x in [0, 1].
PUBLISHED_MEAN, PUBLISHED_STD = (127 / 255,) * 3, (128 / 255,) * 3

_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_INNER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# Blocks without expansion have one convolution and norm less, and timm counts from the first one there is.
_UNEXPANDED = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def is_published(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of the first release."""
    return "_conv_stem.weight" in tensors


def timm_names(tensors: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    """The same tensors by timm's names, whose blocks are numbered stage by stage, not all through.

    Raises ValueError when a name or number of block is unknown.
    """
    places = list(dict.fromkeys(tuple(name.split(".")[1:3]) for name in names if name.startswith("blocks.")))
    expanded = {name.split(".")[1] for name in tensors if "_expand_conv" in name}
    found = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        try:
            if parts[0] == "_blocks":
                stage, block = places[int(parts[1])]
                inner = _INNER if parts[1] in expanded else _UNEXPANDED
                found[f"blocks.{stage}.{block}.{inner[parts[2]]}.{parts[3]}"] = tensor
            else:
                found[f"{_OUTER[parts[0]]}.{parts[1]}"] = tensor
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"weights: {name} is not a tensor of this EfficientNet-Lite") from error
    return found


# Read by timm's downloader when it is imported; no model is created with `pretrained=True` either.
os.environ["HF_HUB_OFFLINE"] = "1"

# Of the images that networks are given (methods/base/images.py).
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Entry(nn.Module):
    """From normalised images to what a model expects: its own mean and standard deviation, enlarged ``zoom`` times.

    They also move right and down by ``shift`` enlarged pixels. Mean and standard deviation are part of the state, as
    they belong to the weights.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, zoom: float, shift: int = 0) -> None:
        super().__init__()
        self.zoom, self.shift = zoom, shift
        self.register_buffer("scale", torch.ones(3, 1, 1))
        self.register_buffer("offset", torch.zeros(3, 1, 1))

    def expect(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Give images this mean and standard deviation (of values in [0, 1])."""
        ours, theirs = torch.tensor([_MEAN, _STD]), torch.tensor([tuple(mean), tuple(std)])
        self.scale.copy_((ours[1] / theirs[1])[:, None, None])
        self.offset.copy_(((ours[0] - theirs[0]) / theirs[1])[:, None, None])

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H2 W2"]:
        """Images as the model takes them, channels last."""
        x = (images * self.scale + self.offset).contiguous(memory_format=torch.channels_last)
        if self.zoom != 1:
            size = [round(self.zoom * n) for n in images.shape[-2:]]
            x = functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
        return functional.pad(x, (self.shift, -self.shift, self.shift, -self.shift)) if self.shift else x


class Stages(nn.Module):
    """A chain of layers that gives what those at the positions ``ends``, and the last one, put out."""

    def __init__(self, layers: Sequence[nn.Module], ends: Iterable[int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.ends = tuple(sorted({*ends, len(layers) - 1}))

    def forward(self, x: Float[Tensor, "B C h w"]) -> list[Float[Tensor, "B _ _ _"]]:
        """Outputs at the ends, in order."""
        maps = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.ends:
                maps.append(x)
        return maps


class Pretrained(nn.Sequential):
    """Layers of a trunk that train, at a rate of their own."""


class Frozen(nn.Module):
    """A part that never changes: its tensors are buffers, it stays in evaluation mode, and copies share it.

    Student and teacher ask it for the same batch one after the other, so the last answer is kept.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner.eval()
        # Buffers, since whoever thaws a network by `requires_grad_` or lists its parameters means all of them.
        for module in inner.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                module.register_buffer(name, parameter.detach())
        self._last: tuple[Tensor, bool, Any] | None = None
        self.register_load_state_dict_post_hook(_forget)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Frozen":
        return self

    def train(self, mode: bool = True) -> "Frozen":
        """Stay in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "B C h w"]) -> Any:
        """What the part gives."""
        lowered = torch.is_autocast_enabled(x.device.type)
        if self._last is None or self._last[0] is not x or self._last[1] != lowered:
            self._last = (x, lowered, self.inner(x))
        return self._last[2]


def _forget(part: nn.Module, _keys: object) -> None:
    part._last = None


def frozen_tensors(module: nn.Module) -> list[Tensor]:
    """Tensors of the frozen parts of ``module``, each once."""
    parts = [part for part in module.modules() if isinstance(part, Frozen)]
    return list({id(tensor): tensor for part in parts for tensor in part.buffers()}.values())


def pretrained_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Trained parameters of the trunks in ``module``, each once."""
    parts = [part for part in module.modules() if isinstance(part, Pretrained)]
    return list(dict.fromkeys(parameter for part in parts for parameter in part.parameters()))


def create(name: str) -> Any:
    """Make timm's model ``name`` without its classifier, randomly initialised; images may have any size.

    Raises ValueError when timm knows no model of this name.
    """
    import timm

    if not timm.is_model(name):
        near = ", ".join(get_close_matches(name, timm.list_models(), n=5)) or "none"
        raise ValueError(f"model: timm {timm.__version__} has no model `{name}`; near: {near}")
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True).eval()
    except TypeError:  # convolutional networks take any size as they are, and no such argument
        return timm.create_model(name, pretrained=False, num_classes=0).eval()


def read_tensors(model: Any, tensors: Mapping[str, Tensor], entry: Entry) -> None:
    """Fill a model of `create` from its weights in timm's names, or EfficientNet-Lite's in those of its first release.

    Those of a classifier are left out; ``entry`` is told what images the weights expect. Raises ValueError when tensors
    are missing, unknown, or of another shape.
    """
    config: Mapping[str, Any] = model.pretrained_cfg
    mean, std = config["mean"], config["std"]
    if is_published(tensors):
        tensors = timm_names(tensors, list(model.state_dict()))
        mean, std = PUBLISHED_MEAN, PUBLISHED_STD
    heads = config.get("classifier") or ()
    prefixes = tuple(f"{name}." for name in ([heads] if isinstance(heads, str) else heads))
    wanted = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefixes)}
    try:
        missing, unexpected = model.load_state_dict(wanted, strict=False)
    except RuntimeError as error:
        raise ValueError(f"weights: shapes differ from the model's ({error})") from error
    if missing or unexpected:
        raise ValueError(f"weights: not a state of the model (missing {missing[:3]}, unknown {unexpected[:3]})")
    entry.expect(mean, std)


def chain_of(model: Any) -> tuple[list[nn.Module], dict[int, tuple[int, int]]]:
    """Layers of a convolutional model up to its deepest level; for each level's stride its last layer and its channels.

    Raises ValueError when the model is not a chain of layers that give maps.
    """
    levels = {level["module"]: level for level in model.feature_info}
    layers: list[nn.Module] = []
    found: dict[int, tuple[int, int]] = {}
    for name, layer in _opened(model, levels):
        layers.append(layer)
        if name in levels:
            found[levels[name]["reduction"]] = (len(layers) - 1, levels[name]["num_chs"])
        if len(found) == len(levels):
            break
    if not _gives(layers, found):
        cause = f"{type(model).__name__} is not a chain of convolutions with maps of different strides"
        raise ValueError(f"levels: {cause}; leave `levels` out for its pooled features")
    return layers, found


def _opened(model: nn.Module, names: Iterable[str]) -> Iterator[tuple[str, nn.Module]]:
    """Children in order; one that contains a name is opened."""
    for name, child in model.named_children():
        if any(other.startswith(f"{name}.") for other in names):
            yield from ((f"{name}.{inner}", layer) for inner, layer in child.named_children())
        else:
            yield name, child


@torch.no_grad()
def _gives(layers: Sequence[nn.Module], levels: Mapping[int, tuple[int, int]]) -> bool:
    """Whether the chain gives at each level a map of its stride and channels."""
    if not levels:
        return False
    size = 2 * max(levels)
    try:
        maps = Stages(layers, range(len(layers)))(torch.zeros(1, 3, size, size))
    except (RuntimeError, TypeError, ValueError, AssertionError):
        return False
    return all(maps[i].shape == (1, n, size // s, size // s) for s, (i, n) in levels.items())


def pads_unevenly(layers: Iterable[nn.Module]) -> bool:
    """Whether convolutions pad right and below more, as TensorFlow's 'SAME' does, instead of evenly."""
    from timm.layers.conv2d_same import Conv2dSame

    return any(isinstance(module, Conv2dSame) for layer in layers for module in layer.modules())


@torch.no_grad()
def fold_batch_norm(module: nn.Module, example: Float[Tensor, "1 C h w"]) -> None:
    """Make each batch norm whose input is a convolution's output a part of that convolution, in place.

    The result computes what ``module`` does in evaluation mode; training cannot change how it normalises. It is run
    once, on an ``example`` of its input.
    """
    made: dict[int, tuple[Tensor, nn.Conv2d]] = {}
    pairs: dict[nn.Module, nn.Conv2d] = {}

    def convolved(layer: nn.Conv2d, _inputs: object, output: Tensor) -> None:
        made[id(output)] = (output, layer)  # kept, so that no other tensor gets its id

    def normalises(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if id(inputs[0]) in made:
            pairs[layer] = made[id(inputs[0])][1]

    modules = list(module.modules())
    handles = [m.register_forward_hook(convolved) for m in modules if isinstance(m, nn.Conv2d)]
    handles += [m.register_forward_pre_hook(normalises) for m in modules if isinstance(m, _BatchNorm)]
    module(example)
    for handle in handles:
        handle.remove()
    for norm, layer in pairs.items():
        statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        weight, bias = fuse_conv_bn_weights(layer.weight, layer.bias, *statistics)
        layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    for parent in modules:
        for name, child in parent.named_children():
            if child in pairs:
                # timm's norms include the activation.
                setattr(parent, name, getattr(child, "act", nn.Identity()))
