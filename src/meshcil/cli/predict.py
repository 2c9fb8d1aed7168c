"""Ask a stored model about image files."""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from meshcil.core.artifacts import write_bytes_atomic
from meshcil.core.errors import InputError

if TYPE_CHECKING:
    from meshcil.cli.stored_model import Answer


def predict_files(images: Sequence[Path], model: Path | None, out: Path, *, machine: bool) -> None:
    """Print class and pose for each image, and write its drawing.

    Args:
        images: files.
        model: folder of a run, or None for that of `meshcil.cli.stored_model.find_run`.
        out: folder for the drawings, `<name>-overlay.png`.
        machine: print one JSON list instead of text.

    Raises:
        InputError: when an image or the model cannot be used, or two images share a name; nothing is written.
    """
    drawings = {path: out / f"{path.stem}-overlay.png" for path in images}
    if len(set(drawings.values())) < len(images):
        raise InputError(", ".join(map(str, images)), "share a name", "Ask about them one at a time")
    for path in images:
        if not path.is_file():
            raise InputError(path, "is not a file" if path.exists() else "does not exist", "Correct the path")
    # With torch it takes seconds, for which no wrong path should wait.
    from meshcil.cli.stored_model import load_model, read_window

    stored = load_model(model)
    answers = stored.ask([read_window(path, stored.image_size) for path in images])
    if not machine:
        print(f"model: {stored.title}")
    for path, answer in zip(images, answers, strict=True):
        buffer = io.BytesIO()
        answer.drawing().save(buffer, "PNG")
        write_bytes_atomic(drawings[path], buffer.getvalue())
        if not machine:
            print(_text(path, answer, drawings[path]))
    if machine:
        pairs = zip(images, answers, strict=True)
        print(json.dumps([_values(path, answer, drawings[path]) for path, answer in pairs], indent=1))


def _text(path: Path, answer: "Answer", drawing: Path) -> str:
    azimuth, elevation, theta = (math.degrees(angle) for angle in answer.pose)
    ranked = [f"{name} {score:.3f}" for name, score in answer.scores.items()]
    name = f"unlike anything learned; nearest: {answer.class_name}" if answer.unlike else answer.class_name
    return (
        f"{path}: {name} (score {answer.scores[answer.class_name]:.3f}; next {', '.join(ranked[1:3])})\n"
        f"  pose: azimuth {azimuth:z.1f}°, elevation {elevation:z.1f}°, in-plane rotation {theta:z.1f}°\n"
        f"  drawing: {drawing}"
    )


def _values(path: Path, answer: "Answer", drawing: Path) -> dict[str, object]:
    names = ("azimuth", "elevation", "theta")
    return {
        "image": str(path),
        "class": answer.class_name,
        "scores": answer.scores,
        "unlike_anything_learned": answer.unlike,
        "pose": {name: math.degrees(angle) for name, angle in zip(names, answer.pose, strict=True)},
        "drawing": str(drawing),
    }
