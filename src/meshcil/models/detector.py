"""Faster R-CNN that grows with the classes: torchvision's detectors, and a small one that trains on a CPU.

Label 0 is the background; a class's label is its position in the order of arrival plus 1. The latent of a box is the
output of the box head, which the classifier reads.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

NETWORKS = ("small", "mobilenet-v3-large-320-fpn", "fasterrcnn-resnet50-fpn")
_CHANNELS = 64
_ROI = 5
_WIDTH = 128
"""Of the small detector's latents."""


def build_detector(network: str, classes: int, *, weights: str | None = None, size: int | None = None) -> FasterRCNN:
    """An untrained detector of one of `NETWORKS` for ``classes`` without the background; nothing is downloaded.

    ``weights`` is a safetensors file with the tensors of torchvision's release of this network, box predictor left out;
    ``size`` the shorter side that images are resized to, the network's own when None. Raises ValueError for an unknown
    network, or weights that do not fit.
    """
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
    if network == "small":
        model = _small_detector(classes, size or 160)
    else:
        build = getattr(detection, network.replace("mobilenet", "fasterrcnn_mobilenet").replace("-", "_"))
        options = {"min_size": size} if size else {}
        model = build(weights=None, weights_backbone=None, num_classes=classes + 1, **options)
    if weights is not None:
        tensors = {n: t for n, t in load_file(Path(weights)).items() if not n.startswith("roi_heads.box_predictor")}
        found = model.load_state_dict(tensors, strict=False)
        missing = [name for name in found.missing_keys if not name.startswith("roi_heads.box_predictor")]
        if missing or found.unexpected_keys:
            raise ValueError(f"weights must be those of {network}; {len(missing)} tensors are missing")
    return model


def _small_detector(classes: int, size: int) -> FasterRCNN:
    """A few convolutions, two map levels of strides 8 and 16, and a narrow box head."""
    stages = [_stage(3, 32, 2), _stage(32, 48, 2), _stage(48, _CHANNELS, 2), _stage(_CHANNELS, 2 * _CHANNELS, 2)]
    body = nn.Sequential(*stages)
    backbone = BackboneWithFPN(body, {"2": "0", "3": "1"}, [_CHANNELS, 2 * _CHANNELS], _CHANNELS)
    # The pyramid adds a coarser level by pooling.
    anchors = AnchorGenerator(((24,), (48,), (96,)), ((0.4, 1.0, 2.5),) * 3)
    pool = MultiScaleRoIAlign(["0", "1"], _ROI, 2)
    return FasterRCNN(
        backbone,
        rpn_anchor_generator=anchors,
        box_roi_pool=pool,
        box_head=TwoMLPHead(_CHANNELS * _ROI * _ROI, _WIDTH),
        box_predictor=FastRCNNPredictor(_WIDTH, classes + 1),
        min_size=size,
        max_size=2 * size,
        rpn_pre_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=100,
        rpn_post_nms_top_n_train=100,
        rpn_post_nms_top_n_test=50,
        rpn_batch_size_per_image=64,
        box_batch_size_per_image=32,
    )


def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, step in ((channels_in, stride), (channels, 1)):
        layers += [nn.Conv2d(before, channels, 3, stride=step, padding=1, bias=False), nn.BatchNorm2d(channels)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def grow_predictor(model: FasterRCNN, classes: int) -> None:
    """Give the box predictor rows for ``classes`` classes; old rows stay, new ones are drawn as torch draws them.

    Raises ValueError when there are more classes already.
    """
    old = model.roi_heads.box_predictor
    before = old.cls_score.out_features - 1
    if classes < before:
        raise ValueError(f"classes must be at least the {before} there are, not {classes}")
    new = FastRCNNPredictor(old.cls_score.in_features, classes + 1).to(old.cls_score.weight.device)
    with torch.no_grad():
        for layer in ("cls_score", "bbox_pred"):
            source, target = getattr(old, layer), getattr(new, layer)
            target.weight[: len(source.weight)] = source.weight
            target.bias[: len(source.bias)] = source.bias
    model.roi_heads.box_predictor = new


def box_latents(
    model: FasterRCNN, features: dict[str, Tensor], boxes: list[Tensor], sizes: list[tuple[int, int]]
) -> Float[Tensor, "n D"]:
    """Latents of boxes, those of all images one after the other.

    ``features`` are the maps of the resized images of ``sizes`` (H, W), boxes float [k, 4] per image in their pixels.
    """
    return model.roi_heads.box_head(model.roi_heads.box_roi_pool(features, boxes, sizes))
