"""Classification over 12 classes of 1 120 vertices: share of the machine's matrix product peak, and memory."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.measuring import devices, extra_bytes, matmul_peak, seconds
from benchmarks.scene import published_scene
from meshcil.inference import classify

CLASSES, IMAGES = 12, 4


def measure() -> dict[str, dict[str, object]]:
    """Both published forms that look at cells one by one, per device."""
    return {f"{form}, {device}": _measure(form, device) for device in devices() for form in ("per-cell", "mean")}


def _measure(form: str, device: str) -> dict[str, object]:
    scene = published_scene(IMAGES, device)
    generator = torch.Generator().manual_seed(2)
    bank = normalize(torch.randn(CLASSES, *scene.features.shape, generator=generator), dim=-1).to(device)
    valid = torch.ones(bank.shape[:2], dtype=torch.bool, device=device)

    def ours() -> Tensor:
        return classify(scene.feature_map, bank, valid, scene.background, classifier=form)

    def dense() -> Tensor:
        """The published form: all similarities of an image at once."""
        cells = scene.feature_map[:1].flatten(2)
        best = (bank @ cells).amax(1)
        background = (scene.background @ cells[0]).amax(0)
        first, second = best.topk(2, dim=0).values
        return (best - background - (1 - (first - second))).amax(1)

    columns = bank.shape[0] * bank.shape[1] + len(scene.background)
    work = 2 * columns * bank.shape[2] * scene.feature_map[:, 0].numel()
    peak = matmul_peak(device)
    taken = seconds(ours, 3, device)
    row: dict[str, object] = {
        "seconds per image": taken / IMAGES,
        "floating point operations per second": work / taken,
        "matrix product peak": peak,
        "share of the peak": work / taken / peak,
        "extra bytes, 4 images": extra_bytes(ours, device),
    }
    if form == "per-cell":
        reference = seconds(dense, 2, device)
        row |= {
            "dense form: seconds per image": reference,
            "dense form: extra bytes, 1 image": extra_bytes(dense, device),
        }
        row["speedup over the dense form"] = reference * IMAGES / taken
    return row


if __name__ == "__main__":
    print(measure())
