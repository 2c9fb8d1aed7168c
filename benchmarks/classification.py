"""Classification over 12 classes of 1 120 vertices: share of the machine's matrix product peak, and memory."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks import feature_space
from benchmarks.measuring import devices, extra_bytes, in_turn, square_product
from benchmarks.scene import CAMERA, published_scene
from meshcil.inference import CLASSIFIERS, classify

CLASSES, IMAGES, REPEATS = 12, 4, 3


def measure() -> dict[str, dict[str, object]]:
    """All forms of the class score, per device; the start poses' fragments are known beforehand."""
    return {f"{form}, {device}": _measure(form, device) for device in devices() for form in CLASSIFIERS}


def _measure(form: str, device: str) -> dict[str, object]:
    scene = published_scene(IMAGES, device)
    generator = torch.Generator().manual_seed(2)
    bank = normalize(torch.randn(CLASSES, *scene.features.shape, generator=generator), dim=-1).to(device)
    valid = torch.ones(bank.shape[:2], dtype=torch.bool, device=device)
    options = {"classifier": form, "meshes": [scene.mesh] * CLASSES, "camera": CAMERA}

    def ours() -> Tensor:
        return classify(scene.feature_map, bank, valid, scene.background, **options)

    def dense() -> Tensor:
        """The published form: all similarities of an image at once."""
        cells = scene.feature_map[0].flatten(1).T
        return feature_space.class_scores(bank, cells, (cells @ scene.background.T).amax(1), form)

    columns = bank.shape[0] * bank.shape[1] + len(scene.background)
    work = 2 * columns * bank.shape[2] * scene.feature_map[:, 0].numel()
    product, operations = square_product(device)
    has_dense = form != "render-and-compare"
    calls = {"ours": ours, "product": product} | ({"dense": dense} if has_dense else {})
    taken = in_turn(calls, REPEATS, device)
    peak = operations / taken["product"]
    row: dict[str, object] = {
        "seconds per image": taken["ours"] / IMAGES,
        "floating point operations per second": work / taken["ours"],
        "matrix product peak": peak,
        "share of the peak": work / taken["ours"] / peak,
        "extra bytes, 4 images": extra_bytes(ours, device),
    }
    if has_dense:
        row["dense form: seconds per image"] = taken["dense"]
        row["dense form: extra bytes, 1 image"] = extra_bytes(dense, device)
        row["speedup over the dense form"] = taken["dense"] * IMAGES / taken["ours"]
    return row


if __name__ == "__main__":
    print(measure())
