"""Class and pose of an image at the embedded experiment's size (24 x 24 cells, 12 classes, 64 channels), one thread.

The reference holds all similarities of an image at once and renders feature maps, image by image, with a z-buffer.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks import feature_space, zbuffer
from benchmarks.measuring import devices, extra_bytes, in_turn
from meshcil.geometry import Camera, CuboidMesh
from meshcil.inference import CLASSIFIERS, infer

IMAGES, CLASSES, VERTICES, DIM, SIDE, STEPS, REPEATS = 32, 12, 200, 64, 24, 30, 3


def measure() -> dict[str, dict[str, object]]:
    """Seconds per image for each form of the class score, with 30 refinement steps, per device."""
    threads = torch.get_num_threads()
    # As in the stage that predicts: its jobs run side by side, each on one thread.
    torch.set_num_threads(1)
    try:
        return {f"{form}, {device}": _measure(form, device) for device in devices() for form in CLASSIFIERS}
    finally:
        torch.set_num_threads(threads)


def _measure(form: str, device: str) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    sizes = 0.2 + 0.3 * torch.rand(CLASSES, 3, generator=generator)
    meshes = [CuboidMesh.from_bounds(torch.stack((-size, size), -1), VERTICES).to(device) for size in sizes]
    most = max(len(mesh.vertices) for mesh in meshes)
    valid = (torch.arange(most) < torch.tensor([[len(mesh.vertices)] for mesh in meshes])).to(device)
    bank, background, images = (
        normalize(torch.randn(*shape, DIM, generator=generator), dim=-1).to(device)
        for shape in ((CLASSES, most), (2560,), (IMAGES, SIDE, SIDE))
    )
    feature_map = images.permute(0, 3, 1, 2).contiguous()
    camera = Camera(75.0, (SIDE / 2, SIDE / 2), (SIDE, SIDE))
    models = [feature_space.Model(mesh, features, camera) for mesh, features in zip(meshes, bank, strict=True)]
    maps = [feature_space.start_maps(model) for model in models]

    def ours() -> object:
        return infer(feature_map, meshes, bank, valid, background, camera, classifier=form, steps=STEPS)

    def reference() -> Tensor:
        cells = images[0].flatten(0, 1)
        behind = (cells @ background.T).amax(1)
        if form == "render-and-compare":
            scores = torch.stack([feature_space.start_gains(starts, cells, behind).max() for starts in maps])
        else:
            scores = feature_space.class_scores(bank, cells, behind, form)
        c = int(scores.argmax())
        return feature_space.estimate(models[c], maps[c], cells, behind, feature_space.by_zbuffer, STEPS)

    taken = in_turn({"ours": ours, "reference": reference}, REPEATS, device)
    return {
        "seconds per image": taken["ours"] / IMAGES,
        "extra bytes, 32 images": extra_bytes(ours, device),
        "reference": f"feature space, {zbuffer.NAME}",
        "reference: seconds per image": taken["reference"],
        "reference: extra bytes, 1 image": extra_bytes(reference, device),
        "speedup": taken["reference"] * IMAGES / taken["ours"],
    }


if __name__ == "__main__":
    print(measure())
