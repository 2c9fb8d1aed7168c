"""Class and pose of an image at the embedded experiment's size (24 x 24 cells, 12 classes, 64 channels), one thread."""

import torch
from torch.nn.functional import normalize

from benchmarks.measuring import devices, extra_bytes, seconds
from meshcil.geometry import Camera, CuboidMesh
from meshcil.inference import infer

IMAGES, CLASSES, DIM = 32, 12, 64


def measure() -> dict[str, dict[str, object]]:
    """Seconds per image for each form of the class score, with 30 refinement steps, per device."""
    forms, threads = ("per-cell", "mean", "render-and-compare"), torch.get_num_threads()
    # As in the stage that predicts: its jobs run side by side, each on one thread.
    torch.set_num_threads(1)
    try:
        return {f"{form}, {device}": _measure(form, device) for device in devices() for form in forms}
    finally:
        torch.set_num_threads(threads)


def _measure(form: str, device: str) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    sizes = 0.2 + 0.3 * torch.rand(CLASSES, 3, generator=generator)
    meshes = [CuboidMesh.from_bounds(torch.stack((-size, size), -1), 200).to(device) for size in sizes]
    most = max(len(mesh.vertices) for mesh in meshes)
    valid = torch.arange(most) < torch.tensor([[len(mesh.vertices)] for mesh in meshes])
    bank, background, cells = (
        normalize(torch.randn(*shape, DIM, generator=generator), dim=-1).to(device)
        for shape in ((CLASSES, most), (2560,), (IMAGES, 24, 24))
    )
    arguments = (cells.permute(0, 3, 1, 2).contiguous(), meshes, bank, valid.to(device), background)

    def ours() -> None:
        infer(*arguments, Camera(75.0, (12.0, 12.0), (24, 24)), classifier=form)

    return {"seconds per image": seconds(ours, 3, device) / IMAGES, "extra bytes, 32 images": extra_bytes(ours, device)}


if __name__ == "__main__":
    print(measure())
