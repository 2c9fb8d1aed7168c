"""Start search and 30 refinement steps: in similarity space for a batch of 8, against rendered feature maps.

The reference renders 128-channel maps, image by image, as published; its faces come from a z-buffer, or (to see
what similarity space alone brings) from the same ray cast. Both sides have rendered the start poses beforehand,
and they are measured in turn, equally often.
"""

from functools import partial

from torch import Tensor

from benchmarks import feature_space, zbuffer
from benchmarks.measuring import devices, extra_bytes, in_turn
from benchmarks.scene import CAMERA, published_scene
from meshcil.geometry import pose_error
from meshcil.inference import estimate_pose

IMAGES, STEPS, REPEATS = 8, 30, 3


def measure() -> dict[str, dict[str, object]]:
    """Seconds per image and extra bytes, per device."""
    return {device: _measure(device) for device in devices()}


def _measure(device: str) -> dict[str, object]:
    scene = published_scene(IMAGES, device)
    model = feature_space.Model(scene.mesh, scene.features, CAMERA)
    maps = feature_space.start_maps(model)

    def ours(steps: int = STEPS) -> Tensor:
        arguments = (scene.feature_map, scene.mesh, scene.features, scene.background, CAMERA)
        return estimate_pose(*arguments, steps=steps)[0]

    def reference(render: feature_space.Renderer, image: int = 1) -> Tensor:
        cells = scene.feature_map[image].flatten(1).T
        background = (cells @ scene.background.T).amax(1)
        return feature_space.estimate(model, maps, cells, background, render, STEPS)

    renderers = {
        f"feature space, {zbuffer.NAME}": feature_space.by_zbuffer,
        "feature space, ray cast": feature_space.by_ray_cast,
    }
    references = {name: partial(reference, render) for name, render in renderers.items()}
    taken = in_turn({"start": lambda: ours(0), "all": ours} | references, REPEATS, device)
    row: dict[str, object] = {
        "similarity space, start search: seconds per image": taken["start"] / IMAGES,
        "similarity space: seconds per image": taken["all"] / IMAGES,
        "similarity space: extra bytes, 8 images": extra_bytes(ours, device),
    }
    for name, call in references.items():
        row[f"{name}: seconds per image"] = taken[name]
        row[f"{name}: extra bytes, 1 image"] = extra_bytes(call, device)
        row[f"speedup over {name}"] = taken[name] * IMAGES / taken["all"]
        row[f"{name}: difference in degrees"] = pose_error(call(), ours()[1]).rad2deg().item()
    row["feature space: bytes of the start maps"] = maps.numel() * maps.element_size()
    return row


if __name__ == "__main__":
    print(measure())
